/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/exit_peak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* What needs the kernel is in tests/system/test_exitpeak.sh. */

static int begin(void **state)
{
	*state = calloc(1, sizeof(struct recent_exits));
	return *state ? 0 : -1;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

static void exit_is_found_by_its_cgroup(void **state)
{
	struct recent_exits *recent = *state;
	recent_exits_add(recent, &(struct exit_peak){.cgroup_id = 7, .peak_bytes = 70});
	recent_exits_add(recent, &(struct exit_peak){.cgroup_id = UINT64_MAX, .peak_bytes = 80});
	assert_int_equal(recent_exits_find(recent, 7)->peak_bytes, 70);
	assert_int_equal(recent_exits_find(recent, UINT64_MAX)->peak_bytes, 80);
	assert_null(recent_exits_find(recent, 8));
}

static void unknown_cgroup_has_no_exit(void **state)
{
	assert_null(recent_exits_find(*state, 0));
}

static void newest_exits_stay(void **state)
{
	struct recent_exits *recent = *state;
	for (uint64_t i = 1; i <= RECENT_EXITS_MAX + 10; i++)
		recent_exits_add(recent, &(struct exit_peak){.cgroup_id = i, .peak_bytes = 2 * i});
	assert_null(recent_exits_find(recent, 10));
	assert_int_equal(recent_exits_find(recent, 11)->peak_bytes, 22);
	assert_int_equal(recent_exits_find(recent, RECENT_EXITS_MAX + 10)->peak_bytes,
			 2 * (RECENT_EXITS_MAX + 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(exit_is_found_by_its_cgroup, begin, end),
		cmocka_unit_test_setup_teardown(unknown_cgroup_has_no_exit, begin, end),
		cmocka_unit_test_setup_teardown(newest_exits_stay, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
