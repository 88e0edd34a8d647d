/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/handlers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/quantity.h"
#include "shim/tune/overhead.h"

/* A pod that was seen within this time may still run: running pods are seen each [vm] interval. */
#define FRESH_USEC (10 * USEC_PER_MIN)

_Static_assert(HANDLER_PODS_MAX <= OVERHEAD_PODS_MAX, "all pods that are kept are looked at");

void handlers_free(struct handlers *handlers)
{
	while (handlers->n > 0)
		free(handlers->list[--handlers->n]);
}

struct handler *handlers_get(struct handlers *handlers, int state_fd, const char *name, struct error *err)
{
	err->code = 0;
	for (size_t i = 0; i < handlers->n; i++)
		if (strcmp(handlers->list[i]->handler.name, name) == 0)
			return &handlers->list[i]->handler;
	if (handlers->n == HANDLERS_MAX || !handler_name_is_valid(name))
		return NULL;
	struct handler_state *state = calloc(1, sizeof *state);
	if (!state)
		return NULL;
	int r = handler_read(state_fd, name, &state->handler, err);
	if (r < 0)
		*state = (struct handler_state){0};
	err->code = r == -ENOENT ? 0 : -r;
	state->is_foreign = err->code != 0 && err->code != EBADMSG;
	strcpy(state->handler.name, name);
	handlers->list[handlers->n++] = state;
	return &state->handler;
}

const struct handler_pod *handlers_find_pod(const struct handler *handler, const char *id)
{
	for (size_t i = 0; i < handler->n_pods; i++)
		if (strcmp(handler->pods[i].id, id) == 0)
			return &handler->pods[i];
	return NULL;
}

static void mark(struct handlers *handlers, const struct handler *handler)
{
	for (size_t i = 0; i < handlers->n; i++)
		if (&handlers->list[i]->handler == handler)
			handlers->list[i]->dirty = true;
}

static bool is_same(const struct handler_pod *a, const struct handler_pod *b)
{
	return strcmp(a->id, b->id) == 0 && a->overhead_bytes == b->overhead_bytes &&
	       a->prestart_bytes == b->prestart_bytes && a->boot_bytes == b->boot_bytes &&
	       a->used_bytes == b->used_bytes;
}

/* Makes room for one more pod. Returns false if all were seen within FRESH_USEC. */
static bool remove_oldest(struct handler *handler, uint64_t now_usec)
{
	size_t oldest = 0;

	/* Unsigned: a pod that was seen before the clock was set back is the oldest. */
	for (size_t i = 1; i < handler->n_pods; i++)
		if (now_usec - handler->pods[i].seen_usec > now_usec - handler->pods[oldest].seen_usec)
			oldest = i;
	if (now_usec - handler->pods[oldest].seen_usec < FRESH_USEC)
		return false;
	memmove(&handler->pods[oldest], &handler->pods[oldest + 1],
		(handler->n_pods - oldest - 1) * sizeof handler->pods[0]);
	return true;
}

void handlers_put_pod(struct handlers *handlers, struct handler *handler, const struct handler_pod *pod)
{
	size_t i = 0;

	while (i < handler->n_pods && strcmp(handler->pods[i].id, pod->id) != 0)
		i++;
	if (i == HANDLER_PODS_MAX) {
		/* Running pods must not displace each other at each reading. */
		if (!remove_oldest(handler, pod->seen_usec))
			return;
		i--;
	} else if (i == handler->n_pods) {
		handler->n_pods++;
	}
	/* A new seen_usec alone is no reason to write the file. */
	if (!is_same(&handler->pods[i], pod))
		mark(handlers, handler);
	handler->pods[i] = *pod;
}

void handlers_set_declared(struct handlers *handlers, struct handler *handler, uint64_t bytes)
{
	if (handler->declared_bytes != bytes)
		mark(handlers, handler);
	handler->declared_bytes = bytes;
}

int handlers_write(struct handlers *handlers, int state_fd, uint64_t now_usec, struct error *err)
{
	int failed = 0;

	for (size_t i = 0; i < handlers->n; i++) {
		struct handler_state *state = handlers->list[i];
		if (!state->dirty || state->is_foreign)
			continue;
		state->handler.written_usec = now_usec;
		int r = handler_write(state_fd, &state->handler, err);
		state->dirty = r < 0;
		if (r < 0)
			failed = r;
	}
	return failed;
}

uint64_t handlers_recommend(const struct handler *handler)
{
	int64_t fixed[HANDLER_PODS_MAX];

	for (size_t i = 0; i < handler->n_pods; i++)
		fixed[i] = handler->pods[i].overhead_bytes;
	return overhead_recommend(fixed, handler->n_pods);
}
