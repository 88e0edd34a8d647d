/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What was measured of the pods of each handler that runs them in virtual machines: its handler file, in
 * memory. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/store/handler.h"

/* A node has a few; beyond these, nothing is kept. */
#define HANDLERS_MAX 16

struct handler_state {
	struct handler handler;
	bool dirty;
	bool is_foreign; /* its file holds what is not known here: it is not written */
};

struct handlers {
	struct handler_state *list[HANDLERS_MAX]; /* owned */
	size_t n;
};

void handlers_free(struct handlers *handlers);

/* Reads its file where it is met for the first time. err->code is 0, EBADMSG for a file that is of no use
 * and is begun anew, or why it could not be read, or not by this program: then it is left as it is. NULL:
 * there are too many, or out of memory. */
struct handler *handlers_get(struct handlers *handlers, int state_fd, const char *name, struct error *err);

/* The pod's entry; NULL: there is none. */
const struct handler_pod *handlers_find_pod(const struct handler *handler, const char *id);

/* Adds or replaces it. Where there are too many, the one goes that was not seen for the longest; if that
 * may still run, the new one is left out. */
void handlers_put_pod(struct handlers *handlers, struct handler *handler, const struct handler_pod *pod);
void handlers_set_declared(struct handlers *handlers, struct handler *handler, uint64_t bytes);

/* Writes those that have changed. Returns 0, or -errno of the last that failed, which stays to be written. */
int handlers_write(struct handlers *handlers, int state_fd, uint64_t now_usec, struct error *err);

/* What its RuntimeClass should declare; 0: nothing is known. */
uint64_t handlers_recommend(const struct handler *handler);
