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
	limits.recommendation.limit_bytes = 999;
	assert_int_equal(history_save_workload(history, &limits, NOW, &again, &err), 0);
	assert_int_equal(again, id);

	struct loaded loaded = {0};
	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 2);
	assert_int_equal(loaded.n_slots, 1);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(loaded.limits[i].recommendation.limit_bytes,
				 loaded.id[i] == id ? 999 : 240 * MIB);
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
	sql(*state, "UPDATE workloads SET limit_term = 99 WHERE owner = 'db';"
		    "UPDATE workloads SET namespace = printf('%.*c', 300, 'x') WHERE owner = 'cache';"
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

static int take_run(const struct history_run *run, void *data)
{
	struct history_run *ret = data;
	assert_string_equal(run->container_id, "c1");
	assert_string_equal(run->runtime, "crun");
	*ret = *run;
	return 5;
}

static void run_is_kept_from_its_start_to_its_end(void **state)
{
	struct history *history = open_history(*state);
	struct history_run got = {0}, run = {
					      .container_id = "c1",
					      .runtime = "crun",
					      .workload_id = save(history, "web"),
					      .created_usec = NOW,
					      .started_usec = NOW + 1,
					      .declared_bytes = UINT64_MAX,
					      .limit_bytes = 240 * MIB,
					      .prestart_bytes = 3,
				      };
	struct error err;

	assert_int_equal(history_run_started(history, &run, &err), 0);
	assert_int_equal(history_run_ended(history, "c1", NOW + 9, 200 * MIB, 1, &err), 0);
	assert_int_equal(history_run_ended(history, "c2", NOW + 9, 0, 0, &err), -ENOENT);
	assert_int_equal(history_each_run(history, run.workload_id, 10, take_run, &got, &err), 5);
	assert_int_equal(got.workload_id, run.workload_id);
	assert_int_equal(got.created_usec, NOW);
	assert_int_equal(got.started_usec, NOW + 1);
	assert_int_equal(got.ended_usec, NOW + 9);
	assert_int_equal(got.declared_bytes, UINT64_MAX);
	assert_int_equal(got.limit_bytes, 240 * MIB);
	assert_int_equal(got.prestart_bytes, 3);
	assert_int_equal(got.peak_bytes, 200 * MIB);
	assert_int_equal(got.oom_kills, 1);
	history_close(history);
}

static int take_decision(const struct history_decision *decision, void *data)
{
	char *all = data;
	(void)snprintf(all + strlen(all), 200 - strlen(all), "%d %s %s;", (int)(decision->at_usec - NOW),
		       decision->container_id ? decision->container_id : "-", decision->reason);
	return 0;
}

static void decisions_are_told_newest_first(void **state)
{
	struct history *history = open_history(*state);
	int64_t id = save(history, "web");
	struct history_decision decisions[] = {
		{NOW + 1, id, "c1", 0, 240 * MIB, "enforced", "p95 100Mi"},
		{NOW + 3, id, NULL, 160 * MIB, 240 * MIB, "changed", "avg 100Mi"},
		{NOW + 2, id, "c'2;--", 0, UINT64_MAX, "declared", ""},
	};
	struct error err;
	char all[200] = "", two[200] = "";

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(history_add_decision(history, &decisions[i], &err), 0);
	assert_int_equal(history_each_decision(history, id, 10, take_decision, all, &err), 0);
	assert_string_equal(all, "3 - changed;2 c'2;-- declared;1 c1 enforced;");
	assert_int_equal(history_each_decision(history, id, 2, take_decision, two, &err), 0);
	assert_string_equal(two, "3 - changed;2 c'2;-- declared;");
	history_close(history);
}

static void pruning_leaves_what_is_recent(void **state)
{
	struct history *history = open_history(*state);
	int64_t id = save(history, "web");
	struct error err;
	struct history_decision old = {NOW - 100, id, NULL, 0, 0, "old", ""};
	struct history_decision recent = {NOW, id, NULL, 0, 0, "recent", ""};
	struct history_run run = {.container_id = "c1",
				  .runtime = "crun",
				  .workload_id = id,
				  .created_usec = NOW - 1000,
				  .ended_usec = NOW - 5};
	char all[200] = "";

	struct limits limits = example("gone");
	int64_t gone;
	assert_int_equal(history_save_workload(history, &limits, NOW - 200, &gone, &err), 0);
	add_slot(history, gone, NOW - 300, "old");
	add_slot(history, id, NOW - 300, "old");
	add_slot(history, id, NOW, "recent");
	assert_int_equal(history_add_decision(history, &old, &err), 0);
	assert_int_equal(history_add_decision(history, &recent, &err), 0);
	assert_int_equal(history_run_started(history, &run, &err), 0);

	assert_int_equal(history_prune(history, NOW - 50, &err), 0);
	struct loaded loaded = {0};
	assert_int_equal(load(history, 0, &loaded), 0);
	assert_int_equal(loaded.n_workloads, 1);
	assert_int_equal(loaded.id[0], id);
	assert_int_equal(loaded.n_slots, 1);
	assert_string_equal(loaded.data[0], "recent");
	assert_int_equal(history_each_decision(history, id, 10, take_decision, all, &err), 0);
	assert_string_equal(all, "0 - recent;");
	assert_int_equal(history_each_run(history, id, 10, take_run, &run, &err), 5);
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
	sql(*state, "PRAGMA user_version = 1; CREATE TABLE workloads (id INTEGER)");
	assert_set_aside(*state);
}

static void newer_version_is_refused_and_left_alone(void **state)
{
	const struct fixture *fixture = *state;
	struct history *history = NULL;
	struct error err = {0};
	struct stat before, after;

	sql(fixture, "PRAGMA user_version = 1000; CREATE TABLE strange (a)");
	assert_int_equal(fstatat(fixture->root_fd, HISTORY_FILE, &before, 0), 0);
	assert_int_equal(history_open(fixture->path, NOW, &history, &err), -ENOTSUP);
	assert_null(history);
	assert_non_null(strstr(err.text, "version 1000"));
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
	(void)history_prune(history, NOW, &err);

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
		FIXTURE_TEST(decisions_are_told_newest_first),
		FIXTURE_TEST(pruning_leaves_what_is_recent),
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
