/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/replay.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "shim/store/settings.h"
#include "shim/tune/reference.h"

#define LIMITS_MAX 4096

struct limit {
	char series[8];
	uint64_t creation_usec, limit_bytes;
	enum replay_policy policy;
};

struct taken {
	struct limit limit[LIMITS_MAX];
	size_t count;
};

static void take(void *data, const char *series, uint64_t creation_usec, enum replay_policy policy,
		 uint64_t limit_bytes)
{
	struct taken *taken = data;
	assert_true(taken->count < LIMITS_MAX);
	struct limit *limit = &taken->limit[taken->count++];
	memset(limit, 0, sizeof *limit);
	(void)snprintf(limit->series, sizeof limit->series, "%s", series);
	limit->creation_usec = creation_usec;
	limit->policy = policy;
	limit->limit_bytes = limit_bytes;
}

static struct replay_settings settings(uint64_t every_usec)
{
	struct settings all;
	settings_default(&all);
	return (struct replay_settings){all.tuner, all.sampling.slot_usec, all.sampling.long_window_usec,
					every_usec};
}

static struct trace_sample sample(const char *series, uint64_t time_s, uint64_t bytes)
{
	return (struct trace_sample){series, strlen(series), time_s * USEC_PER_SEC, bytes};
}

static void add(struct replay *replay, const char *series, uint64_t time_s, uint64_t mib)
{
	const struct trace_sample one = sample(series, time_s, mib * MIB);
	assert_int_equal(replay_add(replay, &one), 0);
}

static const struct limit *find(const struct taken *taken, enum replay_policy policy, uint64_t creation_s)
{
	for (size_t i = 0; i < taken->count; i++)
		if (taken->limit[i].policy == policy &&
		    taken->limit[i].creation_usec == creation_s * USEC_PER_SEC)
			return &taken->limit[i];
	fail_msg("no limit of %s at %llu", replay_policy_names[policy], (unsigned long long)creation_s);
	return NULL;
}

#define HOUR UINT64_C(3600)

/* Two hours: 100 MiB in the first, with a minute's peak in the second. */
static void feed_two_hours(struct replay *replay, uint64_t peak_mib)
{
	for (uint64_t s = 0; s < 2 * HOUR; s += 60)
		add(replay, "a", s, s == HOUR + 1800 ? peak_mib : 100);
}

static void two_hours_are_judged_as_by_hand(void **state)
{
	(void)state;
	struct replay_settings hourly = settings(USEC_PER_HOUR);
	struct replay_result result[REPLAY_POLICIES];
	struct taken taken = {0};
	struct replay *replay = replay_new(&hourly, take, &taken);

	feed_two_hours(replay, 400);
	replay_finish(replay, result);
	/* percentile: request 100 × 1.5 = 150 → 160, limit 160 × 1.5 = 240. KRR: 115. */
	assert_int_equal(find(&taken, REPLAY_PERCENTILE, HOUR)->limit_bytes, 240 * MIB);
	assert_int_equal(find(&taken, REPLAY_KRR, HOUR)->limit_bytes, 115 * MIB);
	for (int i = 0; i < REPLAY_POLICIES; i++) {
		const struct replay_score *score = &result[i].standing;
		assert_int_equal(score->periods, 1);
		assert_int_equal(score->over, i != REPLAY_HINDSIGHT);
		assert_int_equal((uint64_t)score->max_bytes, 400 * MIB);
		assert_int_equal((uint64_t)score->mean_bytes, (59 * 100 + 400) * MIB / 60);
	}
	assert_int_equal((uint64_t)result[REPLAY_PERCENTILE].standing.limit_bytes, 240 * MIB);
	assert_int_equal((uint64_t)result[REPLAY_HINDSIGHT].standing.limit_bytes, 400 * MIB);
	assert_int_equal(result[REPLAY_PERCENTILE].cold[0].periods, 1);
	assert_int_equal(result[REPLAY_PERCENTILE].cold[0].over, 1);
	assert_int_equal(result[REPLAY_PERCENTILE].cold[1].periods, 0);
	replay_free(replay);
}

static void use_at_the_limit_is_not_over_it(void **state)
{
	(void)state;
	struct replay_settings hourly = settings(USEC_PER_HOUR);
	struct replay_result result[REPLAY_POLICIES];
	struct replay *replay = replay_new(&hourly, NULL, NULL);

	feed_two_hours(replay, 240);
	replay_finish(replay, result);
	assert_int_equal(result[REPLAY_PERCENTILE].standing.over, 0);
	replay_free(replay);
}

static void limit_that_is_exceeded_counts_once_and_is_raised(void **state)
{
	(void)state;
	struct replay_settings hourly = settings(USEC_PER_HOUR);
	struct replay_result result[REPLAY_POLICIES];
	struct taken taken = {0};
	struct replay *replay = replay_new(&hourly, take, &taken);

	for (uint64_t s = 0; s < 3 * HOUR; s += 60)
		add(replay, "a", s, s == HOUR + 60 ? 241 : 10);
	replay_finish(replay, result);
	/* It died at 128Mi (10 MiB: the least). 241 × 1.1 = 266 → 272; the OOM floor: 128 + 100. */
	assert_int_equal(find(&taken, REPLAY_PERCENTILE, HOUR)->limit_bytes, 128 * MIB);
	assert_int_equal(result[REPLAY_PERCENTILE].standing.over, 1);
	assert_int_equal(find(&taken, REPLAY_PERCENTILE, 2 * HOUR)->limit_bytes, 272 * MIB);
	assert_int_equal(result[REPLAY_PERCENTILE].standing.changes, 1);
	replay_free(replay);
}

static uint64_t noise(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 40;
}

/* Two days of two series, mixed. From change_s on, what they use is another. */
static void feed_days(struct replay *replay, uint64_t change_s)
{
	uint64_t seed = 42, other = 99;
	for (uint64_t s = 0; s < 48 * HOUR; s += 300)
		for (int i = 0; i < 2; i++) {
			uint64_t mib = 100 + noise(&seed) % 400;
			if (s >= change_s)
				mib = 50 + noise(&other) % 4000;
			add(replay, i ? "a" : "b", s, mib);
		}
}

static void what_comes_after_a_creation_does_not_change_its_limit(void **state)
{
	(void)state;
	struct replay_settings hourly = settings(USEC_PER_HOUR);
	static struct taken one, other;

	for (uint64_t change_s = 5 * HOUR; change_s < 48 * HOUR; change_s += 9 * HOUR) {
		one.count = other.count = 0;
		struct replay *replay = replay_new(&hourly, take, &one);
		feed_days(replay, UINT64_MAX);
		replay_free(replay);
		replay = replay_new(&hourly, take, &other);
		/* The very sample at the creation is later, too. */
		feed_days(replay, change_s);
		replay_free(replay);
		assert_int_equal(one.count, other.count);
		for (size_t i = 0; i < one.count && one.limit[i].creation_usec <= change_s * USEC_PER_SEC;
		     i++)
			assert_memory_equal(&one.limit[i], &other.limit[i], sizeof one.limit[i]);
	}
}

static void same_trace_gives_the_same_figures(void **state)
{
	(void)state;
	struct replay_settings daily = settings(6 * USEC_PER_HOUR);
	struct replay_result one[REPLAY_POLICIES], other[REPLAY_POLICIES];

	for (int i = 0; i < 2; i++) {
		struct replay *replay = replay_new(&daily, NULL, NULL);
		feed_days(replay, 20 * HOUR);
		replay_finish(replay, i ? one : other);
		assert_int_equal(replay_series(replay), 2);
		assert_int_equal(replay_samples(replay), 2 * 48 * 12);
		replay_free(replay);
	}
	assert_memory_equal(one, other, sizeof one);
}

static void period_without_a_sample_is_not_judged(void **state)
{
	(void)state;
	struct replay_settings hourly = settings(USEC_PER_HOUR);
	struct replay_result result[REPLAY_POLICIES];
	struct taken taken = {0};
	struct replay *replay = replay_new(&hourly, take, &taken);

	add(replay, "a", 100, 200);
	add(replay, "a", 100 + 10 * HOUR + 7, 200);
	replay_finish(replay, result);
	assert_int_equal(result[REPLAY_ADAPTIVE].standing.periods, 1);
	assert_int_equal(taken.count, REPLAY_HINDSIGHT);
	(void)find(&taken, REPLAY_ADAPTIVE, 100 + 10 * HOUR);
	replay_free(replay);
}

static void feed_flat_days(struct replay *replay)
{
	for (uint64_t s = 0; s < 60 * HOUR; s += 300)
		add(replay, "a", s, 1000);
}

static void lives_are_learned_and_cold_starts_know_of_none(void **state)
{
	(void)state;
	struct replay_settings hourly = settings(USEC_PER_HOUR), daily = settings(USEC_PER_DAY);
	struct replay_result of_hours[REPLAY_POLICIES], of_days[REPLAY_POLICIES];
	static struct taken hours, days;

	struct replay *replay = replay_new(&hourly, take, &hours);
	feed_flat_days(replay);
	replay_finish(replay, of_hours);
	replay_free(replay);
	replay = replay_new(&daily, take, &days);
	feed_flat_days(replay);
	replay_finish(replay, of_days);
	replay_free(replay);

	/* √(1408 × 1000 × 1/3 × 0.5) = 484; × 24^-⅛: 326. What stands is kept while it is within 15 %. */
	uint64_t daily_bytes = find(&days, REPLAY_ADAPTIVE, 48 * HOUR)->limit_bytes;
	uint64_t hourly_bytes = find(&hours, REPLAY_ADAPTIVE, 48 * HOUR)->limit_bytes;
	assert_in_range(daily_bytes, 1484 * MIB, UINT64_C(1484) * MIB * 115 / 100);
	assert_in_range(hourly_bytes, 1326 * MIB, UINT64_C(1326) * MIB * 115 / 100);
	/* The first six hours are percentile's, whatever lives then. */
	assert_int_equal(find(&hours, REPLAY_ADAPTIVE, 6 * HOUR)->limit_bytes,
			 find(&hours, REPLAY_PERCENTILE, 6 * HOUR)->limit_bytes);
	for (size_t i = 0; i < REPLAY_COLD_STARTS; i++) {
		const struct replay_score *hour = &of_hours[REPLAY_ADAPTIVE].cold[i];
		assert_int_equal(hour->periods, 1);
		assert_true(hour->limit_bytes >= of_days[REPLAY_ADAPTIVE].cold[i].limit_bytes);
		assert_true(hour->limit_bytes <= of_days[REPLAY_ADAPTIVE].cold[i].limit_bytes);
	}
}

static void time_that_goes_back_is_refused(void **state)
{
	(void)state;
	struct replay_settings hourly = settings(USEC_PER_HOUR);
	struct replay *replay = replay_new(&hourly, NULL, NULL);

	add(replay, "a", 100, 1);
	add(replay, "b", 50, 1);
	add(replay, "a", 100, 1);
	const struct trace_sample late = sample("a", 99, 1);
	assert_int_equal(replay_add(replay, &late), -EINVAL);
	replay_free(replay);
}

static void references_are_as_their_authors_have_them(void **state)
{
	(void)state;
	uint64_t peaks[TIDE_DAYS] = {100 * MIB, 0, 200 * MIB};
	assert_int_equal(reference_krr(peaks), 230 * MIB);
	/* The newest day weighs 1, the third 1/4: 100 MiB is the 80th percentile, 200 the 90th. The bucket that holds
	 * 209,715,200 ends at 1e7 × (1.05^15 - 1) / 0.05 = 215,785,636. */
	assert_int_equal(reference_vpa(peaks) / 1000, 248153);
	peaks[2] = 0;
	peaks[5] = 200 * MIB; /* 1/32: no longer in */
	assert_true(reference_vpa(peaks) < 130 * MIB);
	assert_int_equal(reference_vpa((uint64_t[TIDE_DAYS]){0}), 0);
}

/* ---- The trace's lines ---- */

static int first_of(const char *text, struct trace_sample *ret, struct error *err)
{
	struct trace trace = {.name = "t.csv", .at = text, .end = text + strlen(text)};
	return trace_next(&trace, ret, err);
}

static void lines_are_read(void **state)
{
	(void)state;
	static const char text[] = "series,time_s,bytes\r\nweb@1,300,171228266\r\n\n,\n";
	struct trace trace = {.name = "t.csv", .at = text, .end = text + strlen(text)};
	struct trace_sample one;
	struct error err;

	assert_int_equal(trace_next(&trace, &one, &err), TRACE_SAMPLE);
	assert_int_equal(one.series_length, 5);
	assert_memory_equal(one.series, "web@1", 5);
	assert_int_equal(one.time_usec, 300 * USEC_PER_SEC);
	assert_int_equal(one.bytes, 171228266);
	assert_int_equal(trace_next(&trace, &one, &err), -EINVAL);
	assert_string_equal(err.text, "t.csv:4: the series has no name, or one that is too long");
	assert_int_equal(first_of("", &one, &err), 0);
	assert_int_equal(first_of("series,time_s,bytes", &one, &err), 0);
	assert_int_equal(first_of("a,0.25,7.9", &one, &err), TRACE_SAMPLE);
	assert_int_equal(one.time_usec, 250000);
	assert_int_equal(one.bytes, 7);
	assert_int_equal(first_of("a,1.0000009,0", &one, &err), TRACE_SAMPLE);
	assert_int_equal(one.time_usec, USEC_PER_SEC);
}

static void lines_that_are_wrong_are_named(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"a",
		"a,1",
		"a,1,",
		"a,,1",
		",1,1",
		"a,x,1",
		"a,-1,1",
		"a,1,-1",
		"a,1,1,1",
		"a,1,1e9",
		"a,1 ,1",
		"a,1.,1",
		"a,1,99999999999999999999",
		"a,99999999999999999999,1",
		"a,1,9223372036854775808",
	};
	struct trace_sample one;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct error err = {0};
		if (first_of(wrong[i], &one, &err) != -EINVAL || strncmp(err.text, "t.csv:1: ", 9) != 0)
			fail_msg("%s: %s", wrong[i], err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hours_are_judged_as_by_hand),
		cmocka_unit_test(use_at_the_limit_is_not_over_it),
		cmocka_unit_test(limit_that_is_exceeded_counts_once_and_is_raised),
		cmocka_unit_test(what_comes_after_a_creation_does_not_change_its_limit),
		cmocka_unit_test(same_trace_gives_the_same_figures),
		cmocka_unit_test(period_without_a_sample_is_not_judged),
		cmocka_unit_test(lives_are_learned_and_cold_starts_know_of_none),
		cmocka_unit_test(time_that_goes_back_is_refused),
		cmocka_unit_test(references_are_as_their_authors_have_them),
		cmocka_unit_test(lines_are_read),
		cmocka_unit_test(lines_that_are_wrong_are_named),
	};
	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
