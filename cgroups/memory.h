/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the kernel says of a cgroup's memory (cgroup v2; kernel Documentation/admin-guide/cgroup-v2.rst,
 * "Memory Interface Files"). Sizes in bytes. dir_fd is always the cgroup's directory, borrowed.
 *
 * A cgroup may go away at any moment, also between two reads; that is no error but MEMORY_GONE. A cgroup that
 * is there without the memory controller is -ENOTSUP. *ret is untouched unless 0 is returned. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

/* What a function that reads or watches a cgroup returns above 0. */
enum memory_outcome {
	MEMORY_GONE = 1, /* the cgroup went away */
};

#define MEMORY_UNLIMITED UINT64_MAX

/* Room for any memory.stat: today's has 60 rows, 1.6 KiB. */
#define MEMORY_TEXT_SIZE 8192

/* One reading. */
struct memory {
	uint64_t current_bytes;
	uint64_t peak_bytes; /* memory.peak (since Linux 5.19), of the cgroup's whole life; 0: not known */

	/* Of memory.stat; shmem is part of file, though it can't be dropped. */
	uint64_t anon_bytes, file_bytes, shmem_bytes, inactive_file_bytes;
	uint64_t kernel_bytes;     /* "kernel" (since 5.18), before that the sum of its parts */
	uint64_t pagetables_bytes; /* of it, with those that KVM keeps for guests ("sec_pagetables") */
};

/* memory.events and memory.events.local: counters that only grow. */
struct memory_events {
	uint64_t high, max;
	uint64_t oom; /* this cgroup's limit was hit and reclaim failed: .local counts none of another's */
	uint64_t oom_kill; /* processes of it killed by any OOM killer, its own limit's or another's */
};

/* All of struct memory. */
int memory_read(int dir_fd, struct memory *ret, struct error *err);

/* memory.peak alone: 0 where the kernel has none. */
int memory_read_peak(int dir_fd, uint64_t *ret_bytes, struct error *err);
/* memory.max alone: MEMORY_UNLIMITED for "max". */
int memory_read_max(int dir_fd, uint64_t *ret_bytes, struct error *err);
/* memory.low, memory.min or memory.high alone, by that name. */
int memory_read_bound(int dir_fd, const char *name, uint64_t *ret_bytes, struct error *err);

/* Counts of the cgroup and all below it, or of the cgroup alone (since Linux 5.2). */
int memory_read_events(int dir_fd, struct memory_events *ret, struct error *err);
int memory_read_events_local(int dir_fd, struct memory_events *ret, struct error *err);

/* The names of the files, for those who keep or watch them. */
#define MEMORY_FILE_CURRENT      "memory.current"
#define MEMORY_FILE_STAT         "memory.stat"
#define MEMORY_FILE_EVENTS       "memory.events"
#define MEMORY_FILE_EVENTS_LOCAL "memory.events.local"

/* memory.current − inactive_file, never below 0: as the kubelet has it (cAdvisor, setMemoryStats). */
uint64_t memory_working_set(const struct memory *memory);

/* The parsers, on a whole file's text with its NUL. Return 0 or -EBADMSG. memory_parse_stat sets the members
 * that come from memory.stat and leaves the others. Unknown rows are skipped, missing ones are 0. */
int memory_parse_bytes(const char *text, uint64_t *ret_bytes);
int memory_parse_stat(const char *text, struct memory *memory);
int memory_parse_events(const char *text, struct memory_events *ret);

/* For a read that failed with this negative errno: MEMORY_GONE if that was because the cgroup went away,
 * otherwise r, with -ENOTSUP for a cgroup without the controller and *err set. */
int memory_judge(int dir_fd, int r, const char *name, struct error *err);
