/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The last counters of each cgroup, sent at its removal by a BPF program in the kernel (exit_peak.bpf.c).
 * memory.peak is exact, also for a cgroup that was gone before anyone could open it. Needs a kernel with BTF
 * and ring buffers (5.8), CAP_BPF and CAP_PERFMON. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

struct exit_peak {
	/* The inode number of the cgroup's directory. The kernel never uses it again (if ino_t has 64
	 * bits). */
	uint64_t cgroup_id;
	uint64_t peak_bytes;    /* memory.peak */
	uint64_t oom, oom_kill; /* memory.events.local */
	uint64_t all_oom_kill;  /* memory.events */
};

/* The BPF program and its ring buffer. */
struct exit_peaks;

/* Returns 0; -ENOTSUP if built without BPF; -errno with libbpf's reason. */
int exit_peaks_open(struct exit_peaks **ret, struct error *err);
void exit_peaks_close(struct exit_peaks *exits);

/* For poll(): readable while removals wait to be read. Borrowed. */
int exit_peaks_fd(const struct exit_peaks *exits);

/* Reads the removals that wait, at most EXIT_PEAKS_MAX: more may still wait then. Returns their number. */
#define EXIT_PEAKS_MAX 256
size_t exit_peaks_read(struct exit_peaks *exits, struct exit_peak ret[static EXIT_PEAKS_MAX]);

/* Removals that were lost because the ring buffer was full. */
uint64_t exit_peaks_lost(const struct exit_peaks *exits);

/* The newest RECENT_EXITS_MAX removals that no container has asked for yet. A container may be gone before
 * its record is read. */
#define RECENT_EXITS_MAX 4096
struct recent_exits {
	struct exit_peak exits[RECENT_EXITS_MAX]; /* cgroup_id 0: none */
	size_t next;
};
/* Adds a removal, in place of the oldest if there is no room. */
void recent_exits_add(struct recent_exits *recent, const struct exit_peak *exit);

/* Returns NULL if no removal of this cgroup is kept. */
const struct exit_peak *recent_exits_find(const struct recent_exits *recent, uint64_t cgroup_id);
