/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/store/database.h"

static void new_database_is_empty_and_private(void **state)
{
	const struct fixture *fixture = *state;
	struct history *history = open_history(fixture);
	struct loaded loaded = {0};
	struct stat st;

	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 0);
	save(history, "web");
	assert_int_equal(fstatat(fixture->root_fd, HISTORY_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstatat(fixture->root_fd, HISTORY_FILE "-wal", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	history_close(history);
	history_close(NULL);
}

static void file_that_others_can_read_is_closed_to_them(void **state)
{
	const struct fixture *fixture = *state;
	struct stat st;
	fixture_write(fixture->root_fd, HISTORY_FILE, "");
	assert_int_equal(fchmodat(fixture->root_fd, HISTORY_FILE, 0644, 0), 0);
	history_close(open_history(fixture));
	assert_int_equal(fstatat(fixture->root_fd, HISTORY_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void workload_comes_back_as_it_was(void **state)
{
	struct history *history = open_history(*state);
	struct limits limits = example("web");
	int64_t id = save(history, "web");
	history_close(history);

	struct loaded loaded = {0};
	history = open_history(*state);
	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 1);
	assert_int_equal(loaded.id[0], id);
	assert_memory_equal(&loaded.limits[0], &limits, sizeof limits);
	history_close(history);
}

static void workload_saved_again_keeps_its_id_and_slots(void **state)
{
	struct history *history = open_history(*state);
	int64_t id = save(history, "web");
	assert_int_not_equal(save(history, "db"), id);
	add_slot(history, id, NOW, "one");

	struct limits limits = example("web");
	struct error err;
	int64_t again = 0;
	limits.recommendation.limit_bytes = 999 * MIB;
	assert_int_equal(history_save_workload(history, &limits, NOW, &again, &err), 0);
	assert_int_equal(again, id);

	struct loaded loaded = {0};
	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 2);
	assert_int_equal(loaded.n_slots, 1);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(loaded.limits[i].recommendation.limit_bytes,
				 (loaded.id[i] == id ? 999 : 240) * MIB);
	history_close(history);
}

static void slots_come_back_oldest_first_and_no_older_than_asked(void **state)
{
	struct history *history = open_history(*state);
	int64_t id = save(history, "web"), other = save(history, "db");
	add_slot(history, id, NOW + 200, "three");
	add_slot(history, id, NOW, "one");
	add_slot(history, other, NOW + 100, "other");
	add_slot(history, id, NOW + 100, "two");
	add_slot(history, id, NOW + 100, "two again");

	struct loaded loaded = {0};
	assert_int_equal(load(history, NOW + 110, &loaded), 0);
	assert_int_equal(loaded.n_slots, 3);
	for (size_t i = 0, mine = 0; i < 3; i++)
		if (loaded.slot_id[i] == id)
			assert_string_equal(loaded.data[i], mine++ ? "three" : "two again");
		else
			assert_string_equal(loaded.data[i], "other");

	struct loaded stopped = {.stop_at = 1};
	assert_int_equal(load(history, 0, &stopped), 77);
	assert_int_equal(stopped.n_slots, 1);
	history_close(history);
}

static void slot_without_a_workload_is_refused(void **state)
{
	struct history *history = open_history(*state);
	struct slot_bytes slot = {"x", 1, NOW, NOW};
	struct error err;
	assert_true(history_save_slot(history, 12345, &slot, &err) < 0);
	assert_non_null(strstr(err.text, "save a slot"));
	save(history, "web"); /* and it goes on */
	history_close(history);
}

static void rows_that_cannot_be_are_skipped_and_counted(void **state)
{
	struct history *history = open_history(*state);
	int64_t id = save(history, "web");
	save(history, "db");
	save(history, "cache");
	add_slot(history, id, NOW, "one");
	history_close(history);
	sql(*state, "UPDATE workloads SET limits = json_set(limits, '$.recommended.limit_term', 'x') WHERE "
		    "owner = 'db';"
		    "UPDATE workloads SET namespace = 'other' WHERE owner = 'cache';"
		    "INSERT INTO slots SELECT id, 5, 4, x'00' FROM workloads WHERE owner = 'web';"
		    "INSERT INTO slots SELECT id, 6, 7, zeroblob(40000) FROM workloads WHERE owner = 'web';");

	struct loaded loaded = {0};
	history = open_history(*state);
	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 1);
	assert_int_equal(loaded.n_slots, 1);
	assert_int_equal(loaded.skipped, 4);
	history_close(history);
}

static void add_run(struct history *history, int64_t id, const char *container_id, uint64_t created_usec)
{
	const struct history_run run = {
		.container_id = container_id,
		.runtime = "crun",
		.workload_id = id,
		.created_usec = created_usec,
		.declared_bytes = 512,
		.limit_bytes = 240,
		.reason = "enforced",
	};
	struct error err = {0};
	if (history_run_started(history, &run, &err) != 0)
		fail_msg("%s", err.text);
}

static void add_decision(struct history *history, int64_t id, const char *container_id, uint64_t at_usec,
			 uint64_t limit_bytes, const char *reason)
{
	const struct history_decision decision = {
		.at_usec = at_usec,
		.workload_id = id,
		.event = container_id ? HISTORY_CREATION : HISTORY_RECOMMENDATION,
		.container_id = container_id,
		.declared_bytes = 512,
		.limit_bytes = limit_bytes,
		.reason = reason,
		.why = "because",
	};
	struct error err = {0};
	if (history_add_decision(history, &decision, &err) != 0)
		fail_msg("%s", err.text);
}

static void run_is_kept_from_its_start_to_its_end(void **state)
{
	struct history *history = open_history(*state);
	struct history_run run = {
		.container_id = "c1",
		.runtime = "crun",
		.workload_id = save(history, "web"),
		.created_usec = NOW,
		.declared_bytes = UINT64_MAX,
		.limit_bytes = 240 * MIB,
		.reason = "enforced",
	};
	struct history_event got = {0};
	struct error err;

	assert_int_equal(history_run_started(history, &run, &err), 0);
	/* A resize: the run stays what it was created as. */
	run.limit_bytes = 1;
	run.started_usec = NOW + 1;
	run.prestart_bytes = 3;
	assert_int_equal(history_run_started(history, &run, &err), 0);

	const struct history_run end = {
		.container_id = "c1",
		.created_usec = NOW,
		.ended_usec = NOW + 9,
		.samples = 4,
		.avg_bytes = 5,
		.p95_bytes = 6,
		.max_bytes = 7,
		.peak_bytes = 200 * MIB,
		.oom_kills = 1,
	};
	assert_int_equal(history_run_ended(history, &end, &err), 0);
	const struct history_run other = {
		.container_id = "c1", .created_usec = NOW + 1, .ended_usec = NOW + 9};
	assert_int_equal(history_run_ended(history, &other, &err), -ENOENT);
	assert_int_equal(history_each_event(history, run.workload_id, 0, 10, take_exit, &got, &err), 5);
	assert_int_equal(got.at_usec, NOW + 9);
	assert_int_equal(got.lasted_usec, 8);
	assert_true(got.declared_bytes == UINT64_MAX);
	assert_int_equal(got.limit_bytes, 240 * MIB);
	assert_int_equal(got.prestart_bytes, 3);
	assert_int_equal(got.samples, 4);
	assert_int_equal(got.avg_bytes, 5);
	assert_int_equal(got.p95_bytes, 6);
	assert_int_equal(got.max_bytes, 7);
	assert_int_equal(got.peak_bytes, 200 * MIB);
	assert_int_equal(got.oom_kills, 1);
	history_close(history);
}

static void runs_under_one_id_are_told_apart(void **state)
{
	struct history *history = open_history(*state);
	int64_t id = save(history, "web");
	add_run(history, id, "box", NOW);
	add_run(history, id, "box", NOW + 5);
	assert_string_equal(tell(history, id).text,
			    "5 creation box 512 240 enforced -;0 creation box 512 240 enforced -;");
	history_close(history);
}

static void events_are_told_newest_first_and_as_they_follow_from_one_another(void **state)
{
	struct history *history = open_history(*state);
	int64_t id = save(history, "web"), other = save(history, "db");
	struct told told, two = {0}, stopped = {.stop_at = 1};
	struct error err;

	add_run(history, id, "c'1;--", NOW);
	add_decision(history, id, "c'1;--", NOW, 240, "enforced");
	add_run(history, other, "c2", NOW + 1);
	add_decision(history, id, NULL, NOW + 5, 340, "oom");
	const struct history_kill kill = {NOW + 5, id, "c'1;--", "own", 240, 230, 340};
	assert_int_equal(history_add_kill(history, &kill, &err), 0);
	const struct history_run end = {.container_id = "c'1;--", .created_usec = NOW, .ended_usec = NOW + 5};
	assert_int_equal(history_run_ended(history, &end, &err), 0);

	told = tell(history, id);
	assert_string_equal(told.text,
			    "5 exit c'1;-- 512 240  -;5 recommendation - 512 340 oom because;"
			    "5 kill c'1;-- 0 240 own -;0 creation c'1;-- 512 240 enforced because;");
	assert_int_equal(history_each_event(history, id, NOW + 1, 2, take_event, &two, &err), 0);
	assert_string_equal(two.text, "5 exit c'1;-- 512 240  -;5 recommendation - 512 340 oom because;");
	assert_int_equal(history_each_event(history, id, 0, 10, take_event, &stopped, &err), 77);
	history_close(history);
}

static void decision_is_kept_when_it_differs_from_the_one_before(void **state)
{
	struct history *history = open_history(*state);
	int64_t id = save(history, "web"), other = save(history, "db");

	for (uint64_t i = 0; i < 1000; i++)
		add_decision(history, id, "c1", NOW + i, 240, "enforced");
	assert_int_equal(ask(*state, "SELECT count(*) FROM decisions"), 1);
	add_decision(history, other, "c1", NOW, 240, "enforced");
	add_decision(history, id, NULL, NOW + 1000, 340, "p95"); /* a recommendation is none */
	add_decision(history, id, NULL, NOW + 1001, 340, "p95");
	add_decision(history, id, "c2", NOW + 1002, 240, "enforced");
	assert_int_equal(ask(*state, "SELECT count(*) FROM decisions"), 4);
	add_decision(history, id, "c3", NOW + 1003, 240, "enforced+p95");
	add_decision(history, id, "c4", NOW + 1004, 250, "enforced+p95");
	add_decision(history, id, "c5", NOW + 1005, 240, "enforced");
	assert_int_equal(ask(*state, "SELECT count(*) FROM decisions"), 7);
	/* Its reason must not be pruned before it. */
	add_decision(history, id, "c6", NOW + 1005 + USEC_PER_DAY, 240, "enforced");
	assert_int_equal(ask(*state, "SELECT count(*) FROM decisions"), 8);
	history_close(history);
}

static void prune_all(struct history *history, const struct history_bounds *bounds)
{
	struct error err = {0};
	int r = HISTORY_MORE;
	for (int i = 0; r == HISTORY_MORE && i < 1000; i++)
		r = history_prune(history, bounds, &err);
	if (r != 0)
		fail_msg("%d: %s", r, err.text);
}

static void pruning_leaves_what_is_recent(void **state)
{
	struct history *history = open_history(*state);
	int64_t id = save(history, "web");
	struct error err;
	const struct history_bounds bounds = {NOW - 50, 64 * MIB, NOW - 50};

	struct limits limits = example("gone");
	int64_t gone;
	assert_int_equal(history_save_workload(history, &limits, NOW - 200, &gone, &err), 0);
	add_slot(history, gone, NOW - 300, "old");
	add_slot(history, id, NOW - 300, "old");
	add_slot(history, id, NOW, "recent");
	add_decision(history, id, NULL, NOW - 100, 240, "old");
	add_decision(history, id, NULL, NOW, 240, "recent");
	const struct history_kill old = {NOW - 100, id, "c0", "own", 240, 230, 340};
	assert_int_equal(history_add_kill(history, &old, &err), 0);
	add_run(history, id, "c0", NOW - 1000);
	add_run(history, id, "c1", NOW - 1000);
	const struct history_run end = {
		.container_id = "c1", .created_usec = NOW - 1000, .ended_usec = NOW - 5};
	assert_int_equal(history_run_ended(history, &end, &err), 0);

	prune_all(history, &bounds);
	struct loaded loaded = {0};
	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 1);
	assert_int_equal(loaded.id[0], id);
	assert_int_equal(loaded.n_slots, 1);
	assert_string_equal(loaded.data[0], "recent");
	assert_string_equal(tell(history, id).text,
			    "0 recommendation - 512 240 recent because;"
			    "-5 exit c1 512 240  -;-1000 creation c1 512 240 enforced -;");
	history_close(history);
}

static void what_is_too_much_goes_oldest_first_step_by_step(void **state)
{
	struct history *history = open_history(*state);
	const struct fixture *fixture = *state;
	int64_t id = save(history, "web");
	const struct history_bounds bounds = {0, 1 * MIB, NOW + 9500};
	struct error err;
	struct stat before, after;

	assert_int_equal(history_begin(history, &err), 0);
	for (uint64_t i = 0; i < 10000; i++) {
		char container_id[80];
		snprintf(container_id, sizeof container_id, "%064d", (int)i);
		add_run(history, id, container_id, NOW + i);
		add_decision(history, id, NULL, NOW + i, i, "enforced");
		add_slot(history, id, NOW + i, "some twenty or thirty bytes of a slot");
	}
	assert_int_equal(history_commit(history, &err), 0);
	assert_int_equal(fstatat(fixture->root_fd, HISTORY_FILE, &before, 0), 0);

	int64_t rows = 30000;
	assert_int_equal(history_prune(history, &bounds, &err), HISTORY_MORE);
	int64_t left = ask(fixture, "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM slots) +"
				    " (SELECT count(*) FROM decisions)");
	assert_true(left < rows && left >= rows - 3 * 256);
	prune_all(history, &bounds);

	/* The newest are there, and what the long window needs. */
	assert_int_equal(ask(fixture, "SELECT max(created_usec) FROM runs"), NOW + 9999);
	assert_int_equal(ask(fixture, "SELECT max(at_usec) FROM decisions"), NOW + 9999);
	assert_true(ask(fixture, "SELECT min(created_usec) FROM runs") > (int64_t)NOW + 7000);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM slots WHERE end_usec >= 1700000000009500"), 510);
	history_close(history);
	assert_int_equal(fstatat(fixture->root_fd, HISTORY_FILE, &after, 0), 0);
	assert_true(before.st_size > 2 * 1024 * 1024 && after.st_size <= 1024 * 1024);
}

static void slots_of_the_long_window_stay_whatever_their_size(void **state)
{
	struct history *history = open_history(*state);
	int64_t id = save(history, "web");
	const struct history_bounds bounds = {0, 4096, NOW};

	for (uint64_t i = 0; i < 100; i++)
		add_slot(history, id, NOW + i, "some twenty or thirty bytes of a slot");
	add_run(history, id, "c1", NOW);
	prune_all(history, &bounds);
	assert_int_equal(ask(*state, "SELECT count(*) FROM slots"), 100);
	assert_int_equal(ask(*state, "SELECT count(*) FROM runs"), 0);
	assert_int_equal(ask(*state, "SELECT count(*) FROM workloads"), 1);
	history_close(history);
}

static void reader_sees_what_the_daemon_writes_and_changes_nothing(void **state)
{
	const struct fixture *fixture = *state;
	struct history *reader = NULL, *history;
	struct error err = {0};

	assert_int_equal(history_open_to_read(fixture->path, &reader, &err), -ENOENT);
	history = open_history(fixture);
	int64_t id = save(history, "web");
	assert_int_equal(history_open_to_read(fixture->path, &reader, &err), 0);
	assert_int_equal(history_begin(history, &err), 0);
	assert_int_equal(history_begin(history, &err), HISTORY_BEGUN);
	add_run(history, id, "c1", NOW);
	assert_int_equal(tell(reader, id).count, 0);
	assert_int_equal(history_commit(history, &err), 0);
	assert_int_equal(tell(reader, id).count, 1);
	struct limits limits = example("db");
	assert_int_equal(history_save_workload(reader, &limits, NOW, &id, &err), -EROFS);
	history_close(history);
	history_close(reader);

	/* And without a daemon. */
	assert_int_equal(history_open_to_read(fixture->path, &reader, &err), 0);
	struct loaded loaded = {0};
	assert_int_equal(load(reader, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 1);
	history_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(new_database_is_empty_and_private),
		FIXTURE_TEST(file_that_others_can_read_is_closed_to_them),
		FIXTURE_TEST(workload_comes_back_as_it_was),
		FIXTURE_TEST(workload_saved_again_keeps_its_id_and_slots),
		FIXTURE_TEST(slots_come_back_oldest_first_and_no_older_than_asked),
		FIXTURE_TEST(slot_without_a_workload_is_refused),
		FIXTURE_TEST(rows_that_cannot_be_are_skipped_and_counted),
		FIXTURE_TEST(run_is_kept_from_its_start_to_its_end),
		FIXTURE_TEST(runs_under_one_id_are_told_apart),
		FIXTURE_TEST(events_are_told_newest_first_and_as_they_follow_from_one_another),
		FIXTURE_TEST(decision_is_kept_when_it_differs_from_the_one_before),
		FIXTURE_TEST(pruning_leaves_what_is_recent),
		FIXTURE_TEST(what_is_too_much_goes_oldest_first_step_by_step),
		FIXTURE_TEST(slots_of_the_long_window_stay_whatever_their_size),
		FIXTURE_TEST(reader_sees_what_the_daemon_writes_and_changes_nothing),
	};
	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
