/* SPDX-License-Identifier: Apache-2.0 */

/* What was observed and recommended, in a sentence. */

#include "shim/report/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "oci/json.h"
#include "oci/sizing.h"
#include "tests/random.h"
#include "tests/report/explained.h"

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
		cmocka_unit_test(every_value_has_a_sentence),
	};
	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
