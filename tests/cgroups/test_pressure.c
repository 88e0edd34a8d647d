/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/pressure.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cgroups/memory.h"
#include "tests/fixture.h"

#define TEXT                                                     \
	"some avg10=1.53 avg60=0.87 avg300=0.30 total=1234567\n" \
	"full avg10=100.00 avg60=0.00 avg300=0.00 total=18446744073709551615\n"

static void both_lines_are_read(void **state)
{
	struct pressure pressure;
	(void)state;

	assert_int_equal(pressure_parse(TEXT, &pressure), 0);
	assert_int_equal(pressure.some_avg10, 153);
	assert_int_equal(pressure.some_usec, 1234567);
	assert_int_equal(pressure.full_avg10, 10000);
	assert_true(pressure.full_usec == UINT64_MAX);
}

static void lines_and_fields_of_a_newer_kernel_are_passed_over(void **state)
{
	struct pressure pressure;
	(void)state;

	assert_int_equal(pressure_parse("most avg10=9.00 total=9\n"
					"full avg5=7.00 total=2 avg10=0.01\n"
					"some new total=1 avg10=0.00",
					&pressure),
			 0);
	assert_int_equal(pressure.full_avg10, 1);
	assert_int_equal(pressure.full_usec, 2);
	assert_int_equal(pressure.some_usec, 1);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"some avg10=1.53 total=1\n",
		"some avg10=1.53 total=1\nfull avg10=1 total=1\n",
		"some avg10=1.53 total=1\nfull avg10=1.5 total=1\n",
		"some avg10=1.53 total=1\nfull avg10=1.500 total=1\n",
		"some avg10=1.53 total=1\nfull avg10=101.50 total=1\n",
		"some avg10=1.53 total=1\nfull avg10=-1.50 total=1\n",
		"some avg10=1.53 total=1\nfull avg10=1.50 total=-1\n",
		"some avg10=1.53 total=1\nfull avg10=1.50\n",
		"some avg10=1.53 total=1\nfull avg10= total=\n",
	};
	struct pressure pressure;
	(void)state;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(pressure_parse(texts[i], &pressure), -EBADMSG);
}

static void file_of_a_cgroup_is_read(void **state)
{
	const int root_fd = *(int *)*state;
	struct pressure pressure;
	struct error err;

	assert_int_equal(pressure_read(root_fd, &pressure, &err), MEMORY_GONE);
	fixture_write(root_fd, "cgroup.type", "domain\n");
	assert_int_equal(pressure_read(root_fd, &pressure, &err), -ENOTSUP);
	fixture_write(root_fd, "memory.pressure", TEXT);
	assert_int_equal(pressure_read(root_fd, &pressure, &err), 0);
	assert_int_equal(pressure.some_avg10, 153);
	fixture_write(root_fd, "memory.pressure", "nonsense\n");
	assert_int_equal(pressure_read(root_fd, &pressure, &err), -EBADMSG);
}

static void cgroup_that_went_is_told_from_a_kernel_without_pressure(void **state)
{
	const int root_fd = *(int *)*state;
	struct error err;
	int fd = -1;

	assert_int_equal(pressure_watch(root_fd, 150000, 2000000, &fd, &err), MEMORY_GONE);
	fixture_write(root_fd, "cgroup.type", "domain\n");
	assert_int_equal(pressure_watch(root_fd, 150000, 2000000, &fd, &err), -ENOENT);
	assert_int_equal(fd, -1);
}

static void share_is_told_in_per_cent(void **state)
{
	char buf[PRESSURE_TEXT_MAX];
	(void)state;

	assert_string_equal(pressure_text(0, buf), "0.00 %");
	assert_string_equal(pressure_text(153, buf), "1.53 %");
	assert_string_equal(pressure_text(10000, buf), "100.00 %");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_lines_are_read),
		cmocka_unit_test(lines_and_fields_of_a_newer_kernel_are_passed_over),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		FIXTURE_TEST(file_of_a_cgroup_is_read),
		FIXTURE_TEST(cgroup_that_went_is_told_from_a_kernel_without_pressure),
		cmocka_unit_test(share_is_told_in_per_cent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
