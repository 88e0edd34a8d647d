/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every number that we show, in a sentence: where it came from, and which guard moved it. Pure. */

#include <stddef.h>
#include <stdint.h>

#include "shim/store/limits.h"
#include "shim/store/record.h"
#include "shim/store/settings.h"

#define EXPLAIN_MAX 512

/* Each writes one sentence, with no newline, and returns buf. The settings are those of now: the numbers may have
 * been made under earlier ones. */
const char *explain_observed(const struct limits *limits, char buf[static EXPLAIN_MAX]);
const char *explain_request(const struct limits *limits, const struct settings *settings,
			    char buf[static EXPLAIN_MAX]);
const char *explain_limit(const struct limits *limits, const struct settings *settings,
			  char buf[static EXPLAIN_MAX]);
/* Both in one sentence: "request: p95 180Mi with 20 % headroom, to the next 16Mi; limit: 1.5 × request". */
const char *explain_rationale(const struct limits *limits, const struct settings *settings,
			      char buf[static EXPLAIN_MAX]);
/* Whether the recommendation may be applied, and what it waits for. */
const char *explain_enforced(const struct limits *limits, const struct settings *settings, uint64_t now_usec,
			     char buf[static EXPLAIN_MAX]);
/* What one container was given at its creation or its last resize. */
const char *explain_decision(const struct record *record, const struct settings *settings,
			     char buf[static EXPLAIN_MAX]);
