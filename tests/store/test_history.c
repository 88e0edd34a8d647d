/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/history.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

#define NOW (UINT64_C(1700000000) * USEC_PER_SEC)

static struct history *open_history(const struct fixture *fixture)
{
	struct history *history = NULL;
	struct error err = {0};
	int r = history_open(fixture->path, NOW, &history, &err);
	if (r != 0)
		fail_msg("%d: %s", r, err.text);
	return history;
}

/* A word with the database that goes past the module, as somebody else would. */
static void sql(const struct fixture *fixture, const char *text)
{
	char path[300];
	sqlite3 *db = NULL;
	snprintf(path, sizeof path, "%s/%s", fixture->path, HISTORY_FILE);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Returns what the statement says of the first row's first column; 0 if it cannot be asked. */
static int64_t ask(const struct fixture *fixture, const char *text)
{
	char path[300];
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int64_t value = 0;
	snprintf(path, sizeof path, "%s/%s", fixture->path, HISTORY_FILE);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

static struct limits example(const char *owner)
{
	struct limits limits = {
		.version = LIMITS_VERSION,
		.identity = {.namespace = "shop", .container = "app"},
		.image_ref = "quay.io/shop/app@sha256:0123",
		.recommendation =
			{
				.request_bytes = 160 * MIB,
				.limit_bytes = 240 * MIB,
				.request_term = TERM_AVG,
				.limit_term = TERM_REQUEST,
				.revision = 7,
				.changed_usec = NOW - 1,
				.warmup_since_usec = NOW - 2,
				.warmup_samples = 3,
				.warm = true,
				.oom_limit_bytes = 4,
				.oom_floor_bytes = 5,
				.oom_usec = 6,
				.oom_kills = 7,
				.seen_highest_bytes = 8,
				.seen_history_usec = 9,
				.seen_records = 10,
				.seen_margin_bytes = 11,
			},
		.observed =
			{
				.samples = 35,
				.since_usec = NOW - 9,
				.until_usec = NOW,
				.avg_bytes = 1,
				.p95_bytes = 2,
				.max_bytes = 3,
			},
		.tide = "1600000000000000 3 1 2 3 4 5 6 7 8 9 10 11 12 13 14",
		.enforced_request_bytes = 8,
		.enforced_limit_bytes = 9,
		.prestart_crun_bytes = 10,
		.prestart_runc_bytes = 11,
		.declared_bytes = UINT64_MAX,
		.applied_bytes = 12,
		.written_usec = NOW,
	};
	strcpy(limits.identity.owner, owner);
	return limits;
}

static int64_t save(struct history *history, const char *owner)
{
	struct limits limits = example(owner);
	struct error err;
	int64_t id = 0;
	assert_int_equal(history_save_workload(history, &limits, NOW, &id, &err), 0);
	return id;
}

/* What a load has shown, in its order. */
struct loaded {
	size_t n_workloads, n_slots;
	struct limits limits[4];
	int64_t id[4];
	struct slot_bytes slot[8];
	char data[8][32];
	int64_t slot_id[8];
	uint64_t skipped;
	int stop_at; /* the slot at which to stop */
};

static int take_workload(int64_t id, const struct limits *limits, void *data)
{
	struct loaded *loaded = data;
	assert_true(loaded->n_workloads < 4);
	loaded->id[loaded->n_workloads] = id;
	loaded->limits[loaded->n_workloads++] = *limits;
	return 0;
}

static int take_slot(int64_t id, const struct slot_bytes *slot, void *data)
{
	struct loaded *loaded = data;
	assert_true(loaded->n_slots < 8 && slot->length < 32);
	loaded->slot_id[loaded->n_slots] = id;
	loaded->slot[loaded->n_slots] = *slot;
	memcpy(loaded->data[loaded->n_slots++], slot->data, slot->length);
	return loaded->stop_at && loaded->n_slots == (size_t)loaded->stop_at ? 77 : 0;
}

static int load(struct history *history, uint64_t from_usec, struct loaded *loaded)
{
	struct error err;
	return history_load(history, from_usec, take_workload, take_slot, loaded, &loaded->skipped, &err);
}

static void add_slot(struct history *history, int64_t id, uint64_t start_usec, const char *data)
{
	struct slot_bytes slot = {data, strlen(data), start_usec, start_usec + 10};
	struct error err;
	assert_int_equal(history_save_slot(history, id, &slot, &err), 0);
}

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

/* What happened, the newest first, a line each: the interesting numbers of its kind. */
struct told {
	char text[4096];
	size_t count;
	int stop_at;
};

static int take_event(const struct history_event *event, void *data)
{
	struct told *told = data;
	size_t used = strlen(told->text);
	(void)snprintf(told->text + used, sizeof told->text - used, "%d %s %s %d %d %s %s;",
		       (int)(event->at_usec - NOW), history_kind_names[event->event],
		       event->container_id ? event->container_id : "-", (int)event->declared_bytes,
		       (int)event->limit_bytes, event->reason, event->why ? event->why : "-");
	told->count++;
	return told->stop_at && told->count == (size_t)told->stop_at ? 77 : 0;
}

static struct told tell(struct history *history, int64_t id)
{
	struct told told = {0};
	struct error err;
	assert_int_equal(history_each_event(history, id, 0, 100, take_event, &told, &err), 0);
	return told;
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

static int take_exit(const struct history_event *event, void *data)
{
	struct history_event *ret = data;
	if (event->event != HISTORY_EXIT)
		return 0;
	*ret = *event;
	return 5;
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

/* ---- Versions ---- */

/* As version 1 was, once and for all. */
static const char version_1[] =
	"CREATE TABLE workloads ("
	" id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, owner TEXT NOT NULL, container TEXT NOT NULL,"
	" image_ref TEXT NOT NULL, request_bytes INTEGER NOT NULL, limit_bytes INTEGER NOT NULL,"
	" request_term INTEGER NOT NULL, limit_term INTEGER NOT NULL, revision INTEGER NOT NULL,"
	" changed_usec INTEGER NOT NULL, seen_avg_bytes INTEGER NOT NULL, seen_p95_bytes INTEGER NOT NULL,"
	" seen_max_bytes INTEGER NOT NULL, seen_highest_bytes INTEGER NOT NULL, seen_history_usec INTEGER "
	"NOT NULL,"
	" seen_records INTEGER NOT NULL, seen_margin_bytes INTEGER NOT NULL, tide TEXT NOT NULL, "
	"warmup_since_usec INTEGER NOT NULL, warmup_samples INTEGER NOT NULL,"
	" warm INTEGER NOT NULL, oom_limit_bytes INTEGER NOT NULL, oom_floor_bytes INTEGER NOT NULL,"
	" oom_usec INTEGER NOT NULL, oom_kills INTEGER NOT NULL, enforced_request_bytes INTEGER NOT NULL,"
	" enforced_limit_bytes INTEGER NOT NULL, prestart_crun_bytes INTEGER NOT NULL,"
	" prestart_runc_bytes INTEGER NOT NULL, declared_bytes INTEGER NOT NULL, applied_bytes INTEGER NOT "
	"NULL,"
	" written_usec INTEGER NOT NULL, seen_usec INTEGER NOT NULL, UNIQUE (namespace, owner, container));"
	"CREATE TABLE slots ("
	" workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, start_usec INTEGER NOT NULL,"
	" end_usec INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (workload_id, start_usec)) WITHOUT "
	"ROWID;"
	"CREATE TABLE runs ("
	" container_id TEXT PRIMARY KEY, runtime TEXT NOT NULL,"
	" workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, created_usec INTEGER NOT NULL,"
	" started_usec INTEGER NOT NULL, ended_usec INTEGER NOT NULL, declared_bytes INTEGER NOT NULL,"
	" limit_bytes INTEGER NOT NULL, prestart_bytes INTEGER NOT NULL, peak_bytes INTEGER NOT NULL,"
	" oom_kills INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX runs_by_workload ON runs (workload_id, created_usec);"
	"CREATE TABLE decisions ("
	" id INTEGER PRIMARY KEY, at_usec INTEGER NOT NULL,"
	" workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, container_id TEXT,"
	" request_bytes INTEGER NOT NULL, limit_bytes INTEGER NOT NULL, reason TEXT NOT NULL,"
	" inputs TEXT NOT NULL);"
	"CREATE INDEX decisions_by_workload ON decisions (workload_id, at_usec);"
	"PRAGMA user_version = 1;";

static const char version_1_rows[] =
	"INSERT INTO workloads VALUES (7, 'shop', 'we''b', 'app', 'quay.io/shop/app@sha256:0123', 167772160, "
	"251658240,"
	" 2, 4, 7, 1699999999999999, 21, 22, 23, 8, 9, 10, 11, '1600000000000000 3 1 2', 1699999999999998, "
	"3, 1, 4, 5,"
	" 6, 7, 8, 9, 10, 11, -1, -1, 1700000000000000, 1700000000000001);"
	"INSERT INTO workloads VALUES (9, '-', 'db', 'db', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', 0, "
	"0, 0, 0,"
	" 0, 0, 0, 0, 0, 0, 0, 536870912, 12, 1700000000000000, 1700000000000000);"
	"INSERT INTO slots VALUES (7, 1700000000000000, 1700000000000010, 'one');"
	"INSERT INTO runs VALUES ('c1', 'crun', 7, 1700000000000000, 1700000000000001, 1700000000000009, -1, "
	"240, 3,"
	" 200, 1);"
	"INSERT INTO decisions VALUES (1, 1700000000000002, 7, 'c1', 0, 240, 'enforced', 'samples 5');"
	"INSERT INTO decisions VALUES (2, 1700000000000003, 7, NULL, 160, 240, 'p95', 'samples 6');";

static void version_1_is_brought_up_to_date_with_everything_in_it(void **state)
{
	const struct fixture *fixture = *state;
	struct loaded loaded = {0};

	sql(fixture, version_1);
	sql(fixture, version_1_rows);
	struct history *history = open_history(fixture);
	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 2);
	assert_int_equal(loaded.skipped, 0);
	assert_int_equal(loaded.id[0], 7);
	assert_int_equal(loaded.id[1], 9);

	struct limits web = example("we'b");
	web.observed = (struct observed){0};
	strncpy(web.tide, "1600000000000000 3 1 2", sizeof web.tide);
	web.recommendation.seen_avg_bytes = 21;
	web.recommendation.seen_p95_bytes = 22;
	web.recommendation.seen_max_bytes = 23;
	web.applied_bytes = UINT64_MAX;
	assert_memory_equal(&loaded.limits[0], &web, sizeof web);
	const struct limits db = {
		.version = 1,
		.identity = {"-", "db", "db"},
		.declared_bytes = 512 * MIB,
		.applied_bytes = 12,
		.written_usec = NOW,
	};
	assert_memory_equal(&loaded.limits[1], &db, sizeof db);

	assert_int_equal(loaded.n_slots, 1);
	assert_int_equal(loaded.slot_id[0], 7);
	assert_string_equal(loaded.data[0], "one");
	assert_string_equal(
		tell(history, 7).text,
		"9 exit c1 -1 240  -;3 recommendation - 0 240 p95 samples 6;0 creation c1 -1 240  -;");
	struct history_event got;
	struct error err;
	assert_int_equal(history_each_event(history, 7, 0, 10, take_exit, &got, &err), 5);
	assert_int_equal(got.peak_bytes, 200);
	assert_int_equal(got.prestart_bytes, 3);
	assert_int_equal(got.lasted_usec, 8);
	assert_true(got.declared_bytes == UINT64_MAX);
	assert_int_equal(
		ask(fixture, "SELECT count(*) FROM decisions WHERE event = 'creation' AND why = 'samples 5'"),
		1);

	/* It is used like a new one, foreign keys and all. */
	struct slot_bytes slot = {"x", 1, NOW, NOW};
	assert_true(history_save_slot(history, 12345, &slot, &err) < 0);
	int64_t id;
	assert_int_equal(history_save_workload(history, &web, NOW, &id, &err), 0);
	assert_int_equal(id, 7);
	history_close(history);
	assert_int_equal(ask(fixture, "PRAGMA user_version"), 2);
	history_close(open_history(fixture));
}

static void migration_that_fails_half_way_leaves_version_1(void **state)
{
	const struct fixture *fixture = *state;
	struct history *history = NULL;
	struct error err = {0};

	sql(fixture, version_1);
	sql(fixture, version_1_rows);
	sql(fixture, "CREATE TABLE kills (what)"); /* in the way of its last steps */
	assert_int_equal(history_open(fixture->path, NOW, &history, &err), -EIO);
	assert_non_null(strstr(err.text, "cannot bring up to date tidemark.db: table kills already exists"));
	assert_null(history);
	assert_int_equal(ask(fixture, "PRAGMA user_version"), 1);
	assert_int_equal(ask(fixture, "SELECT limit_bytes FROM workloads WHERE id = 7"), 251658240);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM slots"), 1);
	assert_int_equal(ask(fixture, "SELECT peak_bytes FROM runs"), 200);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM decisions WHERE inputs LIKE 'samples%'"), 2);
	assert_int_equal(history_open_to_read(fixture->path, &history, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "version 1"));

	sql(fixture, "DROP TABLE kills");
	struct loaded loaded = {0};
	history = open_history(fixture);
	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 2);
	history_close(history);
}

static void batch_is_all_or_nothing(void **state)
{
	struct history *history = open_history(*state);
	struct error err;
	struct loaded loaded = {0};

	assert_int_equal(history_begin(history, &err), 0);
	save(history, "web");
	assert_int_equal(history_commit(history, &err), 0);
	assert_int_equal(history_commit(history, &err), -ECANCELED);

	assert_int_equal(history_begin(history, &err), 0);
	save(history, "lost");
	history_close(history); /* a crash, as far as the file goes */
	history = open_history(*state);
	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 1);
	assert_string_equal(loaded.limits[0].identity.owner, "web");
	history_close(history);
}

static void assert_set_aside(const struct fixture *fixture)
{
	struct history *history = NULL;
	struct error err = {0};
	struct loaded loaded = {0};

	assert_int_equal(history_open(fixture->path, NOW, &history, &err), HISTORY_SET_ASIDE);
	assert_non_null(strstr(err.text, "set aside as tidemark.db.corrupt-1700000000"));
	assert_int_equal(faccessat(fixture->root_fd, "tidemark.db.corrupt-1700000000", F_OK, 0), 0);
	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 0);
	save(history, "web");
	history_close(history);
	history_close(open_history(fixture)); /* and the new one is good */
}

static void file_that_is_no_database_is_set_aside(void **state)
{
	const struct fixture *fixture = *state;
	char text[5000];
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	fixture_write(fixture->root_fd, HISTORY_FILE, text);
	assert_set_aside(fixture);
}

static void fill(const struct fixture *fixture)
{
	struct history *history = open_history(fixture);
	int64_t id = save(history, "web");
	for (uint64_t i = 0; i < 2000; i++)
		add_slot(history, id, NOW + i * 100, "some bytes of a slot");
	history_close(history);
}

static void truncated_database_is_set_aside(void **state)
{
	const struct fixture *fixture = *state;
	struct stat st;
	fill(fixture);
	int fd = openat(fixture->root_fd, HISTORY_FILE, O_WRONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size / 2), 0);
	close(fd);
	assert_set_aside(fixture);
}

static void database_with_damaged_pages_is_set_aside(void **state)
{
	const struct fixture *fixture = *state;
	char junk[8192];
	fill(fixture);
	memset(junk, 0xa5, sizeof junk);
	int fd = openat(fixture->root_fd, HISTORY_FILE, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, junk, sizeof junk, 4096), sizeof junk);
	close(fd);
	assert_set_aside(fixture);
}

static void database_without_its_tables_is_set_aside(void **state)
{
	sql(*state, "PRAGMA user_version = 2; CREATE TABLE workloads (id INTEGER)");
	assert_set_aside(*state);
}

static void newer_version_is_refused_and_left_alone(void **state)
{
	const struct fixture *fixture = *state;
	struct history *history = NULL;
	struct error err = {0};
	struct stat before, after;

	sql(fixture, "PRAGMA user_version = 3; CREATE TABLE strange (a)");
	assert_int_equal(fstatat(fixture->root_fd, HISTORY_FILE, &before, 0), 0);
	assert_int_equal(history_open(fixture->path, NOW, &history, &err), -ENOTSUP);
	assert_null(history);
	assert_non_null(strstr(err.text, "version 3"));
	assert_int_equal(history_open_to_read(fixture->path, &history, &err), -ENOTSUP);
	assert_null(history);
	assert_int_equal(fstatat(fixture->root_fd, HISTORY_FILE, &after, 0), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
	assert_int_equal(before.st_size, after.st_size);
}

static void what_is_no_file_is_refused(void **state)
{
	const struct fixture *fixture = *state;
	struct history *history = NULL;
	struct error err = {0};

	assert_int_equal(history_open("/nonexistent/tidemark", NOW, &history, &err), -ENOENT);
	assert_int_equal(symlinkat("elsewhere", fixture->root_fd, HISTORY_FILE), 0);
	assert_int_equal(history_open(fixture->path, NOW, &history, &err), -ELOOP);
	assert_int_equal(unlinkat(fixture->root_fd, HISTORY_FILE, 0), 0);
	assert_int_equal(mkfifoat(fixture->root_fd, HISTORY_FILE, 0600), 0);
	assert_int_equal(history_open(fixture->path, NOW, &history, &err), -EINVAL);
	assert_null(history);
}

static void full_disk_is_an_error_and_no_end(void **state)
{
	const struct fixture *fixture = *state;
	struct history *history = open_history(fixture);
	int64_t id = save(history, "web");
	struct error err = {0};
	struct rlimit old, small = {.rlim_cur = 128 * 1024};
	struct slot_bytes slot = {calloc(1, 20000), 20000, NOW, NOW};
	int r = 0;

	/* No file may grow further: what a full disk looks like, without one. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 100 && r == 0; i++, slot.start_usec++, slot.end_usec++)
		r = history_save_slot(history, id, &slot, &err);
	assert_true(r < 0);
	assert_int_equal(err.code, -r);
	assert_non_null(strstr(err.text, "cannot save a slot in tidemark.db"));

	if (history_begin(history, &err) == 0) {
		for (int i = 0; i < 100; i++, slot.start_usec++, slot.end_usec++)
			(void)history_save_slot(history, id, &slot, &err);
		assert_true(history_commit(history, &err) < 0);
	}
	(void)history_prune(history, &(const struct history_bounds){.older_than_usec = NOW}, &err);

	/* There is room again, and it goes on. */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	(void)signal(SIGXFSZ, handler);
	assert_int_equal(history_save_slot(history, id, &slot, &err), 0);
	history_close(history);
	history_close(open_history(fixture));
	free((void *)(uintptr_t)slot.data);
}

static void second_writer_is_told_to_wait(void **state)
{
	struct history *one = open_history(*state), *two = open_history(*state);
	struct limits limits = example("db");
	struct error err = {0};
	int64_t id;

	assert_int_equal(history_begin(one, &err), 0);
	save(one, "web");
	assert_int_equal(history_save_workload(two, &limits, NOW, &id, &err), -EBUSY);
	assert_int_equal(history_commit(one, &err), 0);
	assert_int_equal(history_save_workload(two, &limits, NOW, &id, &err), 0);
	history_close(one);
	history_close(two);
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
		FIXTURE_TEST(version_1_is_brought_up_to_date_with_everything_in_it),
		FIXTURE_TEST(migration_that_fails_half_way_leaves_version_1),
		FIXTURE_TEST(batch_is_all_or_nothing),
		FIXTURE_TEST(file_that_is_no_database_is_set_aside),
		FIXTURE_TEST(truncated_database_is_set_aside),
		FIXTURE_TEST(database_with_damaged_pages_is_set_aside),
		FIXTURE_TEST(database_without_its_tables_is_set_aside),
		FIXTURE_TEST(newer_version_is_refused_and_left_alone),
		FIXTURE_TEST(what_is_no_file_is_refused),
		FIXTURE_TEST(full_disk_is_an_error_and_no_end),
		FIXTURE_TEST(second_writer_is_told_to_wait),
	};
	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
