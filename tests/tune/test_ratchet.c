/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/ratchet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "oci/sizing.h"
#include "shim/store/settings.h"
#include "shim/tune/decision.h"
#include "shim/tune/tide.h"

#define NOW (UINT64_C(1700000000) * USEC_PER_SEC)

/* A day of samples: enough for all that asks for enough. */
#define DAY_SAMPLES 86400

/* ---- What is known of levels ---- */

static struct settings settings;

static int begin(void **state)
{
	(void)state;
	settings_default(&settings);
	return 0;
}

/* A container of the day so and so, at its end. */
static bool see(struct ratchet *ratchet, uint64_t day, uint64_t limit_mib, uint64_t use_mib)
{
	const struct ratchet_sight sight = {limit_mib * MIB, use_mib * MIB, DAY_SAMPLES,
					    NOW + day * USEC_PER_DAY};
	return ratchet_observe(ratchet, &settings.tuner, &sight, NOW + (day + 1) * USEC_PER_DAY);
}

static void assert_floor(const struct ratchet *ratchet, uint64_t floor_mib)
{
	assert_int_equal((ratchet_floor(ratchet) + MIB / 2) / MIB, floor_mib);
}

static void one_step_that_a_jvm_follows_is_enough(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM};
	(void)state;
	see(&ratchet, 0, 512, 300);
	assert_true(see(&ratchet, 1, 360, 220));
	assert_floor(&ratchet, 512);
	assert_int_equal(ratchet.since_usec, NOW + 2 * USEC_PER_DAY);
	assert_true(ratchet_drop(&ratchet) > 0.26 && ratchet_drop(&ratchet) < 0.27);
}

static void of_a_jvm_with_much_beside_its_heap_less_is_asked(void **state)
{
	struct ratchet jvm = {.program = SIZING_JVM}, other = {0};
	(void)state;
	see(&jvm, 0, 512, 278);
	see(&jvm, 1, 360, 240);
	assert_floor(&jvm, 512);
	see(&other, 0, 512, 278);
	see(&other, 1, 360, 240);
	see(&other, 2, 252, 213);
	assert_floor(&other, 0);
}

static void of_others_it_takes_two_in_a_row(void **state)
{
	struct ratchet ratchet = {0};
	(void)state;
	see(&ratchet, 0, 512, 300);
	see(&ratchet, 1, 360, 220);
	assert_floor(&ratchet, 0);
	see(&ratchet, 2, 256, 160);
	assert_floor(&ratchet, 512);
}

static void a_step_that_is_not_followed_makes_the_next_begin_anew(void **state)
{
	struct ratchet ratchet = {0};
	(void)state;
	see(&ratchet, 0, 512, 200);
	see(&ratchet, 1, 400, 150); /* coincidence */
	see(&ratchet, 2, 300, 148);
	see(&ratchet, 3, 220, 112);
	assert_floor(&ratchet, 0);
	/* It follows from 300 on. */
	see(&ratchet, 4, 160, 80);
	assert_floor(&ratchet, 300);
}

static void constant_use_is_never_in_the_way(void **state)
{
	struct ratchet jvm = {.program = SIZING_JVM}, other = {0};
	(void)state;
	for (uint64_t day = 0, limit = 1024; limit > 128; day++, limit = limit * 7 / 10) {
		see(&jvm, day, limit, 100);
		see(&other, day, limit, 100);
		assert_int_equal(ratchet_floor(&jvm), (uint64_t)((double)(limit * MIB) * RATCHET_STEP));
		assert_floor(&other, 0);
	}
}

static void quick_creations_do_not_outrun_what_was_seen_of_a_jvm(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM};
	(void)state;
	assert_floor(&ratchet, 0);
	ratchet_begin(&ratchet, UINT64_MAX);
	assert_floor(&ratchet, 0);
	ratchet_begin(&ratchet, 500 * MIB);
	assert_floor(&ratchet, 350);
	ratchet_begin(&ratchet, 350 * MIB);
	ratchet_begin(&ratchet, 250 * MIB);
	assert_floor(&ratchet, 350);
	/* What was used at the first is never known: what is seen first counts. */
	see(&ratchet, 1, 350, 200);
	assert_floor(&ratchet, 245);
	assert_int_equal(ratchet.from.limit_bytes, 350 * MIB);
}

static void no_limit_is_no_level(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM};
	const struct ratchet_sight sights[] = {
		{UINT64_MAX, 2048 * MIB, DAY_SAMPLES, NOW},
		{0, 100 * MIB, DAY_SAMPLES, NOW},
		{512 * MIB, 0, DAY_SAMPLES, NOW},
	};
	(void)state;
	for (size_t i = 0; i < sizeof sights / sizeof *sights; i++)
		assert_false(ratchet_observe(&ratchet, &settings.tuner, &sights[i], NOW));
	assert_int_equal(ratchet.from.limit_bytes, 0);
	assert_floor(&ratchet, 0);
}

/* Two replicas, of which one has little to do. */
static void the_busiest_of_those_seen_at_once_counts(void **state)
{
	struct ratchet ratchet = {0};
	struct ratchet_sight busy = {512 * MIB, 300 * MIB, DAY_SAMPLES, NOW}, idle = busy;
	(void)state;
	idle.use_bytes = 40 * MIB;
	for (uint64_t pass = 0; pass < 3; pass++) {
		ratchet_observe(&ratchet, &settings.tuner, pass % 2 ? &busy : &idle,
				NOW + pass * USEC_PER_MIN);
		ratchet_observe(&ratchet, &settings.tuner, pass % 2 ? &idle : &busy,
				NOW + pass * USEC_PER_MIN);
		assert_int_equal(ratchet.from.use_bytes, 300 * MIB);
	}
	ratchet_observe(&ratchet, &settings.tuner, &idle, NOW + USEC_PER_HOUR);
	assert_int_equal(ratchet.from.use_bytes, 40 * MIB);
}

static void a_container_of_before_makes_no_level(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM};
	const struct ratchet_sight old = {1024 * MIB, 600 * MIB, DAY_SAMPLES, NOW - USEC_PER_DAY};
	(void)state;
	see(&ratchet, 0, 512, 300);
	see(&ratchet, 1, 360, 220);
	assert_false(ratchet_observe(&ratchet, &settings.tuner, &old, NOW + 3 * USEC_PER_DAY));
	assert_floor(&ratchet, 512);
	/* A later one does: the limit was raised, and all begins anew. */
	see(&ratchet, 4, 1024, 600);
	assert_floor(&ratchet, 717);
}

static void one_that_fails_young_tells_nothing(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM};
	const struct ratchet_sight young = {360 * MIB, 20 * MIB, 12, NOW + USEC_PER_DAY};
	(void)state;
	see(&ratchet, 0, 512, 300);
	assert_false(ratchet_observe(&ratchet, &settings.tuner, &young, NOW + USEC_PER_DAY));
	assert_int_equal(ratchet.to.limit_bytes, 0);
}

static void where_all_are_short_they_are_compared(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM};
	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		const struct ratchet_sight job = {(i ? 360 : 512) * MIB, (i ? 220 : 300) * MIB, 12 - i,
						  NOW + i};
		ratchet_observe(&ratchet, &settings.tuner, &job, NOW + i * USEC_PER_MIN);
	}
	assert_floor(&ratchet, 512);
}

static void levels_too_close_tell_nothing(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM};
	(void)state;
	see(&ratchet, 0, 512, 300);
	assert_false(see(&ratchet, 1, 480, 250));
	see(&ratchet, 2, 505, 290); /* the same */
	assert_int_equal(ratchet.from.limit_bytes, 512 * MIB);
	assert_int_equal(ratchet.from.use_bytes, 290 * MIB);
	assert_int_equal(ratchet.to.limit_bytes, 0);
}

/* The load fell just as the limit did. Back at what it had, it uses no more: so it was the load. */
static void what_does_not_come_back_did_not_follow(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM};
	(void)state;
	see(&ratchet, 0, 512, 300);
	see(&ratchet, 1, 360, 200);
	assert_floor(&ratchet, 512);
	see(&ratchet, 2, 512, 205);
	assert_floor(&ratchet, 358);
	/* Nor is it in the way further down. */
	see(&ratchet, 3, 360, 198);
	see(&ratchet, 4, 252, 196);
	assert_floor(&ratchet, 176);
}

static void what_comes_back_stays_for_good_with_a_jvm(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM};
	(void)state;
	see(&ratchet, 0, 512, 300);
	see(&ratchet, 1, 360, 220);
	see(&ratchet, 2, 468, 275); /* on its way, as max_change has it */
	for (uint64_t day = 3; day < 100; day++) {
		see(&ratchet, day, 512, 290 + day % 20);
		assert_floor(&ratchet, 512);
	}
}

static void with_others_a_lower_one_is_tried_again_after_the_hold(void **state)
{
	struct ratchet ratchet = {0};
	uint64_t day = 3;
	(void)state;
	see(&ratchet, 0, 512, 300);
	see(&ratchet, 1, 360, 220);
	see(&ratchet, 2, 256, 160);
	for (; ratchet_floor(&ratchet) > 0; day++)
		see(&ratchet, day, 512, 300);
	assert_int_equal(day, 2 + 14 + 1);
	assert_int_equal(ratchet.from.limit_bytes, 512 * MIB);

	/* Of one that was kept before, one step is enough. */
	struct ratchet again = ratchet;
	see(&again, day, 360, 220);
	assert_floor(&again, 512);
	see(&ratchet, day, 360, 300);
	assert_floor(&ratchet, 0);
	see(&ratchet, day + 1, 300, 240);
	assert_floor(&ratchet, 0);
}

static void the_verdict_does_not_go_to_and_fro(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM};
	(void)state;
	see(&ratchet, 0, 512, 300);
	see(&ratchet, 1, 384, 281); /* a quarter of the limit less, a sixteenth of the use */
	assert_floor(&ratchet, 512);
	for (uint64_t day = 2; day < 10; day++) {
		see(&ratchet, day, 384, 280 + 4 * (day % 2));
		assert_floor(&ratchet, 512);
	}
	see(&ratchet, 10, 384, 298);
	assert_floor(&ratchet, 358);
}

static void another_image_keeps_what_is_kept(void **state)
{
	struct ratchet held = {.program = SIZING_JVM}, half = held;
	(void)state;
	see(&held, 0, 512, 300);
	see(&held, 1, 360, 220);
	ratchet_restart(&held);
	assert_floor(&held, 512);
	assert_int_equal(held.program, SIZING_UNKNOWN);

	/* Else what its predecessor used is not held against it; the levels that were seen still bound its steps. */
	see(&half, 0, 512, 300);
	see(&half, 1, 360, 295);
	ratchet_restart(&half);
	assert_floor(&half, 0);
	half.program = SIZING_JVM;
	assert_floor(&half, 252);
	see(&half, 2, 360, 150);
	assert_floor(&half, 252);
}

static void a_clock_that_is_set_back_delays_nothing(void **state)
{
	struct ratchet ratchet = {0};
	(void)state;
	see(&ratchet, 1000, 512, 300);
	see(&ratchet, 1001, 360, 220);
	see(&ratchet, 1002, 256, 160);
	assert_floor(&ratchet, 512);
	see(&ratchet, 3, 512, 300);
	assert_int_equal(ratchet.since_usec, NOW + 4 * USEC_PER_DAY);
	assert_int_equal(ratchet.from.limit_bytes, 512 * MIB);
	see(&ratchet, 18, 512, 300);
	assert_floor(&ratchet, 0);
}

static void what_is_known_outlives_the_daemon(void **state)
{
	struct ratchet ratchet = {.program = SIZING_JVM}, again, none = {0};
	char text[RATCHET_TEXT_MAX], second[RATCHET_TEXT_MAX];
	(void)state;
	assert_string_equal(ratchet_format(&none, text), "");
	assert_true(ratchet_parse(text, &again));
	assert_string_equal(ratchet_format(&ratchet, text), "jvm 0 0 0 0 0 0 0 0 0");
	assert_true(ratchet_parse(text, &again));
	assert_int_equal(again.program, SIZING_JVM);

	see(&ratchet, 0, 512, 300);
	see(&ratchet, 1, 360, 220);
	assert_true(ratchet_parse(ratchet_format(&ratchet, text), &again));
	assert_floor(&again, 512);
	assert_string_equal(ratchet_format(&again, second), text);
	see(&again, 2, 512, 205);
	assert_floor(&again, 358);

	struct ratchet largest = {
		.program = SIZING_UNKNOWN,
		.from = {INT64_MAX, UINT64_MAX, 0},
		.to = {INT64_MAX - 1, UINT64_MAX, 0},
		.samples = UINT64_MAX,
		.steps = UINT64_MAX,
		.top_bytes = INT64_MAX,
		.newest_usec = UINT64_MAX,
		.since_usec = UINT64_MAX,
	};
	assert_true(ratchet_parse(ratchet_format(&largest, text), &again));
	assert_string_equal(ratchet_format(&again, second), text);
}

static void what_was_not_written_by_us_is_nothing(void **state)
{
	static const char *const texts[] = {
		" ",
		"jvm",
		"jvm 1 2 3",
		"jvm 512 0 0 600 0 512 300 360",
		"jvm 512 0 0 600 0 512 300 360 220 1",
		"jvm 512 0 0 600 0 512 300 360 x",
		"jvm 512 0 0 600 0 512 300 360 ",
		"jvm  512 0 0 600 0 512 300 360 220",
		"averyveryverylongname 512 0 0 600 0 512 300 360 220",
		"jvm 512 0 0 600 0 360 300 512 220",                 /* its levels the wrong way round */
		"jvm 512 0 0 600 0 512 300 512 220",                 /* or the same */
		"jvm 512 1 0 600 0 512 300 0 0",                     /* kept for no reason */
		"jvm 9223372036854775808 0 0 600 0 512 300 360 220", /* no limit */
	};
	struct ratchet ratchet;
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		ratchet.from.limit_bytes = 1;
		assert_false(ratchet_parse(texts[i], &ratchet));
		assert_int_equal(ratchet.from.limit_bytes, 0);
	}
	/* A program that a later version knows is none that we know. */
	assert_true(ratchet_parse("erlang 512 0 0 600 0 512 300 360 220", &ratchet));
	assert_int_equal(ratchet.program, SIZING_UNKNOWN);
}

/* ---- Closed loops: the tuner, the guards and a program that answers to its limit ---- */

/* What a program uses on one day at one limit. */
typedef uint64_t (*program)(uint64_t limit_bytes, unsigned day);

struct loop {
	program program;
	int sizing, policy, margin;
	bool without_ratchet;
	unsigned days;
};

struct outcome {
	uint64_t limit_mib;       /* at the end */
	uint64_t lowest_mib;      /* at any time */
	unsigned days_below_most; /* with less than it was given on the first day */
	unsigned changes;
};

#define DECLARED (512 * MIB)

/* A creation a day. */
static struct outcome run(const struct loop *loop)
{
	struct settings own = settings;
	struct ratchet ratchet = {.program = loop->sizing};
	struct recommendation standing = {0};
	struct tide tide = {0};
	struct outcome outcome = {.lowest_mib = DECLARED / MIB};
	uint64_t applied = 0;

	own.tuner.policy = loop->policy;
	own.tuner.adaptive_margin = loop->margin;
	for (unsigned day = 0; day < loop->days; day++) {
		const uint64_t created = NOW + day * USEC_PER_DAY, ended = created + USEC_PER_DAY;
		const struct decision_input input = {
			.mode = MODE_ENFORCE,
			.declared_bytes = DECLARED,
			.recommended_bytes = standing.limit_bytes,
			.enforced_bytes = standing.warm ? standing.limit_bytes : 0,
			.p95_bytes = standing.seen_p95_bytes,
			.last_applied_bytes = applied,
		};
		struct decision decision;
		decision_make(&input, &own.guards, &decision);
		if (applied > 0 && decision.limit_bytes != applied)
			outcome.changes++;
		applied = decision.limit_bytes;
		ratchet_begin(&ratchet, applied);

		const uint64_t use = loop->program(applied, day);
		const struct ratchet_sight sight = {applied, use, DAY_SAMPLES, created};
		ratchet_observe(&ratchet, &own.tuner, &sight, ended);
		tide_add(&tide, ended - 1, use);
		struct observed observed = {
			.samples = DAY_SAMPLES,
			.since_usec = created,
			.until_usec = ended - 1,
			.avg_bytes = use,
			.p95_bytes = use,
			.max_bytes = use,
			.ratchet_floor_bytes = loop->without_ratchet ? 0 : ratchet_floor(&ratchet),
		};
		tide_observe(&tide, ended, &observed);
		tuner_recommend(&own.tuner, &observed, &standing, ended, &standing);

		outcome.limit_mib = applied / MIB;
		if (outcome.limit_mib < outcome.lowest_mib)
			outcome.lowest_mib = outcome.limit_mib;
		outcome.days_below_most += applied < DECLARED;
	}
	return outcome;
}

/* A quarter of the limit for the heap, which is a JVM's default. */
static uint64_t jvm(uint64_t limit, unsigned day)
{
	(void)day;
	return limit / 4 + 20 * MIB;
}

static const struct {
	int policy, margin;
	uint64_t ratcheted_mib; /* what the limit of jvm() comes to without the ratchet's floor */
} policies[] = {
	{POLICY_PERCENTILE, MARGIN_NORMAL, 272}, /* its hysteresis stops it */
	{POLICY_ADAPTIVE, MARGIN_NORMAL, 128},   /* limit_min */
	{POLICY_ADAPTIVE, MARGIN_TIGHT, 128},    /* limit_min */
};
#define EACH_POLICY(i)                          \
	size_t i = 0;                           \
	i < sizeof policies / sizeof *policies; \
	i++

static void a_jvm_keeps_what_it_was_given(void **state)
{
	(void)state;
	for (EACH_POLICY(i)) {
		struct loop loop = {jvm, SIZING_JVM, policies[i].policy, policies[i].margin, true, 60};
		assert_int_equal(run(&loop).limit_mib, policies[i].ratcheted_mib);
		loop.without_ratchet = false;
		struct outcome with = run(&loop);
		assert_int_equal(with.limit_mib, 512);
		assert_true(with.lowest_mib >= 512 * 7 / 10);
		assert_true(with.days_below_most <= 3);
	}
}

static void one_that_is_not_known_for_it_is_found_out(void **state)
{
	(void)state;
	for (EACH_POLICY(i)) {
		struct loop loop = {jvm, SIZING_UNKNOWN, policies[i].policy, policies[i].margin, true, 60};
		assert_int_equal(run(&loop).limit_mib, policies[i].ratcheted_mib);
		loop.without_ratchet = false;
		struct outcome with = run(&loop);
		assert_true(with.lowest_mib >= 200);
		/* Two steps down and two or three up, and every 14 days one down and one up. */
		assert_true(with.days_below_most <= 10);
		assert_int_equal(with.limit_mib, 512);
	}
}

static uint64_t constant(uint64_t limit, unsigned day)
{
	(void)limit;
	(void)day;
	return 80 * MIB;
}

static void one_of_constant_use_comes_to_the_same_limit(void **state)
{
	(void)state;
	for (EACH_POLICY(i))
		for (int sizing = SIZING_UNKNOWN; sizing <= SIZING_GO; sizing++) {
			struct loop loop = {constant,           sizing, policies[i].policy,
					    policies[i].margin, true,   30};
			struct outcome without = run(&loop);
			loop.without_ratchet = false;
			struct outcome with = run(&loop);
			assert_int_equal(with.limit_mib, without.limit_mib);
			assert_true(with.limit_mib < 512 * 7 / 10);
		}
}

/* A twentieth less each day. */
static uint64_t falling(uint64_t limit, unsigned day)
{
	double use = 200 * (double)MIB;
	(void)limit;
	while (day-- > 0)
		use *= 0.95;
	return (uint64_t)use;
}

static void a_slowly_falling_load_comes_down(void **state)
{
	(void)state;
	for (EACH_POLICY(i)) {
		struct loop loop = {falling, SIZING_UNKNOWN, policies[i].policy, policies[i].margin, true,
				    60};
		struct outcome without = run(&loop);
		loop.without_ratchet = false;
		struct outcome with = run(&loop);
		assert_int_equal(with.limit_mib, without.limit_mib);
		assert_true(with.changes <= without.changes + 3);
	}
}

/* Between 60 and 140 MiB, as chance has it, at any limit. */
static uint64_t noisy(uint64_t limit, unsigned day)
{
	uint32_t dice = 12345 + day;
	(void)limit;
	for (int i = 0; i < 5; i++)
		dice = dice * 1664525 + 1013904223;
	return (60 + (dice >> 16) % 81) * MIB;
}

static void noise_is_not_taken_for_it(void **state)
{
	(void)state;
	for (EACH_POLICY(i)) {
		struct loop loop = {noisy, SIZING_UNKNOWN, policies[i].policy, policies[i].margin, true, 90};
		struct outcome without = run(&loop);
		loop.without_ratchet = false;
		struct outcome with = run(&loop);
		assert_int_equal(with.limit_mib, without.limit_mib);
	}
}

/* 30 MiB of its own, and files that it reads again and again: as much as is kept of them is its working set. */
static uint64_t reader(uint64_t limit, unsigned day)
{
	uint64_t cache = limit * 3 / 10;
	(void)day;
	return 30 * MIB + (cache < 400 * MIB ? cache : 400 * MIB);
}

static void a_cache_that_takes_what_it_gets_is_kept_too(void **state)
{
	(void)state;
	struct loop loop = {reader, SIZING_UNKNOWN, POLICY_ADAPTIVE, MARGIN_NORMAL, true, 60};
	assert_int_equal(run(&loop).limit_mib, 148);
	loop.without_ratchet = false;
	assert_int_equal(run(&loop).limit_mib, 512);
}

/* A JVM whose load halves for good: what it holds beside its heap, and its heap, too. */
static uint64_t jvm_that_has_less_to_do(uint64_t limit, unsigned day)
{
	uint64_t heap = limit / 4, needed = (day < 20 ? 300 : 30) * MIB;
	return (heap < needed ? heap : needed) + 20 * MIB;
}

static void a_jvm_that_really_needs_less_gets_less(void **state)
{
	(void)state;
	struct loop loop = {jvm_that_has_less_to_do, SIZING_JVM, POLICY_PERCENTILE, MARGIN_NORMAL, false, 20};
	assert_int_equal(run(&loop).limit_mib, 512);
	loop.days = 40;
	assert_true(run(&loop).limit_mib <= 144);
}

/* ---- The tuner ---- */

static void the_floor_waits_for_nothing(void **state)
{
	const struct recommendation standing = {
		.request_bytes = 96 * MIB,
		.limit_bytes = 480 * MIB,
		.revision = 3,
		.changed_usec = NOW,
		.warm = true,
	};
	struct observed observed = {
		.samples = DAY_SAMPLES,
		.since_usec = NOW - USEC_PER_DAY,
		.until_usec = NOW,
		.avg_bytes = 60 * MIB,
		.p95_bytes = 60 * MIB,
		.max_bytes = 60 * MIB,
		.ratchet_floor_bytes = 500 * MIB,
	};
	struct recommendation ret;
	(void)state;
	assert_int_equal(tuner_recommend(&settings.tuner, &observed, &standing, NOW + 1, &ret),
			 TUNER_CHANGED);
	assert_int_equal(ret.limit_bytes, 512 * MIB);
	assert_int_equal(ret.limit_term, TERM_RATCHET);

	/* But an OOM kill knows better, and the node's bounds hold. */
	struct recommendation killed;
	tuner_learn_oom(&settings.tuner, &ret, 512 * MIB, 512 * MIB, NOW + 2, &killed);
	tuner_recommend(&settings.tuner, &observed, &killed, NOW + 3, &ret);
	assert_int_equal(ret.limit_term, TERM_OOM);
	observed.ratchet_floor_bytes = UINT64_MAX;
	tuner_recommend(&settings.tuner, &observed, &standing, NOW + 1, &ret);
	assert_int_equal(ret.limit_bytes, settings.tuner.limit_max_bytes);
	assert_int_equal(ret.limit_term, TERM_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_step_that_a_jvm_follows_is_enough),
		cmocka_unit_test(of_a_jvm_with_much_beside_its_heap_less_is_asked),
		cmocka_unit_test(of_others_it_takes_two_in_a_row),
		cmocka_unit_test(a_step_that_is_not_followed_makes_the_next_begin_anew),
		cmocka_unit_test(constant_use_is_never_in_the_way),
		cmocka_unit_test(quick_creations_do_not_outrun_what_was_seen_of_a_jvm),
		cmocka_unit_test(no_limit_is_no_level),
		cmocka_unit_test(the_busiest_of_those_seen_at_once_counts),
		cmocka_unit_test(a_container_of_before_makes_no_level),
		cmocka_unit_test(one_that_fails_young_tells_nothing),
		cmocka_unit_test(where_all_are_short_they_are_compared),
		cmocka_unit_test(levels_too_close_tell_nothing),
		cmocka_unit_test(what_does_not_come_back_did_not_follow),
		cmocka_unit_test(what_comes_back_stays_for_good_with_a_jvm),
		cmocka_unit_test(with_others_a_lower_one_is_tried_again_after_the_hold),
		cmocka_unit_test(the_verdict_does_not_go_to_and_fro),
		cmocka_unit_test(another_image_keeps_what_is_kept),
		cmocka_unit_test(a_clock_that_is_set_back_delays_nothing),
		cmocka_unit_test(what_is_known_outlives_the_daemon),
		cmocka_unit_test(what_was_not_written_by_us_is_nothing),
		cmocka_unit_test(a_jvm_keeps_what_it_was_given),
		cmocka_unit_test(one_that_is_not_known_for_it_is_found_out),
		cmocka_unit_test(one_of_constant_use_comes_to_the_same_limit),
		cmocka_unit_test(a_slowly_falling_load_comes_down),
		cmocka_unit_test(noise_is_not_taken_for_it),
		cmocka_unit_test(a_cache_that_takes_what_it_gets_is_kept_too),
		cmocka_unit_test(a_jvm_that_really_needs_less_gets_less),
		cmocka_unit_test(the_floor_waits_for_nothing),
	};
	return cmocka_run_group_tests_name("ratchet", tests, begin, NULL);
}
