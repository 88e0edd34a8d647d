/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/oom.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/fixture.h"

#define SCOPE "/machine.slice/libpod-1f2e.scope"
#define KILL(limit, task)                                                                               \
	"6,1131,99410900,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=container,mems_" \
	"allowed=0,"                                                                                    \
	"oom_memcg=" limit ",task_memcg=" SCOPE "/container,task=" task ",pid=4711,uid=0\n"

static bool parse(const char *record, struct oom_kill *ret)
{
	return oom_parse(record, strlen(record), ret);
}

static void kill_names_the_cgroup_whose_limit_was_hit(void **state)
{
	struct oom_kill kill;
	(void)state;

	assert_true(parse(KILL(SCOPE "/container", "sh"), &kill));
	assert_string_equal(kill.limit_cgroup, SCOPE "/container");
	assert_string_equal(kill.task_cgroup, SCOPE "/container");
	assert_string_equal(kill.task, "sh");
	assert_int_equal(kill.pid, 4711);
}

static void kill_by_the_node_has_no_limit_cgroup(void **state)
{
	struct oom_kill kill;
	(void)state;

	assert_true(
		parse("6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		      "global_oom,task_memcg=" SCOPE ",task=sh,pid=12,uid=0\n SUBSYSTEM=x\n",
		      &kill));
	assert_string_equal(kill.limit_cgroup, "");
	assert_string_equal(kill.task_cgroup, SCOPE);
	assert_int_equal(kill.pid, 12);
}

static void line_that_a_program_wrote_is_not_believed(void **state)
{
	struct oom_kill kill;
	(void)state;

	/* Facility 1, "user", is the lowest that a write to /dev/kmsg gets. */
	assert_false(
		parse("14,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
		      "oom_memcg=/a,task_memcg=/a,task=sh,pid=1,uid=0\n",
		      &kill));
}

static void names_chosen_to_confuse_do_not(void **state)
{
	struct oom_kill kill;
	(void)state;

	assert_true(parse(KILL(SCOPE, "x,pid=1,uid=0"), &kill));
	assert_int_equal(kill.pid, 4711);
	assert_string_equal(kill.task, "x,pid=1,uid=0");
	/* A container that may make cgroups could name one so as to blame another. */
	assert_false(parse(KILL(SCOPE "/x,oom_memcg=/victim", "sh"), &kill));
	assert_false(parse(KILL(SCOPE "/x,task_memcg=/victim", "sh"), &kill));
	assert_false(parse(KILL(SCOPE "/x,task=y", "sh"), &kill));
}

static void other_lines_are_passed_over(void **state)
{
	static const char *const lines[] = {
		"",
		";",
		"6",
		"6,1,2,-",
		"6,1,2,-;",
		"6,1,2,-;oom-kill:constraint=",
		"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG",
		"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/a,task=sh,pid=1,uid=0",
		"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/a,task=sh,pid=1,uid=0",
		"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/a,task_memcg=/a,task=sh,pid=x,uid=0",
		"6,1,2,-;Memory cgroup out of memory: Killed process 12 (sh)",
		"x,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/a,task_memcg=/a,task=sh,pid=1,uid=0",
	};
	struct oom_kill kill = {.pid = 42};
	(void)state;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_false(parse(lines[i], &kill));
	assert_int_equal(kill.pid, 42);
}

static void long_names_are_refused_not_cut(void **state)
{
	char record[8192];
	char name[2000];
	struct oom_kill kill;
	(void)state;

	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	snprintf(record, sizeof record,
		 "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/%s,task_memcg=/"
		 "a,task=sh,pid=1,uid=0",
		 name);
	assert_false(parse(record, &kill));
}

static void kernel_log_is_read_record_by_record(void **state)
{
	int fds[2];
	struct oom_kill kill;
	struct error err;
	(void)state;

	/* Packet mode: one write, one read, as in /dev/kmsg. */
	assert_int_equal(pipe2(fds, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
	const char *records[] = {"6,1,2,-;booting\n", KILL(SCOPE, "one"), "6,1,2,-;x\n", KILL(SCOPE, "two")};
	for (size_t i = 0; i < 4; i++)
		assert_true(write(fds[1], records[i], strlen(records[i])) > 0);
	assert_int_equal(oom_read(fds[0], &kill, &err), 0);
	assert_string_equal(kill.task, "one");
	assert_int_equal(oom_read(fds[0], &kill, &err), 0);
	assert_string_equal(kill.task, "two");
	assert_int_equal(oom_read(fds[0], &kill, &err), OOM_NONE);
	close(fds[0]);
	close(fds[1]);
}

static void missing_log_is_an_error_that_names_it(void **state)
{
	int root = *(int *)*state;
	struct error err;

	assert_int_equal(oom_open(root, &err), -ENOENT);
	assert_non_null(strstr(err.text, "kernel log"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kill_names_the_cgroup_whose_limit_was_hit),
		cmocka_unit_test(kill_by_the_node_has_no_limit_cgroup),
		cmocka_unit_test(line_that_a_program_wrote_is_not_believed),
		cmocka_unit_test(names_chosen_to_confuse_do_not),
		cmocka_unit_test(other_lines_are_passed_over),
		cmocka_unit_test(long_names_are_refused_not_cut),
		cmocka_unit_test(kernel_log_is_read_record_by_record),
		FIXTURE_TEST(missing_log_is_an_error_that_names_it),
	};
	return cmocka_run_group_tests_name("oom", tests, NULL, NULL);
}
