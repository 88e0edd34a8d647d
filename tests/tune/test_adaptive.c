/* SPDX-License-Identifier: Apache-2.0 */

/* The policy adaptive, with the tide that it goes by. */

#include "shim/tune/tide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "shim/report/explain.h"
#include "shim/store/settings.h"

#define NOW (UINT64_C(1700000000) * USEC_PER_SEC)

/* A generator of our own: the same everywhere. */
static uint64_t seed = 1;

static uint64_t random_below(uint64_t bound)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 16) % bound;
}

static struct tuner_settings adaptive(int margin)
{
	struct settings settings;
	settings_default(&settings);
	settings.tuner.policy = POLICY_ADAPTIVE;
	settings.tuner.adaptive_margin = margin;
	return settings.tuner;
}

static struct observed seen(uint64_t avg_mib, uint64_t max_mib, uint64_t highest_mib, uint64_t history_usec)
{
	return (struct observed){
		.samples = 86400,
		.since_usec = NOW - USEC_PER_DAY,
		.until_usec = NOW,
		.avg_bytes = avg_mib * MIB,
		.p95_bytes = avg_mib * MIB,
		.max_bytes = max_mib * MIB,
		.highest_bytes = highest_mib * MIB,
		.history_usec = history_usec,
	};
}

static struct recommendation recommend(int margin, const struct observed *observed)
{
	struct tuner_settings settings = adaptive(margin);
	struct recommendation none = {0}, ret;
	assert_int_equal(tuner_recommend(&settings, observed, &none, NOW, &ret), TUNER_CHANGED);
	return ret;
}

/* ---- The limit, worked out by hand ---- */

static void margin_is_the_root_of_size_and_chance(void **state)
{
	(void)state;
	/* 3 days without a new peak: a chance of 1/4; 1024 = 930.9 × 1.1: as restless as is ordinary.
	 * √(1408 × 1024 / 4) = 600; over a p95 of 1000: 1600 */
	struct observed observed = seen(1000, 1024, 1024, 3 * USEC_PER_DAY);
	observed.avg_bytes = (uint64_t)(1024 * MIB / 1.1);
	struct recommendation r = recommend(MARGIN_NORMAL, &observed);
	assert_int_equal(r.limit_term, TERM_MARGIN);
	assert_in_range(r.seen_margin_bytes, 600 * MIB, 601 * MIB);
	assert_in_range(r.limit_bytes, 1600 * MIB, 1604 * MIB);

	/* One record in those days: √(1408 × 1024 × 2/4) = 849 */
	observed.records = 1;
	r = recommend(MARGIN_NORMAL, &observed);
	assert_in_range(r.seen_margin_bytes, 848 * MIB, 850 * MIB);
}

static void short_life_needs_less_margin(void **state)
{
	(void)state;
	static const struct {
		uint64_t life_usec, margin_mib, counted_usec;
	} cases[] = {
		{0, 600, USEC_PER_DAY}, /* not known */
		{USEC_PER_DAY, 600, USEC_PER_DAY},
		{30 * USEC_PER_DAY, 600, USEC_PER_DAY},
		/* 1/16 of a day: 600 × √½ = 424; an hour: 600 × 24^-⅛ = 403 */
		{USEC_PER_DAY / 16, 424, USEC_PER_DAY / 16},
		{USEC_PER_HOUR, 403, USEC_PER_HOUR},
		{USEC_PER_MIN, 403, USEC_PER_HOUR},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct observed observed = seen(1000, 1024, 1024, 3 * USEC_PER_DAY);
		observed.avg_bytes = (uint64_t)(1024 * MIB / 1.1);
		struct recommendation tight = recommend(MARGIN_TIGHT, &observed);
		observed.life_usec = cases[i].life_usec;
		struct recommendation r = recommend(MARGIN_NORMAL, &observed);
		assert_in_range(r.seen_margin_bytes, cases[i].margin_mib * MIB,
				(cases[i].margin_mib + 1) * MIB);
		assert_int_equal(r.seen_life_usec, cases[i].counted_usec);
		/* There is little to take away from. */
		assert_int_equal(recommend(MARGIN_TIGHT, &observed).limit_bytes, tight.limit_bytes);
	}
}

static void flat_workload_gets_less_margin(void **state)
{
	(void)state;
	/* As above, but u = 0.5: 600 × √0.5 = 424. Tight: √(64 × 1024 / 4 × 0.1) = 40, so 1024 × 1.1 is more. */
	struct observed observed = seen(1024, 1024, 1024, 3 * USEC_PER_DAY);
	struct recommendation r = recommend(MARGIN_NORMAL, &observed);
	assert_in_range(r.seen_margin_bytes, 424 * MIB, 425 * MIB);
	r = recommend(MARGIN_TIGHT, &observed);
	assert_in_range(r.seen_margin_bytes, 40 * MIB, 41 * MIB);
	assert_int_equal(r.limit_term, TERM_HIGHEST);
	assert_int_equal(r.limit_bytes, 1128 * MIB); /* 1126.4, to the next 4 */
}

static void old_peak_is_kept_in_mind(void **state)
{
	(void)state;
	struct observed observed = seen(200, 200, 1000, 10 * USEC_PER_DAY);
	struct recommendation r = recommend(MARGIN_NORMAL, &observed);
	assert_int_equal(r.limit_term, TERM_HIGHEST);
	assert_int_equal(r.limit_bytes, 1100 * MIB);
}

static void small_workload_is_not_given_many_times_what_it_uses(void **state)
{
	(void)state;
	/* √(1408 × 64 × 2 / 1.3) = 372 would be six times 64; 2 × 48 is the most: 144. */
	struct observed observed = seen(48, 64, 64, 7 * USEC_PER_HOUR);
	struct recommendation r = recommend(MARGIN_NORMAL, &observed);
	assert_int_equal(r.limit_bytes, 144 * MIB);
}

static void short_history_is_left_to_percentile(void **state)
{
	(void)state;
	struct tuner_settings percentile = adaptive(MARGIN_NORMAL);
	static const uint64_t avg_mib[] = {20, 100, 333, 2000, 4000};
	struct recommendation none = {0}, other;

	/* To the byte, whatever the size. */
	percentile.policy = POLICY_PERCENTILE;
	for (size_t i = 0; i < sizeof avg_mib / sizeof *avg_mib; i++) {
		struct observed observed =
			seen(avg_mib[i], avg_mib[i] * 5 / 4, avg_mib[i] * 5 / 4, 6 * USEC_PER_HOUR);
		struct recommendation r = recommend(MARGIN_NORMAL, &observed);
		(void)tuner_recommend(&percentile, &observed, &none, NOW, &other);
		assert_int_equal(r.limit_bytes, other.limit_bytes);
		/* Not a minute too long. */
		observed.history_usec = 6 * USEC_PER_HOUR + 1;
		r = recommend(MARGIN_NORMAL, &observed);
		assert_true(r.limit_term != TERM_COLD);
	}
}

static void peaks_are_given_their_margin_from_the_first_hour_on(void **state)
{
	(void)state;
	/* percentile: 1000 × 1.1 = 1104. Here √(1408 × 1000 × 2 / 1.125) = 1582, but at most 2 × 300; over 600. */
	struct observed observed = seen(300, 1000, 1000, 3 * USEC_PER_HOUR);
	observed.p95_bytes = 600 * MIB;
	struct recommendation r = recommend(MARGIN_NORMAL, &observed);
	assert_int_equal(r.limit_term, TERM_MARGIN);
	assert_int_equal(r.limit_bytes, 1200 * MIB);
}

static void old_peak_is_kept_in_mind_with_short_history_too(void **state)
{
	(void)state;
	struct observed observed = seen(200, 200, 1000, USEC_PER_HOUR); /* another image */
	assert_int_equal(recommend(MARGIN_NORMAL, &observed).limit_bytes, 1100 * MIB);
}

/* ---- What holds whatever is observed ---- */

static struct observed any(void)
{
	uint64_t max = 1 + random_below(3000), avg = 1 + random_below(max),
		 p95 = avg + random_below(max - avg + 1);
	struct observed observed = seen(avg, max, max + random_below(1000), random_below(14 * USEC_PER_DAY));
	observed.p95_bytes = p95 * MIB;
	observed.records = random_below(3);
	return observed;
}

static void limit_is_never_below_the_highest_peak_and_a_tenth(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct observed observed = any();
		struct recommendation r = recommend(i % 2, &observed);
		assert_true((double)r.limit_bytes >= (double)observed.highest_bytes * 1.0999);
		assert_true(r.limit_bytes >= observed.p95_bytes);
		assert_true(r.request_bytes <= r.limit_bytes);
	}
}

static void higher_peak_never_makes_a_lower_limit(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct observed observed = any();
		struct recommendation before = recommend(i % 2, &observed);
		observed.highest_bytes += random_below(1000) * MIB;
		observed.max_bytes +=
			random_below((observed.highest_bytes - observed.max_bytes) / MIB + 1) * MIB;
		assert_true(recommend(i % 2, &observed).limit_bytes >= before.limit_bytes);
	}
}

static void longer_quiet_never_makes_a_higher_limit(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct observed observed = any();
		if (observed.history_usec <= 6 * USEC_PER_HOUR) /* that is percentile's */
			continue;
		struct recommendation before = recommend(i % 2, &observed);
		observed.history_usec += random_below(USEC_PER_DAY);
		assert_true(recommend(i % 2, &observed).limit_bytes <= before.limit_bytes);
	}
}

static void longer_life_never_makes_a_lower_limit(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct observed observed = any();
		observed.life_usec = 1 + random_below(2 * USEC_PER_DAY);
		struct recommendation before = recommend(i % 2, &observed);
		observed.life_usec += random_below(USEC_PER_DAY);
		assert_true(recommend(i % 2, &observed).limit_bytes >= before.limit_bytes);
	}
}

static void tight_is_never_above_normal(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct observed observed = any();
		if (observed.history_usec <= 6 * USEC_PER_HOUR) /* that is percentile's */
			continue;
		assert_true(recommend(MARGIN_TIGHT, &observed).limit_bytes <=
			    recommend(MARGIN_NORMAL, &observed).limit_bytes);
	}
}

/* ---- As it stands ---- */

static void limit_that_use_comes_close_to_is_raised_at_once(void **state)
{
	(void)state;
	struct tuner_settings settings = adaptive(MARGIN_NORMAL);
	struct observed observed = seen(900, 1000, 1000, 12 * USEC_PER_DAY);
	struct recommendation standing = recommend(MARGIN_NORMAL, &observed);

	standing.limit_bytes = 1060 * MIB; /* within the hysteresis, but more than 5 % above the peak */
	standing.changed_usec = NOW - 1;
	observed.max_bytes = observed.highest_bytes = 1005 * MIB;
	assert_int_equal(tuner_recommend(&settings, &observed, &standing, NOW, &(struct recommendation){0}),
			 TUNER_COOLDOWN);
	observed.max_bytes = observed.highest_bytes = 1015 * MIB;
	assert_int_equal(tuner_recommend(&settings, &observed, &standing, NOW, &(struct recommendation){0}),
			 TUNER_CHANGED);
}

static void margin_that_shrinks_a_little_changes_nothing(void **state)
{
	(void)state;
	struct tuner_settings settings = adaptive(MARGIN_NORMAL);
	struct observed observed = seen(900, 1000, 1000, 3 * USEC_PER_DAY);
	struct recommendation standing = recommend(MARGIN_NORMAL, &observed);

	observed.history_usec = 4 * USEC_PER_DAY;
	assert_int_equal(tuner_recommend(&settings, &observed, &standing, NOW + USEC_PER_DAY, &standing),
			 TUNER_HYSTERESIS);
	observed.history_usec = 13 * USEC_PER_DAY;
	assert_int_equal(tuner_recommend(&settings, &observed, &standing, NOW + 10 * USEC_PER_DAY, &standing),
			 TUNER_CHANGED);
}

static void each_limit_is_explained_in_a_sentence(void **state)
{
	(void)state;
	static const struct {
		uint64_t highest_mib, history_usec, life_usec;
		const char *word;
	} cases[] = {
		{1000, 3 * USEC_PER_DAY, 0, "(0 + 1) / (3.0 + 1) × 0.53), after 3.0 days"},
		{1000, 3 * USEC_PER_DAY, 2 * USEC_PER_HOUR, "× 0.53 × ⁴√(2h / 24h)), after 3.0 days"},
		{1000, 3 * USEC_PER_DAY, 2 * USEC_PER_HOUR,
		 ", its containers living for 2h at most, up to the next 4Mi"},
		{3000, 3 * USEC_PER_DAY, 0, "the highest working set of 14 days, 2.9Gi, × 1.1"},
		{1000, 3 * USEC_PER_HOUR, 0,
		 "there are only 3h of history: as the policy percentile has it, from avg 950Mi, "
		 "p95 950Mi and max 1000Mi, up to the next 16Mi"},
	};
	struct settings settings;
	char text[EXPLAIN_MAX];

	settings_default(&settings);
	settings.tuner = adaptive(MARGIN_NORMAL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct observed observed = seen(950, 1000, cases[i].highest_mib, cases[i].history_usec);
		observed.life_usec = cases[i].life_usec;
		struct limits limits = {.recommendation = recommend(MARGIN_NORMAL, &observed)};
		const char *sentence = explain_limit(&limits, &settings, text);
		if (!strstr(sentence, cases[i].word))
			fail_msg("%s", sentence);
		assert_true(strlen(sentence) < EXPLAIN_MAX - 1);
	}
}

/* ---- The tide ---- */

static void tide_remembers_14_days_and_no_more(void **state)
{
	(void)state;
	struct tide tide = {0};
	struct observed observed = {0};

	tide_add(&tide, NOW, 5000);
	tide_add(&tide, NOW + USEC_PER_DAY, 100);
	tide_observe(&tide, NOW + 14 * USEC_PER_DAY - 1, &observed);
	assert_int_equal(observed.highest_bytes, 5000);
	tide_observe(&tide, NOW + 14 * USEC_PER_DAY, &observed);
	assert_int_equal(observed.highest_bytes, 100);
	tide_observe(&tide, NOW + 100 * USEC_PER_DAY, &observed);
	assert_int_equal(observed.highest_bytes, 0);
	assert_int_equal(observed.history_usec, 0);
}

static void tide_counts_measured_days_and_new_peaks(void **state)
{
	(void)state;
	/* 102 is noise on 100, 120 is a new peak, 119 none; nothing on the fifth day. */
	static const uint64_t peaks[] = {100, 102, 120, 119, 0, 130};
	struct tide tide = {0};
	struct observed observed = {0};

	for (unsigned day = 0; day < 6; day++)
		if (peaks[day] > 0)
			tide_add(&tide, NOW + day * USEC_PER_DAY, peaks[day]);
	tide_observe(&tide, NOW + 5 * USEC_PER_DAY + USEC_PER_HOUR, &observed);
	assert_int_equal(observed.records, 2);
	assert_int_equal(observed.highest_bytes, 130);
	assert_int_equal(observed.history_usec, 4 * USEC_PER_DAY + USEC_PER_HOUR);
}

static void clock_that_steps_back_loses_no_peak(void **state)
{
	(void)state;
	struct tide tide = {0};
	struct observed observed = {0};

	tide_add(&tide, NOW, 100);
	tide_add(&tide, NOW + 3 * USEC_PER_DAY, 200);
	tide_add(&tide, NOW - USEC_PER_DAY, 300);
	tide_observe(&tide, NOW, &observed);
	assert_int_equal(observed.highest_bytes, 300);
	assert_true(observed.history_usec <= 14 * USEC_PER_DAY);
}

static void restart_keeps_the_highest_peak_and_forgets_the_history(void **state)
{
	(void)state;
	struct tide tide = {0};
	struct observed observed = {0};

	tide_add(&tide, NOW, 5000);
	tide_add(&tide, NOW + 5 * USEC_PER_DAY, 100);
	tide_restart(&tide, NOW + 5 * USEC_PER_DAY);
	tide_observe(&tide, NOW + 5 * USEC_PER_DAY + USEC_PER_HOUR, &observed);
	assert_int_equal(observed.highest_bytes, 5000);
	assert_int_equal(observed.history_usec, USEC_PER_HOUR);
}

/* ---- How long containers live ---- */

static void clock_that_was_years_ahead_is_not_waited_for(void **state)
{
	const uint64_t wrong_usec = NOW + 10000 * USEC_PER_DAY;
	struct tide began_ahead = {0}, went_ahead = {0}, *const tides[] = {&began_ahead, &went_ahead};
	struct observed observed;
	(void)state;

	tide_add(&went_ahead, NOW, 100);
	for (size_t i = 0; i < 2; i++) {
		tide_add(tides[i], wrong_usec, 5000);
		for (uint64_t day = 0; day < 14; day++)
			tide_add(tides[i], NOW + day * USEC_PER_DAY, 100);
		tide_observe(tides[i], NOW + 13 * USEC_PER_DAY + USEC_PER_HOUR, &observed);
		assert_int_equal(observed.highest_bytes, 5000); /* that it was measured, stays */
		assert_int_equal(observed.history_usec, 13 * USEC_PER_DAY + USEC_PER_HOUR);
		tide_add(tides[i], NOW + 14 * USEC_PER_DAY, 100);
		tide_observe(tides[i], NOW + 14 * USEC_PER_DAY, &observed);
		assert_int_equal(observed.highest_bytes, 100);
	}
}

static uint64_t life_at(const struct tide *tide, uint64_t now_usec)
{
	struct observed observed = {.life_usec = 1};
	tide_observe(tide, now_usec, &observed);
	return observed.life_usec;
}

/* Each replaces the one before. Returns when the last one has ended. */
static uint64_t live(struct tide *tide, uint64_t now_usec, unsigned count, uint64_t life_usec)
{
	for (unsigned i = 0; i < count; i++) {
		now_usec += life_usec;
		tide_add(tide, now_usec, 100);
		tide_add_life(tide, now_usec, life_usec, true);
	}
	return now_usec;
}

static void life_is_known_after_a_few(void **state)
{
	(void)state;
	struct tide tide = {0};

	assert_int_equal(life_at(&tide, NOW), 0);
	tide_add_life(&tide, NOW, USEC_PER_HOUR, true); /* of which nothing was measured */
	tide_add(&tide, NOW, 100);
	uint64_t now_usec = live(&tide, NOW, TIDE_LIVES - 1, USEC_PER_HOUR);
	assert_int_equal(life_at(&tide, now_usec), 0);
	now_usec = live(&tide, now_usec, 1, USEC_PER_HOUR);
	assert_int_equal(life_at(&tide, now_usec), USEC_PER_HOUR);
}

static void running_container_makes_life_longer_at_once(void **state)
{
	(void)state;
	struct tide tide = {0};

	tide_add(&tide, NOW, 100);
	uint64_t now_usec = live(&tide, NOW, 48, USEC_PER_HOUR);
	tide_add_life(&tide, now_usec, 59 * USEC_PER_MIN, false);
	assert_int_equal(life_at(&tide, now_usec), USEC_PER_HOUR);
	tide_add_life(&tide, now_usec, 61 * USEC_PER_MIN, false);
	assert_int_equal(life_at(&tide, now_usec), 61 * USEC_PER_MIN);
	/* It says nothing of when it will end. */
	struct tide running = {0};
	tide_add(&running, NOW, 100);
	for (uint64_t age_usec = 0; age_usec < USEC_PER_DAY; age_usec += USEC_PER_MIN)
		tide_add_life(&running, NOW + age_usec, age_usec, false);
	assert_int_equal(life_at(&running, NOW + USEC_PER_DAY), 0);
}

static void life_gets_shorter_after_a_day_and_a_night(void **state)
{
	(void)state;
	struct tide tide = {0};

	/* By night one container for 12 h, by day twelve of an hour. */
	tide_add(&tide, NOW, 100);
	uint64_t now_usec = NOW;
	for (unsigned day = 0; day < 5; day++) {
		now_usec = live(&tide, now_usec, 1, 12 * USEC_PER_HOUR);
		for (unsigned hour = 0; hour < 12; hour++) {
			now_usec = live(&tide, now_usec, 1, USEC_PER_HOUR);
			assert_int_equal(life_at(&tide, now_usec),
					 day == 0 && hour + 1 < TIDE_LIVES - 1 ? 0 : 12 * USEC_PER_HOUR);
		}
	}
	now_usec = live(&tide, now_usec, 23, USEC_PER_HOUR);
	assert_int_equal(life_at(&tide, now_usec), 12 * USEC_PER_HOUR);
	now_usec = live(&tide, now_usec, 25, USEC_PER_HOUR);
	assert_int_equal(life_at(&tide, now_usec), USEC_PER_HOUR);
	/* And is not known any more when there was none for as long. */
	assert_int_equal(life_at(&tide, now_usec + USEC_PER_DAY), USEC_PER_HOUR);
	assert_int_equal(life_at(&tide, now_usec + 2 * USEC_PER_DAY), 0);
	now_usec = live(&tide, now_usec + 3 * USEC_PER_DAY, 1, USEC_PER_HOUR);
	assert_int_equal(life_at(&tide, now_usec), 0);
}

static void crash_loop_and_rollout_teach_no_short_life(void **state)
{
	(void)state;
	struct tide tide = {0};

	/* A service of many containers is rolled out again and again, then crashes. */
	tide_add(&tide, NOW, 100);
	uint64_t now_usec = live(&tide, NOW, 5, 5 * USEC_PER_DAY);
	now_usec = live(&tide, now_usec, 40, 15 * USEC_PER_MIN);
	assert_int_equal(life_at(&tide, now_usec), 5 * USEC_PER_DAY);
	struct tide crashing = {0};
	tide_add(&crashing, NOW, 100);
	now_usec = live(&crashing, NOW, 2000, 5 * USEC_PER_MIN);
	assert_int_equal(life_at(&crashing, now_usec), 0);
	/* Another image is another program. */
	now_usec = live(&tide, now_usec, 500, USEC_PER_HOUR);
	assert_int_equal(life_at(&tide, now_usec), USEC_PER_HOUR);
	tide_restart(&tide, now_usec);
	assert_int_equal(life_at(&tide, now_usec), 0);
}

static void life_outlives_a_clock_that_jumps(void **state)
{
	(void)state;
	struct tide tide = {0};

	tide_add(&tide, NOW, 100);
	uint64_t now_usec = live(&tide, NOW, 30, 3 * USEC_PER_HOUR);
	tide_add_life(&tide, NOW - 100 * USEC_PER_DAY, 4 * USEC_PER_HOUR, true);
	assert_int_equal(life_at(&tide, now_usec), 4 * USEC_PER_HOUR);
	assert_int_equal(life_at(&tide, NOW - 100 * USEC_PER_DAY), 4 * USEC_PER_HOUR);
	assert_int_equal(life_at(&tide, UINT64_MAX), 0);
}

static void tide_goes_to_text_and_back(void **state)
{
	(void)state;
	char text[TIDE_TEXT_MAX], again[TIDE_TEXT_MAX];
	struct tide tide = {0}, back;

	assert_true(sizeof tide < 1024);
	assert_string_equal(tide_format(&tide, text), "");
	assert_true(tide_parse(text, &back));
	assert_memory_equal(&tide, &back, sizeof tide);
	for (unsigned i = 0; i < 500; i++) {
		tide_add(&tide, NOW + i * random_below(USEC_PER_DAY), random_below(INT64_MAX));
		tide_add_life(&tide, NOW + i * random_below(USEC_PER_DAY), random_below(INT64_MAX), i % 2);
		assert_true(tide_parse(tide_format(&tide, text), &back));
		assert_memory_equal(&tide, &back, sizeof tide);
	}
	/* The longest that there can be. */
	tide = (struct tide){.since_usec = UINT64_MAX, .day = UINT64_MAX};
	memset(tide.peak_bytes, 0xff, sizeof tide.peak_bytes);
	tide.lives = tide.longest_usec[0] = tide.longest_usec[1] = UINT64_MAX;
	assert_true(strlen(tide_format(&tide, again)) < TIDE_TEXT_MAX - 1);
}

static void text_that_is_no_tide_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		" ",
		"1",
		"1 2 3",
		"x",
		"1 0 1 2 3 4 5 6 7 8 9 10 11 12 13",
		"1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 ",
		"1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
		"0 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14",
		"1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 18446744073709551615",
		"1  0 1 2 3 4 5 6 7 8 9 10 11 12 13 14",
		"1 18446744073709551615 1 2 3 4 5 6 7 8 9 10 11 12 13 14",
		"1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 -4",
		"1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 3 1",
		"1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 3 1 2 3",
		"1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 4 1 2",
		"1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 3 1 x",
	};
	struct tide tide;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		memset(&tide, 0xff, sizeof tide);
		if (tide_parse(wrong[i], &tide))
			fail_msg("%s", wrong[i]);
		assert_int_equal(tide.since_usec, 0);
	}
	/* As it was written before there were lives. */
	assert_true(tide_parse("1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14", &tide));
	assert_int_equal(tide.peak_bytes[13], 14);
	assert_int_equal(tide.lives, 0);
	assert_true(tide_parse("1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 3 15 16", &tide));
	assert_int_equal(tide.longest_usec[1], 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(margin_is_the_root_of_size_and_chance),
		cmocka_unit_test(short_life_needs_less_margin),
		cmocka_unit_test(flat_workload_gets_less_margin),
		cmocka_unit_test(old_peak_is_kept_in_mind),
		cmocka_unit_test(small_workload_is_not_given_many_times_what_it_uses),
		cmocka_unit_test(short_history_is_left_to_percentile),
		cmocka_unit_test(peaks_are_given_their_margin_from_the_first_hour_on),
		cmocka_unit_test(old_peak_is_kept_in_mind_with_short_history_too),
		cmocka_unit_test(limit_is_never_below_the_highest_peak_and_a_tenth),
		cmocka_unit_test(higher_peak_never_makes_a_lower_limit),
		cmocka_unit_test(longer_quiet_never_makes_a_higher_limit),
		cmocka_unit_test(longer_life_never_makes_a_lower_limit),
		cmocka_unit_test(tight_is_never_above_normal),
		cmocka_unit_test(limit_that_use_comes_close_to_is_raised_at_once),
		cmocka_unit_test(margin_that_shrinks_a_little_changes_nothing),
		cmocka_unit_test(each_limit_is_explained_in_a_sentence),
		cmocka_unit_test(tide_remembers_14_days_and_no_more),
		cmocka_unit_test(clock_that_was_years_ahead_is_not_waited_for),
		cmocka_unit_test(tide_counts_measured_days_and_new_peaks),
		cmocka_unit_test(clock_that_steps_back_loses_no_peak),
		cmocka_unit_test(restart_keeps_the_highest_peak_and_forgets_the_history),
		cmocka_unit_test(life_is_known_after_a_few),
		cmocka_unit_test(running_container_makes_life_longer_at_once),
		cmocka_unit_test(life_gets_shorter_after_a_day_and_a_night),
		cmocka_unit_test(crash_loop_and_rollout_teach_no_short_life),
		cmocka_unit_test(life_outlives_a_clock_that_jumps),
		cmocka_unit_test(tide_goes_to_text_and_back),
		cmocka_unit_test(text_that_is_no_tide_is_refused),
	};
	return cmocka_run_group_tests_name("adaptive", tests, NULL, NULL);
}
