/* SPDX-License-Identifier: Apache-2.0 */

/* Each allocation of windows and replays fails in turn. All else in shim/tune/ allocates nothing. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "shim/store/settings.h"
#include "shim/tune/decision.h"
#include "shim/tune/overhead.h"
#include "shim/tune/protect.h"
#include "shim/tune/ratchet.h"
#include "shim/tune/replay.h"
#include "shim/tune/tide.h"
#include "shim/tune/window.h"
#include "tests/failing_malloc.h"

#define T0              (UINT64_C(1800000000) * USEC_PER_SEC)
#define ALLOCATIONS_MAX 5000

/* ---- A window ---- */

struct watching {
	struct window window;
	size_t n_added, n_refused;
	bool changed; /* though it was refused */
};

/* Four hours of a restless program, in slots of ten minutes; each sample that is refused is given again. */
static int watch(void *data)
{
	struct watching *watching = data;
	struct window *window = &watching->window;

	watching->n_added = watching->n_refused = 0;
	watching->changed = false;
	window_init(window, 10 * USEC_PER_MIN, 24 * USEC_PER_HOUR);
	for (uint64_t i = 0; i < 480; i++) {
		const uint64_t now_usec = T0 + i * 30 * USEC_PER_SEC;
		const uint64_t bytes = (1 + i * i % 97) * MIB;
		const uint64_t before = window_samples(window, 0, UINT64_MAX);
		int r = window_add(window, now_usec, bytes);
		if (r == -ENOMEM) {
			watching->changed |= window_samples(window, 0, UINT64_MAX) != before;
			watching->n_refused++;
			r = window_add(window, now_usec, bytes);
		}
		watching->n_added += r >= 0;
	}
	return 0;
}

static void check_window(void *data, int result, bool failed)
{
	struct watching *watching = data;
	struct observed observed;

	assert_int_equal(result, 0);
	assert_false(watching->changed);
	assert_true(failed || watching->n_refused == 0);
	/* What was added is there, whatever failed. */
	window_observe(&watching->window, 0, UINT64_MAX, &observed);
	assert_int_equal(observed.samples, watching->n_added);
	if (watching->n_added == 480) {
		assert_int_equal(observed.max_bytes, 97 * MIB);
		assert_in_range(observed.p95_bytes, 90 * MIB, 97 * MIB);
	}
	window_free(&watching->window);
}

static void window_without_memory_is_as_it_was(void **state)
{
	struct watching watching;
	(void)state;

	const struct failing_operation operation = {watch, check_window, &watching};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 10);
}

struct restoring {
	struct slot_bytes slot;
	struct window window;
};

static int restore(void *data)
{
	struct restoring *restoring = data;
	window_init(&restoring->window, 10 * USEC_PER_MIN, 24 * USEC_PER_HOUR);
	return window_restore(&restoring->window, restoring->slot.data, restoring->slot.length);
}

static void check_restored(void *data, int result, bool failed)
{
	struct restoring *restoring = data;
	const uint64_t samples = window_samples(&restoring->window, 0, UINT64_MAX);

	assert_int_equal(result, failed ? -ENOMEM : 0);
	assert_int_equal(samples, failed ? 0 : 3);
	window_free(&restoring->window);
}

static void slot_without_memory_is_not_put_back(void **state)
{
	struct restoring restoring;
	struct window window;
	(void)state;

	window_init(&window, 10 * USEC_PER_MIN, 24 * USEC_PER_HOUR);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(window_add(&window, T0 + i, 100 * MIB), 0);
	assert_int_equal(window_close_slot(&window, T0 + USEC_PER_MIN), WINDOW_SLOT_CLOSED);
	assert_true(window_closed_before(&window, 0, &restoring.slot));
	const struct failing_operation operation = {restore, check_restored, &restoring};
	assert_int_equal(failing_operation_run(&operation, ALLOCATIONS_MAX), 1);
	window_free(&window);
}

/* ---- A replay ---- */

struct replaying {
	struct replay_settings settings;
	struct replay *replay;
	struct replay_result results[REPLAY_POLICIES];
};

static int replay(void *data)
{
	struct replaying *replaying = data;
	int r = 0;

	replaying->replay = replay_new(&replaying->settings, NULL, NULL);
	if (!replaying->replay)
		return -ENOMEM;
	for (uint64_t i = 0; r == 0 && i < 300; i++) {
		const struct trace_sample sample = {i % 2 ? "web" : "db", i % 2 ? 3 : 2,
						    i / 2 * 10 * USEC_PER_MIN, (1 + i % 31) * MIB};
		r = replay_add(replaying->replay, &sample);
	}
	if (r == 0)
		replay_finish(replaying->replay, replaying->results);
	return r;
}

static void check_replay(void *data, int result, bool failed)
{
	struct replaying *replaying = data;

	assert_int_equal(result, failed ? -ENOMEM : 0);
	if (!failed) {
		assert_int_equal(replay_series(replaying->replay), 2);
		assert_int_equal(replay_samples(replaying->replay), 300);
		assert_true(replaying->results[REPLAY_ADAPTIVE].standing.periods > 0);
	}
	replay_free(replaying->replay);
}

static void replay_without_memory_is_an_error(void **state)
{
	static struct replaying replaying;
	struct settings settings;
	(void)state;

	settings_default(&settings);
	replaying.settings = (struct replay_settings){settings.tuner, settings.sampling.slot_usec,
						      settings.sampling.long_window_usec, USEC_PER_HOUR};
	const struct failing_operation operation = {replay, check_replay, &replaying};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 5);
}

/* ---- What allocates nothing ---- */

static void policies_and_guards_take_no_memory(void **state)
{
	struct settings settings;
	struct recommendation standing = {0};
	struct observed observed = {
		.samples = 5000,
		.fresh_samples = 5000,
		.since_usec = T0,
		.until_usec = T0 + USEC_PER_DAY,
		.avg_bytes = 100 * MIB,
		.p95_bytes = 150 * MIB,
		.max_bytes = 180 * MIB,
	};
	struct decision_input input = {
		.mode = MODE_ENFORCE,
		.declared_bytes = GIB,
		.recommended_bytes = 200 * MIB,
		.last_applied_bytes = 512 * MIB,
	};
	struct decision decision;
	struct tide tide = {0};
	char reason[DECISION_REASON_MAX], text[TIDE_TEXT_MAX];
	(void)state;

	settings_default(&settings);
	failing_malloc_begin(1, FAILING_ON);
	for (settings.tuner.policy = POLICY_PERCENTILE; settings.tuner.policy <= POLICY_ADAPTIVE;
	     settings.tuner.policy++) {
		(void)tuner_recommend(&settings.tuner, &observed, &standing, T0 + USEC_PER_DAY, &standing);
		tuner_learn_oom(&settings.tuner, &standing, 256 * MIB, 0, T0 + USEC_PER_DAY, &standing);
	}
	decision_make(&input, &settings.guards, &decision);
	decision_reason(&decision, reason);
	tide_add_life(&tide, T0, USEC_PER_HOUR, true);
	tide_format(&tide, text);
	assert_int_equal(failing_malloc_end(), 0);
	assert_true(standing.limit_bytes > 256 * MIB && decision.limit_bytes > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_without_memory_is_as_it_was),
		cmocka_unit_test(slot_without_memory_is_not_put_back),
		cmocka_unit_test(replay_without_memory_is_an_error),
		cmocka_unit_test(policies_and_guards_take_no_memory),
	};
	return FAILING_MALLOC_RUN(tests);
}
