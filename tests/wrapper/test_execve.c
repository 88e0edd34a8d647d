/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end: one process, one execve, and files that are whole at each moment. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/wrapper/wrapped.h"

static struct outcome outcome;

struct trace {
	size_t stops; /* at the beginning and the end of system calls */
	size_t executions, births;
};

/* Traces a creation from the wrapper's first instruction to its execve(), and kills it at the stop kill_at
 * (SIZE_MAX: never). */
static void trace_creation(const struct node *node, size_t kill_at, struct trace *ret)
{
	/* A leak sanitizer cannot work where we trace. */
	static const struct way usual = {.env = {"ASAN_OPTIONS=detect_leaks=0"}};
	int status, stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	*ret = (struct trace){0};
	pid_t pid = fork();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(123);
		raise(SIGSTOP);
		become(node, &usual, CREATE(node), stdin_fd);
	}
	close(stdin_fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL,
				PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK |
					PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL),
			 0);
	alarm(DEADLINE_MSEC / 1000);
	for (int signal = 0;; signal = 0) {
		assert_int_equal(ptrace(ret->executions == 2 ? PTRACE_CONT : PTRACE_SYSCALL, pid, NULL,
					(void *)(intptr_t)signal),
				 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			break;
		unsigned event = (unsigned)status >> 16;
		if (event == PTRACE_EVENT_EXEC) {
			ret->executions++;
		} else if (event != 0) {
			ret->births++;
		} else if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			signal = WSTOPSIG(status);
		} else if (ret->executions == 1 && ++ret->stops == kill_at) {
			kill(pid, SIGKILL);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			break;
		}
	}
	alarm(0);
	if (kill_at == SIZE_MAX)
		assert_int_equal(status, 0);
}

static void nothing_is_forked_and_the_runtime_executed_once(void **state)
{
	struct trace trace;

	trace_creation(*state, SIZE_MAX, &trace);
	assert_int_equal(trace.executions, 2); /* the wrapper itself, and the runtime */
	assert_int_equal(trace.births, 0);
	assert_config(*state, CONFIG_TUNED);
}

/* Temporary files are at most left: one that is no longer written to. */
static void assert_directory_holds(const struct node *node, const char *name, const char *file)
{
	size_t temporary = 0;
	int fd = openat(node->fixture.root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	DIR *dir = fdopendir(fd);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		size_t length = strlen(entry->d_name);
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, file) == 0)
			continue;
		assert_true(entry->d_name[0] == '.' && strcmp(entry->d_name + length - 4, ".tmp") == 0);
		temporary++;
	}
	closedir(dir);
	assert_true(temporary <= 1);
}

static void config_is_whole_whenever_the_wrapper_is_killed(void **state)
{
	const struct node *node = *state;
	static char config[65536];
	struct trace trace;
	size_t seen_old = 0, seen_new = 0;

	trace_creation(node, SIZE_MAX, &trace);
	const size_t stops = trace.stops;
	assert_true(stops > 20);
	for (size_t at = 1; at <= stops; at++) {
		struct record record;
		fixture_remove(node->fixture.root_fd, "bundle");
		fixture_remove(node->fixture.root_fd, "run/tidemark/containers");
		node_write(node, "bundle/config.json", CONFIG_DECLARED);

		trace_creation(node, at, &trace);
		assert_int_equal(trace.executions, 1);
		node_read(node, "bundle/config.json", config, sizeof config);
		if (strcmp(config, CONFIG_DECLARED) == 0)
			seen_old++;
		else if (strcmp(config, CONFIG_TUNED) == 0)
			seen_new++;
		else
			fail_msg("killed at stop %zu of %zu: <<%s>>", at, stops, config);
		assert_directory_holds(node, "bundle", "config.json");
		assert_directory_holds(node, "run/tidemark/containers", ID ".json");
		int r = node_record(node, ID, &record);
		assert_true(r == 0 || r == -ENOENT);
		/* A limit that nobody could account for is not set. */
		assert_true(r == 0 || strcmp(config, CONFIG_DECLARED) == 0);

		/* The next attempt, as a restarted engine makes it, is not hindered by what was left. */
		run(node, NULL, CREATE(node), &outcome);
		assert_silent(&outcome);
		assert_config(node, CONFIG_TUNED);
	}
	assert_true(seen_old > 0 && seen_new > 0);
}

static void many_creations_at_once_do_not_meet(void **state)
{
	const struct node *node = *state;
	static const struct way usual;
	enum { COUNT = 16 };
	pid_t pids[COUNT];

	for (int i = 0; i < COUNT; i++) {
		char name[64];
		snprintf(name, sizeof name, "bundle-%d/config.json", i);
		node_write(node, name, CONFIG_DECLARED);
	}
	for (int i = 0; i < COUNT; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char bundle[600], id[32];
			snprintf(bundle, sizeof bundle, "%s-%d", node->bundle, i);
			snprintf(id, sizeof id, "id-%d", i);
			become(node, &usual, ARGS("create", "--bundle", bundle, id),
			       open("/dev/null", O_RDONLY));
		}
	}
	for (int i = 0; i < COUNT; i++) {
		char name[64], text[65536];
		struct record record;
		assert_int_equal(await(pids[i]), 0);
		snprintf(name, sizeof name, "bundle-%d/config.json", i);
		node_read(node, name, text, sizeof text);
		assert_string_equal(text, CONFIG_TUNED);
		snprintf(name, sizeof name, "id-%d", i);
		assert_int_equal(node_record(node, name, &record), 0);
		assert_int_equal(record.limit_bytes, 800 * MIB);
	}
}

static void many_creations_in_one_bundle_leave_it_whole(void **state)
{
	const struct node *node = *state;
	static const struct way usual;
	enum { COUNT = 16 };
	pid_t pids[COUNT];

	for (int round = 0; round < 8; round++) {
		node_write(node, "bundle/config.json", CONFIG_DECLARED);
		for (int i = 0; i < COUNT; i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				become(node, &usual, CREATE(node), open("/dev/null", O_RDONLY));
		}
		for (int i = 0; i < COUNT; i++)
			assert_int_equal(await(pids[i]), 0);
		assert_config(node, CONFIG_TUNED);
	}
	assert_directory_holds(node, "bundle", "config.json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(nothing_is_forked_and_the_runtime_executed_once),
		NODE_TEST(config_is_whole_whenever_the_wrapper_is_killed),
		NODE_TEST(many_creations_at_once_do_not_meet),
		NODE_TEST(many_creations_in_one_bundle_leave_it_whole),
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
