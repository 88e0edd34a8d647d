/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl history itself, over a database that is made here. */

#include "shim/store/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

#define BEGAN (UINT64_C(1700000000) * USEC_PER_SEC) /* 2023-11-14 22:13:20 UTC */
#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char out[65536], err_text[4096];

static void take(const struct fixture *fixture, const char *name, char *buf, size_t size)
{
	int fd = openat(fixture->root_fd, name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t n = read(fd, buf, size - 1);
	assert_true(n >= 0 && (size_t)n < size - 1);
	buf[n] = '\0';
	close(fd);
}

/* Returns the exit status, with what was printed in out and err_text. gnuplot is the one in the fixture's
 * bin/. */
static int run(const struct fixture *fixture, const char *arguments)
{
	const char *ctl = getenv("TIDEMARK_CTL");
	char command[2048];

	assert_non_null(ctl);
	assert_true(snprintf(command, sizeof command,
			     "cd %s && TZ=UTC PATH=$PWD/bin TIDEMARK_ROOT=$PWD %s %s >out 2>err",
			     fixture->path, ctl, arguments) < (int)sizeof command);
	int status = system(command); /* NOLINT */
	assert_true(WIFEXITED(status));
	take(fixture, "out", out, sizeof out);
	take(fixture, "err", err_text, sizeof err_text);
	return WEXITSTATUS(status);
}

static void assert_shown(const char *text)
{
	if (!strstr(out, text))
		fail_msg("not shown: %s\n%s%s", text, out, err_text);
}

static void assert_refused(int status, const char *text)
{
	if (status != 1 || *out || !strstr(err_text, text))
		fail_msg("status %d, not said: %s\n%s%s", status, text, out, err_text);
}

static struct history *make_history(const struct fixture *fixture)
{
	struct history *history = NULL;
	char path[512];
	struct error err = {0};

	fixture_parents(fixture->root_fd, "var/lib/tidemark/");
	snprintf(path, sizeof path, "%s/var/lib/tidemark", fixture->path);
	if (history_open(path, BEGAN, &history, &err) != 0)
		fail_msg("%s", err.text);
	return history;
}

static int64_t make_workload(struct history *history, const char *namespace, const char *owner,
			     const char *container)
{
	struct limits limits = {.version = LIMITS_VERSION, .declared_bytes = UINT64_MAX};
	struct error err;
	int64_t id = 0;

	strcpy(limits.identity.namespace, namespace);
	strcpy(limits.identity.owner, owner);
	strcpy(limits.identity.container, container);
	assert_int_equal(history_save_workload(history, &limits, BEGAN, &id, &err), 0);
	return id;
}

static void add_run(struct history *history, int64_t id, const char *container_id, uint64_t created_usec,
		    uint64_t limit_bytes, const char *reason, const char *why)
{
	const struct history_run run = {
		.container_id = container_id,
		.runtime = "crun",
		.workload_id = id,
		.created_usec = created_usec,
		.declared_bytes = 512 * MIB,
		.limit_bytes = limit_bytes,
		.reason = reason,
	};
	const struct history_decision decision = {
		.at_usec = created_usec,
		.workload_id = id,
		.event = HISTORY_CREATION,
		.container_id = container_id,
		.declared_bytes = 512 * MIB,
		.limit_bytes = limit_bytes,
		.p95_bytes = 180 * MIB,
		.reason = reason,
		.why = why,
	};
	struct error err;
	assert_int_equal(history_run_started(history, &run, &err), 0);
	assert_int_equal(history_add_decision(history, &decision, &err), 0);
}

/* A creation, a recommendation and, at the new limit, a kill, from BEGAN (or later) on; a slot of use. */
static int64_t make_story(struct history *history, const char *owner, uint64_t began_usec)
{
	int64_t id = make_workload(history, "shop", owner, "nginx");
	struct error err;

	add_run(history, id, ID, began_usec, UINT64_MAX, "declared", "what its pod declares");
	const struct history_decision recommended = {
		.at_usec = began_usec + USEC_PER_HOUR,
		.workload_id = id,
		.event = HISTORY_RECOMMENDATION,
		.request_bytes = 160 * MIB,
		.limit_bytes = 240 * MIB,
		.reason = "request",
		.why = "the request, 160Mi, × 1.5",
	};
	assert_int_equal(history_add_decision(history, &recommended, &err), 0);
	const struct history_run first = {
		.container_id = ID,
		.created_usec = began_usec,
		.ended_usec = began_usec + 2 * USEC_PER_HOUR,
		.samples = 7200,
		.max_bytes = 210 * MIB,
		.p95_bytes = 180 * MIB,
		.peak_bytes = 230 * MIB,
	};
	assert_int_equal(history_run_ended(history, &first, &err), 0);
	add_run(history, id, "box", began_usec + 3 * USEC_PER_HOUR, 240 * MIB, "enforced",
		"recommended 240Mi");
	const struct history_kill kill = {
		began_usec + 4 * USEC_PER_HOUR, id, "box", "own", 240 * MIB, 239 * MIB, 340 * MIB,
	};
	assert_int_equal(history_add_kill(history, &kill, &err), 0);

	struct window window;
	struct slot_bytes slot;
	window_init(&window, 15 * USEC_PER_MIN, USEC_PER_DAY);
	for (uint64_t i = 0; i < 100; i++)
		(void)window_add(&window, began_usec + i * USEC_PER_SEC, (100 + i) * MIB);
	assert_int_equal(window_close_slot(&window, began_usec + 100 * USEC_PER_SEC), WINDOW_SLOT_CLOSED);
	assert_true(window_closed_before(&window, 0, &slot));
	assert_int_equal(history_save_slot(history, id, &slot, &err), 0);
	window_free(&window);
	return id;
}

static void gnuplot(const struct fixture *fixture, const char *script)
{
	fixture_write(fixture->root_fd, "bin/gnuplot", script);
	assert_int_equal(fchmodat(fixture->root_fd, "bin/gnuplot", 0755, 0), 0);
}

static void no_history_is_told(void **state)
{
	assert_refused(run(*state, "history web"), "tidemarkctl history: there is no history yet");
}

static void events_are_a_table_newest_last(void **state)
{
	struct history *history = make_history(*state);
	make_story(history, "web", BEGAN);
	assert_int_equal(run(*state, "history web"), 0);
	assert_string_equal(out,
			    "shop/web/nginx\n"
			    "TIME                 EVENT           CONTAINER     REQUEST  LIMIT  REASON    "
			    "FROM\n"
			    "2023-11-14 22:13:20  creation        0123456789ab        -      -  declared  "
			    "what its pod declares\n"
			    "2023-11-14 23:13:20  recommendation  -               160Mi  240Mi  request   "
			    "the request, 160Mi, × 1.5\n"
			    "2023-11-15 00:13:20  exit            0123456789ab        -      -  -         "
			    "after 2h: peak 230Mi, working set 210Mi at most, p95 180Mi\n"
			    "2023-11-15 01:13:20  creation        box                 -  240Mi  enforced  "
			    "recommended 240Mi\n"
			    "2023-11-15 02:13:20  kill            box                 -  240Mi  own       "
			    "peak 239Mi; no limit is to be below 340Mi\n");
	assert_string_equal(err_text, "");
	history_close(history);
}

static void creation_like_the_one_before_says_so(void **state)
{
	struct history *history = make_history(*state);
	int64_t id = make_workload(history, "-", "box", "box");
	for (uint64_t i = 0; i < 3; i++)
		add_run(history, id, "box", BEGAN + i, 240 * MIB, "enforced", "recommended 240Mi");
	assert_int_equal(run(*state, "history -/box/box"), 0);
	const char *why = strstr(out, "recommended 240Mi\n"), *as_before = strstr(out, "as before\n");
	assert_true(why && as_before > why && strstr(as_before + 1, "as before\n"));
	history_close(history);
}

static void json_has_the_numbers(void **state)
{
	struct history *history = make_history(*state);
	make_story(history, "web", BEGAN);
	assert_int_equal(run(*state, "-o json history shop/web/nginx"), 0);
	assert_shown("[{\"workload\":\"shop/web/"
		     "nginx\",\"events\":[\n{\"at_usec\":1700000000000000,\"event\":\"creation\","
		     "\"container\":\"" ID
		     "\",\"declared_bytes\":536870912,\"limit_bytes\":null,\"p95_bytes\":188743680,"
		     "\"reason\":\"declared\",\"why\":\"what its pod declares\"},\n");
	assert_shown("\"event\":\"kill\",\"container\":\"box\",\"limit_bytes\":251658240,\"oom_floor_bytes\":"
		     "356515840,"
		     "\"peak_bytes\":250609664,\"oom_kills\":1,\"reason\":\"own\"}]}]\n");
	char first[sizeof out];
	strcpy(first, out);
	assert_int_equal(run(*state, "history --output json web"), 0);
	assert_string_equal(out, first);
	history_close(history);
}

static size_t lines(void)
{
	size_t n = 0;
	for (const char *c = out; *c; c++)
		n += *c == '\n';
	return n;
}

static void last_and_since_bound_what_is_shown(void **state)
{
	struct history *history = make_history(*state);
	uint64_t now_usec = (uint64_t)time(NULL) * USEC_PER_SEC;
	int64_t id = make_story(history, "web", now_usec - 10 * USEC_PER_HOUR);

	assert_int_equal(run(*state, "history --last 2 web"), 0);
	assert_int_equal(lines(), 4);
	assert_shown("kill");
	assert_shown("enforced");
	assert_int_equal(run(*state, "history web --since 390min"), 0);
	assert_int_equal(lines(), 3);
	assert_shown("kill");
	assert_int_equal(run(*state, "history --since 1min web"), 0);
	assert_shown("Nothing is kept of this time.");
	for (uint64_t i = 0; i < 60; i++)
		add_run(history, id, "box", now_usec + i, 240 * MIB, "enforced", "recommended 240Mi");
	assert_int_equal(run(*state, "history web"), 0);
	assert_int_equal(lines(), 42);
	assert_int_equal(run(*state, "history --since 11h web"), 0);
	assert_int_equal(lines(), 67);
	history_close(history);
}

static void workloads_are_found_by_their_names(void **state)
{
	struct history *history = make_history(*state);
	make_story(history, "web", BEGAN);
	make_story(history, "db", BEGAN);
	assert_int_equal(run(*state, "history nginx"), 0);
	assert_shown("shop/web/nginx\n");
	assert_shown("shop/db/nginx\n");
	assert_int_equal(run(*state, "history db"), 0);
	assert_null(strstr(out, "web"));
	assert_refused(run(*state, "history we"), "nothing is kept of a workload we");
	assert_refused(run(*state, "-o json history we"), "nothing is kept of a workload we");
	history_close(history);
}

static void history_is_shown_while_the_daemon_writes_and_without_one(void **state)
{
	struct history *history = make_history(*state);
	struct error err;
	int64_t id = make_story(history, "web", BEGAN);

	assert_int_equal(history_begin(history, &err), 0);
	add_run(history, id, "later", BEGAN + 9 * USEC_PER_HOUR, 240 * MIB, "enforced", "");
	assert_int_equal(run(*state, "history web"), 0);
	assert_shown("kill");
	assert_null(strstr(out, "later"));
	assert_int_equal(history_commit(history, &err), 0);
	assert_int_equal(run(*state, "history web"), 0);
	assert_shown("later");
	history_close(history);
	assert_int_equal(run(*state, "history web"), 0);
	assert_shown("later");
}

static void names_do_no_harm(void **state)
{
	struct history *history = make_history(*state);
	const struct fixture *fixture = *state;
	static const char evil[] = "a\x1b[2J\n'; system 'touch harm'\n`touch harm`";
	int64_t id = make_workload(history, "shop", evil, "evil");

	add_run(history, id, "c\x1b[31m", BEGAN, 240 * MIB, "enf\x1b", "be\x1b[0mcause");
	gnuplot(fixture, "#!/bin/sh\nwhile IFS= read -r line; do printf '%s\\n' \"$line\"; done >script\n");
	assert_int_equal(run(*state, "history --plot harm.svg evil"), 0);
	assert_null(strchr(out, '\x1b'));
	assert_shown("shop/a?[2J?'; system 'touch harm'?");
	char script[8192];
	take(fixture, "script", script, sizeof script);
	assert_non_null(strstr(
		script, "set title 'shop/a?[2J?''; system ''touch harm''?`touch harm`/evil' noenhanced\n"));
	assert_int_equal(run(*state, "-o json history evil"), 0);
	assert_shown("\"shop/a\\u001b[2J\\u000a'; system 'touch harm'\\u000a`touch harm`/evil\"");
	history_close(history);
}

static void picture_has_limits_use_and_kills(void **state)
{
	struct history *history = make_history(*state);
	char script[16384];

	make_story(history, "web", BEGAN);
	gnuplot(*state, "#!/bin/sh\nwhile IFS= read -r line; do printf '%s\\n' \"$line\"; done >script\n");
	assert_int_equal(run(*state, "history --plot \"it's.svg\" web"), 0);
	assert_shown("kill");
	take(*state, "script", script, sizeof script);
	static const char *const wanted[] = {
		"set output 'it''s.svg'\n",
		"set title 'shop/web/nginx' noenhanced\n",
		"set format y '%gMi'\n",
		"set timefmt '%s'\n",
		"set xrange ['1700000000':'",
		"1700000000 199\n1700000099 199\n", /* the slot's maximum */
		"1700000000 NaN\n1700010800 240\n", /* no limit, then one */
		"1700003600 240\n",                 /* recommended */
		"1700014400 240\nEOD\n",            /* killed */
		"title 'working set, 95th percentile'",
		"with points pointtype 2 pointsize 1.2 linewidth 2.5 linecolor '#d62728' title 'OOM kill'\n",
	};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!strstr(script, wanted[i]))
			fail_msg("not in the script: %s\n%s", wanted[i], script);
	history_close(history);
}

static void picture_that_cannot_be_drawn_is_told(void **state)
{
	struct history *history = make_history(*state);

	make_story(history, "web", BEGAN);
	make_story(history, "db", BEGAN);
	assert_int_equal(run(*state, "history --plot a.svg web"), 1);
	assert_string_equal(err_text,
			    "tidemarkctl history: --plot draws with gnuplot, which is not installed\n");
	gnuplot(*state, "#!/bin/sh\nexit 1\n");
	assert_int_equal(run(*state, "history --plot a.svg web"), 1);
	assert_string_equal(err_text, "tidemarkctl history: gnuplot could not draw a.svg\n");
	assert_refused(run(*state, "history --plot a.svg nginx"), "--plot draws one workload");
	history_close(history);
}

static void wrong_use_is_refused(void **state)
{
	history_close(make_history(*state));
	assert_refused(run(*state, "history"), "takes one argument, a workload");
	assert_refused(run(*state, "history ''"), "takes one argument, a workload");
	assert_refused(run(*state, "history a b"), "takes one argument, a workload");
	assert_refused(run(*state, "history --last 0 a"), "--last is a number");
	assert_refused(run(*state, "history --last x a"), "--last is a number");
	assert_refused(run(*state, "history --since never a"), "--since is a duration");
	assert_refused(run(*state, "history -o yaml a"), "--output is table or json");
	assert_refused(run(*state, "history --frobnicate a"), "frobnicate");
	assert_int_equal(run(*state, "history --help"), 0);
	assert_shown("usage: tidemarkctl history");
	const struct fixture *fixture = *state;
	fixture_write(fixture->root_fd, "var/lib/tidemark/tidemark.db",
		      "no database, but long enough to be looked at as one");
	assert_refused(run(*state, "history a"), "tidemark.db");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(no_history_is_told),
		FIXTURE_TEST(events_are_a_table_newest_last),
		FIXTURE_TEST(creation_like_the_one_before_says_so),
		FIXTURE_TEST(json_has_the_numbers),
		FIXTURE_TEST(last_and_since_bound_what_is_shown),
		FIXTURE_TEST(workloads_are_found_by_their_names),
		FIXTURE_TEST(history_is_shown_while_the_daemon_writes_and_without_one),
		FIXTURE_TEST(names_do_no_harm),
		FIXTURE_TEST(picture_has_limits_use_and_kills),
		FIXTURE_TEST(picture_that_cannot_be_drawn_is_told),
		FIXTURE_TEST(wrong_use_is_refused),
	};
	return cmocka_run_group_tests_name("ctl_history", tests, NULL, NULL);
}
