/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The handler files in memory: what was measured of the pods of each handler that runs them
 * in virtual machines. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/store/handler.h"

/* The most handlers that are kept. A node has a few. */
#define HANDLERS_MAX 16

struct handler_state {
	struct handler handler;
	bool dirty;      /* the file is to be written */
	bool is_foreign; /* the file could not be read, or is of a newer version: it is not overwritten */
};

struct handlers {
	struct handler_state *list[HANDLERS_MAX]; /* owned */
	size_t n;
};

/* Frees all handlers, without writing. */
void handlers_free(struct handlers *handlers);

/* Returns the handler. Reads its file the first time, and sets err->code: 0; EBADMSG if the file is of no
 * use, and is begun anew; or why the file could not be read, and stays as it is. Later err->code is 0.
 * Returns NULL if the name is not valid, there are too many handlers, or there is no memory. */
struct handler *handlers_get(struct handlers *handlers, int state_fd, const char *name, struct error *err);

/* The pod's entry; NULL: there is none. */
const struct handler_pod *handlers_find_pod(const struct handler *handler, const char *id);

/* Adds or replaces the pod's entry. If there are HANDLER_PODS_MAX, the entry goes that was not seen for the
 * longest time; if that pod may still run, the new one is left out. */
void handlers_put_pod(struct handlers *handlers, struct handler *handler, const struct handler_pod *pod);
void handlers_set_declared(struct handlers *handlers, struct handler *handler, uint64_t bytes);

/* Writes the files that have changed. Returns 0, or -errno of the last failure. What failed is tried again at
 * the next call. */
int handlers_write(struct handlers *handlers, int state_fd, uint64_t now_usec, struct error *err);

/* What the handler's RuntimeClass should declare, in bytes; 0: nothing. */
uint64_t handlers_recommend(const struct handler *handler);
