/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Explains in one sentence each number that we show: where it came from, and which guard moved it. Pure. */

#include <stddef.h>
#include <stdint.h>

#include "shim/store/limits.h"
#include "shim/store/record.h"
#include "shim/store/settings.h"

#define EXPLAIN_MAX 768 /* bytes of a sentence and its NUL; longer ones are cut */

/* Each writes one sentence without a newline into buf, and returns buf. settings are today's: the numbers may
 * have been made under earlier ones. */

/* What was measured over the long window. */
const char *explain_observed(const struct limits *limits, char buf[static EXPLAIN_MAX]);
/* What was measured over the short window. */
const char *explain_recent(const struct limits *limits, const struct settings *settings,
			   char buf[static EXPLAIN_MAX]);
const char *explain_request(const struct limits *limits, const struct settings *settings,
			    char buf[static EXPLAIN_MAX]);
const char *explain_limit(const struct limits *limits, const struct settings *settings,
			  char buf[static EXPLAIN_MAX]);
/* How many OOM kills there were, which limit follows from the last one and for how long, or why a container
 * cannot be given more. */
const char *explain_oom(const struct limits *limits, const struct settings *settings, uint64_t now_usec,
			char buf[static EXPLAIN_MAX]);
/* Why a container that was OOM-killed at limit_bytes cannot be given more: "it declares 512Mi, and is never
 * given more ([guards] allow_raise)". Returns NULL if it can. */
const char *explain_stuck(const struct limits *limits, const struct settings *settings, uint64_t limit_bytes,
			  char buf[static EXPLAIN_MAX]);
/* Request and limit in one short sentence: "request: p95 180Mi with 20 % headroom, to the next 16Mi; limit:
 * 1.5 × request". */
const char *explain_rationale(const struct limits *limits, const struct settings *settings,
			      char buf[static EXPLAIN_MAX]);
/* Whether the recommendation is applied at the next creation; if not, why not or what is awaited. */
const char *explain_enforced(const struct limits *limits, const struct settings *settings, uint64_t now_usec,
			     char buf[static EXPLAIN_MAX]);
/* What a container was given at its creation or its last resize, and why. */
const char *explain_decision(const struct record *record, const struct settings *settings,
			     char buf[static EXPLAIN_MAX]);
/* The value that we wrote to this key of unified. Call it only if we wrote one. */
const char *explain_protection(const struct record *record, const struct settings *settings,
			       enum unified_key key, char buf[static EXPLAIN_MAX]);
