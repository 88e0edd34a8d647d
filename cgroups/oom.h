/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* OOM kills as the kernel logs them. The cgroup of a container that was killed is often removed before its
 * memory.events can be read, while the kernel log (/dev/kmsg) says exactly whose limit it was. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/cgroup.h"
#include "cgroups/error.h"

struct oom_kill {
	/* The cgroup whose limit was hit; empty where the node itself was out of memory. */
	char limit_cgroup[CGROUP_PATH_SIZE];
	char task_cgroup[CGROUP_PATH_SIZE]; /* where the killed process was */
	char task[32];                      /* its name, which it may choose: for display */
	uint64_t pid;
};

/* A record of /dev/kmsg: "<priority>,<sequence>,<usec>,<flags>;<text>" (kernel
 * Documentation/ABI/testing/dev-kmsg). True for the kernel's own "oom-kill:" line (mm/oom_kill.c,
 * dump_oom_victim()):
 *     oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=…,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,
 *     task=sh,pid=12,uid=0
 * False for anything else: a line that a program wrote to the log itself, and one in which a name holds text
 * that makes it ambiguous. */
bool oom_parse(const char *record, size_t length, struct oom_kill *ret);

/* Opens the log, at its end: what was killed before is past. Needs CAP_SYSLOG where dmesg is restricted. */
int oom_open(int dev_fd, struct error *err);

/* What oom_read() returns above 0. */
enum oom_outcome {
	OOM_NONE = 1, /* all that is there has been read */
};

/* The next kill. Returns 0, OOM_NONE, or -errno. */
int oom_read(int kmsg_fd, struct oom_kill *ret, struct error *err);
