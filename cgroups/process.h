/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Processes: those of a cgroup, what they were called with, whose children they are and what they hold. Readable
 * without CAP_SYS_PTRACE, which /proc/PID/maps, smaps, exe and environ are not. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroups/error.h"

/* Room for any /proc/PID/status: today's has 1.5 KiB, and a line that grows with the processors. */
#define PROCESS_STATUS_SIZE 8192

/* The first processes in cgroup.procs, at most max, and of no more than half a KiB of it; those of cgroups below are not
 * among them. dir_fd: the cgroup's directory. Returns how many, 0 also where it cannot be read. */
size_t process_list(int dir_fd, pid_t pids[], size_t max);

/* /proc/PID/cmdline, each argument with a NUL behind it, as far as it fits. Returns the length, 0 where there
 * is none: a kernel thread, a process that is gone or that hides. */
size_t process_arguments(int proc_fd, pid_t pid, char *buf, size_t size);

/* The process's directory in /proc. What is opened below it, and a file of it that is kept open, is of this very
 * process or fails, also when the number has come to be another's. Returns a file descriptor (O_PATH), -ESRCH or
 * -errno. */
int process_open(int proc_fd, pid_t pid, struct error *err);

/* process_arguments() of a process that is held so. */
size_t process_arguments_at(int dir_fd, char *buf, size_t size);

/* The children of all its threads (/proc/PID/task/TID/children, CONFIG_PROC_CHILDREN), at most max. Returns how
 * many, -ENOTSUP where the kernel does not tell, or -errno. */
int process_children(int dir_fd, pid_t pids[], size_t max, struct error *err);

/* Of /proc/PID/status (proc_pid_status(5)). */
struct process_status {
	pid_t parent; /* 0: none, or outside of this PID namespace */
	uid_t uid;    /* the real one */
	unsigned
		namespaces; /* PID namespaces from that of /proc down to the process's own, which is 1 then */

	/* A zombie and a kernel thread have no memory. */
	bool has_memory;
	uint64_t anon_bytes, file_bytes, shmem_bytes; /* resident */
	uint64_t hugetlb_bytes;                       /* resident, and in none of those */
	uint64_t pagetables_bytes;                    /* VmPTE: the lowest level */
};

/* The whole text, with its NUL. Unknown lines are skipped. Returns 0, or -EBADMSG for what has no PPid, Uid
 * and NSpid, or numbers that cannot be. */
int process_parse_status(const char *text, struct process_status *ret);
