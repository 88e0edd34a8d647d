/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */

/* Runs in the kernel: sends the memory controller's counters of each cgroup that is removed. The tracepoint
 * is reached within rmdir(2). No process is left that could be charged, the cgroup is locked, and the
 * controller's state is whole. memory.peak can no longer be read then, but its counter is still there.
 * (mem_cgroup_css_offline(), the controller's own end, comes later from a work queue and is no stable place
 * to attach to.)
 *
 * Only those members of the kernel's structures that are read are declared here. libbpf finds out at load
 * where the running kernel has them (CO-RE). */

#include "cgroups/bpf_kernel.h"
#include "cgroups/exit_peak_event.h"

struct kernfs_node {
	__u64 id;
} in_kernel;

struct cgroup_subsys_state;

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_subsys_state *subsys[1];
} in_kernel;

struct page_counter {
	unsigned long watermark;
} in_kernel;

typedef struct {
	long counter;
} atomic_long_t;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
} in_kernel;

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
	atomic_long_t memory_events[1], memory_events_local[1];
} in_kernel;

/* These values differ between kernels: libbpf puts in those of the running one. */
enum cgroup_subsys_id {
	memory_cgrp_id = 4,
};
enum memcg_memory_event {
	MEMCG_OOM = 3,
	MEMCG_OOM_KILL = 4,
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024); /* 4,600 removals of 56 bytes that wait to be read */
} events SEC(".maps");

/* Removals that were lost because the ring buffer was full. */
__u64 lost = 0;

static __u64 event_count(const atomic_long_t *counts, __u64 index)
{
	long count = 0;
	(void)bpf_probe_read_kernel(&count, sizeof count, counts + index);
	return (__u64)count;
}

SEC("tp_btf/cgroup_rmdir")
int exit_peak(__u64 *arguments)
{
	struct cgroup *cgroup = (struct cgroup *)arguments[0];
	struct cgroup_subsys_state *css = (void *)0;

	(void)bpf_probe_read_kernel(&css, sizeof css,
				    cgroup->subsys +
					    bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id));
	if (!css)
		return 0;
	struct mem_cgroup *memcg = (void *)((char *)css - bpf_core_field_offset(struct mem_cgroup, css));

	struct exit_peak_event *event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
	if (!event) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	event->cgroup_id = BPF_CORE_READ(cgroup, kn, id);
	event->peak_pages = BPF_CORE_READ(memcg, memory.watermark);
	const __u64 oom = bpf_core_enum_value(enum memcg_memory_event, MEMCG_OOM);
	const __u64 oom_kill = bpf_core_enum_value(enum memcg_memory_event, MEMCG_OOM_KILL);
	event->oom = event_count(memcg->memory_events_local, oom);
	event->oom_kill = event_count(memcg->memory_events_local, oom_kill);
	event->all_oom_kill = event_count(memcg->memory_events, oom_kill);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Only programs under the GPL may call bpf_probe_read_kernel(). */
char exit_peak_license[] SEC("license") = "GPL";
