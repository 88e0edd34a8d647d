/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/process.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/fixture.h"

static void list_has_the_first_processes(void **state)
{
	int root = *(int *)*state;
	pid_t pids[3] = {0};

	fixture_write(root, "cgroup.procs", "4711\n0\n4712\n");
	assert_int_equal(process_list(root, pids, 3), 2);
	assert_int_equal(pids[0], 4711);
	assert_int_equal(pids[1], 4712);
	assert_int_equal(process_list(root, pids, 1), 1);
	fixture_write(root, "cgroup.procs", "");
	assert_int_equal(process_list(root, pids, 3), 0);
}

static void no_number_is_taken_that_was_cut_off(void **state)
{
	int root = *(int *)*state;
	char text[1024] = "";
	pid_t pids[256];

	/* 9 does not divide 512: a number lies across the end of what is read. */
	for (size_t i = 0; i < 100; i++)
		strcat(text, "12345678\n");
	fixture_write(root, "cgroup.procs", text);
	size_t count = process_list(root, pids, 256);
	assert_int_equal(count, 512 / 9);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(pids[i], 12345678);
}

static void what_is_no_number_is_no_process(void **state)
{
	int root = *(int *)*state;
	pid_t pids[3];

	assert_int_equal(process_list(root, pids, 3), 0);
	fixture_write(root, "cgroup.procs", "-1\nx\n99999999999\n\n7\n");
	assert_int_equal(process_list(root, pids, 3), 1);
	assert_int_equal(pids[0], 7);
}

static void arguments_are_read_as_far_as_they_fit(void **state)
{
	int root = *(int *)*state;
	char buf[16];

	fixture_write(root, "7/cmdline", "java -Xmx1g");
	assert_int_equal(process_arguments(root, 7, buf, sizeof buf), 11);
	assert_memory_equal(buf, "java -Xmx1g", 11);
	assert_int_equal(process_arguments(root, 7, buf, 4), 4);
	assert_int_equal(process_arguments(root, 8, buf, sizeof buf), 0);
}

static void our_own_are_there(void **state)
{
	char buf[4096];
	(void)state;

	int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t length = process_arguments(proc_fd, getpid(), buf, sizeof buf);
	close(proc_fd);
	assert_true(length > 0);
	assert_non_null(strstr(buf, "test_process"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(list_has_the_first_processes),
		FIXTURE_TEST(no_number_is_taken_that_was_cut_off),
		FIXTURE_TEST(what_is_no_number_is_no_process),
		FIXTURE_TEST(arguments_are_read_as_far_as_they_fit),
		cmocka_unit_test(our_own_are_there),
	};
	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
