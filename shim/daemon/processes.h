/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The ends of init processes, where the kernel does not tell of removed cgroups: at that moment the last
 * peak can just be read. It is heard at once, while that of "populated" comes through a work queue, and
 * not twice in 10 ms: to systemd as well, which then removes the cgroup. */

#include <stddef.h>

#include "cgroups/error.h"
#include "shim/daemon/container.h"

struct processes {
	int fd; /* epoll, to be polled */
	size_t n;
};

int processes_open(struct processes *processes, struct error *err);
/* After processes_remove() of all. */
void processes_close(struct processes *processes);

enum processes_added {
	PROCESSES_ADDED, /* or it has no process that is known, or cannot be listened to */
	PROCESSES_GONE,  /* it has ended already */
	PROCESSES_FULL,  /* max are listened to */
};
enum processes_added processes_add(struct processes *processes, struct container *container, size_t max);
void processes_remove(struct processes *processes, struct container *container);

/* Those whose init process has ended. They stay so until they are removed. */
#define PROCESSES_ENDED_MAX 64
size_t processes_ended(struct processes *processes, struct container *ret[static PROCESSES_ENDED_MAX]);
