/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end: what it passes through to the runtime. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/wrapper/wrapped.h"

static struct outcome outcome;

static void command_that_is_not_ours_is_passed_through(void **state)
{
	const struct node *node = *state;
	const char *const *commands[] = {
		ARGS("--version"),
		ARGS("features"),
		ARGS("state", ID),
		ARGS("--root=/run/crun", "--systemd-cgroup", "kill", ID, "15"),
		ARGS("--root=/run/crun", "exec", "--pid-file", "p", "--process", "f", "--detach", ID),
		ARGS("exec", ID, "create", "--bundle", node->bundle, "x"),
		ARGS("checkpoint", "--help"),
		ARGS("create", "--help"),
		ARGS("create", "--bundle", node->bundle),
		ARGS("create", "--bundle", node->bundle, "--config", "other.json", ID),
		ARGS("create", "--bundle", node->bundle, ID, "another"),
		ARGS("delete", "--regex", ".*"),
		ARGS("frobnicate", "--bundle", node->bundle, ID),
		ARGS("-"),
		ARGS(""),
		ARGS(NULL),
	};

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		run_both(node, NULL, commands[i], &outcome);
		assert_silent(&outcome);
		assert_config(node, CONFIG_DECLARED);
	}
}

static void exit_code_and_output_are_the_runtimes(void **state)
{
	const struct way way = {
		.env = {"PROBE_EXIT=42", "PROBE_STDOUT={\"ok\": \xff}", "PROBE_STDERR=no\nway\t"}};

	run_both(*state, &way, ARGS("state", ID), &outcome);
	assert_int_equal(WEXITSTATUS(outcome.status), 42);
	assert_string_equal(outcome.out, "{\"ok\": \xff}");
	assert_string_equal(outcome.err, "no\nway\t");

	node_configure(*state, "observe", "");
	run_both(*state, &way, CREATE((const struct node *)*state), &outcome);
}

static void set_up_as_conmon_does(void)
{
	sigset_t mask;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	umask(0);
	/* A socket that is meant for the runtime (--preserve-fds). */
	dup3(1, 7, 0);
}

static void runtime_inherits_all_that_was_meant_for_it(void **state)
{
	const struct node *node = *state;
	const struct way way = {.in_child = set_up_as_conmon_does,
				.env = {"_OCI_STARTPIPE=4", "EMPTY=", "=odd"}};
	char pdeathsig[64];

	node_configure(node, "observe", "");
	run_both(node, &way, CREATE(node), &outcome);
	snprintf(pdeathsig, sizeof pdeathsig, "pdeathsig: %d\n", SIGKILL);
	assert_non_null(strstr(outcome.report, pdeathsig));
	assert_non_null(strstr(outcome.report, "fd: 7\n"));
	assert_null(strstr(outcome.report, "fd: 3\n"));
	assert_non_null(strstr(outcome.report, "env: =odd\n"));

	/* Where something is done, too. */
	node_configure(node, "enforce", "");
	run(node, &way, CREATE(node), &outcome);
	assert_config(node, CONFIG_TUNED);
	assert_non_null(strstr(outcome.report, pdeathsig));
	assert_non_null(strstr(outcome.report, "fd: 7\n"));
	for (int fd = 3; fd < 64; fd++) {
		char line[16];
		snprintf(line, sizeof line, "fd: %d\n", fd);
		if (fd != 7)
			assert_null(strstr(outcome.report, line));
	}
}

static void closed_standard_files_stay_closed(void **state)
{
	const struct node *node = *state;
	const struct way way = {.in_child = close_the_standard_files};

	node_configure(node, "observe", "");
	run_both(node, &way, CREATE(node), &outcome);
	assert_null(strstr(outcome.report, "fd: 0\n"));
	run_both(node, &way, ARGS("start", ID), &outcome);
	run_both(node, &way, ARGS("delete", ID), &outcome);
}

static void ignore_too_large_files(void)
{
	signal(SIGXFSZ, SIG_IGN);
}

static void signal_that_was_ignored_stays_ignored(void **state)
{
	const struct node *node = *state;
	const struct way way = {.in_child = ignore_too_large_files};

	node_configure(node, "observe", "");
	run_both(node, &way, CREATE(node), &outcome);
}

static void real_runtime_answers_byte_for_byte_the_same(void **state)
{
	static const char *const crun = "/usr/bin/crun";
	const struct node *node = *state;
	const struct way way = {.runtime = crun, .cwd = "real"};
	static const char *const verbs[] = {"--version", "features", "spec",      "spec",
					    "list",      "--help",   "frobnicate"};
	char root[600];

	NEED(access(crun, X_OK) == 0, "crun is not installed");
	/* The node does not name its runtime: it is found. */
	node_write(node, "etc/tidemark/tidemark.conf", "[node]\nmode = enforce\n");
	fixture_parents(node->fixture.root_fd, "real/");
	snprintf(root, sizeof root, "--root=%s/crun", node->fixture.path);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		/* Both runs of "spec" find no config.json the first time, and one the second time. */
		if (i < 3)
			unlinkat(node->fixture.root_fd, "real/config.json", 0);
		static struct outcome without;
		struct way direct = way;
		direct.direct = true;
		run(node, &direct, ARGS(root, verbs[i]), &without);
		if (i == 2)
			unlinkat(node->fixture.root_fd, "real/config.json", 0);
		run(node, &way, ARGS(root, verbs[i]), &outcome);
		assert_same(&outcome, &without);
		assert_int_equal(outcome.n_logs, 0);
	}
	run_both(node, &way, ARGS(root, "state", "nosuch"), &outcome);
	assert_true(outcome.status != 0);
	run_both(node, &way, ARGS(root, "delete", "nosuch"), &outcome);
	run_both(node, &way, ARGS(root, "start", "nosuch"), &outcome);
	run_both(node, &way, ARGS(root, "create", "--bundle", "/nonexistent", "nosuch"), &outcome);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(command_that_is_not_ours_is_passed_through),
		NODE_TEST(exit_code_and_output_are_the_runtimes),
		NODE_TEST(runtime_inherits_all_that_was_meant_for_it),
		NODE_TEST(closed_standard_files_stay_closed),
		NODE_TEST(signal_that_was_ignored_stays_ignored),
		NODE_TEST(real_runtime_answers_byte_for_byte_the_same),
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
