/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/explain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/quantity.h"
#include "oci/sizing.h"
#include "shim/tune/adaptive.h"

struct sentence {
	char *buf;
	size_t used;
	bool brief; /* the sentence is a rationale: shorter words */
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

/* Each use has a buffer of its own until the end of its block, so that a sentence can have several. */
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
	struct sentence out = {buf, 0, false};

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

const char *explain_recent(const struct limits *limits, const struct settings *settings,
			   char buf[static EXPLAIN_MAX])
{
	const struct observed *seen = &limits->recent;
	struct sentence out = {buf, 0};

	if (seen->samples == 0)
		say(&out, "nothing was measured in the last %s", TIME(settings->sampling.short_window_usec));
	else
		say(&out, "working set avg %s, p95 %s, max %s in the %s before it was last written",
		    AMOUNT(seen->avg_bytes), AMOUNT(seen->p95_bytes), AMOUNT(seen->max_bytes),
		    TIME(settings->sampling.short_window_usec));
	return buf;
}

static uint64_t round_up(uint64_t bytes, const struct tuner_settings *tuner)
{
	uint64_t step = tuner_round_bytes(tuner), over = bytes % step;
	return over > 0 ? bytes + step - over : bytes;
}

/* The number does not follow from today's settings and the last measurements. It was kept from before: a
 * change would be too small, or the number is the floor while a new image warms up. */
static void say_kept(struct sentence *out)
{
	say(out, "kept from before: earlier settings, or too little is known since");
}

/* What a formula multiplies, as a phrase and as one word. */
struct operand {
	const char *words, *word;
};
static const struct operand operand_p95 = {"the 95th percentile", "p95"};
static const struct operand operand_avg = {"the mean", "avg"};
static const struct operand operand_max = {"the highest working set", "max"};
static const struct operand operand_highest = {"the highest working set of 14 days", "max of 14 days"};
static const struct operand operand_request = {"the request", "request"};

/* "p95 110Mi with 20 % headroom, to the next 16Mi", "1.5 × request". */
static void say_product_briefly(struct sentence *out, const struct operand *operand, uint64_t bytes,
				double factor, const struct tuner_settings *tuner, uint64_t result)
{
	if (operand == &operand_request)
		say(out, "%g × %s", factor, operand->word);
	else if (factor > 1)
		say(out, "%s %s with %.3g %% headroom", operand->word, AMOUNT(bytes), (factor - 1) * 100);
	else
		say(out, "%s %s × %g", operand->word, AMOUNT(bytes), factor);
	if ((uint64_t)((double)bytes * factor) != result)
		say(out, ", to the next %s", AMOUNT(tuner_round_bytes(tuner)));
}

/* "the 95th percentile, 110Mi, × 1.2, up to the next 16Mi". If this formula does not give result, the number
 * was kept from before. */
static void say_product(struct sentence *out, const struct operand *operand, uint64_t bytes, double factor,
			const struct tuner_settings *tuner, uint64_t result)
{
	double product = (double)bytes * factor;

	if (product >= 0x1p63 || round_up((uint64_t)product, tuner) != result)
		say_kept(out);
	else if (out->brief)
		say_product_briefly(out, operand, bytes, factor, tuner, result);
	else
		say(out, "%s, %s, × %g, up to the next %s", operand->words, AMOUNT(bytes), factor,
		    AMOUNT(tuner_round_bytes(tuner)));
}

static void say_margin(struct sentence *out, const struct recommendation *rec,
		       const struct tuner_settings *tuner)
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
	    AMOUNT(adaptive_scale_bytes(tuner->adaptive_margin)), AMOUNT(rec->seen_max_bytes),
	    rec->seen_records, days,
	    adaptive_restlessness(tuner->adaptive_margin, rec->seen_avg_bytes, rec->seen_max_bytes), life,
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

static const char *const program_names[] = {
	[SIZING_JVM] = "a JVM",
	[SIZING_GO] = "a Go program with GOMEMLIMIT",
};

/* For a program that sizes itself by its limit: the limit that it keeps, and the evidence. */
static void say_ratchet(struct sentence *out, const struct limits *limits, const struct tuner_settings *tuner)
{
	struct ratchet ratchet;

	(void)ratchet_parse(limits->ratchet, &ratchet);
	const char *program = program_names[ratchet.program];
	const uint64_t floor_bytes = ratchet_floor(&ratchet);

	if (floor_bytes == 0 || round_up(floor_bytes, tuner) != limits->recommendation.limit_bytes) {
		say_kept(out);
	} else if (ratchet.since_usec > 0) {
		say(out,
		    "its use follows its limit%s%s%s: at %s it used %.0f %% less than at %s, so it keeps %s",
		    program ? " (" : "", program ? program : "", program ? ")" : "",
		    AMOUNT(ratchet.to.limit_bytes), ratchet_drop(&ratchet) * 100,
		    AMOUNT(ratchet.from.limit_bytes), AMOUNT(ratchet.top_bytes));
		if (!program)
			say(out, "; a lower one is tried again after %s ([tuner] ratchet_hold)",
			    TIME(tuner->ratchet_hold_usec));
	} else {
		say(out,
		    "%s sizes itself by its limit: at most %.0f %% below %s until it was seen what it makes "
		    "of "
		    "less, up to the next %s",
		    program, (1 - RATCHET_STEP) * 100, AMOUNT(ratchet_lowest(&ratchet)),
		    AMOUNT(tuner_round_bytes(tuner)));
	}
}

static void say_request(struct sentence *out, const struct recommendation *rec,
			const struct tuner_settings *tuner)
{
	switch (rec->request_term) {
	case TERM_P95:
		say_product(out, &operand_p95, rec->seen_p95_bytes, tuner->request_p95_factor, tuner,
			    rec->request_bytes);
		break;
	case TERM_AVG:
		say_product(out, &operand_avg, rec->seen_avg_bytes, tuner->request_avg_factor, tuner,
			    rec->request_bytes);
		break;
	case TERM_MIN:
		say_bound(out, "the smallest request that is recommended ([tuner] request_min)",
			  tuner->request_min_bytes, rec->request_bytes);
		break;
	case TERM_MAX:
		if (rec->request_bytes == rec->limit_bytes && rec->request_bytes < tuner->request_max_bytes)
			say(out, "as much as the limit, which cannot be higher");
		else
			say_bound(out, "the largest request that is recommended ([tuner] request_max)",
				  tuner->request_max_bytes, rec->request_bytes);
		break;
	default:
		say(out, "not known yet");
	}
}

static void say_limit(struct sentence *out, const struct limits *limits, const struct tuner_settings *tuner)
{
	const struct recommendation *rec = &limits->recommendation;

	switch (rec->limit_term) {
	case TERM_PEAK:
		say_product(out, &operand_max, rec->seen_max_bytes, tuner->limit_max_factor, tuner,
			    rec->limit_bytes);
		break;
	case TERM_REQUEST:
		say_product(out, &operand_request, rec->request_bytes, tuner->limit_request_factor, tuner,
			    rec->limit_bytes);
		break;
	case TERM_HIGHEST:
		say_product(out, &operand_highest, rec->seen_highest_bytes,
			    adaptive_highest_factor(tuner->adaptive_margin), tuner, rec->limit_bytes);
		break;
	case TERM_MARGIN:
		say_margin(out, rec, tuner);
		break;
	case TERM_COLD:
		say(out,
		    "there are only %s of history: as the policy percentile has it, from avg %s, p95 %s and "
		    "max "
		    "%s, up to the next %s",
		    TIME(rec->seen_history_usec), AMOUNT(rec->seen_avg_bytes), AMOUNT(rec->seen_p95_bytes),
		    AMOUNT(rec->seen_max_bytes), AMOUNT(tuner->round_bytes));
		break;
	case TERM_OOM:
		/* A kill is forgotten earlier than the limit that it led to is lowered. */
		if (rec->oom_limit_bytes == 0 || rec->oom_floor_bytes > rec->limit_bytes ||
		    round_up(rec->oom_floor_bytes, tuner) != rec->limit_bytes)
			say(out, "raised after an OOM kill, and not lowered since");
		else
			say(out,
			    "a container was OOM-killed at %s: that × %g, and at least %s more%s, up to the "
			    "next %s",
			    AMOUNT(rec->oom_limit_bytes), tuner->oom_factor, AMOUNT(tuner->oom_bytes),
			    rec->oom_row < 2   ? ""
			    : rec->oom_row < 3 ? ", twice as much as that was not enough"
					       : ", four times as much as that was not enough",
			    AMOUNT(tuner_round_bytes(tuner)));
		break;
	case TERM_RATCHET:
		say_ratchet(out, limits, tuner);
		break;
	case TERM_MIN:
		say_bound(out, "the smallest limit that is recommended ([tuner] limit_min)",
			  tuner->limit_min_bytes, rec->limit_bytes);
		break;
	case TERM_MAX:
		say_bound(out, "the largest limit that is recommended ([tuner] limit_max)",
			  tuner->limit_max_bytes, rec->limit_bytes);
		break;
	default:
		say(out, "not known yet");
	}
}

const char *explain_request(const struct limits *limits, const struct settings *settings,
			    char buf[static EXPLAIN_MAX])
{
	struct sentence out = {buf, 0, false};

	say_request(&out, &limits->recommendation, &settings->tuner);
	return buf;
}

const char *explain_limit(const struct limits *limits, const struct settings *settings,
			  char buf[static EXPLAIN_MAX])
{
	struct sentence out = {buf, 0, false};

	say_limit(&out, limits, &settings->tuner);
	return buf;
}

const char *explain_rationale(const struct limits *limits, const struct settings *settings,
			      char buf[static EXPLAIN_MAX])
{
	struct sentence out = {buf, 0, true};

	say(&out, "request: ");
	say_request(&out, &limits->recommendation, &settings->tuner);
	say(&out, "; limit: ");
	say_limit(&out, limits, &settings->tuner);
	return buf;
}

const char *explain_stuck(const struct limits *limits, const struct settings *settings, uint64_t limit_bytes,
			  char buf[static EXPLAIN_MAX])
{
	const struct guard_settings *guards = &settings->guards;
	struct sentence out = {buf, 0};

	/* A container that declares more can be given more. The guard after an OOM kill goes above the
	 * recommendation; if it goes above the node's maximum too, the declared limit is given. */
	if (limits->declared_bytes > limit_bytes)
		return NULL;
	if (!guards->allow_raise)
		say(&out, "it declares %s, and is never given more ([guards] allow_raise)",
		    AMOUNT(limits->declared_bytes));
	else if (limit_bytes >= guards->max_bytes)
		say(&out, "no container of this node is given more than %s ([guards] max)",
		    AMOUNT(guards->max_bytes));
	else if (limit_bytes > settings->tuner.limit_max_bytes)
		say(&out, "no more than %s is recommended ([tuner] limit_max)",
		    AMOUNT(settings->tuner.limit_max_bytes));
	else
		return NULL;
	return buf;
}

const char *explain_oom(const struct limits *limits, const struct settings *settings, uint64_t now_usec,
			char buf[static EXPLAIN_MAX])
{
	const struct recommendation *rec = &limits->recommendation;
	char why[EXPLAIN_MAX];
	struct sentence out = {buf, 0};

	say(&out, "OOM kills so far: %" PRIu64, rec->oom_kills);
	if (rec->oom_limit_bytes == 0)
		return buf;
	say(&out, "; the last at this limit, %s ago",
	    TIME(now_usec > rec->oom_usec ? now_usec - rec->oom_usec : 0));
	if (rec->oom_peak_bytes > 0)
		say(&out, ", with a peak of %s", AMOUNT(rec->oom_peak_bytes));
	if (rec->oom_row > 1)
		say(&out, ", the %" PRIu64 "%s in a row", rec->oom_row,
		    rec->oom_row == 2   ? "nd"
		    : rec->oom_row == 3 ? "rd"
					: "th");
	if (explain_stuck(limits, settings, rec->oom_limit_bytes, why))
		say(&out, "; it needs more and cannot be given it: %s", why);
	else
		say(&out, ": for %s after it no limit is below %s", TIME(settings->tuner.oom_hold_usec),
		    AMOUNT(rec->oom_floor_bytes));
	return buf;
}

/* What the guards will do to the limit at the next creation, as far as is known now. */
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
	struct sentence out = {buf, 0, false};

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

/* Whether a decision's reason ("enforced+max-change+p95") has this guard. */
static bool reason_has(const char *reason, const char *guard)
{
	size_t length = strlen(guard);
	for (const char *p = reason; (p = strchr(p, '+'));)
		if (strncmp(++p, guard, length) == 0 && (p[length] == '+' || p[length] == '\0'))
			return true;
	return false;
}

/* What a word in braces of DECISION_GUARDS stands for. word begins at "{", length includes "}". */
static void say_word(struct sentence *out, const char *word, size_t length, const struct record *record,
		     const struct guard_settings *guards)
{
	if (strncmp(word, "{min}", length) == 0)
		say(out, "%s", AMOUNT(guards->min_bytes));
	else if (strncmp(word, "{max}", length) == 0)
		say(out, "%s", AMOUNT(guards->max_bytes));
	else if (strncmp(word, "{change}", length) == 0)
		say(out, "%.3g %%", guards->max_change_ratio * 100);
	else if (record->before_bytes > 0)
		say(out, "the %s applied before", AMOUNT(record->before_bytes));
	else if (record->step_bytes[GUARD_MAX_CHANGE] > 0)
		say(out, "the %s declared", LIMIT(record->declared_bytes));
	else
		say(out, "the limit applied before"); /* older records do not have before_bytes */
}

static void say_guard(struct sentence *out, enum guard guard, const struct record *record,
		      const struct guard_settings *guards)
{
	for (const char *at = guard_sentences[guard]; *at;) {
		size_t length = strcspn(at, "{");
		say(out, "%.*s", (int)length, at);
		at += length;
		length = strcspn(at, "}") + (*at != '\0');
		if (length > 0)
			say_word(out, at, length, record, guards);
		at += length;
	}
	if (record->step_bytes[guard] > 0)
		say(out, ": %s", AMOUNT(record->step_bytes[guard]));
}

const char *explain_decision(const struct record *record, const struct settings *settings,
			     char buf[static EXPLAIN_MAX])
{
	struct sentence out = {buf, 0, false};
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
		say_guard(&out, guard, record, &settings->guards);
		guarded = true;
	}
	return buf;
}

const char *explain_protection(const struct record *record, const struct settings *settings,
			       enum unified_key key, char buf[static EXPLAIN_MAX])
{
	const struct protection *protect = &record->protect;
	const uint64_t request = protect->request_bytes, bytes = protect->bytes[key];
	struct sentence out = {buf, 0};
	struct protection now;

	if (key != UNIFIED_HIGH) {
		say(&out, "%s, as far as the cgroups above it are protected, too: the request, %s",
		    key == UNIFIED_MIN ? "never reclaimed" : "reclaimed only when nothing else is left",
		    AMOUNT(request));
		if (bytes + 4096 <= request)
			say(&out, ", but not above the limit or memory.high");
		return buf;
	}
	say(&out, "above it the container is slowed down and reclaimed from: ");
	protect_make(&settings->enforce, record->limit_bytes, request, &now);
	if (now.bytes[key] != bytes)
		say(&out, "between the request and the limit, as [enforce] high had it then");
	else if (request > 0)
		say(&out, "the request, %s, and %.3g %% of what is left to the limit", AMOUNT(request),
		    settings->enforce.high_ratio * 100);
	else
		say(&out, "%.3g %% of the limit", settings->enforce.high_ratio * 100);
	return buf;
}
