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
		say(&out, seen->max_bytes > 0 ? "only the peak that a container left at its end is known"
					      : "nothing has been measured yet");
		return buf;
	}
	say(&out, "working set avg %s, p95 %s, max %s, from %" PRIu64 " reading%s", AMOUNT(seen->avg_bytes),
	    AMOUNT(seen->p95_bytes), AMOUNT(seen->max_bytes), seen->samples, seen->samples == 1 ? "" : "s");
	if (seen->until_usec > seen->since_usec)
		say(&out, " over %s", TIME(seen->until_usec - seen->since_usec));
	return buf;
}

static uint64_t round_up(uint64_t bytes, const struct tuner_settings *tuner)
{
	uint64_t step = tuner_round_bytes(tuner), over = bytes % step;
	return over > 0 ? bytes + step - over : bytes;
}

/* What stands cannot be told from today's settings and the last measurements: it was not worth a change
 * since, or is a floor while a new image warms up. */
static void say_kept(struct sentence *out)
{
	say(out, "kept from before: earlier settings, or too little is known since");
}

/* "the 95th percentile, 110Mi, × 1.2, up to the next 16Mi", if that is what it makes. */
static void say_product(struct sentence *out, const char *what, uint64_t bytes, double factor,
			const struct tuner_settings *tuner, uint64_t result)
{
	double product = (double)bytes * factor;

	if (product < 0x1p63 && round_up((uint64_t)product, tuner) == result)
		say(out, "%s, %s, × %g, up to the next %s", what, AMOUNT(bytes), factor,
		    AMOUNT(tuner_round_bytes(tuner)));
	else
		say_kept(out);
}

static void say_margin(struct sentence *out, const struct recommendation *rec, const struct tuner_settings *tuner)
{
	double days = (double)rec->seen_history_usec / (double)USEC_PER_DAY;
	uint64_t base_bytes =
		adaptive_base_bytes(tuner->adaptive_margin, rec->seen_p95_bytes, rec->seen_max_bytes);

	char life[32] = "";

	if (round_up(base_bytes + rec->seen_margin_bytes, tuner) != rec->limit_bytes) {
		say_kept(out);
		return;
	}
	if (rec->seen_life_usec > 0 && rec->seen_life_usec < USEC_PER_DAY)
		(void)snprintf(life, sizeof life, " × ⁴√(%s / 24h)", TIME(rec->seen_life_usec));
	say(out,
	    "%s, %s, and a margin of %s: √(%s × %s × (%" PRIu64 " + 1) / (%.1f + 1) × %.2g%s), after "
	    "%.1f days, of which %" PRIu64 " brought a new peak, and with a mean of %s",
	    base_bytes == rec->seen_max_bytes ? "the highest working set" : "the 95th percentile",
	    AMOUNT(base_bytes), AMOUNT(rec->seen_margin_bytes),
	    AMOUNT(adaptive_scale_bytes(tuner->adaptive_margin)), AMOUNT(rec->seen_max_bytes), rec->seen_records,
	    days, adaptive_restlessness(tuner->adaptive_margin, rec->seen_avg_bytes, rec->seen_max_bytes), life,
	    days, rec->seen_records, AMOUNT(rec->seen_avg_bytes));
	if (*life)
		say(out, ", its containers living for %s at most", TIME(rec->seen_life_usec));
	if (tuner->adaptive_margin != MARGIN_NORMAL)
		say(out, ", never more than a normal margin would give");
	say(out, ", up to the next %s", AMOUNT(tuner_round_bytes(tuner)));
}

static void say_bound(struct sentence *out, const char *sentence, uint64_t bound, uint64_t result)
{
	if (bound == result)
		say(out, "%s", sentence);
	else
		say_kept(out);
}

const char *explain_request(const struct limits *limits, const struct settings *settings,
			    char buf[static EXPLAIN_MAX])
{
	const struct recommendation *rec = &limits->recommendation;
	const struct tuner_settings *tuner = &settings->tuner;
	struct sentence out = {buf, 0};

	switch (rec->request_term) {
	case TERM_P95:
		say_product(&out, "the 95th percentile", rec->seen_p95_bytes, tuner->request_p95_factor,
			    tuner, rec->request_bytes);
		break;
	case TERM_AVG:
		say_product(&out, "the mean", rec->seen_avg_bytes, tuner->request_avg_factor, tuner,
			    rec->request_bytes);
		break;
	case TERM_MIN:
		say_bound(&out, "the smallest request that is recommended ([tuner] request_min)",
			  tuner->request_min_bytes, rec->request_bytes);
		break;
	case TERM_MAX:
		if (rec->request_bytes == rec->limit_bytes && rec->request_bytes < tuner->request_max_bytes)
			say(&out, "as much as the limit, which cannot be higher");
		else
			say_bound(&out, "the largest request that is recommended ([tuner] request_max)",
				  tuner->request_max_bytes, rec->request_bytes);
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
		say_product(&out, "the highest working set", rec->seen_max_bytes, tuner->limit_max_factor,
			    tuner, rec->limit_bytes);
		break;
	case TERM_REQUEST:
		say_product(&out, "the request", rec->request_bytes, tuner->limit_request_factor, tuner,
			    rec->limit_bytes);
		break;
	case TERM_HIGHEST:
		say_product(&out, "the highest working set of 14 days", rec->seen_highest_bytes,
			    adaptive_highest_factor(tuner->adaptive_margin), tuner, rec->limit_bytes);
		break;
	case TERM_MARGIN:
		say_margin(&out, rec, tuner);
		break;
	case TERM_COLD:
		say(&out,
		    "there are only %s of history: as the policy percentile has it, from avg %s, p95 %s and max "
		    "%s, up to the next %s",
		    TIME(rec->seen_history_usec), AMOUNT(rec->seen_avg_bytes), AMOUNT(rec->seen_p95_bytes),
		    AMOUNT(rec->seen_max_bytes), AMOUNT(tuner->round_bytes));
		break;
	case TERM_OOM:
		/* The kill is forgotten before the limit that it led to is lowered. */
		if (rec->oom_limit_bytes == 0 || rec->oom_floor_bytes > rec->limit_bytes ||
		    round_up(rec->oom_floor_bytes, tuner) != rec->limit_bytes)
			say(&out, "raised after an OOM kill, and not lowered since");
		else
			say(&out,
			    "a container was OOM-killed at %s: that × %g, and at least %s more, up to the "
			    "next %s",
			    AMOUNT(rec->oom_limit_bytes), tuner->oom_factor, AMOUNT(tuner->oom_bytes),
			    AMOUNT(tuner_round_bytes(tuner)));
		break;
	case TERM_MIN:
		say_bound(&out, "the smallest limit that is recommended ([tuner] limit_min)",
			  tuner->limit_min_bytes, rec->limit_bytes);
		break;
	case TERM_MAX:
		say_bound(&out, "the largest limit that is recommended ([tuner] limit_max)",
			  tuner->limit_max_bytes, rec->limit_bytes);
		break;
	default:
		say(&out, "not known yet");
	}
	return buf;
}

/* What the guards will make of it, as far as that can be told before the creation. */
static void say_next_creation(struct sentence *out, const struct limits *limits,
			      const struct settings *settings)
{
	const struct guard_settings *guards = &settings->guards;
	const uint64_t limit = limits->enforced_limit_bytes, declared = limits->declared_bytes;
	uint64_t base = limits->applied_bytes;

	if (declared == DECISION_UNLIMITED && !guards->limit_unlimited) {
		say(out, "not applied: it declares no limit, and is given none ([guards] limit_unlimited)");
		return;
	}
	if (limit > declared && !guards->allow_raise) {
		say(out, "not applied: it declares %s, and is never given more ([guards] allow_raise)",
		    AMOUNT(declared));
		return;
	}
	say(out, "applied at the next creation%s",
	    settings->mode == MODE_ENFORCE ? "" : " once the node's mode is enforce ([node] mode)");
	if (base == 0 || base == DECISION_UNLIMITED)
		base = declared;
	const uint64_t away = limit > base ? limit - base : base - limit;
	if (base != DECISION_UNLIMITED && (double)away > (double)base * guards->max_change_ratio)
		say(out, ", in steps of at most %.3g %%", guards->max_change_ratio * 100);
}

const char *explain_enforced(const struct limits *limits, const struct settings *settings, uint64_t now_usec,
			     char buf[static EXPLAIN_MAX])
{
	const struct recommendation *rec = &limits->recommendation;
	const struct tuner_settings *tuner = &settings->tuner;
	struct sentence out = {buf, 0};

	if (limits->enforced_limit_bytes > 0) {
		say_next_creation(&out, limits, settings);
		return buf;
	}
	if (rec->warm) {
		say(&out,
		    "not applied: the working set was up to %s, above the largest limit that is recommended, "
		    "%s "
		    "([tuner] limit_max)",
		    AMOUNT(limits->observed.max_bytes), AMOUNT(tuner->limit_max_bytes));
		return buf;
	}
	uint64_t since = rec->warmup_since_usec;
	say(&out, "not before %" PRIu64 " readings and %s of this image; so far %" PRIu64,
	    tuner->warmup_samples, TIME(tuner->warmup_usec), limits->observed.fresh_samples);
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
		say(out, "at most %.3g %% away from the limit applied before, unless a floor asks for more",
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
		say(&out, "%s recommended, ", AMOUNT(record->recommended_bytes));
		if (record->mode == MODE_ENFORCE)
			say(&out, "which was not to be enforced yet");
		else
			say(&out, "which is shown and not applied (mode %s)", mode_names[record->mode]);
		break;
	default:
		say(&out, "and applied as declared: %s",
		    record->fault[0]           ? record->fault
		    : record->mode == MODE_OFF ? "the mode was off"
					       : "there was no recommendation yet");
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
