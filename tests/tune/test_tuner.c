/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/tuner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"

#define NOW (UINT64_C(1700000000) * USEC_PER_SEC)

/* DESIGN.md's constants. */
static const struct tuner_settings settings = {
	.request_p95_factor = 1.2,
	.request_avg_factor = 1.5,
	.request_min_bytes = 64 * MIB,
	.request_max_bytes = 4 * GIB,
	.limit_max_factor = 1.1,
	.limit_request_factor = 1.5,
	.limit_min_bytes = 128 * MIB,
	.limit_max_bytes = 8 * GIB,
	.round_bytes = 16 * MIB,
	.hysteresis_ratio = 0.2,
	.hysteresis_bytes = 64 * MIB,
	.cooldown_usec = 30 * USEC_PER_MIN,
	.oom_factor = 1.2,
	.oom_bytes = 100 * MIB,
	.oom_loop_usec = 1 * USEC_PER_HOUR,
	.oom_hold_usec = 7 * USEC_PER_DAY,
	.warmup_samples = 600,
	.warmup_usec = USEC_PER_HOUR,
};

static struct observed seen(uint64_t avg_mib, uint64_t p95_mib, uint64_t max_mib)
{
	return (struct observed){
		.samples = 86400,
		.since_usec = NOW - USEC_PER_DAY,
		.until_usec = NOW,
		.avg_bytes = avg_mib * MIB,
		.p95_bytes = p95_mib * MIB,
		.max_bytes = max_mib * MIB,
	};
}

static struct recommendation first(uint64_t avg_mib, uint64_t p95_mib, uint64_t max_mib)
{
	struct recommendation ret, none = {0};
	struct observed observed = seen(avg_mib, p95_mib, max_mib);
	assert_int_equal(tuner_recommend(&settings, &observed, &none, NOW, &ret), TUNER_CHANGED);
	return ret;
}

static struct recommendation standing(uint64_t request_mib, uint64_t limit_mib, uint64_t changed_usec)
{
	return (struct recommendation){
		.request_bytes = request_mib * MIB,
		.limit_bytes = limit_mib * MIB,
		.request_term = TERM_P95,
		.limit_term = TERM_PEAK,
		.revision = 5,
		.changed_usec = changed_usec,
		.warmup_since_usec = NOW - 30 * USEC_PER_DAY,
		.warm = true,
	};
}

static void assert_recommended(const struct recommendation *r, uint64_t request_mib, int request_term,
			       uint64_t limit_mib, int limit_term)
{
	assert_int_equal(r->request_bytes, request_mib * MIB);
	assert_string_equal(tuner_term_names[r->request_term], tuner_term_names[request_term]);
	assert_int_equal(r->limit_bytes, limit_mib * MIB);
	assert_string_equal(tuner_term_names[r->limit_term], tuner_term_names[limit_term]);
}

static void flat_workload_is_sized_by_its_average(void **state)
{
	(void)state;
	/* 100 × 1.5 = 150 → 160; limit max(110, 160 × 1.5 = 240) = 240 = 15 × 16 */
	struct recommendation r = first(100, 100, 100);
	assert_recommended(&r, 160, TERM_AVG, 240, TERM_REQUEST);
	assert_int_equal(r.revision, 1);
	assert_int_equal(r.changed_usec, NOW);
}

static void uneven_workload_is_sized_by_p95_and_its_peak(void **state)
{
	(void)state;
	/* max(400 × 1.2 = 480, 200 × 1.5 = 300) = 480; limit max(1000 × 1.1 = 1100, 720) = 1100 → 1104 */
	struct recommendation r = first(200, 400, 1000);
	assert_recommended(&r, 480, TERM_P95, 1104, TERM_PEAK);
}

static void exact_multiples_are_not_rounded_up(void **state)
{
	(void)state;
	/* 80 × 1.2 = 96 = 6 × 16; limit max(160 × 1.1 = 176 = 11 × 16, 144) */
	struct recommendation r = first(10, 80, 160);
	assert_recommended(&r, 96, TERM_P95, 176, TERM_PEAK);
}

static void one_byte_more_is_rounded_up(void **state)
{
	(void)state;
	struct recommendation r, none = {0};
	struct observed observed = seen(10, 80, 160);
	observed.p95_bytes += 1;
	observed.max_bytes += 1;
	assert_int_equal(tuner_recommend(&settings, &observed, &none, NOW, &r), TUNER_CHANGED);
	assert_recommended(&r, 112, TERM_P95, 192, TERM_PEAK);
}

static void small_workload_gets_the_least(void **state)
{
	(void)state;
	struct recommendation r = first(1, 2, 3);
	assert_recommended(&r, 64, TERM_MIN, 128, TERM_MIN);
	r = first(0, 0, 0);
	assert_recommended(&r, 64, TERM_MIN, 128, TERM_MIN);
}

static void large_workload_gets_the_most(void **state)
{
	(void)state;
	struct recommendation r = first(10000, 12000, 20000);
	assert_recommended(&r, 4096, TERM_MAX, 8192, TERM_MAX);
}

static void request_is_lowered_to_a_limit_that_the_node_caps(void **state)
{
	(void)state;
	struct tuner_settings small = settings;
	struct recommendation r, none = {0};
	struct observed observed = seen(3000, 3000, 3000);
	small.limit_max_bytes = 2 * GIB;
	assert_int_equal(tuner_recommend(&small, &observed, &none, NOW, &r), TUNER_CHANGED);
	assert_recommended(&r, 2048, TERM_MAX, 2048, TERM_MAX);
}

static void nothing_overflows(void **state)
{
	(void)state;
	struct tuner_settings huge = settings;
	struct recommendation r, none = {0};
	struct observed observed = {1000,       NOW - USEC_PER_DAY, NOW, UINT64_C(1) << 63,
				    UINT64_MAX, UINT64_MAX,         0};

	huge.request_max_bytes = huge.limit_max_bytes = UINT64_MAX;
	assert_int_equal(tuner_recommend(&huge, &observed, &none, NOW, &r), TUNER_CHANGED);
	assert_int_equal(r.request_bytes, UINT64_MAX);
	assert_int_equal(r.limit_bytes, UINT64_MAX);

	observed.p95_bytes = observed.avg_bytes = observed.max_bytes = (UINT64_C(1) << 62) + 1;
	assert_int_equal(tuner_recommend(&huge, &observed, &none, NOW, &r), TUNER_CHANGED);
	assert_int_equal(r.request_bytes, UINT64_C(3) << 61);
	assert_int_equal(r.limit_bytes, UINT64_C(9) << 60);

	tuner_learn_oom(&huge, &none, UINT64_MAX - 1, 0, NOW, &r);
	assert_int_equal(r.limit_bytes, UINT64_MAX);
}

static void settings_of_nothing_do_no_harm(void **state)
{
	(void)state;
	struct tuner_settings zero = {0};
	struct recommendation r, none = {0};
	struct observed observed = seen(1, 1, 1);
	assert_int_equal(tuner_recommend(&zero, &observed, &none, NOW, &r), TUNER_CHANGED);
	assert_int_equal(r.limit_bytes, 0);
}

static void without_samples_what_stands_stays(void **state)
{
	(void)state;
	struct recommendation previous = standing(160, 240, NOW - USEC_PER_DAY), r, none = {0};
	struct observed observed = {.max_bytes = 900 * MIB};
	assert_int_equal(tuner_recommend(&settings, &observed, &previous, NOW, &r), TUNER_NO_SAMPLES);
	assert_memory_equal(&r, &previous, sizeof r);
	assert_int_equal(tuner_recommend(&settings, &observed, &none, NOW, &r), TUNER_NO_SAMPLES);
	assert_int_equal(r.limit_bytes, 0);
}

static void same_numbers_are_no_change(void **state)
{
	(void)state;
	struct recommendation previous = standing(160, 240, NOW - USEC_PER_DAY), r;
	struct observed observed = seen(100, 100, 100);
	assert_int_equal(tuner_recommend(&settings, &observed, &previous, NOW, &r), TUNER_SAME);
	assert_int_equal(r.revision, 5);
	assert_int_equal(r.changed_usec, NOW - USEC_PER_DAY);
}

static enum tuner_outcome moved(uint64_t request_mib, uint64_t limit_mib, uint64_t now_usec)
{
	/* What is right is 160 and 240. */
	struct recommendation previous = standing(request_mib, limit_mib, NOW - USEC_PER_HOUR), r;
	struct observed observed = seen(100, 100, 100);
	enum tuner_outcome outcome = tuner_recommend(&settings, &observed, &previous, now_usec, &r);
	bool changed = outcome == TUNER_CHANGED;
	assert_int_equal(r.request_bytes, (changed ? 160 : request_mib) * MIB);
	assert_int_equal(r.limit_bytes, (changed ? 240 : limit_mib) * MIB);
	assert_int_equal(r.revision, changed ? 6 : 5);
	return outcome;
}

static void small_difference_is_not_worth_a_change(void **state)
{
	(void)state;
	assert_int_equal(moved(160, 200, NOW), TUNER_HYSTERESIS); /* exactly 20 % */
	assert_int_equal(moved(160, 199, NOW), TUNER_CHANGED);
	assert_int_equal(moved(160, 300, NOW), TUNER_HYSTERESIS); /* exactly 20 % down */
	assert_int_equal(moved(160, 301, NOW), TUNER_CHANGED);
	assert_int_equal(moved(200, 240, NOW), TUNER_HYSTERESIS); /* the request alone */
	assert_int_equal(moved(201, 240, NOW), TUNER_CHANGED);
}

static void large_difference_counts_whatever_its_share(void **state)
{
	(void)state;
	struct recommendation r, previous;
	struct observed observed = seen(1000, 1000, 4000); /* request 1500 → 1504, limit 4400 */

	previous = standing(1504, 4400 + 64, NOW - USEC_PER_HOUR);
	assert_int_equal(tuner_recommend(&settings, &observed, &previous, NOW, &r), TUNER_HYSTERESIS);
	previous = standing(1504, 4400 + 65, NOW - USEC_PER_HOUR);
	assert_int_equal(tuner_recommend(&settings, &observed, &previous, NOW, &r), TUNER_CHANGED);
	assert_recommended(&r, 1504, TERM_AVG, 4400, TERM_PEAK);
}

static void workload_is_not_revised_twice_within_the_cooldown(void **state)
{
	(void)state;
	uint64_t changed = NOW - USEC_PER_HOUR, cooldown = settings.cooldown_usec;
	assert_int_equal(moved(500, 900, changed), TUNER_COOLDOWN);
	assert_int_equal(moved(500, 900, changed + cooldown - 1), TUNER_COOLDOWN);
	assert_int_equal(moved(500, 900, changed + cooldown), TUNER_CHANGED);
}

static void limit_that_was_outgrown_is_raised_at_once(void **state)
{
	(void)state;
	struct recommendation previous = standing(160, 240, NOW - USEC_PER_SEC), r;
	struct observed observed = seen(150, 150, 241);
	assert_int_equal(tuner_recommend(&settings, &observed, &previous, NOW, &r), TUNER_CHANGED);
	assert_int_equal(r.limit_bytes, 368 * MIB);
	assert_int_equal(r.seen_max_bytes, 241 * MIB);
	/* Up to the limit it has not been outgrown. */
	observed = seen(100, 100, 240);
	assert_int_equal(tuner_recommend(&settings, &observed, &previous, NOW, &r), TUNER_HYSTERESIS);
}

static void a_minute_after_an_idle_time_lowers_nothing(void **state)
{
	(void)state;
	struct recommendation previous = standing(1056, 1584, NOW - 3 * USEC_PER_DAY), r;
	previous.warm = true;
	struct observed observed = seen(40, 40, 40);
	observed.samples = settings.warmup_samples - 1;
	assert_int_equal(tuner_recommend(&settings, &observed, &previous, NOW, &r), TUNER_SAME);
	assert_int_equal(r.limit_bytes, 1584 * MIB);
	observed.samples = settings.warmup_samples;
	observed.since_usec = observed.until_usec - settings.warmup_usec + 1;
	assert_int_equal(tuner_recommend(&settings, &observed, &previous, NOW, &r), TUNER_SAME);
	observed.since_usec--;
	assert_int_equal(tuner_recommend(&settings, &observed, &previous, NOW, &r), TUNER_CHANGED);
	assert_int_equal(r.limit_bytes, 128 * MIB);
	/* What is needed is raised by however little is known. */
	observed = seen(2000, 2000, 2000);
	observed.samples = 1;
	assert_int_equal(tuner_recommend(&settings, &observed, &previous, NOW, &r), TUNER_CHANGED);
	assert_true(r.limit_bytes > 1584 * MIB);
}

static void clock_that_was_set_back_does_not_block(void **state)
{
	(void)state;
	assert_int_equal(moved(500, 900, NOW - 10 * USEC_PER_DAY), TUNER_CHANGED);

	struct recommendation r = {.warmup_since_usec = NOW + 100 * USEC_PER_DAY};
	struct observed observed = seen(100, 100, 100);
	(void)tuner_recommend(&settings, &observed, &r, NOW, &r);
	assert_false(r.warm);
	(void)tuner_recommend(&settings, &observed, &r, NOW + settings.warmup_usec, &r);
	assert_true(r.warm);
}

static void oom_raises_the_limit_at_once(void **state)
{
	(void)state;
	struct recommendation r, previous = standing(160, 240, NOW - 1);
	/* max(240 × 1.2 = 288, 340) = 340 → 352 */
	tuner_learn_oom(&settings, &previous, 240 * MIB, 0, NOW, &r);
	assert_recommended(&r, 160, TERM_P95, 352, TERM_OOM);
	assert_int_equal(r.oom_limit_bytes, 240 * MIB);
	assert_int_equal(r.oom_floor_bytes, 340 * MIB);
	assert_int_equal(r.oom_usec, NOW);
	assert_int_equal(r.oom_kills, 1);
	assert_int_equal(r.revision, 6);
	assert_int_equal(r.changed_usec, NOW);

	/* max(1000 × 1.2 = 1200, 1100) → 1200 = 75 × 16 */
	tuner_learn_oom(&settings, &previous, 1000 * MIB, 0, NOW, &r);
	assert_recommended(&r, 160, TERM_P95, 1200, TERM_OOM);
}

static void same_oom_teaches_once(void **state)
{
	(void)state;
	struct recommendation r, again, previous = standing(160, 240, NOW - 1);
	tuner_learn_oom(&settings, &previous, 240 * MIB, 0, NOW, &r);
	tuner_learn_oom(&settings, &r, 240 * MIB, 0, NOW + 1, &again);
	assert_int_equal(again.limit_bytes, r.limit_bytes);
	assert_int_equal(again.revision, r.revision);
	assert_int_equal(again.changed_usec, r.changed_usec);
	assert_int_equal(again.oom_kills, 2);

	/* It died at what it was raised to, much later: the next step. max(352 × 1.2 = 422.4, 452) → 464 */
	tuner_learn_oom(&settings, &again, 352 * MIB, 0, NOW + 2 + settings.oom_loop_usec, &again);
	assert_int_equal(again.limit_bytes, 464 * MIB);
	/* One that was left over from before dies late. */
	tuner_learn_oom(&settings, &again, 240 * MIB, 0, NOW + 3 + settings.oom_loop_usec, &again);
	assert_int_equal(again.limit_bytes, 464 * MIB);
	assert_int_equal(again.oom_limit_bytes, 352 * MIB);
	assert_int_equal(again.oom_row, 1);
}

/* How often a program that needs so much is killed on its way up. */
static unsigned kills_until(uint64_t need_bytes, uint64_t declared_bytes, struct recommendation *r)
{
	unsigned kills = 0;
	for (uint64_t limit = r->limit_bytes, now = NOW; limit < need_bytes; now += 5 * USEC_PER_MIN) {
		tuner_learn_oom(&settings, r, limit, limit, now, r);
		kills++;
		if (limit == declared_bytes)
			break;
		limit = r->limit_bytes < declared_bytes ? r->limit_bytes : declared_bytes;
	}
	return kills;
}

static void crash_loop_converges_in_a_few_restarts(void **state)
{
	(void)state;
	struct recommendation r = standing(64, 128, NOW - 1);

	/* 128 + 100 → 240, 240 + 2 × 100 → 448, 448 + 4 × 100 → 848, 848 + 4 × 169.6 → 1536 */
	assert_int_equal(kills_until(GIB, UINT64_MAX, &r), 4);
	assert_recommended(&r, 64, TERM_P95, 1536, TERM_OOM);
	assert_int_equal(r.oom_limit_bytes, 848 * MIB);
	assert_int_equal(r.oom_peak_bytes, 848 * MIB);
	assert_int_equal(r.oom_row, 4);

	/* Up to what it declares, at which it can only go on dying: then nothing more is learned. */
	r = standing(64, 128, NOW - 1);
	assert_int_equal(kills_until(GIB, 512 * MIB, &r), 4);
	const struct recommendation stuck = r;
	tuner_learn_oom(&settings, &r, 512 * MIB, 512 * MIB, r.oom_usec + USEC_PER_MIN, &r);
	assert_int_equal(r.limit_bytes, stuck.limit_bytes);
	assert_int_equal(r.oom_row, stuck.oom_row);
}

static void containers_that_die_side_by_side_are_no_crash_loop(void **state)
{
	(void)state;
	struct recommendation r = standing(160, 240, NOW - 1);

	for (unsigned i = 0; i < 10; i++)
		tuner_learn_oom(&settings, &r, 240 * MIB, 240 * MIB, NOW + i, &r);
	assert_recommended(&r, 160, TERM_P95, 352, TERM_OOM);
	assert_int_equal(r.oom_row, 1);
	assert_int_equal(r.oom_kills, 10);
}

static void oom_of_an_unknown_workload_is_learned(void **state)
{
	(void)state;
	struct recommendation r, none = {0};
	tuner_learn_oom(&settings, &none, 20 * MIB, 0, NOW, &r);
	assert_recommended(&r, 64, TERM_MIN, 128, TERM_OOM);
	tuner_learn_oom(&settings, &none, 20 * GIB, 0, NOW, &r);
	assert_recommended(&r, 64, TERM_MIN, 8192, TERM_MAX);
}

static void oom_of_the_node_is_only_counted(void **state)
{
	(void)state;
	struct recommendation r, previous = standing(160, 240, NOW - 1);
	tuner_learn_oom(&settings, &previous, UINT64_MAX, 0, NOW, &r);
	tuner_learn_oom(&settings, &r, 0, 0, NOW, &r);
	assert_int_equal(r.limit_bytes, 240 * MIB);
	assert_int_equal(r.oom_floor_bytes, 0);
	assert_int_equal(r.oom_kills, 2);
}

static void oom_holds_the_limit_up_for_a_time(void **state)
{
	(void)state;
	struct recommendation r, previous = standing(160, 240, NOW - USEC_PER_DAY);
	struct observed observed = seen(100, 100, 100);
	uint64_t end = NOW + settings.oom_hold_usec;

	tuner_learn_oom(&settings, &previous, 240 * MIB, 0, NOW, &r);
	assert_int_equal(tuner_recommend(&settings, &observed, &r, end - 1, &r), TUNER_SAME);
	assert_int_equal(r.limit_bytes, 352 * MIB);
	assert_int_equal(tuner_recommend(&settings, &observed, &r, end, &r), TUNER_CHANGED);
	assert_recommended(&r, 160, TERM_AVG, 240, TERM_REQUEST);
	assert_int_equal(r.oom_floor_bytes, 0);
	assert_int_equal(r.oom_kills, 1);
}

static void oom_ahead_of_the_clock_holds_no_longer_than_others(void **state)
{
	(void)state;
	struct recommendation r, previous = standing(160, 240, NOW - USEC_PER_DAY);
	struct observed observed = seen(100, 100, 100);

	tuner_learn_oom(&settings, &previous, 240 * MIB, 0, NOW + 1000 * USEC_PER_DAY, &r);
	assert_int_equal(tuner_recommend(&settings, &observed, &r, NOW, &r), TUNER_SAME);
	(void)tuner_recommend(&settings, &observed, &r, NOW + settings.oom_hold_usec, &r);
	assert_int_equal(r.limit_bytes, 240 * MIB);
}

static void warm_only_with_enough_samples_and_time(void **state)
{
	(void)state;
	struct recommendation r, none = {0};
	struct observed observed = seen(100, 100, 100);

	observed.since_usec = NOW;
	observed.samples = 599;
	(void)tuner_recommend(&settings, &observed, &none, NOW + 2 * USEC_PER_HOUR, &r);
	assert_false(r.warm);
	observed.samples = 600;
	(void)tuner_recommend(&settings, &observed, &none, NOW + USEC_PER_HOUR - 1, &r);
	assert_false(r.warm);
	assert_int_equal(r.warmup_since_usec, NOW);
	assert_int_equal(tuner_recommend(&settings, &observed, &r, NOW + USEC_PER_HOUR, &r), TUNER_SAME);
	assert_true(r.warm);
	/* A quiet day later it still is. */
	observed.samples = 1;
	(void)tuner_recommend(&settings, &observed, &r, NOW + USEC_PER_DAY, &r);
	assert_true(r.warm);
}

static void new_image_warms_up_again_above_its_old_profile(void **state)
{
	(void)state;
	struct recommendation r, previous = standing(480, 1104, NOW - USEC_PER_DAY);
	struct observed observed = seen(200, 400, 1000);

	tuner_restart_warmup(&previous, &observed, NOW, &r);
	assert_false(r.warm);
	assert_int_equal(r.limit_bytes, 1104 * MIB);

	/* The new one needs less so far, which is not believed yet. */
	struct observed less = seen(100, 100, 100);
	less.samples = observed.samples + 599;
	assert_int_equal(tuner_recommend(&settings, &less, &r, NOW + 2 * USEC_PER_HOUR, &r), TUNER_SAME);
	assert_false(r.warm);
	/* More is. 2000 × 1.1 = 2200 → 2208 */
	struct observed more = less;
	more.max_bytes = 2000 * MIB;
	struct recommendation raised;
	assert_int_equal(tuner_recommend(&settings, &more, &r, NOW + 2 * USEC_PER_HOUR, &raised),
			 TUNER_CHANGED);
	assert_recommended(&raised, 480, TERM_P95, 2208, TERM_PEAK);

	less.samples++;
	assert_int_equal(tuner_recommend(&settings, &less, &r, NOW + 2 * USEC_PER_HOUR, &r), TUNER_CHANGED);
	assert_true(r.warm);
	assert_recommended(&r, 160, TERM_AVG, 240, TERM_REQUEST);
}

static void window_that_slides_does_not_hold_the_warmup_back(void **state)
{
	(void)state;
	struct recommendation r, previous = standing(160, 240, NOW - USEC_PER_DAY);
	struct observed observed = seen(100, 100, 100); /* a full window before and after */

	tuner_restart_warmup(&previous, &observed, NOW, &r);
	(void)tuner_recommend(&settings, &observed, &r, NOW + 2 * USEC_PER_HOUR, &r);
	assert_false(r.warm); /* not known to be new */

	struct recommendation counted;
	observed.fresh_samples = 7200;
	(void)tuner_recommend(&settings, &observed, &r, NOW + 2 * USEC_PER_HOUR, &counted);
	assert_true(counted.warm);

	observed.fresh_samples = 0;
	observed.since_usec = NOW;
	(void)tuner_recommend(&settings, &observed, &r, NOW + USEC_PER_DAY, &r);
	assert_true(r.warm);
}

static void any_input_gives_a_recommendation_that_holds(void **state)
{
	(void)state;
	uint64_t seed = 1;
	for (int i = 0; i < 200000; i++) {
		uint64_t draw[4];
		for (size_t j = 0; j < 4; j++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			draw[j] = seed;
		}
		struct observed observed = seen(0, 0, 0);
		observed.p95_bytes = draw[0] >> (1 + draw[3] % 40);
		observed.avg_bytes = draw[1] % (observed.p95_bytes + 1);
		observed.max_bytes = observed.p95_bytes + draw[2] % (observed.p95_bytes + 1);
		struct recommendation none = {.oom_usec = NOW}, r, again;
		if (draw[3] >> 63)
			none.oom_floor_bytes = draw[2] >> (draw[3] % 40);

		assert_int_equal(tuner_recommend(&settings, &observed, &none, NOW, &r), TUNER_CHANGED);
		assert_true(r.limit_bytes >= r.request_bytes);
		assert_int_equal(r.limit_bytes % settings.round_bytes, 0);
		assert_int_equal(r.request_bytes % settings.round_bytes, 0);
		assert_in_range(r.request_bytes, settings.request_min_bytes, settings.request_max_bytes);
		assert_in_range(r.limit_bytes, settings.limit_min_bytes, settings.limit_max_bytes);
		assert_true(r.request_bytes >= observed.p95_bytes || r.request_term == TERM_MAX);
		if (r.limit_term != TERM_MAX) {
			assert_true(r.limit_bytes >= observed.p95_bytes);
			assert_true(r.limit_bytes >= observed.max_bytes);
			assert_true(r.limit_bytes >= none.oom_floor_bytes);
		}
		assert_int_equal(tuner_recommend(&settings, &observed, &none, NOW, &again), TUNER_CHANGED);
		assert_memory_equal(&r, &again, sizeof r);
		assert_int_equal(tuner_recommend(&settings, &observed, &r, NOW, &again), TUNER_SAME);
	}
}

static void every_term_and_outcome_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i <= TERM_RATCHET; i++)
		assert_non_null(tuner_term_names[i]);
	assert_null(tuner_term_names[TERM_RATCHET + 1]);
	for (int i = 0; i <= TUNER_CHANGED; i++)
		assert_non_null(tuner_outcome_names[i]);
	assert_null(tuner_outcome_names[TUNER_CHANGED + 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flat_workload_is_sized_by_its_average),
		cmocka_unit_test(uneven_workload_is_sized_by_p95_and_its_peak),
		cmocka_unit_test(exact_multiples_are_not_rounded_up),
		cmocka_unit_test(one_byte_more_is_rounded_up),
		cmocka_unit_test(small_workload_gets_the_least),
		cmocka_unit_test(large_workload_gets_the_most),
		cmocka_unit_test(request_is_lowered_to_a_limit_that_the_node_caps),
		cmocka_unit_test(nothing_overflows),
		cmocka_unit_test(settings_of_nothing_do_no_harm),
		cmocka_unit_test(without_samples_what_stands_stays),
		cmocka_unit_test(same_numbers_are_no_change),
		cmocka_unit_test(small_difference_is_not_worth_a_change),
		cmocka_unit_test(large_difference_counts_whatever_its_share),
		cmocka_unit_test(workload_is_not_revised_twice_within_the_cooldown),
		cmocka_unit_test(limit_that_was_outgrown_is_raised_at_once),
		cmocka_unit_test(a_minute_after_an_idle_time_lowers_nothing),
		cmocka_unit_test(clock_that_was_set_back_does_not_block),
		cmocka_unit_test(oom_raises_the_limit_at_once),
		cmocka_unit_test(same_oom_teaches_once),
		cmocka_unit_test(crash_loop_converges_in_a_few_restarts),
		cmocka_unit_test(containers_that_die_side_by_side_are_no_crash_loop),
		cmocka_unit_test(oom_of_an_unknown_workload_is_learned),
		cmocka_unit_test(oom_of_the_node_is_only_counted),
		cmocka_unit_test(oom_holds_the_limit_up_for_a_time),
		cmocka_unit_test(oom_ahead_of_the_clock_holds_no_longer_than_others),
		cmocka_unit_test(warm_only_with_enough_samples_and_time),
		cmocka_unit_test(new_image_warms_up_again_above_its_old_profile),
		cmocka_unit_test(window_that_slides_does_not_hold_the_warmup_back),
		cmocka_unit_test(any_input_gives_a_recommendation_that_holds),
		cmocka_unit_test(every_term_and_outcome_has_a_name),
	};
	return cmocka_run_group_tests_name("tuner", tests, NULL, NULL);
}
