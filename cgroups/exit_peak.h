/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the kernel knows of a cgroup at its removal, told by a BPF program in it (exit_peak.bpf.c): the exact
 * last memory.peak, also of a cgroup that was gone before anyone could open it. Needs a kernel with BTF and
 * ring buffers (5.8), CAP_BPF and CAP_PERFMON. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

struct exit_peak {
	/* The inode number of the cgroup's directory: the kernel's id of it, never used again (where ino_t
	 * has 64 bits). */
	uint64_t cgroup_id;
	uint64_t peak_bytes, swap_peak_bytes; /* memory.peak, memory.swap.peak */
	uint64_t oom, oom_kill;               /* memory.events.local */
	uint64_t all_oom_kill;                /* memory.events */
};

/* The program in the kernel, and what it sends. */
struct exit_peaks;

/* Returns 0; -ENOTSUP where it was not built in; -errno with what libbpf had to say. */
int exit_peaks_open(struct exit_peaks **ret, struct error *err);
void exit_peaks_close(struct exit_peaks *exits);

/* To be polled: readable when there is something to read. Borrowed. */
int exit_peaks_fd(const struct exit_peaks *exits);

/* Hands over what is there, or the first EXIT_PEAKS_MAX of it: there may be more then. */
#define EXIT_PEAKS_MAX 256
void exit_peaks_read(struct exit_peaks *exits, void (*take)(const struct exit_peak *exit, void *data),
		     void *data);

/* How many removals were not told, since nobody read what was sent before. */
uint64_t exit_peaks_lost(const struct exit_peaks *exits);

/* Removals that nobody has asked for yet: a container may be gone before its record was read. The newest
 * stay. */
#define RECENT_EXITS_MAX 4096
struct recent_exits {
	struct exit_peak exits[RECENT_EXITS_MAX]; /* cgroup_id 0: none */
	size_t next;
};
void recent_exits_add(struct recent_exits *recent, const struct exit_peak *exit);

/* NULL where none is known. */
const struct exit_peak *recent_exits_find(const struct recent_exits *recent, uint64_t cgroup_id);
