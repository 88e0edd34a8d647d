/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/explain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/quantity.h"

struct sentence {
	char *buf;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *sentence, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(sentence->buf + sentence->used, EXPLAIN_MAX - sentence->used, format, args);
	va_end(args);
	if (n > 0)
		sentence->used += (size_t)n < EXPLAIN_MAX - sentence->used ? (size_t)n
									   : EXPLAIN_MAX - 1 - sentence->used;
}

/* Room for the amounts of one sentence. */
#define AMOUNT(bytes) quantity_format_bytes(bytes, (char[QUANTITY_MAX]){0})
#define TIME(usec)    quantity_format_duration(usec, (char[QUANTITY_MAX]){0})

static const char *limit_text(uint64_t bytes, char buf[static QUANTITY_MAX])
{
	if (bytes == DECISION_UNLIMITED)
		return "no limit";
	return quantity_format_bytes(bytes, buf);
}
#define LIMIT(bytes) limit_text(bytes, (char[QUANTITY_MAX]){0})

const char *explain_observed(const struct limits *limits, char buf[static EXPLAIN_MAX])
{
	const struct observed *seen = &limits->observed;
	struct sentence out = {buf, 0};

	if (seen->samples == 0) {
		say(&out, "nothing has been measured yet");
		return buf;
	}
	say(&out, "working set avg %s, p95 %s, max %s, from %" PRIu64 " readings", AMOUNT(seen->avg_bytes),
	    AMOUNT(seen->p95_bytes), AMOUNT(seen->max_bytes), seen->samples);
	if (seen->until_usec > seen->since_usec)
		say(&out, " over %s", TIME(seen->until_usec - seen->since_usec));
	return buf;
}

/* "the 95th percentile, 110Mi, × 1.2" */
static void say_product(struct sentence *out, const char *what, uint64_t bytes, double factor)
{
	say(out, "%s, %s, × %g", what, AMOUNT(bytes), factor);
}

static void say_rounding(struct sentence *out, const struct settings *settings)
{
	say(out, ", up to the next %s", AMOUNT(settings->tuner.round_bytes));
}

const char *explain_request(const struct limits *limits, const struct settings *settings,
			    char buf[static EXPLAIN_MAX])
{
	const struct tuner_settings *tuner = &settings->tuner;
	struct sentence out = {buf, 0};

	switch (limits->recommendation.request_term) {
	case TERM_P95:
		say_product(&out, "the 95th percentile", limits->recommendation.seen_p95_bytes, tuner->request_p95_factor);
		say_rounding(&out, settings);
		break;
	case TERM_AVG:
		say_product(&out, "the mean", limits->recommendation.seen_avg_bytes, tuner->request_avg_factor);
		say_rounding(&out, settings);
		break;
	case TERM_MIN:
		say(&out, "the smallest request that is recommended ([tuner] request_min)");
		break;
	case TERM_MAX:
		say(&out, "the largest request that is recommended ([tuner] request_max)");
		break;
	default:
		say(&out, "not known yet");
	}
	return buf;
}

const char *explain_limit(const struct limits *limits, const struct settings *settings,
			  char buf[static EXPLAIN_MAX])
{
	const struct recommendation *rec = &limits->recommendation;
	const struct tuner_settings *tuner = &settings->tuner;
	struct sentence out = {buf, 0};

	switch (rec->limit_term) {
	case TERM_PEAK:
		say_product(&out, "the highest working set", limits->recommendation.seen_max_bytes, tuner->limit_max_factor);
		say_rounding(&out, settings);
		break;
	case TERM_REQUEST:
		say_product(&out, "the request", rec->request_bytes, tuner->limit_request_factor);
		say_rounding(&out, settings);
		break;
	case TERM_OOM:
		say(&out, "a container was OOM-killed at %s: that × %g, and at least %s more",
		    AMOUNT(rec->oom_limit_bytes), tuner->oom_factor, AMOUNT(tuner->oom_bytes));
		say_rounding(&out, settings);
		break;
	case TERM_MIN:
		say(&out, "the smallest limit that is recommended ([tuner] limit_min)");
		break;
	case TERM_MAX:
		say(&out, "the largest limit that is recommended ([tuner] limit_max)");
		break;
	default:
		say(&out, "not known yet");
	}
	return buf;
}

const char *explain_enforced(const struct limits *limits, const struct settings *settings, uint64_t now_usec,
			     char buf[static EXPLAIN_MAX])
{
	const struct recommendation *rec = &limits->recommendation;
	struct sentence out = {buf, 0};

	if (limits->enforced_limit_bytes > 0) {
		say(&out, "applied at the next creation%s",
		    settings->mode == MODE_ENFORCE ? "" : " once the node's mode is enforce ([node] mode)");
		return buf;
	}
	if (rec->warm) {
		say(&out, "not applied: the working set was up to %s, above the largest limit that is recommended",
		    AMOUNT(limits->observed.max_bytes));
		return buf;
	}
	uint64_t samples = limits->observed.fresh_samples;
	uint64_t since = rec->warmup_since_usec;
	say(&out, "not before %" PRIu64 " readings and %s of this image; so far %" PRIu64,
	    settings->tuner.warmup_samples, TIME(settings->tuner.warmup_usec), samples);
	if (since > 0 && now_usec > since)
		say(&out, " and %s", TIME(now_usec - since));
	return buf;
}

/* Whether the reason, "enforced+max-change+p95", holds this guard. */
static bool reason_has(const char *reason, const char *guard)
{
	size_t length = strlen(guard);
	for (const char *p = reason; (p = strchr(p, '+'));)
		if (strncmp(++p, guard, length) == 0 && (p[length] == '+' || p[length] == '\0'))
			return true;
	return false;
}

static void say_guard(struct sentence *out, enum guard guard, const struct settings *settings)
{
	switch (guard) {
	case GUARD_P95:
		say(out, "never below the observed 95th percentile");
		break;
	case GUARD_PRESTART:
		say(out, "never less than %s above what the runtime needs before the program starts",
		    AMOUNT(settings->guards.min_bytes));
		break;
	case GUARD_OOM:
		say(out, "never back to a limit that a container was OOM-killed at");
		break;
	case GUARD_MAX_CHANGE:
		say(out, "at most %.3g %% away from the limit applied before, or what a floor asks for",
		    settings->guards.max_change_ratio * 100);
		break;
	case GUARD_NODE_RANGE:
		say(out, "between %s and %s on this node", AMOUNT(settings->guards.min_bytes),
		    AMOUNT(settings->guards.max_bytes));
		break;
	case GUARD_IN_USE:
		say(out, "never below what the running container was using");
		break;
	case GUARD_DECLARED:
		say(out, "never above what the pod declares");
		break;
	case GUARD_UNLIMITED:
		say(out, "a container that declares no limit is given none");
		break;
	case GUARDS_COUNT:
		break;
	}
}

const char *explain_decision(const struct record *record, const struct settings *settings,
			     char buf[static EXPLAIN_MAX])
{
	struct sentence out = {buf, 0};
	bool guarded = false;

	say(&out, "%s declared, ", LIMIT(record->declared_bytes));
	switch (record->source) {
	case SOURCE_OVERRIDE:
		say(&out, "%s asked for by the pod's override, %s applied", AMOUNT(record->override_bytes),
		    LIMIT(record->limit_bytes));
		break;
	case SOURCE_ENFORCED:
		say(&out, "%s recommended, %s applied", AMOUNT(record->recommended_bytes),
		    LIMIT(record->limit_bytes));
		break;
	case SOURCE_OBSERVED:
		say(&out, "%s recommended, which is shown and not applied (mode %s%s)",
		    AMOUNT(record->recommended_bytes), mode_names[record->mode],
		    record->mode == MODE_ENFORCE ? ", warm-up" : "");
		break;
	default:
		say(&out, "and applied as declared: %s",
		    record->fault[0] ? record->fault : "there is no recommendation yet");
	}
	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++) {
		if (!reason_has(record->reason, guard_names[guard]))
			continue;
		say(&out, guarded ? "; " : ": ");
		say_guard(&out, guard, settings);
		guarded = true;
	}
	return buf;
}
