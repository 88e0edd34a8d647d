/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files of cgroups that the kernel tells of when they change: memory.events, and cgroup.events for the
 * moment when the last process has gone. */

#include <stdbool.h>

#include "cgroups/sampler.h"
#include "shim/daemon/container.h"
#include "shim/daemon/notices.h"

struct watch {
	struct notices notices; /* notices.fd: to be polled; -1: nothing is watched */
	void *by_number;        /* tsearch(3): what a watch number stands for */
};

/* Returns 0 or -errno; nothing is watched then. */
int watch_open(struct watch *watch, struct error *err);
/* After watch_remove() of all. */
void watch_close(struct watch *watch);

/* The container's cgroup is open. container->watched: all its files are watched. Returns 0, also without
 * an inotify instance; or -errno where a file could not be watched. */
int watch_add(struct watch *watch, struct container *container, struct sampler *sampler);
void watch_remove(struct watch *watch, struct container *container);

/* Of what notices_read() has read. */
enum watch_word {
	WATCH_NONE,  /* no more */
	WATCH_KILLS, /* memory.events of this container have changed */
	WATCH_EMPTY, /* its cgroup may be empty, or filled */
	WATCH_LOST,  /* there was more than the kernel keeps: any container's may have changed */
};
enum watch_word watch_next(struct watch *watch, struct container **ret);
