/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The pods that are virtual machines: when each is read and its guest is asked. The results are news
 * (guest_news.h). sandbox.h is about one pod. A round (each second) finds machines, notes late answers, and
 * begins a pass over each pod that is due. A pass asks the guest for one container after the other, and ends
 * with a reading of the host. */

#include <stdbool.h>

#include "shim/daemon/guest_news.h"
#include "shim/daemon/handlers.h"
#include "shim/daemon/registry.h"
#include "shim/daemon/roots.h"
#include "shim/store/settings.h"

struct guests {
	int fd; /* epoll, to be polled: the connections to shims that were asked */
	/* Borrowed. */
	const struct roots *roots;
	const struct vm_settings *settings;
	struct registry *registry; /* has the sandboxes */

	struct handlers handlers;
	uint64_t round,
		searched_round; /* the number of this round, and of the last one that searched all of /proc */

	struct guest_news news; /* the results: guest_news_next() */
};

/* All pointers are borrowed. Returns 0 or -errno. */
int guests_open(struct guests *guests, const struct roots *roots, const struct vm_settings *settings,
		struct registry *registry, struct error *err);
void guests_close(struct guests *guests);

/* Takes a container's record. Call after container_take_record(). is_late: the container may have run for
 * long already. The results of this call, and of the next two, are told by guest_news_next(). */
void guests_take_record(struct guests *guests, struct container *container, const struct record *record,
			bool is_late, uint64_t now_usec);

/* Call each second. */
void guests_begin_round(struct guests *guests, uint64_t now_usec);

/* Call when fd is readable. */
void guests_read(struct guests *guests, uint64_t now_usec);

/* The container leaves its sandbox. The sandbox is removed with its last container. No news about the
 * container may be left. */
void guests_forget(struct guests *guests, struct container *container);
