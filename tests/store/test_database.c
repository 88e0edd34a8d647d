/* SPDX-License-Identifier: Apache-2.0 */

/* The history's file: versions, and what becomes of one that is broken or held. */

#include "shim/store/history.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tests/store/database.h"

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
	return cmocka_run_group_tests_name("database", tests, NULL, NULL);
}
