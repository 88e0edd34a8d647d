/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/protect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cgroups/quantity.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NONE         UINT64_MAX

static struct protection make(int request, double ratio, uint64_t limit_bytes, uint64_t request_bytes)
{
	const struct protect_settings settings = {.request = request, .high_ratio = ratio};
	struct protection protection;
	protect_make(&settings, limit_bytes, request_bytes, &protection);
	return protection;
}

static void assert_bytes(struct protection protection, uint64_t low, uint64_t min, uint64_t high)
{
	assert_int_equal(protection.bytes[UNIFIED_LOW], low);
	assert_int_equal(protection.bytes[UNIFIED_MIN], min);
	assert_int_equal(protection.bytes[UNIFIED_HIGH], high);
}

static void nothing_is_protected_unless_it_is_asked_for(void **state)
{
	(void)state;
	assert_bytes(make(PROTECT_NONE, 0, GIB, 512 * MIB), 0, 0, 0);
	assert_int_equal(make(PROTECT_NONE, 0, GIB, 512 * MIB).request_bytes, 512 * MIB);
}

static void request_goes_where_the_settings_say(void **state)
{
	(void)state;
	assert_bytes(make(PROTECT_LOW, 0, GIB, 512 * MIB), 512 * MIB, 0, 0);
	assert_bytes(make(PROTECT_MIN, 0, GIB, 512 * MIB), 0, 512 * MIB, 0);
	assert_bytes(make(PROTECT_LOW, 0, NONE, 512 * MIB), 512 * MIB, 0, 0);
	assert_bytes(make(PROTECT_LOW, 0, GIB, 0), 0, 0, 0);
	/* The kernel keeps whole pages: the record is to say what it has. */
	assert_bytes(make(PROTECT_LOW, 0, GIB, 100000000), 99999744, 0, 0);
	assert_bytes(make(PROTECT_LOW, 0, GIB, 4095), 0, 0, 0);
}

static void no_more_than_the_limit_is_protected(void **state)
{
	(void)state;
	assert_bytes(make(PROTECT_MIN, 0, 256 * MIB, 512 * MIB), 0, 256 * MIB, 0);
	assert_bytes(make(PROTECT_LOW, 0.9, 256 * MIB + 1, 512 * MIB), 256 * MIB, 0, 0);
}

/* The table of KEP-2570, with a limit of 1000 and a ratio of 0.9, in pages. */
static void memory_high_is_what_memory_qos_makes_it(void **state)
{
	(void)state;
	for (uint64_t request = 0; request < 10; request++)
		assert_bytes(make(PROTECT_NONE, 0.9, 1000 * 4096, request * 100 * 4096), 0, 0,
			     (900 + request * 10) * 4096);
	/* Down to a page. */
	assert_bytes(make(PROTECT_NONE, 0.5, 4096 * 7, 0), 0, 0, 4096 * 3);
	assert_bytes(make(PROTECT_NONE, 1, GIB, 0), 0, 0, GIB);
}

static void memory_high_is_not_set_where_it_would_not_be_above_the_request(void **state)
{
	static const struct {
		uint64_t limit, request;
		double ratio;
	} cases[] = {
		{GIB, GIB, 0.9}, /* as of a Guaranteed pod */
		{GIB, 2 * GIB, 0.9}, {GIB, GIB - 4096, 0.9}, {4095, 0, 0.9}, {NONE, GIB, 0.9},
	};
	(void)state;

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_bytes(make(PROTECT_NONE, cases[i].ratio, cases[i].limit, cases[i].request), 0, 0, 0);
}

static void whatever_the_numbers_are_they_are_in_order(void **state)
{
	uint64_t seed = 1;
	(void)state;

	for (int i = 0; i < 100000; i++) {
		uint64_t number[3];
		for (int n = 0; n < 3; n++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			number[n] = seed >> (1 + (seed >> 58) % 63);
		}
		const struct protection protection = make(
			1 + (int)(number[2] % 2), (double)(number[2] % 1001) / 1000, number[0], number[1]);
		const uint64_t high = protection.bytes[UNIFIED_HIGH];
		const uint64_t request = protection.bytes[UNIFIED_LOW] + protection.bytes[UNIFIED_MIN];
		assert_true(request <= number[0] && request <= number[1] && high <= number[0]);
		assert_true(high == 0 || high > request);
		assert_true(high % 4096 == 0 && request % 4096 == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_protected_unless_it_is_asked_for),
		cmocka_unit_test(request_goes_where_the_settings_say),
		cmocka_unit_test(no_more_than_the_limit_is_protected),
		cmocka_unit_test(memory_high_is_what_memory_qos_makes_it),
		cmocka_unit_test(memory_high_is_not_set_where_it_would_not_be_above_the_request),
		cmocka_unit_test(whatever_the_numbers_are_they_are_in_order),
	};
	return cmocka_run_group_tests_name("protect", tests, NULL, NULL);
}
