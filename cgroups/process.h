/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The processes of a cgroup, and what they were called with. Readable without CAP_SYS_PTRACE, which /proc/PID/maps,
 * exe and environ are not. */

#include <stddef.h>
#include <sys/types.h>

/* The first processes in cgroup.procs, at most max, and of no more than half a KiB of it; those of cgroups below are not
 * among them. dir_fd: the cgroup's directory. Returns how many, 0 also where it cannot be read. */
size_t process_list(int dir_fd, pid_t pids[], size_t max);

/* /proc/PID/cmdline, each argument with a NUL behind it, as far as it fits. Returns the length, 0 where there
 * is none: a kernel thread, a process that is gone or that hides. */
size_t process_arguments(int proc_fd, pid_t pid, char *buf, size_t size);
