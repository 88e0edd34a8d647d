/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/quantity.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void bytes_take_the_suffixes_of_kubernetes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"0", 0},
		{"67108864", 64 * MIB},
		{"64Mi", 64 * MIB},
		{"64 Mi", 64 * MIB},
		{"1.5Gi", 3 * GIB / 2},
		{"0.5Ki", 512},
		{"12k", 12000},
		{"12M", 12000000},
		{"1.5E", UINT64_C(1500000000000000000)},
		{"7Ei", 7 * (GIB << 30)},
		{"0064Mi", 64 * MIB},
		{"9223372036854775807", INT64_MAX},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t bytes = 1;
		assert_int_equal(quantity_parse_bytes(cases[i].text, &bytes), 0);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void bytes_beyond_int64_are_out_of_range(void **state)
{
	static const char *const cases[] = {"9223372036854775808",
					    "18446744073709551616",
					    "8Ei",
					    "8.0Ei",
					    "9007199254740992Ki",
					    "99999999999999999999999999999999"};
	uint64_t bytes = 1;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(quantity_parse_bytes(cases[i], &bytes), -ERANGE);
	assert_int_equal(bytes, 1);
}

static void bytes_refuse_what_is_no_amount(void **state)
{
	static const char *const cases[] = {"",      " ",   "Mi",    "-1",  "+1",  "1 ",   "1  Mi", " 1",
					    "1mi",   "1MI", "1Mib",  "1.",  ".5",  "1..5", "1.5.5", "0x10",
					    "0x1p3", "1e3", "1.5e3", "inf", "nan", "max",  "1,5"};
	uint64_t bytes = 1;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(quantity_parse_bytes(cases[i], &bytes), -EINVAL);
	assert_int_equal(bytes, 1);
}

static void durations_take_the_units_of_systemd(void **state)
{
	static const struct {
		const char *text;
		uint64_t usec;
	} cases[] = {
		{"0", 0},
		{"30", 30 * USEC_PER_SEC},
		{"5us", 5},
		{"500ms", 500 * USEC_PER_MSEC},
		{"0.5s", 500 * USEC_PER_MSEC},
		{"15min", 15 * USEC_PER_MIN},
		{"15 min", 15 * USEC_PER_MIN},
		{"24h", USEC_PER_DAY},
		{"7d", 7 * USEC_PER_DAY},
		{"1w", 7 * USEC_PER_DAY},
	};
	uint64_t usec;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(quantity_parse_duration(cases[i].text, &usec), 0);
		assert_int_equal(usec, cases[i].usec);
	}
	assert_int_equal(quantity_parse_duration("1y", &usec), -EINVAL);
	assert_int_equal(quantity_parse_duration("m", &usec), -EINVAL);
	assert_int_equal(quantity_parse_duration("999999999w", &usec), -ERANGE);
}

static void ratios_are_factors_or_percents(void **state)
{
	static const char *const bad[] = {"",    "%",     "-1",    "1e3", "0x1p3", "inf",
					  "nan", "20 %%", "20  %", "20 ", "1.5.5", "20p"};
	double ratio = 7;
	(void)state;

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(quantity_parse_ratio(bad[i], &ratio), -EINVAL);
	assert_true(ratio == 7);
	assert_int_equal(quantity_parse_ratio("20 %", &ratio), 0);
	assert_true(ratio == 0.2);
	assert_int_equal(quantity_parse_ratio("150%", &ratio), 0);
	assert_true(ratio == 1.5);
	assert_int_equal(quantity_parse_ratio("0.25", &ratio), 0);
	assert_true(ratio == 0.25);
}

static void a_ratio_is_never_infinite(void **state)
{
	char digits[401] = {0};
	double ratio = 7;
	(void)state;

	memset(digits, '9', sizeof digits - 1);
	assert_int_equal(quantity_parse_ratio(digits, &ratio), -EINVAL);
	assert_true(ratio == 7);
}

static void whole_numbers_are_digits_only(void **state)
{
	uint64_t value = 7;
	(void)state;

	assert_int_equal(quantity_parse_uint("18446744073709551615", 20, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(quantity_parse_uint("18446744073709551616", 20, &value), -ERANGE);
	assert_int_equal(quantity_parse_uint("12345", 3, &value), 0);
	assert_int_equal(value, 123);
	assert_int_equal(quantity_parse_uint("", 0, &value), -EINVAL);
	assert_int_equal(quantity_parse_uint("1\0002", 3, &value), -EINVAL);
	assert_int_equal(quantity_parse_uint(" 1", 2, &value), -EINVAL);
	assert_int_equal(quantity_parse_uint("-1", 2, &value), -EINVAL);
	assert_int_equal(value, 123);
}

static void bytes_are_written_exactly_where_that_is_short(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0"},
		{1023, "1023"},
		{1536, "1.5Ki"},
		{64 * MIB, "64Mi"},
		{100 * MIB + MIB / 2, "100.5Mi"},
		{3 * GIB / 2, "1.5Gi"},
		{64 * MIB + 1, "64.0Mi"},
		{123 * MIB + 1, "123Mi"},
		{UINT64_MAX, "16.0Ei"},
	};
	char buf[QUANTITY_MAX];
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(quantity_format_bytes(cases[i].bytes, buf), cases[i].text);
}

static void durations_are_written_in_two_units_at_most(void **state)
{
	static const struct {
		uint64_t usec;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{300 * USEC_PER_MSEC, "0.3s"},
		{42 * USEC_PER_SEC, "42s"},
		{15 * USEC_PER_MIN, "15min"},
		{6 * USEC_PER_HOUR, "6h"},
		{6 * USEC_PER_HOUR + 5 * USEC_PER_MIN, "6h 5min"},
		{51 * USEC_PER_HOUR, "2d 3h"},
		{UINT64_MAX, "213503982d 8h"},
	};
	char buf[QUANTITY_MAX];
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(quantity_format_duration(cases[i].usec, buf), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_take_the_suffixes_of_kubernetes),
		cmocka_unit_test(bytes_beyond_int64_are_out_of_range),
		cmocka_unit_test(bytes_refuse_what_is_no_amount),
		cmocka_unit_test(durations_take_the_units_of_systemd),
		cmocka_unit_test(ratios_are_factors_or_percents),
		cmocka_unit_test(a_ratio_is_never_infinite),
		cmocka_unit_test(whole_numbers_are_digits_only),
		cmocka_unit_test(bytes_are_written_exactly_where_that_is_short),
		cmocka_unit_test(durations_are_written_in_two_units_at_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
