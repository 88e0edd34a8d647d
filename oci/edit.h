/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A lossless change of a config.json or a LinuxResources object: a few spans of its text are replaced, and
 * every other byte stays as it is. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "oci/config.h"

/* limit, swap, memory.max and memory.high */
#define EDIT_CHANGES_MAX 4

struct edit {
	struct {
		struct json_span span; /* of length 0: an insertion */
		char text[64];
	} change[EDIT_CHANGES_MAX]; /* in the order of the text */
	size_t n_changes;
};

/* What gives the container limit_bytes (below 2^63) in place of what the text declares:
 *   memory.limit    becomes limit_bytes. Where unified holds another memory.max, which wins, it moves in the
 *                   same proportion instead.
 *   memory.swap     keeps its distance: swap - limit is how much swap the container may use (runtime-spec).
 *   unified         memory.max becomes limit_bytes, memory.high moves in the same proportion.
 * Where no limit is declared one is put in, with the objects around it that are missing.
 * text is what resources was read from. Returns 0; -EBADMSG where a value that has to move cannot be
 * understood, or where there is no "linux" object. */
int edit_limit(const char *text, const struct resources *resources, uint64_t limit_bytes,
	       struct edit *ret, struct error *err);

/* The changed text, which the caller frees. Returns 0 or -ENOMEM. */
int edit_apply(const char *text, size_t length, const struct edit *edit, char **ret_text,
	       size_t *ret_length, struct error *err);
