/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/workload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

static struct settings settings;
static uint64_t now_usec;

static void tune(struct workload *workload, uint64_t bytes)
{
	(void)workload_take_sample(workload, bytes, now_usec);
	(void)workload_tune(workload, &settings.tuner, settings.sampling.long_window_usec, now_usec);
}

/* A workload whose file says what was measured a moment ago. */
static struct workload *published(int root_fd, uint64_t bytes)
{
	const struct limits limits = {.identity = {"shop", "web", "nginx"}};
	struct error err;

	settings_default(&settings);
	now_usec = 100 * USEC_PER_DAY;
	struct workload *workload = workload_new(&limits, &settings.sampling);
	assert_non_null(workload);
	for (int i = 0; i < 100; i++)
		tune(workload, bytes);
	assert_int_equal(workload_publish(workload, root_fd, now_usec, &err), 0);
	assert_false(workload_is_due(workload, now_usec));
	return workload;
}

static void measurements_without_news_are_published_after_five_minutes(void **state)
{
	struct workload *workload = published(*(int *)*state, 100 * MIB);

	for (; now_usec < 100 * USEC_PER_DAY + 5 * USEC_PER_MIN; now_usec += USEC_PER_SEC) {
		tune(workload, 100 * MIB);
		assert_false(workload_is_due(workload, now_usec));
	}
	assert_true(workload_is_due(workload, now_usec));
	workload_free(workload);
}

static void higher_maximum_is_published_after_a_minute(void **state)
{
	struct workload *workload = published(*(int *)*state, 160 * MIB);

	tune(workload, 170 * MIB);
	assert_false(workload_is_due(workload, now_usec + USEC_PER_MIN));
	tune(workload, 170 * MIB + 1);
	assert_false(workload_is_due(workload, now_usec + USEC_PER_MIN - 1));
	assert_true(workload_is_due(workload, now_usec + USEC_PER_MIN));
	workload_free(workload);
}

static void first_measurements_after_a_start_are_published_after_a_minute(void **state)
{
	int root_fd = *(int *)*state;
	struct workload *before = published(root_fd, 100 * MIB);
	struct workload *workload = workload_new(&before->limits, &settings.sampling);

	assert_non_null(workload);
	workload_free(before);
	tune(workload, 100 * MIB);
	assert_false(workload_is_due(workload, now_usec + USEC_PER_MIN - 1));
	assert_true(workload_is_due(workload, now_usec + USEC_PER_MIN));
	workload_free(workload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(measurements_without_news_are_published_after_five_minutes),
		FIXTURE_TEST(higher_maximum_is_published_after_a_minute),
		FIXTURE_TEST(first_measurements_after_a_start_are_published_after_a_minute),
	};
	return cmocka_run_group_tests_name("workload", tests, NULL, NULL);
}
