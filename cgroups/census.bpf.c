/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */

/* Runs in the kernel. For each wanted cgroup it writes the charges into an array that the daemon has
 * mapped. It reads the counters as they are and never makes the kernel add them up.
 *
 * census() is the walk: an iterator over all cgroups. The kernel holds cgroup_mutex during the walk: no
 * cgroup comes or goes, and dead ones are not shown.
 *
 * recount() reads the cgroups of the last walk again, without a walk and without the mutex. Their addresses
 * are in the map `kept`, which the daemon cannot read. A cgroup may be gone by then, and its memory used
 * again. The cgroup is the same if two things hold after the reads: its css has the serial number that the
 * walk saw, which the kernel gives to one css only, and the cgroup still has this css. A read of what is
 * not mapped gives 0.
 *
 * Only those members of the kernel's structures that are read are declared here, as in exit_peak.bpf.c. */

#include "cgroups/bpf_kernel.h"
#include "cgroups/census_entry.h"

/* Copied from linux/bpf.h. */
enum {
	BPF_F_MMAPABLE = 1 << 10,
};

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
	__u64 serial_nr;
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

/* The addresses of one cgroup of the last walk. It has the same index as the entry. */
struct kept {
	const struct cgroup *cgroup;
	const struct cgroup_subsys_state *css;
	__u64 serial_nr;
	const struct psi_group *psi;
	const struct memcg_vmstats *vmstats;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* as many as entries */
	__type(key, __u32);
	__type(value, struct kept);
} kept SEC(".maps");

/* Gives a pointer that can be read without a call (Linux 6.2). The processor then waits for several
 * containers' memory at once; with a call for each read it waits for one after the other. */
extern void *bpf_rdonly_cast(const void *pointer, __u32 type) __weak __ksym;

/* Reads a member through a pointer that may be stale. */
#define READ(pointer, member)                                                                               \
	(bpf_rdonly_cast                                                                                    \
		 ? ((typeof(pointer))bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(typeof(*(pointer))))) \
			   ->member                                                                         \
		 : BPF_CORE_READ(pointer, member))

/* The daemon sets all three: wanted as census_entry.h says, met and lost to 0 before each walk. */
struct census_wanted wanted = {0};
__u32 met = 0;  /* wanted cgroups with a memory controller, also those without room */
__u32 lost = 0; /* cgroups that recounts found gone, each at each recount */

static const struct mem_cgroup *memcg_of(const struct cgroup_subsys_state *css)
{
	return (void *)((char *)css - bpf_core_field_offset(struct mem_cgroup, css));
}

static __u32 bounded(__u64 pages)
{
	return pages < CENSUS_MOST ? (__u32)pages : CENSUS_MOST;
}

/* Newer kernels keep only the counters that memory.stat shows, and have a table to find them. The counters
 * of the LRU lists come first in both layouts, in the same order. census_taker.c checks the value found
 * here against memory.stat. */
static __u32 inactive_file(const struct memcg_vmstats *vmstats)
{
	const long pages =
		vmstats ? READ(vmstats, state[bpf_core_enum_value(enum node_stat_item, NR_INACTIVE_FILE)])
			: -1;
	return pages < 0 ? CENSUS_UNKNOWN : bounded((__u64)pages);
}

static __u32 pressure(const struct psi_group *psi)
{
	/* A kernel without PSI has the member psi as well, but no totals. */
	if (!psi || !bpf_core_field_exists(struct psi_group, total))
		return 0;
	return (__u32)(READ(psi, total[bpf_core_enum_value(enum psi_states, PSI_MEM_SOME)]) / 1000);
}

static const struct cgroup_subsys_state *memory_css(const struct cgroup *cgroup)
{
	return READ(cgroup, subsys[bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)]);
}

static void count(const struct kept *place, struct census_entry *entry)
{
	const struct cgroup_subsys_state *css = place->css, *above = READ(css, parent);
	const struct mem_cgroup *memcg = memcg_of(css);
	long usage = READ(memcg, memory.usage.counter);

	entry->current_pages = usage < 0 ? 0 : bounded((__u64)usage);
	entry->peak_pages = bounded(READ(memcg, memory.watermark));
	entry->max_pages = bounded(READ(memcg, memory.max));
	entry->above_max_pages = above ? bounded(READ(memcg_of(above), memory.max)) : CENSUS_MOST;
	entry->inactive_file_pages = inactive_file(place->vmstats);
	entry->pressure_usec = pressure(place->psi);
}

SEC("iter/cgroup")
int census(struct bpf_iter__cgroup *context)
{
	const struct cgroup *cgroup = context->cgroup;
	if (!cgroup)
		return 0; /* the end of the pass */
	const __u64 id = cgroup->kn->id;
	if (!wanted.bytes[id % CENSUS_WANTED])
		return 0;
	const struct cgroup_subsys_state *css = memory_css(cgroup);
	if (!css)
		return 0;

	const __u32 at = met++;
	struct census_entry *entry = bpf_map_lookup_elem(&entries, &at);
	struct kept *place = bpf_map_lookup_elem(&kept, &at);
	if (!entry || !place)
		return 0;
	const struct mem_cgroup *memcg = memcg_of(css);
	place->cgroup = cgroup;
	place->css = css;
	place->serial_nr = READ(css, serial_nr);
	place->psi = cgroup->psi;
	place->vmstats = bpf_core_field_exists(memcg->vmstats) ? READ(memcg, vmstats) : (void *)0;
	entry->id = id;
	count(place, entry);
	return 0;
}

static long count_again(__u32 at, void *nothing)
{
	const struct kept *place = bpf_map_lookup_elem(&kept, &at);
	struct census_entry *entry = bpf_map_lookup_elem(&entries, &at);

	(void)nothing;
	if (!place || !entry)
		return 1;
	count(place, entry);
	/* A cgroup that is still there was there during the reads. */
	const struct cgroup_subsys_state *css = place->css;
	if (READ(css, serial_nr) != place->serial_nr || memory_css(place->cgroup) != css) {
		entry->id = 0;
		lost++;
	}
	return 0;
}

SEC("syscall")
int recount(void *nothing)
{
	(void)nothing;
	(void)bpf_loop(met, count_again, (void *)0, 0);
	return 0;
}

/* Only programs under the GPL may call bpf_probe_read_kernel(). */
char census_license[] SEC("license") = "GPL";
