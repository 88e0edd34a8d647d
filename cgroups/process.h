/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Processes: the ones in a cgroup, their arguments, their children and their memory. All of this is readable
 * without CAP_SYS_PTRACE, unlike /proc/PID/maps, smaps, exe and environ. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroups/error.h"

/* Room for any /proc/PID/status: 1.5 KiB today, and a line that grows with the number of processors. */
#define PROCESS_STATUS_SIZE 8192

/* The first processes of cgroup.procs: at most max, and only from its first 512 bytes. Processes of cgroups
 * below are not among them. dir_fd: the cgroup's directory, borrowed. Returns their number, 0 also if the
 * file cannot be read. */
size_t process_list(int dir_fd, pid_t pids[], size_t max);

/* /proc/PID/cmdline, at most size bytes: each argument has a NUL behind it, the last one may be cut off.
 * Returns the length. 0: a kernel thread, or a process that is gone or hides its arguments. */
size_t process_arguments(int proc_fd, pid_t pid, char *buf, size_t size);

/* Opens the process's directory in /proc. Files below this directory belong to this very process, or fail,
 * also after its PID was given to another process. The same holds for such a file that is kept open. Returns
 * a file descriptor (O_PATH) that the caller closes, -ESRCH or -errno. */
int process_open(int proc_fd, pid_t pid, struct error *err);

/* process_arguments() by the directory that process_open() returned. */
size_t process_arguments_at(int dir_fd, char *buf, size_t size);

/* The children of all threads of the process (/proc/PID/task/TID/children, CONFIG_PROC_CHILDREN), at most
 * max. A thread's list is skipped if it is longer than 2 KiB. Returns their number, -ENOTSUP if no thread's
 * list could be read, or -errno. */
int process_children(int dir_fd, pid_t pids[], size_t max, struct error *err);

/* From /proc/PID/status (proc_pid_status(5)). */
struct process_status {
	pid_t parent; /* 0: none, or outside this PID namespace */
	uid_t uid;    /* the real one */
	/* Nested PID namespaces, from that of /proc down to the process's own. 1: both are the same. */
	unsigned namespaces;

	/* False for zombies and kernel threads. */
	bool has_memory;
	uint64_t anon_bytes, file_bytes, shmem_bytes; /* resident */
	uint64_t hugetlb_bytes;                       /* resident; not in the three above */
	uint64_t pagetables_bytes;                    /* VmPTE: the lowest level */
};

/* The parser. text: the whole file with a NUL at its end. Unknown lines are skipped. Returns 0, or -EBADMSG
 * if PPid, Uid or NSpid is missing or a number is out of range. */
int process_parse_status(const char *text, struct process_status *ret);
