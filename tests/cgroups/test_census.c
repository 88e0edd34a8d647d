/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* What needs the kernel is in tests/system/test_sampler.sh. */

enum { MANY = 5000 };

static struct census_entry entries[MANY];

static struct census census_of(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		entries[i] = (struct census_entry){.id = 1000 + i, .current_pages = i};
	return (struct census){.entries = entries, .count = count, .page_bytes = 4096};
}

static void cgroup_is_found_where_it_was_without_an_index(void **state)
{
	struct census census = census_of(MANY);
	uint32_t hint = 4711;

	(void)state;
	assert_int_equal(census_find(&census, 1000 + 4711, &hint)->current_pages, 4711);
	assert_null(census.index);
	census_forget(&census);
}

static void cgroup_is_found_wherever_it_has_moved_to(void **state)
{
	struct census census = census_of(MANY);
	uint32_t hints[MANY];

	(void)state;
	/* All hints are wrong at first. */
	memset(hints, 0xff, sizeof hints);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(census_find(&census, 1000 + i, &hints[i])->current_pages, i);
	census_forget(&census);

	/* One goes in front of all others: each has moved by one. */
	census = census_of(MANY);
	census.entries = entries + 1;
	census.count--;
	assert_null(census_find(&census, 1000, &hints[0]));
	for (uint32_t i = 1; i < MANY; i++)
		assert_int_equal(census_find(&census, 1000 + i, &hints[i])->current_pages, i);
	assert_int_equal(hints[MANY - 1], MANY - 2);
	census_forget(&census);
}

static void cgroup_that_is_not_there_is_not_found(void **state)
{
	struct census census = census_of(10);
	uint32_t hint = 3;

	(void)state;
	assert_null(census_find(&census, 999, &hint));
	assert_null(census_find(&census, 1000 + 64, &hint));
	assert_null(census_find(&census, UINT64_MAX, &hint));
	assert_int_equal(hint, 3);
	census_forget(&census);
}

static void nothing_is_found_in_none(void **state)
{
	struct census none = CENSUS_NONE, census = census_of(10);
	uint32_t hint = 0;

	(void)state;
	assert_null(census_find(&none, 1000, &hint));
	census_forget(&census);
	assert_null(census_find(&census, 1000, &hint));
	assert_null(census.index);
}

static void cgroup_is_wanted_as_often_as_it_was_asked_for(void **state)
{
	static struct census_wanted wanted;

	(void)state;
	census_want(&wanted, CENSUS_WANTED + 7);
	census_want(&wanted, 7); /* of the same byte */
	census_let_go(&wanted, 7);
	assert_true(wanted.bytes[7]);
	census_let_go(&wanted, CENSUS_WANTED + 7);
	census_let_go(&wanted, 7);
	assert_false(wanted.bytes[7]);

	/* More than a byte holds: none is lost. */
	for (uint64_t i = 0; i < 300; i++)
		census_want(&wanted, 7 + i * CENSUS_WANTED);
	for (uint64_t i = 0; i < 299; i++)
		census_let_go(&wanted, 7 + i * CENSUS_WANTED);
	assert_true(wanted.bytes[7]);
}

static void newly_wanted_cgroup_is_a_change_also_where_its_byte_is_full(void **state)
{
	static struct census_wanted wanted;

	(void)state;
	for (uint64_t i = 0; i < 300; i++)
		census_want(&wanted, 7 + i * CENSUS_WANTED);
	assert_int_equal(wanted.changes, 300);
	census_let_go(&wanted, 7);
	assert_int_equal(wanted.changes, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroup_is_found_where_it_was_without_an_index),
		cmocka_unit_test(cgroup_is_found_wherever_it_has_moved_to),
		cmocka_unit_test(cgroup_that_is_not_there_is_not_found),
		cmocka_unit_test(nothing_is_found_in_none),
		cmocka_unit_test(cgroup_is_wanted_as_often_as_it_was_asked_for),
		cmocka_unit_test(newly_wanted_cgroup_is_a_change_also_where_its_byte_is_full),
	};
	return cmocka_run_group_tests_name("census", tests, NULL, NULL);
}
