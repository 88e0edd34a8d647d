/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */

/* Runs in the kernel: an iterator over all cgroups. For each wanted cgroup it writes the charges into an
 * array that the daemon has mapped. It reads the counters as they are and never makes the kernel add them up.
 * The kernel holds cgroup_mutex during the pass: no cgroup comes or goes, and dead ones are not shown.
 *
 * Only those members of the kernel's structures that are read are declared here, as in exit_peak.bpf.c. */

typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

/* Copied from linux/bpf.h, since that file needs headers of the build machine's architecture. */
enum bpf_map_type {
	BPF_MAP_TYPE_ARRAY = 2,
};
enum {
	BPF_F_MMAPABLE = 1 << 10,
};

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "cgroups/census_entry.h"

#define in_kernel __attribute__((preserve_access_index))

struct kernfs_node {
	__u64 id;
} in_kernel;

struct cgroup_subsys_state;

struct psi_group {
	__u64 total[1]; /* in the kernel [aggregator][state]; PSI_AVGS is the first aggregator */
} in_kernel;

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_subsys_state *subsys[1];
	struct psi_group *psi;
} in_kernel;

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
} in_kernel;

typedef struct {
	long counter;
} atomic_long_t;

struct page_counter {
	atomic_long_t usage;
	unsigned long watermark, max;
} in_kernel;

struct memcg_vmstats {
	long state[1];
} in_kernel;

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
	struct memcg_vmstats *vmstats;
} in_kernel;

/* These values differ between kernels: libbpf puts in those of the running one. */
enum cgroup_subsys_id {
	memory_cgrp_id = 4,
};
enum node_stat_item {
	NR_INACTIVE_FILE = 2,
};
enum psi_states {
	PSI_MEM_SOME = 2,
};

/* The program's context. The kernel prescribes its name. */
struct bpf_iter__cgroup {
	void *meta;
	struct cgroup *cgroup;
} in_kernel;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* census_taker.c sets it */
	__type(key, __u32);
	__type(value, struct census_entry);
} entries SEC(".maps");

/* The daemon sets both: wanted as census_entry.h says, met to 0 before each pass. */
__u8 wanted[CENSUS_WANTED] = {0};
__u32 met = 0; /* wanted cgroups with a memory controller, also those without room */

static const struct mem_cgroup *memcg_of(const struct cgroup_subsys_state *css)
{
	return (void *)((char *)css - bpf_core_field_offset(struct mem_cgroup, css));
}

static __u32 bounded(__u64 pages)
{
	return pages < CENSUS_MOST ? (__u32)pages : CENSUS_MOST;
}

/* Newer kernels keep only the counters that memory.stat shows, and have a table to find them. The counters of
 * the LRU lists come first in both layouts, in the same order. census_taker.c checks the value found here
 * against memory.stat. */
static __u32 inactive_file(const struct mem_cgroup *memcg)
{
	struct memcg_vmstats *vmstats = BPF_CORE_READ(memcg, vmstats);
	long pages = -1;

	if (vmstats)
		(void)bpf_probe_read_kernel(
			&pages, sizeof pages,
			vmstats->state + bpf_core_enum_value(enum node_stat_item, NR_INACTIVE_FILE));
	return pages < 0 ? CENSUS_UNKNOWN : bounded((__u64)pages);
}

static __u32 pressure(const struct cgroup *cgroup)
{
	const struct psi_group *psi = cgroup->psi;

	return psi ? (__u32)(psi->total[bpf_core_enum_value(enum psi_states, PSI_MEM_SOME)] / 1000) : 0;
}

SEC("iter/cgroup")
int census(struct bpf_iter__cgroup *context)
{
	struct cgroup *cgroup = context->cgroup;
	if (!cgroup)
		return 0; /* the end of the pass */
	const __u64 id = cgroup->kn->id;
	if (!wanted[id % CENSUS_WANTED])
		return 0;
	const struct cgroup_subsys_state *css =
		cgroup->subsys[bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)];
	if (!css)
		return 0;
	const struct mem_cgroup *memcg = memcg_of(css);
	const struct cgroup_subsys_state *above = css->parent;

	const __u32 at = met++;
	struct census_entry *entry = bpf_map_lookup_elem(&entries, &at);
	if (!entry)
		return 0;
	long usage = BPF_CORE_READ(memcg, memory.usage.counter);
	entry->id = id;
	entry->current_pages = usage < 0 ? 0 : bounded((__u64)usage);
	entry->peak_pages = bounded(BPF_CORE_READ(memcg, memory.watermark));
	entry->max_pages = bounded(BPF_CORE_READ(memcg, memory.max));
	entry->above_max_pages = above ? bounded(BPF_CORE_READ(memcg_of(above), memory.max)) : CENSUS_MOST;
	entry->inactive_file_pages =
		bpf_core_field_exists(memcg->vmstats) ? inactive_file(memcg) : CENSUS_UNKNOWN;
	/* A kernel without PSI has the member psi as well, but no totals. */
	entry->pressure_usec = bpf_core_field_exists(struct psi_group, total) ? pressure(cgroup) : 0;
	return 0;
}

/* Only programs under the GPL may call bpf_probe_read_kernel(). */
char census_license[] SEC("license") = "GPL";
