/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The ends of init processes, used if the kernel does not report removed cgroups. At this moment the last
 * peak can still be read. A pidfd reports at once. "populated" comes through a work queue, at most once in 10
 * ms, and to systemd too, which then removes the cgroup. */

#include <stddef.h>

#include "cgroups/error.h"
#include "shim/daemon/container.h"

struct processes {
	int fd;   /* epoll, to be polled */
	size_t n; /* processes that are listened to: container->process_fd */
};

/* Returns 0 or -errno. */
int processes_open(struct processes *processes, struct error *err);
/* Call after processes_remove() of all containers. */
void processes_close(struct processes *processes);

enum processes_added {
	PROCESSES_ADDED, /* also if the process is not known, or cannot be listened to */
	PROCESSES_GONE,  /* the process has ended already */
	PROCESSES_FULL,  /* max processes are listened to already */
};
/* Begins to listen to the container's init process. max: the most processes that are listened to. */
enum processes_added processes_add(struct processes *processes, struct container *container, size_t max);
void processes_remove(struct processes *processes, struct container *container);

/* Returns the number of containers whose init process has ended, and fills ret with them. They are reported
 * again until processes_remove(). */
#define PROCESSES_ENDED_MAX 64
size_t processes_ended(struct processes *processes, struct container *ret[static PROCESSES_ENDED_MAX]);
