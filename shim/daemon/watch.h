/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Watches on files of cgroups, whose changes the kernel reports: memory.events for kills, and cgroup.events
 * for the moment when the last process is gone. */

#include <stdbool.h>

#include "cgroups/sampler.h"
#include "shim/daemon/container.h"
#include "shim/daemon/notices.h"

struct watch {
	struct notices notices; /* notices.fd: to be polled; -1: nothing is watched */
	void *by_number;        /* tsearch(3): the container and file of each watch */
};

/* Returns 0; or -errno, and then nothing is watched. */
int watch_open(struct watch *watch, struct error *err);
/* Call after watch_remove() of all containers. */
void watch_close(struct watch *watch);

/* Watches the files of a container whose cgroup is open, and sets container->watched if all are watched.
 * Returns 0, also without an inotify instance; or -errno if a file cannot be watched. */
int watch_add(struct watch *watch, struct container *container, struct sampler *sampler);
void watch_remove(struct watch *watch, struct container *container);

/* The next report, from what notices_read() has read. */
enum watch_word {
	WATCH_NONE,  /* no more */
	WATCH_KILLS, /* the container's memory.events have changed */
	WATCH_EMPTY, /* the container's cgroup has become empty, or is no longer empty */
	WATCH_LOST,  /* the kernel has dropped reports: any container's files may have changed */
};
enum watch_word watch_next(struct watch *watch, struct container **ret);
