/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/process.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

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
	assert_non_null(strstr(buf, "test_cgroups_process"));
}

static const char status_text[] =
	"Name:\tqemu PPid:\\n\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t4711\nPid:\t4711\nPPid:\t99\n"
	"TracerPid:\t0\nUid:\t107\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t "
	"\nNStgid:\t4711\t12\nNSpid:\t4711\t12\n"
	"VmPeak:\t 3000000 kB\nVmRSS:\t  240000 kB\nRssAnon:\t   17000 kB\nRssFile:\t   23000 kB\n"
	"RssShmem:\t  200000 kB\nVmPTE:\t     600 kB\nHugetlbPages:\t    2048 kB\nCoreDumping:\t0\n";

static void status_tells_memory_and_descent(void **state)
{
	struct process_status status;

	(void)state;
	assert_int_equal(process_parse_status(status_text, &status), 0);
	assert_int_equal(status.parent, 99);
	assert_int_equal(status.uid, 107);
	assert_int_equal(status.namespaces, 2);
	assert_true(status.has_memory);
	assert_int_equal(status.anon_bytes, 17000 * 1024);
	assert_int_equal(status.file_bytes, 23000 * 1024);
	assert_int_equal(status.shmem_bytes, 200000 * 1024);
	assert_int_equal(status.pagetables_bytes, 600 * 1024);
	assert_int_equal(status.hugetlb_bytes, 2048 * 1024);
}

static void zombie_has_no_memory(void **state)
{
	struct process_status status;

	(void)state;
	assert_int_equal(process_parse_status("PPid:\t1\nUid:\t0\t0\t0\t0\nNSpid:\t7\n", &status), 0);
	assert_false(status.has_memory);
}

static void garbage_is_no_status(void **state)
{
	struct process_status status = {.uid = 42};
	static const char *const broken[] = {
		"",
		"\n\n",
		"PPid:\t1\nUid:\t0\n",
		"PPid:\t1\nNSpid:\t7\n",
		"Uid:\t0\nNSpid:\t7\n",
		"PPid:\t1\nUid:\t0\nNSpid:\n",
		"PPid:\t-1\nUid:\t0\nNSpid:\t7\n",
		"PPid:\nUid:\t0\nNSpid:\t7\n",
		"PPid:\t1\nUid:\t99999999999\nNSpid:\t7\n",
		"PPid:\t1\nUid:\t0\nNSpid:\t7\nRssAnon:\tmuch\n",
		"PPid:\t1\nUid:\t0\nNSpid:\t7\nRssAnon:\t9007199254740993 kB\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		assert_int_equal(process_parse_status(broken[i], &status), -EBADMSG);
	assert_int_equal(status.uid, 42);
}

static void children_are_those_of_all_threads(void **state)
{
	int root = *(int *)*state;
	pid_t pids[4];
	struct error err;

	fixture_write(root, "7/task/7/children", "8 9 ");
	fixture_write(root, "7/task/12/children", "10");
	fixture_write(root, "7/task/13/stat", "ended, or as good as");
	int fd = process_open(root, 7, &err);
	assert_true(fd >= 0);
	assert_int_equal(process_children(fd, pids, 4, &err), 3);
	assert_int_equal(pids[0] + pids[1] + pids[2], 27);
	assert_int_equal(process_children(fd, pids, 2, &err), 2);
	close(fd);
}

static void kernel_that_tells_of_no_children_is_not_one_without(void **state)
{
	int root = *(int *)*state;
	pid_t pids[4];
	struct error err;

	fixture_write(root, "7/task/7/stat", "");
	int fd = process_open(root, 7, &err);
	assert_true(fd >= 0);
	assert_int_equal(process_children(fd, pids, 4, &err), -ENOTSUP);
	close(fd);
	assert_int_equal(process_open(root, 8, &err), -ESRCH);
	assert_int_equal(process_open(root, 0, &err), -ESRCH);
}

static void held_process_is_not_the_next_of_its_number(void **state)
{
	char text[64];
	struct error err;

	(void)state;
	int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const pid_t pid = fork();
	if (pid == 0) {
		for (;;)
			pause();
	}
	int fd = process_open(proc_fd, pid, &err);
	assert_true(fd >= 0);
	int status_fd = openat(fd, "status", O_RDONLY | O_CLOEXEC);
	assert_true(pread(status_fd, text, sizeof text, 0) > 0);
	assert_true(process_arguments_at(fd, text, sizeof text) > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(pread(status_fd, text, sizeof text, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(process_arguments_at(fd, text, sizeof text), 0);
	close(status_fd);
	close(fd);
	close(proc_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(list_has_the_first_processes),
		FIXTURE_TEST(no_number_is_taken_that_was_cut_off),
		FIXTURE_TEST(what_is_no_number_is_no_process),
		FIXTURE_TEST(arguments_are_read_as_far_as_they_fit),
		cmocka_unit_test(our_own_are_there),
		cmocka_unit_test(status_tells_memory_and_descent),
		cmocka_unit_test(zombie_has_no_memory),
		cmocka_unit_test(garbage_is_no_status),
		FIXTURE_TEST(children_are_those_of_all_threads),
		FIXTURE_TEST(kernel_that_tells_of_no_children_is_not_one_without),
		cmocka_unit_test(held_process_is_not_the_next_of_its_number),
	};
	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
