/* SPDX-License-Identifier: Apache-2.0 */

/* What both policies promise, over random lives of workloads: samples, kills, new images, a clock that jumps. */

#include "shim/tune/tuner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "shim/store/settings.h"
#include "tests/random.h"

#define NOW (UINT64_C(1700000000) * USEC_PER_SEC)

struct life {
	uint64_t seed, now_usec;
	struct tuner_settings settings;
	struct observed observed;
	struct recommendation standing;
	uint64_t killed_usec, killed_floor; /* of the last kill */
};

/* What the settings let through. */
static void draw_settings(uint64_t *seed, struct tuner_settings *ret)
{
	static const uint64_t rounds[] = {64 * KIB, MIB, 16 * MIB, 100 * MIB + 64 * KIB};
	struct settings settings;

	settings_default(&settings);
	*ret = settings.tuner;
	ret->policy = (int)(draw(seed) % 2);
	ret->adaptive_margin = (int)(draw(seed) % 2);
	if (draw(seed) % 2)
		return;
	ret->round_bytes = rounds[draw(seed) % 4];
	/* Multiples: a smallest value that is kept as a floor is rounded up once more. */
	ret->limit_min_bytes = (1 + draw(seed) % 20) * ret->round_bytes;
	if (ret->limit_min_bytes < MIB)
		ret->limit_min_bytes = MIB;
	ret->limit_max_bytes = ret->limit_min_bytes + draw(seed) % (16 * GIB);
	ret->request_min_bytes = draw(seed) % 20 * ret->round_bytes;
	ret->request_max_bytes = ret->request_min_bytes + MIB + draw(seed) % (16 * GIB);
	ret->cooldown_usec = draw(seed) % USEC_PER_DAY;
	ret->oom_hold_usec = draw(seed) % (30 * USEC_PER_DAY);
	ret->oom_factor = 1 + (double)(draw(seed) % 100) / 50;
	ret->oom_bytes = draw(seed) % GIB;
	ret->hysteresis_ratio = (double)(draw(seed) % 100) / 100;
	ret->warmup_samples = draw(seed) % 1000;
	ret->warmup_usec = draw(seed) % USEC_PER_DAY;
	if (draw(seed) % 8 == 0)
		ret->limit_max_bytes = ret->request_max_bytes = UINT64_C(1) << 62;
}

static void draw_observed(struct life *life)
{
	struct observed *seen = &life->observed;
	uint64_t *seed = &life->seed;

	seen->max_bytes = draw(seed) % 8 ? draw(seed) % (4 * GIB) : draw_bytes(seed) >> 1;
	seen->p95_bytes =
		draw(seed) % 4 ? seen->max_bytes - seen->max_bytes / (2 + draw(seed) % 9) : seen->max_bytes;
	seen->avg_bytes = seen->p95_bytes / (1 + draw(seed) % 3);
	seen->highest_bytes = seen->max_bytes + draw(seed) % (seen->max_bytes / 4 + 1);
	seen->history_usec = draw(seed) % (14 * USEC_PER_DAY);
	seen->records = draw(seed) % 14;
	seen->samples = draw(seed) % 16 ? 1 + draw(seed) % 90000 : 0;
	seen->until_usec = life->now_usec;
	seen->since_usec = life->now_usec - draw(seed) % USEC_PER_DAY;
	seen->fresh_samples = draw(seed) % (seen->samples + 1);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A multiple of what is rounded to, or where the settings end it. */
static bool fits(uint64_t bytes, const struct tuner_settings *s, uint64_t min_bytes, uint64_t max_bytes)
{
	return bytes % tuner_round_bytes(s) == 0 || bytes == min_bytes || bytes == max_bytes;
}

static void check_bounds(const struct life *life)
{
	const struct tuner_settings *s = &life->settings;
	const struct recommendation *r = &life->standing;

	if (r->limit_bytes == 0)
		return;
	assert_true(r->request_bytes <= r->limit_bytes);
	assert_in_range(r->limit_bytes, s->limit_min_bytes, s->limit_max_bytes);
	assert_true(r->request_bytes <= s->request_max_bytes);
	assert_true(fits(r->limit_bytes, s, s->limit_min_bytes, s->limit_max_bytes));
	/* It may have been brought down to a limit, which a kill has raised since. */
	assert_true(fits(r->request_bytes, s, s->request_min_bytes, s->request_max_bytes) ||
		    fits(r->request_bytes, s, s->limit_min_bytes, s->limit_max_bytes));
	/* As long as a kill counts, no limit is below what it asked for. */
	if (life->killed_floor > 0 && life->now_usec - life->killed_usec < s->oom_hold_usec)
		assert_true(r->limit_bytes >= least(life->killed_floor, s->limit_max_bytes));
}

static void live_a_minute_or_a_day(struct life *life)
{
	life->now_usec += draw(&life->seed) % (draw(&life->seed) % 2 ? 20 * USEC_PER_MIN : USEC_PER_DAY);
}

static void recommend(struct life *life)
{
	const struct recommendation before = life->standing;
	struct recommendation again, after;

	if (draw(&life->seed) % 3)
		draw_observed(life);
	enum tuner_outcome outcome =
		tuner_recommend(&life->settings, &life->observed, &before, life->now_usec, &life->standing);
	/* The same input, the same answer; in place as beside it. */
	after = before;
	assert_int_equal(tuner_recommend(&life->settings, &life->observed, &after, life->now_usec, &after),
			 outcome);
	assert_memory_equal(&after, &life->standing, sizeof after);

	/* Once more with nothing new: nothing changes. */
	enum tuner_outcome next =
		tuner_recommend(&life->settings, &life->observed, &life->standing, life->now_usec, &again);
	assert_int_equal(next, outcome == TUNER_CHANGED ? TUNER_SAME : outcome);
	assert_int_equal(again.limit_bytes, life->standing.limit_bytes);
	assert_int_equal(again.request_bytes, life->standing.request_bytes);
	assert_int_equal(again.revision, life->standing.revision);

	bool changed = life->standing.limit_bytes != before.limit_bytes ||
		       life->standing.request_bytes != before.request_bytes;
	assert_int_equal(life->standing.revision, before.revision + (outcome == TUNER_CHANGED));
	if (outcome != TUNER_CHANGED)
		assert_false(changed);
	else if (before.limit_bytes > 0 &&
		 life->now_usec - before.changed_usec < life->settings.cooldown_usec)
		assert_true(life->standing.limit_bytes > before.limit_bytes); /* outgrown */
	if (outcome == TUNER_CHANGED)
		assert_true(life->standing.request_bytes >=
			    least(life->settings.request_min_bytes, life->standing.limit_bytes));
	/* While an image warms up that is not the first, what stood is a floor. */
	if (!life->standing.warm && before.warmup_samples > 0)
		assert_true(life->standing.limit_bytes >= before.limit_bytes);
}

static void kill_at_a_limit(struct life *life)
{
	const struct tuner_settings *s = &life->settings;
	const struct recommendation before = life->standing;
	struct recommendation again;
	uint64_t limit_bytes = draw(&life->seed) % 2 && before.limit_bytes > 0 ? before.limit_bytes
									       : draw_bytes(&life->seed);

	tuner_learn_oom(s, &before, limit_bytes, 0, life->now_usec, &life->standing);
	tuner_learn_oom(s, &before, limit_bytes, 0, life->now_usec, &again);
	assert_memory_equal(&again, &life->standing, sizeof again);
	assert_int_equal(life->standing.oom_kills, before.oom_kills + 1);
	assert_true(life->standing.limit_bytes >= before.limit_bytes);
	if (limit_bytes == 0 || limit_bytes == UINT64_MAX) {
		assert_int_equal(life->standing.limit_bytes, before.limit_bytes);
		return;
	}
	double floor_bytes = (double)limit_bytes * s->oom_factor;
	if (floor_bytes < (double)limit_bytes + (double)s->oom_bytes)
		floor_bytes = (double)limit_bytes + (double)s->oom_bytes;
	life->killed_usec = life->now_usec;
	/* Less what a double cannot hold. */
	life->killed_floor = floor_bytes < 0x1p50 ? (uint64_t)floor_bytes : UINT64_C(1) << 50;
	assert_true(life->standing.limit_bytes >= least(life->killed_floor, s->limit_max_bytes));
}

static void promises_hold_over_any_life(void **state)
{
	uint64_t seed = 0x70AE5;
	unsigned n_changed = 0, n_warm = 0;
	(void)state;

	for (int i = 0; i < 5000; i++) {
		struct life life;
		memset(&life, 0, sizeof life);
		life.seed = draw(&seed);
		life.now_usec = NOW;
		draw_settings(&life.seed, &life.settings);
		draw_observed(&life);
		for (int step = 0; step < 60; step++) {
			live_a_minute_or_a_day(&life);
			switch (draw(&life.seed) % 12) {
			case 0:
				kill_at_a_limit(&life);
				break;
			case 1:
				tuner_restart_warmup(&life.standing, &life.observed, life.now_usec,
						     &life.standing);
				assert_false(life.standing.warm);
				break;
			default:
				recommend(&life);
			}
			check_bounds(&life);
		}
		n_changed += life.standing.revision > 3;
		n_warm += life.standing.warm;
	}
	/* Or else all of it would say little. */
	assert_true(n_changed > 2500 && n_warm > 1000);
}

/* No sum overflows, no clock that jumps and no old state makes what is out of bounds. */
static void extremes_are_clamped(void **state)
{
	uint64_t seed = 0xE87E1E;
	(void)state;

	for (int i = 0; i < 300000; i++) {
		struct tuner_settings settings;
		struct recommendation previous, ret;
		struct observed observed = {
			.samples = draw_bytes(&seed),
			.since_usec = draw_bytes(&seed),
			.until_usec = draw_bytes(&seed),
			.avg_bytes = draw_bytes(&seed),
			.p95_bytes = draw_bytes(&seed),
			.max_bytes = draw_bytes(&seed),
			.highest_bytes = draw_bytes(&seed),
			.history_usec = draw_bytes(&seed),
			.records = draw_bytes(&seed),
			.fresh_samples = draw_bytes(&seed),
		};
		draw_settings(&seed, &settings);
		memset(&previous, 0, sizeof previous);
		previous.request_bytes = draw_bytes(&seed);
		previous.limit_bytes = draw_bytes(&seed);
		previous.changed_usec = draw_bytes(&seed);
		previous.warmup_since_usec = draw_bytes(&seed);
		previous.warmup_samples = draw_bytes(&seed);
		previous.oom_limit_bytes = draw_bytes(&seed);
		previous.oom_floor_bytes = draw_bytes(&seed);
		previous.oom_usec = draw_bytes(&seed);
		previous.warm = draw(&seed) % 2;
		enum tuner_outcome outcome =
			tuner_recommend(&settings, &observed, &previous, draw_bytes(&seed), &ret);
		if (outcome == TUNER_CHANGED) {
			assert_in_range(ret.limit_bytes, settings.limit_min_bytes, settings.limit_max_bytes);
			assert_true(ret.request_bytes <= ret.limit_bytes);
		}
		uint64_t limit_bytes = draw_bytes(&seed);
		tuner_learn_oom(&settings, &previous, limit_bytes, 0, draw_bytes(&seed), &ret);
		assert_true(ret.limit_bytes >= previous.limit_bytes);
		assert_true(ret.limit_bytes == previous.limit_bytes ||
			    ret.limit_bytes <= settings.limit_max_bytes);
	}
}

/* ---- A changed image, under both policies ---- */

static void changed_image_begins_anew_above_the_old_profile(void **state)
{
	(void)state;
	for (int policy = POLICY_PERCENTILE; policy <= POLICY_ADAPTIVE; policy++) {
		struct settings defaults;
		struct recommendation r = {0};
		uint64_t now_usec = NOW;
		struct observed seen = {.samples = 86400,
					.fresh_samples = 86400,
					.since_usec = NOW - USEC_PER_DAY,
					.until_usec = NOW,
					.avg_bytes = 500 * MIB,
					.p95_bytes = 600 * MIB,
					.max_bytes = 700 * MIB,
					.highest_bytes = 700 * MIB,
					.history_usec = USEC_PER_DAY};

		settings_default(&defaults);
		defaults.tuner.policy = policy;
		assert_int_equal(tuner_recommend(&defaults.tuner, &seen, &r, now_usec, &r), TUNER_CHANGED);
		assert_true(r.warm);
		const uint64_t old_limit = r.limit_bytes, old_request = r.request_bytes;
		tuner_restart_warmup(&r, &seen, now_usec, &r);
		assert_false(r.warm);

		/* The new one takes much less, or, for a while, more: the old numbers stay, or rise. */
		seen = (struct observed){.since_usec = now_usec,
					 .avg_bytes = 50 * MIB,
					 .p95_bytes = 60 * MIB,
					 .max_bytes = 70 * MIB,
					 .highest_bytes = 70 * MIB};
		for (unsigned minute = 1; minute < 60; minute++) {
			now_usec += USEC_PER_MIN;
			seen.samples = seen.fresh_samples = 60 * minute;
			seen.until_usec = now_usec;
			seen.history_usec = minute * USEC_PER_MIN;
			(void)tuner_recommend(&defaults.tuner, &seen, &r, now_usec, &r);
			assert_false(r.warm);
			assert_true(r.limit_bytes >= old_limit && r.request_bytes >= old_request);
		}
		struct recommendation more = r;
		struct observed large = seen;
		large.avg_bytes = large.p95_bytes = large.max_bytes = large.highest_bytes = GIB;
		assert_int_equal(tuner_recommend(&defaults.tuner, &large, &more, now_usec, &more),
				 TUNER_CHANGED);
		assert_true(more.limit_bytes > old_limit && !more.warm);

		/* Once it has been seen for long enough, its own numbers hold. */
		now_usec += USEC_PER_HOUR;
		seen.samples = seen.fresh_samples = 7200;
		seen.until_usec = now_usec;
		seen.history_usec = 2 * USEC_PER_HOUR;
		assert_int_equal(tuner_recommend(&defaults.tuner, &seen, &r, now_usec, &r), TUNER_CHANGED);
		assert_true(r.warm && r.limit_bytes < old_limit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(promises_hold_over_any_life),
		cmocka_unit_test(extremes_are_clamped),
		cmocka_unit_test(changed_image_begins_anew_above_the_old_profile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
