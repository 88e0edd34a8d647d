/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A cgroup's memory, as the kernel tells it (cgroup v2; kernel Documentation/admin-guide/cgroup-v2.rst,
 * "Memory Interface Files"). Sizes in bytes. dir_fd is always the cgroup's directory, borrowed.
 *
 * A cgroup may go away at any moment, also between two reads. The functions then return MEMORY_GONE, which is
 * no error. A cgroup without the memory controller is -ENOTSUP. *ret is untouched unless 0 is returned. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

/* What functions that read or watch a cgroup return above 0. */
enum memory_outcome {
	MEMORY_GONE = 1, /* the cgroup went away */
};

#define MEMORY_UNLIMITED UINT64_MAX

/* Bytes: a limit of this much or more is no limit. The kernel counts at most LONG_MAX / PAGE_SIZE pages, and
 * takes this number for "max" (include/linux/page_counter.h). cgroup v1 shows "no limit" as
 * 9223372036854771712, with pages of 64 KiB as the number here. */
#define MEMORY_LIMIT_NONE UINT64_C(9223372036854710272)

/* Room for any memory.stat: today's has 60 rows, 1.6 KiB. */
#define MEMORY_TEXT_SIZE 8192

/* One reading. */
struct memory {
	uint64_t current_bytes;
	/* The highest of the cgroup's whole life: memory.peak (since Linux 5.19). 0: not known. */
	uint64_t peak_bytes;

	/* From memory.stat. shmem is a part of file, but cannot be dropped like other file pages. */
	uint64_t anon_bytes, file_bytes, shmem_bytes, inactive_file_bytes;
	uint64_t kernel_bytes; /* "kernel" (since 5.18); before, the sum of its parts */
	/* "pagetables" and "sec_pagetables" (tables that KVM keeps for guests), both a part of
	 * kernel_bytes. */
	uint64_t pagetables_bytes;
};

/* memory.events or memory.events.local: counters that only grow. */
struct memory_events {
	uint64_t high, max;
	/* A limit was hit and reclaim failed. In .local only this cgroup's own limit counts. */
	uint64_t oom;
	/* Processes of the cgroup that any OOM killer killed, by this cgroup's limit or by another's. */
	uint64_t oom_kill;
};

/* Reads all members of struct memory. */
int memory_read(int dir_fd, struct memory *ret, struct error *err);

/* memory.peak alone. *ret_bytes is 0 if the file is missing: in kernels before 5.19, or without the memory
 * controller. */
int memory_read_peak(int dir_fd, uint64_t *ret_bytes, struct error *err);
/* memory.max alone: MEMORY_UNLIMITED for "max". */
int memory_read_max(int dir_fd, uint64_t *ret_bytes, struct error *err);
/* memory.low, memory.min or memory.high alone, by that name. */
int memory_read_bound(int dir_fd, const char *name, uint64_t *ret_bytes, struct error *err);

/* memory_read_events() counts the cgroup and all below it, memory_read_events_local() the cgroup alone (since
 * Linux 5.2). */
int memory_read_events(int dir_fd, struct memory_events *ret, struct error *err);
int memory_read_events_local(int dir_fd, struct memory_events *ret, struct error *err);

/* Parses a text for memory.max, memory.high, memory.low or memory.min, as the kernel does: "max", or a number
 * in C's notation, with K, M, G, T, P or E for powers of 1024 (page_counter_memparse(), memparse()).
 * *ret_bytes is MEMORY_UNLIMITED from MEMORY_LIMIT_NONE on. Returns 0, or -EINVAL for any other text or a
 * number above 2^64 - 1. */
int memory_parse_limit(const char *text, size_t length, uint64_t *ret_bytes);

/* For callers that open or watch the files themselves. */
#define MEMORY_FILE_CURRENT      "memory.current"
#define MEMORY_FILE_STAT         "memory.stat"
#define MEMORY_FILE_EVENTS       "memory.events"
#define MEMORY_FILE_EVENTS_LOCAL "memory.events.local"

/* memory.current − inactive_file, never below 0: the kubelet's working set (cAdvisor, setMemoryStats). */
uint64_t memory_working_set(const struct memory *memory);

/* The parsers. text: a whole file with a NUL at its end. Return 0 or -EBADMSG. memory_parse_stat() sets only
 * the members that come from memory.stat. Unknown rows are skipped; missing rows count as 0. */
int memory_parse_bytes(const char *text, uint64_t *ret_bytes);
int memory_parse_stat(const char *text, struct memory *memory);
int memory_parse_events(const char *text, struct memory_events *ret);

/* Says what a failed read means. r: the read's negative errno. Returns MEMORY_GONE if the cgroup went away,
 * -ENOTSUP if it has no memory controller, else r. *err is set with every negative value. */
int memory_judge(int dir_fd, int r, const char *name, struct error *err);
