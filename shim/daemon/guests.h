/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The pods that are virtual machines: when each is read and its guest asked, and what comes of it, as news
 * (guest_news.h). sandbox.h is about one of them. A round finds machines, notes what was not answered in
 * time, and begins a pass over each pod that is due; answers bring a pass to its end. */

#include <stdbool.h>

#include "shim/daemon/guest_news.h"
#include "shim/daemon/handlers.h"
#include "shim/daemon/registry.h"
#include "shim/daemon/roots.h"
#include "shim/store/settings.h"

struct guests {
	int fd; /* epoll, to be polled: shims that were asked what containers use in their guests */
	/* Borrowed. */
	const struct roots *roots;
	const struct vm_settings *settings;
	struct registry *registry; /* has the sandboxes */

	struct handlers handlers;
	uint64_t round, searched_round; /* count guests_begin_round() */

	struct guest_news news; /* what came of it: guest_news_next() */
};

int guests_open(struct guests *guests, const struct roots *roots, const struct vm_settings *settings,
		struct registry *registry, struct error *err);
void guests_close(struct guests *guests);

/* A container's record was read, after container_take_record(). is_late: the container may have run for
 * long. What comes of this call and of the next two, guest_news_next() has. */
void guests_take_record(struct guests *guests, struct container *container, const struct record *record,
			bool is_late, uint64_t now_usec);

/* Each second. */
void guests_begin_round(struct guests *guests, uint64_t now_usec);

/* fd can be read. */
void guests_read(struct guests *guests, uint64_t now_usec);

/* It leaves its sandbox, which goes with the last of them. No news of it may wait. */
void guests_forget(struct guests *guests, struct container *container);
