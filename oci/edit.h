/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A lossless change of a config.json or a LinuxResources object: a few spans of its text are replaced, and
 * every other byte stays as it is. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "oci/config.h"

/* limit, swap, memory.max, one for each key of unified, and what is put into unified or around it */
#define EDIT_CHANGES_MAX (4 + UNIFIED_KEYS)

struct edit {
	struct {
		struct json_span span; /* of length 0: an insertion */
		char text[224];
	} change[EDIT_CHANGES_MAX]; /* in the order of the text */
	size_t n_changes;
	struct unified_mark mark; /* what unified holds by our hand once the text is changed */
};

/* What a container is to get. */
struct edit_wish {
	uint64_t limit_bytes;                 /* below 2^63, or the text's own: then nothing of it changes */
	uint64_t unified_bytes[UNIFIED_KEYS]; /* 0: not asked for */
	struct unified_mark mark;             /* what unified holds by our hand from before */
};

/* What gives the container limit_bytes in place of what the text declares:
 *   memory.limit    becomes limit_bytes. Where unified holds another memory.max, which wins, it moves in the
 *                   same proportion instead.
 *   memory.swap     keeps its distance: swap - limit is how much swap the container may use (runtime-spec).
 *   unified         memory.max becomes limit_bytes, memory.high moves in the same proportion. memory.min,
 *                   which is an amount that is needed, stays, but not above memory.max or memory.high.
 *                   memory.low, which above them would do no more than at them, stays.
 * Where no limit is declared one is put in, with the objects around it that are missing.
 *
 * And what protects it: of memory.low, memory.min and memory.high those that are asked for are put in, unless
 * the text has its own (for memory.low also memory.reservation, which is the same to runtimes). Our
 * memory.low and memory.min are not above a memory.high that holds, and our memory.high not below a
 * memory.min that does. What is by our hand from before and is not asked for any more becomes what it is
 * where nothing is written: 0, or "max".
 *
 * text is what resources was read from. Returns 0; -EBADMSG where a value that has to move cannot be
 * understood, or where there is no "linux" object. */
int edit_memory(const char *text, const struct resources *resources, const struct edit_wish *wish,
		struct edit *ret, struct error *err);

/* What gives the annotation of this key, whose value stands at span, this value, which needs no escapes. An annotations
 * object that is not there is -EBADMSG. */
int edit_annotation(const char *text, const struct config *config, const char *key, struct json_span span,
		    const char *value, struct edit *ret, struct error *err);

/* The changed text, which the caller frees. Returns 0 or -ENOMEM. */
int edit_apply(const char *text, size_t length, const struct edit *edit, char **ret_text, size_t *ret_length,
	       struct error *err);
