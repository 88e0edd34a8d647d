/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A change of a config.json or a LinuxResources object. A few spans of the text are replaced; every other
 * byte stays as it is. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "oci/config.h"

/* limit, swap, memory.max, each key of unified, and one insertion into unified or around it */
#define EDIT_CHANGES_MAX (4 + UNIFIED_KEYS)

struct edit {
	struct {
		struct json_span span; /* length 0: an insertion */
		char text[224];
	} change[EDIT_CHANGES_MAX]; /* in the order of the text */
	size_t n_changes;
	struct unified_mark mark; /* what is ours in unified once the text is changed */
};

/* What a container is to get. */
struct edit_wish {
	uint64_t limit_bytes;                 /* below 2^63; if equal to the text's, the limit stays */
	uint64_t unified_bytes[UNIFIED_KEYS]; /* 0: not asked for */
	struct unified_mark mark;             /* what is ours in unified from an earlier edit */
};

/* Makes the edit that gives the container limit_bytes in place of the declared limit:
 *   memory.limit    becomes limit_bytes. If unified has another memory.max, which wins, memory.limit moves in
 *                   the same proportion instead.
 *   memory.swap     keeps its distance: swap - limit is how much swap the container may use (runtime-spec).
 *   unified         memory.max becomes limit_bytes. memory.high moves in the same proportion. memory.min is
 *                   an amount that is needed: it stays, but not above memory.max or memory.high.
 *                   memory.low stays: above those two it does no more than at them.
 * If no limit is declared, one is inserted, with the objects around it that are missing.
 *
 * The edit also adds protection: the wished ones of memory.low, memory.min and memory.high are inserted,
 * unless the text has its own (for memory.low also memory.reservation, which runtimes treat as the same). Our
 * memory.low and memory.min stay at or below the memory.high in force, and our memory.high above the
 * memory.min in force. A value that is ours from before and no longer wished becomes what an absent one
 * means: 0, or "max" for memory.high.
 *
 * text: the text that resources was read from. Returns 0; -EBADMSG if a value that has to move is not
 * understood, or if there is no "linux" object. */
int edit_memory(const char *text, const struct resources *resources, const struct edit_wish *wish,
		struct edit *ret, struct error *err);

/* Makes the edit that sets the annotation key, whose value stands at span, to value. value must need no
 * escapes. Returns 0; -EBADMSG if there is no annotations object; -ENAMETOOLONG. */
int edit_annotation(const char *text, const struct config *config, const char *key, struct json_span span,
		    const char *value, struct edit *ret, struct error *err);

/* Makes the changed text, which the caller frees. Returns 0 or -ENOMEM. */
int edit_apply(const char *text, size_t length, const struct edit *edit, char **ret_text, size_t *ret_length,
	       struct error *err);
