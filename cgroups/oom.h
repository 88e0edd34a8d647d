/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* OOM kills as the kernel log (/dev/kmsg) tells them. A killed container's cgroup is often removed before its
 * memory.events can be read. The log names the cgroup whose limit was hit. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/cgroup.h"
#include "cgroups/error.h"

struct oom_kill {
	/* The cgroup whose limit was hit. Empty: the node itself was out of memory. */
	char limit_cgroup[CGROUP_PATH_SIZE];
	char task_cgroup[CGROUP_PATH_SIZE]; /* the killed process's cgroup */
	char task[32]; /* the process's name; the process chose it itself, so only for display */
	uint64_t pid;
};

/* Parses a record of /dev/kmsg: "<priority>,<sequence>,<usec>,<flags>;<text>" (kernel
 * Documentation/ABI/testing/dev-kmsg). Returns true for the kernel's own "oom-kill:" line (mm/oom_kill.c,
 * dump_oom_victim()):
 *     oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=…,mems_allowed=0,oom_memcg=/a,
 *     task_memcg=/a/b,task=sh,pid=12,uid=0
 * Returns false for all else, also for a line that a program wrote to the log, and for a line in which a name
 * makes the parts ambiguous. */
bool oom_parse(const char *record, size_t length, struct oom_kill *ret);

/* Opens the log at its end: earlier kills are not read. Needs CAP_SYSLOG if dmesg is restricted. Returns a
 * file descriptor that the caller closes, or -errno. */
int oom_open(int dev_fd, struct error *err);

/* What oom_read() returns above 0. */
enum oom_outcome {
	OOM_NONE = 1, /* nothing more to read now */
};

/* Reads the next kill. Returns 0, OOM_NONE, or -errno. */
int oom_read(int kmsg_fd, struct oom_kill *ret, struct error *err);
