/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "oci/json.h"
#include "oci/sizing.h"
#include "tests/random.h"

#define T0 (UINT64_C(1800000000) * USEC_PER_SEC)

/* What the default settings make of 100 readings around 100Mi, a container at 512Mi. */
static struct limits make_limits(void)
{
	return (struct limits){
		.version = LIMITS_VERSION,
		.identity = {"shop", "web", "nginx"},
		.recommendation = {.request_bytes = 128 * MIB,
				   .limit_bytes = 192 * MIB,
				   .request_term = TERM_P95,
				   .limit_term = TERM_REQUEST,
				   .revision = 1,
				   .changed_usec = T0,
				   .seen_avg_bytes = 80 * MIB,
				   .seen_p95_bytes = 102 * MIB,
				   .seen_max_bytes = 103 * MIB,
				   .warmup_since_usec = T0},
		.observed = {.samples = 100,
			     .fresh_samples = 40,
			     .since_usec = T0,
			     .until_usec = T0 + 2 * USEC_PER_HOUR,
			     .avg_bytes = 81 * MIB,
			     .p95_bytes = 104 * MIB,
			     .max_bytes = 105 * MIB},
		.declared_bytes = 512 * MIB,
		.applied_bytes = 512 * MIB,
	};
}

static struct record make_record(int source, const char *reason)
{
	struct record record = {
		.version = RECORD_VERSION,
		.mode = MODE_ENFORCE,
		.source = source,
		.declared_bytes = 512 * MIB,
		.recommended_bytes = 192 * MIB,
		.limit_bytes = 358 * MIB,
	};
	strcpy(record.id, "c1");
	strcpy(record.reason, reason);
	return record;
}

static struct settings make_settings(void)
{
	struct settings settings;
	settings_default(&settings);
	settings.mode = MODE_ENFORCE;
	return settings;
}

static void assert_request(const struct limits *limits, const char *sentence)
{
	const struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];
	assert_string_equal(explain_request(limits, &settings, buf), sentence);
}

static void assert_limit(const struct limits *limits, const char *sentence)
{
	const struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];
	assert_string_equal(explain_limit(limits, &settings, buf), sentence);
}

static void assert_enforced(const struct limits *limits, const struct settings *settings,
			    const char *sentence)
{
	char buf[EXPLAIN_MAX];
	assert_string_equal(explain_enforced(limits, settings, T0 + 30 * USEC_PER_MIN, buf), sentence);
}

static void assert_decision(const struct record *record, const char *sentence)
{
	const struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];
	assert_string_equal(explain_decision(record, &settings, buf), sentence);
}

/* ---- What was observed ---- */

static void observed_names_all_it_was_made_from(void **state)
{
	(void)state;
	char buf[EXPLAIN_MAX];
	struct limits limits = make_limits();
	assert_string_equal(explain_observed(&limits, buf),
			    "working set avg 81Mi, p95 104Mi, max 105Mi, from 100 readings over 2h");
	limits.observed.samples = 1;
	limits.observed.until_usec = limits.observed.since_usec;
	assert_string_equal(explain_observed(&limits, buf),
			    "working set avg 81Mi, p95 104Mi, max 105Mi, from 1 reading");
}

static void observed_says_when_there_is_nothing(void **state)
{
	(void)state;
	char buf[EXPLAIN_MAX];
	struct limits limits = {0};
	assert_string_equal(explain_observed(&limits, buf), "nothing has been measured yet");
	limits.observed.max_bytes = MIB;
	assert_string_equal(explain_observed(&limits, buf),
			    "only the peak that a container left at its end is known");
}

/* ---- Each term of the formula ---- */

static void request_tells_its_term(void **state)
{
	(void)state;
	struct limits limits = make_limits();
	struct recommendation *rec = &limits.recommendation;

	assert_request(&limits, "the 95th percentile, 102Mi, × 1.2, up to the next 16Mi");
	rec->request_term = TERM_AVG;
	assert_request(&limits, "the mean, 80Mi, × 1.5, up to the next 16Mi");
	rec->request_term = TERM_MIN;
	rec->request_bytes = 64 * MIB;
	assert_request(&limits, "the smallest request that is recommended ([tuner] request_min)");
	rec->request_term = TERM_MAX;
	rec->request_bytes = 4 * GIB;
	assert_request(&limits, "the largest request that is recommended ([tuner] request_max)");
	rec->limit_bytes = rec->request_bytes = GIB;
	assert_request(&limits, "as much as the limit, which cannot be higher");
	*rec = (struct recommendation){0};
	assert_request(&limits, "not known yet");
}

static void limit_tells_its_term(void **state)
{
	(void)state;
	struct limits limits = make_limits();
	struct recommendation *rec = &limits.recommendation;

	assert_limit(&limits, "the request, 128Mi, × 1.5, up to the next 16Mi");
	rec->limit_term = TERM_PEAK;
	rec->limit_bytes = 128 * MIB;
	assert_limit(&limits, "the highest working set, 103Mi, × 1.1, up to the next 16Mi");
	rec->limit_term = TERM_MIN;
	assert_limit(&limits, "the smallest limit that is recommended ([tuner] limit_min)");
	rec->limit_term = TERM_MAX;
	rec->limit_bytes = 8 * GIB;
	assert_limit(&limits, "the largest limit that is recommended ([tuner] limit_max)");
	*rec = (struct recommendation){0};
	assert_limit(&limits, "not known yet");
}

static void rationale_has_both_in_brief(void **state)
{
	(void)state;
	struct limits limits = make_limits();
	struct recommendation *rec = &limits.recommendation;
	struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];

	rec->seen_p95_bytes = 180 * MIB;
	rec->request_bytes = 224 * MIB;
	rec->limit_bytes = 336 * MIB;
	assert_string_equal(explain_rationale(&limits, &settings, buf),
			    "request: p95 180Mi with 20 % headroom, to the next 16Mi; limit: 1.5 × request");
	/* Nothing is said of a rounding that was none, but of one that was. */
	rec->seen_p95_bytes = 160 * MIB;
	rec->request_bytes = 192 * MIB;
	settings.tuner.limit_request_factor = 1.3;
	rec->limit_bytes = 256 * MIB;
	assert_string_equal(explain_rationale(&limits, &settings, buf),
			    "request: p95 160Mi with 20 % headroom; limit: 1.3 × request, to the next 16Mi");
	settings.tuner.request_avg_factor = 0.5;
	rec->request_term = TERM_AVG;
	rec->seen_avg_bytes = 384 * MIB;
	rec->limit_term = TERM_PEAK;
	rec->seen_max_bytes = 230 * MIB;
	assert_string_equal(
		explain_rationale(&limits, &settings, buf),
		"request: avg 384Mi × 0.5; limit: max 230Mi with 10 % headroom, to the next 16Mi");
	/* What it has no shorter words for is said as in explain. */
	rec->request_term = TERM_MIN;
	rec->limit_bytes = 8 * GIB;
	rec->limit_term = TERM_MAX;
	assert_string_equal(explain_rationale(&limits, &settings, buf),
			    "request: kept from before: earlier settings, or too little is known since; "
			    "limit: the largest limit that is recommended ([tuner] limit_max)");
}

static void limit_after_a_kill_tells_what_it_died_at(void **state)
{
	(void)state;
	struct limits limits = make_limits();
	struct recommendation *rec = &limits.recommendation;
	const struct settings settings = make_settings();

	tuner_learn_oom(&settings.tuner, rec, 192 * MIB, 0, T0, rec);
	assert_limit(&limits, "a container was OOM-killed at 192Mi: that × 1.2, and at least 100Mi more, up "
			      "to the next 16Mi");
	/* Held for long enough, the kill no longer counts, and the limit may stand for a while still. */
	rec->oom_limit_bytes = rec->oom_floor_bytes = 0;
	assert_limit(&limits, "raised after an OOM kill, and not lowered since");
	/* A later kill, at a lower limit. */
	rec->oom_limit_bytes = MIB;
	rec->oom_floor_bytes = 101 * MIB;
	assert_limit(&limits, "raised after an OOM kill, and not lowered since");
	rec->oom_floor_bytes = UINT64_MAX;
	assert_limit(&limits, "raised after an OOM kill, and not lowered since");
}

static void limit_of_what_sizes_itself_tells_what_was_seen(void **state)
{
	(void)state;
	struct limits limits = make_limits();
	struct recommendation *rec = &limits.recommendation;
	const struct settings settings = make_settings();
	struct ratchet ratchet = {.program = SIZING_JVM};
	static const struct {
		uint64_t limit_bytes, use_bytes;
	} steps[] = {{512 * MIB, 300 * MIB}, {358 * MIB, 210 * MIB}};

	rec->limit_term = TERM_RATCHET;
	rec->limit_bytes = 368 * MIB;
	for (uint64_t i = 0; i < 2; i++) {
		const struct ratchet_sight sight = {steps[i].limit_bytes, steps[i].use_bytes, 1000, T0 + i};
		ratchet_observe(&ratchet, &settings.tuner, &sight, T0 + i);
		(void)ratchet_format(&ratchet, limits.ratchet);
		if (i == 0)
			assert_limit(&limits,
				     "a JVM sizes itself by its limit: at most 30 % below 512Mi until it was "
				     "seen what it makes of less, up to the next 16Mi");
	}
	assert_limit(&limits, "kept from before: earlier settings, or too little is known since");
	rec->limit_bytes = 512 * MIB;
	assert_limit(&limits, "its use follows its limit (a JVM): at 358Mi it used 30 % less than at 512Mi, "
			      "so it keeps 512Mi");
	ratchet.program = SIZING_GO;
	(void)ratchet_format(&ratchet, limits.ratchet);
	assert_limit(&limits,
		     "its use follows its limit (a Go program with GOMEMLIMIT): at 358Mi it used 30 % less "
		     "than at 512Mi, so it keeps 512Mi");
	ratchet.program = SIZING_UNKNOWN;
	(void)ratchet_format(&ratchet, limits.ratchet);
	assert_limit(
		&limits,
		"its use follows its limit: at 358Mi it used 30 % less than at 512Mi, so it keeps 512Mi; "
		"a lower one is tried again after 14d ([tuner] ratchet_hold)");
	strcpy(limits.ratchet, "nonsense");
	assert_limit(&limits, "kept from before: earlier settings, or too little is known since");
}

static void kills_are_remembered_with_limit_and_peak(void **state)
{
	(void)state;
	struct limits limits = make_limits();
	struct recommendation *rec = &limits.recommendation;
	struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];

	limits.declared_bytes = 512 * MIB;
	tuner_learn_oom(&settings.tuner, rec, 192 * MIB, 190 * MIB, T0, rec);
	assert_string_equal(explain_oom(&limits, &settings, T0 + USEC_PER_MIN, buf),
			    "OOM kills so far: 1; the last at this limit, 1min ago, with a peak of 190Mi: "
			    "for 7d after it no "
			    "limit is below 292Mi");
	tuner_learn_oom(&settings.tuner, rec, 304 * MIB, 304 * MIB, T0 + USEC_PER_MIN, rec);
	assert_string_equal(explain_oom(&limits, &settings, T0 + USEC_PER_MIN, buf),
			    "OOM kills so far: 2; the last at this limit, 0s ago, with a peak of 304Mi, the "
			    "2nd in a row: for "
			    "7d after it no limit is below 504Mi");
	assert_limit(
		&limits,
		"a container was OOM-killed at 304Mi: that × 1.2, and at least 100Mi more, twice as much as "
		"that was not enough, up to the next 16Mi");
}

static void kill_that_nothing_can_be_done_about_says_so(void **state)
{
	(void)state;
	struct limits limits = make_limits();
	struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];

	limits.declared_bytes = 512 * MIB;
	tuner_learn_oom(&settings.tuner, &limits.recommendation, 512 * MIB, 0, T0, &limits.recommendation);
	assert_string_equal(explain_oom(&limits, &settings, T0, buf),
			    "OOM kills so far: 1; the last at this limit, 0s ago; it needs more and cannot "
			    "be given it: it "
			    "declares 512Mi, and is never given more ([guards] allow_raise)");
	assert_null(explain_stuck(&limits, &settings, 511 * MIB, buf));
	settings.guards.allow_raise = true;
	assert_null(explain_stuck(&limits, &settings, 512 * MIB, buf));
	settings.guards.max_bytes = 512 * MIB;
	assert_string_equal(explain_stuck(&limits, &settings, 512 * MIB, buf),
			    "no container of this node is given more than 512Mi ([guards] max)");
	settings.guards.max_bytes = GIB;
	settings.tuner.limit_max_bytes = 256 * MIB;
	assert_string_equal(explain_stuck(&limits, &settings, 512 * MIB, buf),
			    "no more than 256Mi is recommended ([tuner] limit_max)");
}

static void kill_below_what_is_declared_can_be_helped(void **state)
{
	(void)state;
	struct limits limits = make_limits();
	struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];
	struct decision decision;

	limits.declared_bytes = GIB;
	tuner_learn_oom(&settings.tuner, &limits.recommendation, 512 * MIB, 0, T0, &limits.recommendation);
	const struct decision_input input = {
		.mode = MODE_ENFORCE,
		.declared_bytes = GIB,
		.enforced_bytes = 512 * MIB,
		.last_applied_bytes = 512 * MIB,
		.oom_floor_bytes = limits.recommendation.oom_floor_bytes,
	};
	settings.tuner.limit_max_bytes = 512 * MIB;
	for (int i = 0; i < 2; i++) {
		decision_make(&input, &settings.guards, &decision);
		assert_true(decision.limit_bytes > 512 * MIB);
		assert_null(explain_stuck(&limits, &settings, 512 * MIB, buf));
		settings.guards.max_bytes = 512 * MIB;
	}
}

/* A sentence that does not make the number would be a lie. */
static void number_that_the_formula_does_not_make_is_called_kept(void **state)
{
	(void)state;
	static const char *const kept = "kept from before: earlier settings, or too little is known since";
	struct limits limits = make_limits();
	struct recommendation *rec = &limits.recommendation;

	static const int request_terms[] = {TERM_P95, TERM_AVG, TERM_MIN, TERM_MAX};
	rec->request_bytes = 352 * MIB;
	for (size_t i = 0; i < sizeof request_terms / sizeof *request_terms; i++) {
		rec->request_term = request_terms[i];
		assert_request(&limits, kept);
	}
	static const int limit_terms[] = {TERM_PEAK, TERM_REQUEST, TERM_MIN, TERM_MAX};
	rec->limit_bytes = 352 * MIB;
	for (size_t i = 0; i < sizeof limit_terms / sizeof *limit_terms; i++) {
		rec->limit_term = limit_terms[i];
		assert_limit(&limits, kept);
	}
	rec->seen_max_bytes = UINT64_MAX;
	rec->limit_term = TERM_PEAK;
	assert_limit(&limits, kept);
}

/* Whatever the tuner recommends for the first image of a workload, the sentences make its numbers. */
static void sentences_agree_with_the_tuner(void **state)
{
	(void)state;
	const struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];

	for (uint64_t bytes = 1; bytes < 64 * GIB; bytes += bytes / 7 + 1)
		for (unsigned spread = 1; spread <= 4; spread++) {
			struct limits limits = {.observed = {.samples = 1,
							     .since_usec = T0,
							     .until_usec = T0,
							     .avg_bytes = bytes / spread,
							     .p95_bytes = bytes / (spread / 2 + 1),
							     .max_bytes = bytes}};
			const struct recommendation none = {0};
			tuner_recommend(&settings.tuner, &limits.observed, &none, T0, &limits.recommendation);
			assert_null(strstr(explain_request(&limits, &settings, buf), "kept"));
			assert_null(strstr(explain_limit(&limits, &settings, buf), "kept"));
			assert_null(strstr(explain_rationale(&limits, &settings, buf), "kept"));
		}
}

static void sentences_agree_with_the_policy_adaptive(void **state)
{
	(void)state;
	static const uint64_t histories[] = {USEC_PER_HOUR, 2 * USEC_PER_DAY, 14 * USEC_PER_DAY};
	struct settings settings = make_settings();
	unsigned n_of[TERM_MAX + 1] = {0};
	char buf[EXPLAIN_MAX];

	settings.tuner.policy = POLICY_ADAPTIVE;
	for (settings.tuner.adaptive_margin = MARGIN_NORMAL; settings.tuner.adaptive_margin <= MARGIN_TIGHT;
	     settings.tuner.adaptive_margin++)
		for (uint64_t bytes = 64 * KIB; bytes < 32 * GIB; bytes += bytes / 3)
			for (unsigned i = 0; i < 3 * 3; i++) {
				struct limits limits = {.observed = {.samples = 1,
								     .since_usec = T0,
								     .until_usec = T0,
								     .avg_bytes = bytes / (i % 3 + 1),
								     .p95_bytes = bytes / (i % 3 + 1),
								     .max_bytes = bytes,
								     .highest_bytes = bytes + bytes / 2,
								     .history_usec = histories[i / 3],
								     .records = i % 3}};
				struct recommendation *rec = &limits.recommendation;
				const struct recommendation none = {0};
				tuner_recommend(&settings.tuner, &limits.observed, &none, T0, rec);
				n_of[rec->limit_term]++;
				assert_null(strstr(explain_request(&limits, &settings, buf), "kept"));
				assert_null(strstr(explain_limit(&limits, &settings, buf), "kept"));
			}
	assert_true(n_of[TERM_HIGHEST] > 0 && n_of[TERM_MARGIN] > 0 && n_of[TERM_COLD] > 0);
	assert_true(n_of[TERM_MIN] > 0 && n_of[TERM_MAX] > 0);
}

static void limit_of_the_policy_adaptive_tells_its_term(void **state)
{
	(void)state;
	struct settings settings = make_settings();
	struct limits limits = make_limits();
	struct recommendation *rec = &limits.recommendation;
	char buf[EXPLAIN_MAX];

	settings.tuner.policy = POLICY_ADAPTIVE;
	rec->seen_history_usec = 36 * USEC_PER_HOUR;
	rec->limit_term = TERM_COLD;
	assert_non_null(
		strstr(explain_limit(&limits, &settings, buf),
		       "there are only 1d 12h of history: as the policy percentile has it, from avg 80Mi, "
		       "p95 102Mi and max 103Mi, up to the next "));
	rec->limit_term = TERM_MARGIN;
	rec->seen_margin_bytes = rec->limit_bytes - 102 * MIB;
	rec->seen_records = 1;
	assert_non_null(strstr(explain_limit(&limits, &settings, buf), ", and a margin of 90Mi: "));
	assert_non_null(
		strstr(buf, "after 1.5 days, of which 1 brought a new peak, and with a mean of 80Mi"));
	rec->seen_margin_bytes = UINT64_MAX;
	assert_non_null(strstr(explain_limit(&limits, &settings, buf), "kept from before"));
}

/* A limit that was kept as a floor for a new image stands with what the new one uses. */
static void limit_of_an_earlier_image_is_not_explained_by_the_new_one(void **state)
{
	(void)state;
	const struct settings settings = make_settings();
	struct limits limits = make_limits();
	struct recommendation *rec = &limits.recommendation;
	struct observed *seen = &limits.observed;
	char buf[EXPLAIN_MAX];

	*rec = (struct recommendation){0};
	*seen = (struct observed){.samples = 500, .since_usec = T0, .until_usec = T0};
	seen->avg_bytes = seen->p95_bytes = 50 * MIB;
	seen->max_bytes = 900 * MIB;
	assert_int_equal(tuner_recommend(&settings.tuner, seen, rec, T0, rec), TUNER_CHANGED);
	assert_int_equal(rec->limit_term, TERM_PEAK);
	tuner_restart_warmup(rec, seen, T0, rec);
	seen->avg_bytes = seen->p95_bytes = seen->max_bytes = 300 * MIB;
	assert_int_equal(tuner_recommend(&settings.tuner, seen, rec, T0 + USEC_PER_HOUR, rec), TUNER_CHANGED);
	assert_string_equal(explain_limit(&limits, &settings, buf),
			    "kept from before: earlier settings, or too little is known since");
	assert_string_equal(explain_request(&limits, &settings, buf),
			    "the mean, 300Mi, × 1.5, up to the next 16Mi");
}

/* ---- Whether it may be applied ---- */

static void warm_up_tells_what_it_waits_for(void **state)
{
	(void)state;
	const struct settings settings = make_settings();
	struct limits limits = make_limits();

	char expected[EXPLAIN_MAX], needed[QUANTITY_MAX];
	snprintf(expected, sizeof expected,
		 "not before %llu readings and %s of this image; so far 40 and 30min",
		 (unsigned long long)settings.tuner.warmup_samples,
		 quantity_format_duration(settings.tuner.warmup_usec, needed));
	assert_enforced(&limits, &settings, expected);

	/* Before the first reading, and with a clock that was set back. */
	limits.observed.fresh_samples = 0;
	*strstr(expected, "40 and") = '\0';
	strcat(expected, "0");
	limits.recommendation.warmup_since_usec = 0;
	assert_enforced(&limits, &settings, expected);
	limits.recommendation.warmup_since_usec = T0 + USEC_PER_DAY;
	assert_enforced(&limits, &settings, expected);
}

static void warm_recommendation_tells_what_becomes_of_it(void **state)
{
	(void)state;
	struct settings settings = make_settings();
	struct limits limits = make_limits();

	limits.recommendation.warm = true;
	limits.enforced_limit_bytes = limits.recommendation.limit_bytes;
	assert_enforced(&limits, &settings, "applied at the next creation, in steps of at most 30 %");
	limits.applied_bytes = 208 * MIB;
	assert_enforced(&limits, &settings, "applied at the next creation");
	settings.mode = MODE_OBSERVE;
	assert_enforced(&limits, &settings,
			"applied at the next creation once the node's mode is enforce ([node] mode)");
}

static void guard_that_will_forbid_it_is_told_before(void **state)
{
	(void)state;
	struct settings settings = make_settings();
	struct limits limits = make_limits();

	limits.recommendation.warm = true;
	limits.enforced_limit_bytes = limits.recommendation.limit_bytes;
	limits.declared_bytes = limits.applied_bytes = 128 * MIB;
	assert_enforced(&limits, &settings,
			"not applied: it declares 128Mi, and is never given more ([guards] allow_raise)");
	settings.guards.allow_raise = true;
	assert_enforced(&limits, &settings, "applied at the next creation, in steps of at most 30 %");

	limits.declared_bytes = limits.applied_bytes = DECISION_UNLIMITED;
	assert_enforced(&limits, &settings,
			"not applied: it declares no limit, and is given none ([guards] limit_unlimited)");
	settings.guards.limit_unlimited = true;
	assert_enforced(&limits, &settings, "applied at the next creation");
}

static void workload_above_the_largest_limit_is_told_why(void **state)
{
	(void)state;
	const struct settings settings = make_settings();
	struct limits limits = make_limits();

	limits.recommendation.warm = true;
	limits.recommendation.limit_bytes = 8 * GIB;
	limits.recommendation.limit_term = TERM_MAX;
	limits.observed.max_bytes = 9 * GIB;
	assert_enforced(&limits, &settings,
			"not applied: the working set was up to 9Gi, above the largest limit that is "
			"recommended, 8Gi "
			"([tuner] limit_max)");
}

/* ---- What a container was given ---- */

static void decision_tells_its_source(void **state)
{
	(void)state;
	struct record record = make_record(SOURCE_ENFORCED, "enforced");
	assert_decision(&record, "512Mi declared, 192Mi recommended, 358Mi applied");
	record = make_record(SOURCE_OVERRIDE, "override");
	record.override_bytes = 300 * MIB;
	assert_decision(&record, "512Mi declared, 300Mi asked for by the pod's override, 358Mi applied");
	record = make_record(SOURCE_OBSERVED, "observed");
	record.mode = MODE_OBSERVE;
	assert_decision(&record,
			"512Mi declared, 192Mi recommended, which is shown and not applied (mode observe)");
	record.mode = MODE_ENFORCE;
	assert_decision(&record, "512Mi declared, 192Mi recommended, which was not to be enforced yet");
	record = make_record(SOURCE_DECLARED, "declared");
	assert_decision(&record, "512Mi declared, and applied as declared: there was no recommendation yet");
	record.mode = MODE_OFF;
	assert_decision(&record, "512Mi declared, and applied as declared: the mode was off");
	strcpy(record.fault, "config.json is torn");
	assert_decision(&record, "512Mi declared, and applied as declared: config.json is torn");
}

static void decision_tells_each_guard(void **state)
{
	(void)state;
	static const char *const sentences[GUARDS_COUNT] = {
		[GUARD_P95] = "never below the observed 95th percentile",
		[GUARD_PRESTART] =
			"never less than 32Mi above what the runtime needs before the program starts",
		[GUARD_OOM] = "never back to a limit that a container was OOM-killed at",
		[GUARD_MAX_CHANGE] =
			"at most 30 % away from the limit applied before, unless a floor asks for more",
		[GUARD_NODE_RANGE] =
			"between 32Mi and 64Gi on this node, or as declared if a floor is above that",
		[GUARD_IN_USE] = "never below what the running container was using",
		[GUARD_DECLARED] = "never above what the pod declares",
		[GUARD_UNLIMITED] = "a container that declares no limit is given none",
	};
	struct settings settings = make_settings();
	settings.guards.min_bytes = 32 * MIB;
	settings.guards.max_bytes = 64 * GIB;

	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++) {
		struct record record = make_record(SOURCE_ENFORCED, "");
		char buf[EXPLAIN_MAX], expected[EXPLAIN_MAX];
		snprintf(record.reason, sizeof record.reason, "enforced+%s", guard_names[guard]);
		snprintf(expected, sizeof expected, "512Mi declared, 192Mi recommended, 358Mi applied: %s",
			 sentences[guard]);
		assert_string_equal(explain_decision(&record, &settings, buf), expected);
	}
}

static void guards_are_told_apart_and_joined(void **state)
{
	(void)state;
	struct record record = make_record(SOURCE_ENFORCED, "enforced+max-change+declared");
	assert_decision(
		&record,
		"512Mi declared, 192Mi recommended, 358Mi applied: at most 30 % away from the limit applied "
		"before, unless a floor asks for more; never above what the pod declares");
	/* The source is no guard, and half a guard's name is none. */
	record = make_record(SOURCE_DECLARED, "declared");
	assert_decision(&record, "512Mi declared, and applied as declared: there was no recommendation yet");
	record = make_record(SOURCE_ENFORCED, "enforced+p9+oomx++in-use-");
	assert_decision(&record, "512Mi declared, 192Mi recommended, 358Mi applied");
}

static void decision_tells_what_each_guard_made_of_it(void **state)
{
	struct record record = make_record(SOURCE_ENFORCED, "enforced+p95+max-change");
	(void)state;

	record.step_bytes[GUARD_P95] = 300 * MIB;
	record.step_bytes[GUARD_MAX_CHANGE] = record.limit_bytes = 358 * MIB;
	record.before_bytes = 511 * MIB;
	assert_decision(&record,
			"512Mi declared, 192Mi recommended, 358Mi applied: never below the observed 95th "
			"percentile: 300Mi; at most 30 % away from the 511Mi applied before, unless a "
			"floor asks for more: 358Mi");
	/* The first creation goes by what is declared. */
	record.before_bytes = record.step_bytes[GUARD_P95] = 0;
	strcpy(record.reason, "enforced+max-change");
	assert_decision(&record,
			"512Mi declared, 192Mi recommended, 358Mi applied: at most 30 % away from the "
			"512Mi declared, unless a floor asks for more: 358Mi");
}

/* What is said of any decision: one sentence, whole, that names each guard which moved it, and no other. */
static void any_decision_is_told_in_a_sentence(void **state)
{
	uint64_t seed = 0x7E11A11;
	(void)state;

	for (int i = 0; i < 200000; i++) {
		struct decision_input input;
		struct decision decision;
		struct settings settings = make_settings();
		struct record record = {.version = RECORD_VERSION};
		char buf[EXPLAIN_MAX];

		draw_decision(&seed, &input, &settings.guards);
		decision_make(&input, &settings.guards, &decision);
		record.mode = input.mode;
		record.declared_bytes = input.declared_bytes;
		record.override_bytes = input.override_bytes;
		record_set_decision(&record, &input, &decision);
		size_t length = strlen(explain_decision(&record, &settings, buf));
		assert_true(length > 0 && length < EXPLAIN_MAX - 1);
		assert_null(strpbrk(buf, "\n{}"));
		for (const char *at = buf; *at; at += json_utf8_length(at))
			assert_true(json_utf8_length(at) > 0);

		size_t told = 0;
		for (enum guard guard = 0; guard < GUARDS_COUNT; guard++) {
			char begin[64]; /* of its sentence, up to what is filled in */
			snprintf(begin, sizeof begin, "%.*s", (int)strcspn(guard_sentences[guard], "{"),
				 guard_sentences[guard]);
			bool acted = false;
			for (size_t step = 0; step < decision.n_steps; step++)
				acted = acted || decision.step[step].guard == guard;
			assert_true(acted == (strstr(buf, begin) != NULL));
			told += acted;
		}
		assert_int_equal(told, decision.n_steps);
	}
}

static void no_limit_is_told_in_words(void **state)
{
	(void)state;
	struct record record = make_record(SOURCE_ENFORCED, "enforced+unlimited");
	record.declared_bytes = record.limit_bytes = DECISION_UNLIMITED;
	assert_decision(
		&record,
		"no limit declared, 192Mi recommended, no limit applied: a container that declares no "
		"limit is given none");
}

static void assert_protection(const struct record *record, const struct settings *settings,
			      enum unified_key key, const char *expected)
{
	char buf[EXPLAIN_MAX];
	assert_string_equal(explain_protection(record, settings, key, buf), expected);
}

static void protection_tells_what_it_does_and_where_it_is_from(void **state)
{
	(void)state;
	struct settings settings = make_settings();
	struct record record = make_record(SOURCE_ENFORCED, "enforced");

	settings.enforce = (struct protect_settings){.request = PROTECT_LOW, .high_ratio = 0.9};
	record.limit_bytes = 384 * MIB;
	protect_make(&settings.enforce, record.limit_bytes, 128 * MIB, &record.protect);
	record.protect.bytes[UNIFIED_MIN] = 96 * MIB;
	assert_protection(&record, &settings, UNIFIED_LOW,
			  "reclaimed only when nothing else is left, as far as the cgroups above it are "
			  "protected, too: "
			  "the request, 128Mi");
	assert_protection(
		&record, &settings, UNIFIED_MIN,
		"never reclaimed, as far as the cgroups above it are protected, too: the request, 128Mi, but "
		"not above the limit or memory.high");
	assert_protection(
		&record, &settings, UNIFIED_HIGH,
		"above it the container is slowed down and reclaimed from: the request, 128Mi, and 90 % of "
		"what is left to the limit");
	settings.enforce.high_ratio = 0.8;
	assert_protection(
		&record, &settings, UNIFIED_HIGH,
		"above it the container is slowed down and reclaimed from: between the request and the "
		"limit, as [enforce] high had it then");
	protect_make(&settings.enforce, record.limit_bytes, 0, &record.protect);
	assert_protection(&record, &settings, UNIFIED_HIGH,
			  "above it the container is slowed down and reclaimed from: 80 % of the limit");
}

/* ---- Bounds ---- */

/* buf is exactly as large as is promised: a sanitizer sees one byte more. */
static void longest_sentence_fits(void **state)
{
	(void)state;
	struct settings settings = make_settings();
	struct record record = make_record(SOURCE_ENFORCED, "enforced");
	char buf[EXPLAIN_MAX];

	settings.guards.min_bytes = settings.guards.max_bytes = UINT64_C(1023) * GIB + 1;
	settings.guards.max_change_ratio = 0.123456;
	record.declared_bytes = record.recommended_bytes = record.limit_bytes = UINT64_C(1023) * GIB + 1;
	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++) {
		strcat(record.reason, "+");
		strcat(record.reason, guard_names[guard]);
		record.step_bytes[guard] = record.limit_bytes;
	}
	record.before_bytes = record.limit_bytes;
	assert_true(strlen(explain_decision(&record, &settings, buf)) < EXPLAIN_MAX);
	assert_non_null(strstr(buf, "is given none: 1023Gi")); /* nothing was cut off */

	record.source = SOURCE_DECLARED;
	memset(record.fault, 'f', sizeof record.fault - 1);
	assert_true(strlen(explain_decision(&record, &settings, buf)) < EXPLAIN_MAX);
}

static void every_value_has_a_sentence(void **state)
{
	(void)state;
	const struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];

	for (int term = -1; term <= TERM_RATCHET + 1; term++) {
		struct limits limits = make_limits();
		limits.recommendation.request_term = limits.recommendation.limit_term = term;
		assert_true(strlen(explain_request(&limits, &settings, buf)) > 0);
		assert_true(strlen(explain_limit(&limits, &settings, buf)) > 0);
	}
	for (int source = SOURCE_OVERRIDE; source <= SOURCE_DECLARED; source++)
		for (int mode = MODE_OFF; mode <= MODE_ENFORCE; mode++) {
			struct record record = make_record(source, decision_source_names[source]);
			record.mode = mode;
			assert_non_null(
				strstr(explain_decision(&record, &settings, buf), "512Mi declared, "));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(observed_names_all_it_was_made_from),
		cmocka_unit_test(observed_says_when_there_is_nothing),
		cmocka_unit_test(request_tells_its_term),
		cmocka_unit_test(limit_tells_its_term),
		cmocka_unit_test(rationale_has_both_in_brief),
		cmocka_unit_test(limit_after_a_kill_tells_what_it_died_at),
		cmocka_unit_test(limit_of_what_sizes_itself_tells_what_was_seen),
		cmocka_unit_test(kills_are_remembered_with_limit_and_peak),
		cmocka_unit_test(kill_that_nothing_can_be_done_about_says_so),
		cmocka_unit_test(kill_below_what_is_declared_can_be_helped),
		cmocka_unit_test(number_that_the_formula_does_not_make_is_called_kept),
		cmocka_unit_test(sentences_agree_with_the_tuner),
		cmocka_unit_test(sentences_agree_with_the_policy_adaptive),
		cmocka_unit_test(limit_of_the_policy_adaptive_tells_its_term),
		cmocka_unit_test(limit_of_an_earlier_image_is_not_explained_by_the_new_one),
		cmocka_unit_test(warm_up_tells_what_it_waits_for),
		cmocka_unit_test(warm_recommendation_tells_what_becomes_of_it),
		cmocka_unit_test(guard_that_will_forbid_it_is_told_before),
		cmocka_unit_test(workload_above_the_largest_limit_is_told_why),
		cmocka_unit_test(decision_tells_its_source),
		cmocka_unit_test(decision_tells_each_guard),
		cmocka_unit_test(guards_are_told_apart_and_joined),
		cmocka_unit_test(decision_tells_what_each_guard_made_of_it),
		cmocka_unit_test(any_decision_is_told_in_a_sentence),
		cmocka_unit_test(no_limit_is_told_in_words),
		cmocka_unit_test(protection_tells_what_it_does_and_where_it_is_from),
		cmocka_unit_test(longest_sentence_fits),
		cmocka_unit_test(every_value_has_a_sentence),
	};
	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
