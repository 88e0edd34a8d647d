/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end: the record from start to delete. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/wrapper/container.h"

static void start_records_what_is_charged_before_the_program_runs(void **state)
{
	struct node *node = *state;
	struct record record;
	struct stat st;

	NEED_MACHINE();
	container_start(node);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.pid, node->init);
	assert_string_equal(record.cgroup, CGROUP);
	assert_int_equal(stat("/sys/fs/cgroup" CGROUP, &st), 0);
	assert_int_equal(record.cgroup_id, st.st_ino);
	assert_int_equal(record.prestart.current_bytes, 131072);
	assert_int_equal(record.prestart.peak_bytes, 360448);
	assert_int_equal(record.prestart.anon_bytes, 4096);
	assert_int_equal(record.prestart.file_bytes, 8192);
	assert_int_equal(record.prestart.kernel_bytes, 65536);
	assert_true(record.started_usec >= record.created_usec);
	assert_int_equal(record.limit_bytes, 800 * MIB);
}

static void process_of_another_container_is_not_measured(void **state)
{
	struct node *node = *state;
	struct record record;

	NEED_MACHINE();
	container_begin(node);
	node_write(node, "proc-cgroup", "0::/system.slice/sshd.service\n");
	run_both(node, NULL, ARGS("start", ID), &outcome);
	assert_int_equal(outcome.status, 0);
	run(node, NULL, ARGS("start", ID), &outcome);
	assert_logged(&outcome, "which is not the container's");
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.cgroup, "");
	assert_true(record.started_usec > 0);
}

static void start_of_a_container_that_was_created_without_us_is_silent(void **state)
{
	const struct node *node = *state;

	run_both(node, NULL, ARGS("start", ID), &outcome);
	assert_silent(&outcome);
}

static void start_without_a_pid_file_says_so(void **state)
{
	const struct node *node = *state;
	struct record record;

	run(node, NULL, CREATE(node), &outcome);
	run(node, NULL, ARGS("start", ID), &outcome);
	assert_int_equal(outcome.status, 0);
	assert_logged(&outcome, "its pre-start footprint is not recorded");
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_true(record.started_usec > 0);

	static const char *const texts[] = {"",           "x",
					    "-1",         "0",
					    "2147483648", "99999999999999999999",
					    "1 2",        "0123456789012345678901234567890123456789"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		node_write(node, "bundle/pidfile", texts[i]);
		run(node, NULL, ARGS("start", ID), &outcome);
		assert_int_equal(outcome.status, 0);
		assert_string_equal(outcome.err, "");
		assert_logged(&outcome, "its pre-start footprint is not recorded");
	}
}

static void delete_removes_the_record(void **state)
{
	const struct node *node = *state;
	struct record record;

	for (int force = 0; force <= 1; force++) {
		run(node, NULL, CREATE(node), &outcome);
		assert_int_equal(node_record(node, ID, &record), 0);
		run_both(node, NULL,
			 force ? ARGS("--root", "r", "delete", "--force", ID) : ARGS("delete", ID), &outcome);
		assert_silent(&outcome);
		assert_int_equal(node_record(node, ID, &record), -ENOENT);
		run(node, NULL, ARGS("delete", ID), &outcome); /* conmon and CRI-O do it twice */
		assert_silent(&outcome);
	}
}

static void delete_that_will_be_refused_keeps_the_record(void **state)
{
	struct node *node = *state;
	struct record record;

	NEED_MACHINE();
	container_start(node);
	run_both(node, NULL, ARGS("delete", ID), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	run_both(node, NULL, ARGS("delete", "--force", ID), &outcome);
	assert_int_equal(node_record(node, ID, &record), -ENOENT);
}

static void creation_that_will_be_refused_keeps_the_record(void **state)
{
	struct node *node = *state;
	struct record before, after;

	NEED_MACHINE();
	container_start(node);
	assert_int_equal(node_record(node, ID, &before), 0);
	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	run_both(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &after), 0);
	assert_int_equal(after.created_usec, before.created_usec);
	assert_int_equal(after.started_usec, before.started_usec);
	assert_int_equal(after.pid, before.pid);
	assert_string_equal(after.cgroup, before.cgroup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(start_records_what_is_charged_before_the_program_runs),
		NODE_TEST(process_of_another_container_is_not_measured),
		NODE_TEST(start_of_a_container_that_was_created_without_us_is_silent),
		NODE_TEST(start_without_a_pid_file_says_so),
		NODE_TEST(delete_removes_the_record),
		NODE_TEST(delete_that_will_be_refused_keeps_the_record),
		NODE_TEST(creation_that_will_be_refused_keeps_the_record),
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
