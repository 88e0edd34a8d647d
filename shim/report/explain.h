/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every number that we show, in a sentence: where it came from, and which guard moved it. Pure. */

#include <stddef.h>
#include <stdint.h>

#include "shim/store/limits.h"
#include "shim/store/record.h"
#include "shim/store/settings.h"

#define EXPLAIN_MAX 768

/* Each writes one sentence, with no newline, and returns buf. The settings are those of now: the numbers may have
 * been made under earlier ones. */
const char *explain_observed(const struct limits *limits, char buf[static EXPLAIN_MAX]);
/* The same of the short window. */
const char *explain_recent(const struct limits *limits, const struct settings *settings,
			   char buf[static EXPLAIN_MAX]);
const char *explain_request(const struct limits *limits, const struct settings *settings,
			    char buf[static EXPLAIN_MAX]);
const char *explain_limit(const struct limits *limits, const struct settings *settings,
			  char buf[static EXPLAIN_MAX]);
/* What is remembered of OOM kills, for how long, and whether a container can be given what they ask for. */
const char *explain_oom(const struct limits *limits, const struct settings *settings, uint64_t now_usec,
			char buf[static EXPLAIN_MAX]);
/* Why a container that died at this limit cannot be given more: "it declares 512Mi, and is never given more ([guards]
 * allow_raise)". Returns NULL where it can. */
const char *explain_stuck(const struct limits *limits, const struct settings *settings, uint64_t limit_bytes,
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
/* What we wrote to that key of unified, for a container where we did. */
const char *explain_protection(const struct record *record, const struct settings *settings,
			       enum unified_key key, char buf[static EXPLAIN_MAX]);
