/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/watch.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "cgroups/memory.h"

/* What a watch number stands for. */
struct watched {
	int number;
	enum container_watch kind;
	struct container *container;
};

static int watched_compare(const void *a, const void *b)
{
	const struct watched *left = a, *right = b;
	return (left->number > right->number) - (left->number < right->number);
}

int watch_open(struct watch *watch, struct error *err)
{
	return notices_open(&watch->notices, err);
}

void watch_close(struct watch *watch)
{
	assert(!watch->by_number);
	notices_close(&watch->notices);
}

static int watch_file(struct watch *watch, struct container *container, enum container_watch kind, int dir_fd,
		      const char *name)
{
	assert(container->watches[kind] < 0);
	/* IN_MASK_CREATE: a file that is watched already must not get a second owner. */
	int number = notices_watch(&watch->notices, dir_fd, name, IN_MODIFY | IN_MASK_CREATE);
	if (number < 0)
		return number == -EEXIST || number == -ENOENT || number == -ENODEV ? 0 : number;

	struct watched *watched = malloc(sizeof *watched);
	if (watched)
		*watched = (struct watched){number, kind, container};
	if (!watched || !tsearch(watched, &watch->by_number, watched_compare)) {
		free(watched);
		notices_unwatch(&watch->notices, number);
		return -ENOMEM;
	}
	container->watches[kind] = number;
	return 0;
}

int watch_add(struct watch *watch, struct container *container, struct sampler *sampler)
{
	int dir_fd, scope_fd;

	if (watch->notices.fd < 0)
		return 0;
	int r = container_directory(container, sampler, &dir_fd, NULL);
	if (r > 0)
		return 0; /* gone, as the next reading will see */
	/* memory.events counts the cgroup's own events too, and those of all cgroups below. */
	if (r == 0)
		r = watch_file(watch, container, CONTAINER_WATCH_EVENTS, dir_fd, MEMORY_FILE_EVENTS);
	if (r == 0 && container_scope_directory(container, sampler, &scope_fd) == 0)
		r = watch_file(watch, container, CONTAINER_WATCH_SCOPE_EVENTS, scope_fd,
			       MEMORY_FILE_EVENTS_LOCAL);
	if (r == 0)
		r = watch_file(watch, container, CONTAINER_WATCH_POPULATED, dir_fd, "cgroup.events");
	container->watched = r == 0;
	return r;
}

void watch_remove(struct watch *watch, struct container *container)
{
	container->watched = false;
	for (size_t i = 0; i < CONTAINER_WATCHES; i++) {
		const struct watched key = {.number = container->watches[i]};
		struct watched **found, *watched;
		if (key.number < 0 || !(found = tfind(&key, &watch->by_number, watched_compare)))
			continue;
		watched = *found;
		tdelete(&key, &watch->by_number, watched_compare);
		free(watched);
		notices_unwatch(&watch->notices, key.number);
		container->watches[i] = -1;
	}
}

enum watch_word watch_next(struct watch *watch, struct container **ret)
{
	const struct inotify_event *event;

	while ((event = notices_next(&watch->notices))) {
		const struct watched key = {.number = event->wd};
		if (event->mask & IN_Q_OVERFLOW)
			return WATCH_LOST;
		struct watched **found = tfind(&key, &watch->by_number, watched_compare);
		if (!found || !(event->mask & IN_MODIFY))
			continue;
		*ret = (*found)->container;
		return (*found)->kind == CONTAINER_WATCH_POPULATED ? WATCH_EMPTY : WATCH_KILLS;
	}
	return WATCH_NONE;
}
