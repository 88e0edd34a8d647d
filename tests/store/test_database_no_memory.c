/* SPDX-License-Identifier: Apache-2.0 */

/* Each allocation of the history fails in turn, SQLite's own included. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/failing_malloc.h"
#include "tests/store/database.h"

#define ALLOCATIONS_MAX 20000

struct keeping {
	const struct fixture *fixture;
	struct history *history;
	int64_t id;
	struct loaded loaded;
	size_t n_events;
	struct error err;
};

/* A database with a workload of three slots, a run and a decision. */
static void fill(const struct fixture *fixture)
{
	static const char why[] = "because of the 95th percentile";
	struct history *history = open_history(fixture);
	struct error err;
	const int64_t id = save(history, "web");
	const struct history_run run = {.container_id = "c1",
					.runtime = "crun",
					.workload_id = id,
					.created_usec = NOW,
					.reason = "declared"};
	const struct history_decision decision = {.at_usec = NOW + 1,
						  .workload_id = id,
						  .event = HISTORY_RECOMMENDATION,
						  .reason = "p95",
						  .why = why};

	for (unsigned i = 0; i < 3; i++)
		add_slot(history, id, NOW + i, "slot");
	assert_int_equal(history_run_started(history, &run, &err), 0);
	assert_int_equal(history_add_decision(history, &decision, &err), 0);
	history_close(history);
}

/* ---- Opening ---- */

static int open_database(void *data)
{
	struct keeping *keeping = data;
	keeping->history = NULL;
	return history_open(keeping->fixture->path, NOW, &keeping->history, &keeping->err);
}

static int open_database_to_read(void *data)
{
	struct keeping *keeping = data;
	keeping->history = NULL;
	return history_open_to_read(keeping->fixture->path, &keeping->history, &keeping->err);
}

static void check_opened(void *data, int result, bool failed)
{
	struct keeping *keeping = data;
	const bool done = failing_malloc_is_done(result, failed, &keeping->err);

	assert_true(done == (keeping->history != NULL));
	history_close(keeping->history);
	/* What is there stays, and in its place. */
	assert_int_equal(ask(keeping->fixture, "SELECT count(*) FROM workloads"), 1);
	assert_int_equal(ask(keeping->fixture, "SELECT count(*) FROM slots"), 3);
}

static void database_that_cannot_be_opened_is_not_set_aside(void **state)
{
	struct keeping keeping = {.fixture = *state};

	fill(keeping.fixture);
	const struct failing_operation open = {open_database, check_opened, &keeping};
	assert_true(failing_operation_run(&open, ALLOCATIONS_MAX) > 100);
	const struct failing_operation open_to_read = {open_database_to_read, check_opened, &keeping};
	assert_true(failing_operation_run(&open_to_read, ALLOCATIONS_MAX) > 100);
}

/* ---- Writing ---- */

static int write_database(void *data)
{
	struct keeping *keeping = data;
	const struct limits limits = example("web");
	const struct slot_bytes slot = {"slot", 4, NOW + 9, NOW + 19};
	const struct history_run run = {.container_id = "c2",
					.runtime = "crun",
					.workload_id = keeping->id,
					.created_usec = NOW + 9,
					.reason = "declared"};
	const struct history_decision decision = {.at_usec = NOW + 10,
						  .workload_id = keeping->id,
						  .event = HISTORY_RECOMMENDATION,
						  .reason = "p95",
						  .why = "of late"};
	const struct history_kill kill = {
		.at_usec = NOW + 11, .workload_id = keeping->id, .container_id = "c2", .cause = "own"};
	int64_t id;

	int r = history_begin(keeping->history, &keeping->err);
	if (r == 0)
		r = history_save_workload(keeping->history, &limits, NOW, &id, &keeping->err);
	if (r == 0)
		r = history_save_slot(keeping->history, keeping->id, &slot, &keeping->err);
	if (r == 0)
		r = history_run_started(keeping->history, &run, &keeping->err);
	if (r == 0)
		r = history_add_decision(keeping->history, &decision, &keeping->err);
	if (r == 0)
		r = history_add_kill(keeping->history, &kill, &keeping->err);
	if (r == 0)
		r = history_commit(keeping->history, &keeping->err);
	else
		history_rollback(keeping->history);
	return r;
}

static void check_written(void *data, int result, bool failed)
{
	struct keeping *keeping = data;
	const bool done = failing_malloc_is_done(result, failed, &keeping->err);

	history_close(keeping->history);
	/* The batch is there, or nothing of it. */
	assert_int_equal(ask(keeping->fixture, "SELECT count(*) FROM slots"), done ? 4 : 3);
	assert_int_equal(ask(keeping->fixture, "SELECT count(*) FROM runs"), done ? 2 : 1);
	assert_int_equal(ask(keeping->fixture, "SELECT count(*) FROM decisions WHERE reason = 'p95'"),
			 done ? 2 : 1);
	assert_int_equal(ask(keeping->fixture, "SELECT count(*) FROM kills WHERE cause = 'own'"),
			 done ? 1 : 0);
	sql(keeping->fixture, "DELETE FROM slots WHERE start_usec > 1700000000000005;"
			      "DELETE FROM runs WHERE container_id = 'c2'; DELETE FROM kills;"
			      "DELETE FROM decisions WHERE why = 'of late'");
}

/* For each run: SQLite keeps what it has read as long as the database is open. */
static void open_to_write(void *data)
{
	struct keeping *keeping = data;
	keeping->history = open_history(keeping->fixture);
}

static void batch_without_memory_is_rolled_back(void **state)
{
	struct keeping keeping = {.fixture = *state, .id = 1};

	fill(keeping.fixture);
	const struct failing_operation operation = {write_database, check_written, &keeping, open_to_write};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 20);
}

/* ---- Reading ---- */

static int count_event(const struct history_event *event, void *data)
{
	struct keeping *keeping = data;
	/* None is told without what it was decided by. */
	keeping->n_events += event->event == HISTORY_CREATION || event->why;
	return 0;
}

static int read_database(void *data)
{
	struct keeping *keeping = data;

	keeping->loaded = (struct loaded){0};
	keeping->n_events = 0;
	int r = history_load(keeping->history, 0, take_workload, take_slot, &keeping->loaded,
			     &keeping->loaded.skipped, &keeping->err);
	if (r == 0)
		r = history_each_event(keeping->history, keeping->id, 0, 100, count_event, keeping,
				       &keeping->err);
	return r;
}

static void check_read(void *data, int result, bool failed)
{
	struct keeping *keeping = data;

	if (failing_malloc_is_done(result, failed, &keeping->err)) {
		assert_int_equal(keeping->loaded.skipped, 0);
		assert_int_equal(keeping->loaded.n_workloads, 1);
		assert_int_equal(keeping->loaded.n_slots, 3);
		assert_int_equal(keeping->n_events, 2);
	}
	history_close(keeping->history);
}

static void rows_that_cannot_be_read_are_not_passed_over(void **state)
{
	struct keeping keeping = {.fixture = *state, .id = 1};

	fill(keeping.fixture);
	const struct failing_operation operation = {read_database, check_read, &keeping, open_to_write};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 0);
}

/* ---- Upkeep ---- */

static int prune_database(void *data)
{
	struct keeping *keeping = data;
	const struct history_bounds bounds = {
		.older_than_usec = NOW + 2, .size_max_bytes = GIB, .slots_from_usec = NOW + 1};
	int r = HISTORY_MORE;
	for (int i = 0; r == HISTORY_MORE && i < 10; i++)
		r = history_prune(keeping->history, &bounds, &keeping->err);
	return r;
}

static void check_pruned(void *data, int result, bool failed)
{
	struct keeping *keeping = data;
	const struct slot_bytes slot = {"slot", 4, NOW, NOW + 10};
	const bool done = failing_malloc_is_done(result, failed, &keeping->err);

	/* It can be done again. */
	if (!done)
		assert_int_equal(prune_database(keeping), 0);
	assert_int_equal(ask(keeping->fixture, "SELECT count(*) FROM workloads"), 1);
	assert_int_equal(history_save_slot(keeping->history, keeping->id, &slot, &keeping->err), 0);
	history_close(keeping->history);
}

static void pruning_without_memory_can_be_done_again(void **state)
{
	struct keeping keeping = {.fixture = *state, .id = 1};

	fill(keeping.fixture);
	const struct failing_operation operation = {prune_database, check_pruned, &keeping, open_to_write};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(database_that_cannot_be_opened_is_not_set_aside),
		FIXTURE_TEST(batch_without_memory_is_rolled_back),
		FIXTURE_TEST(rows_that_cannot_be_read_are_not_passed_over),
		FIXTURE_TEST(pruning_without_memory_can_be_done_again),
	};
	return FAILING_MALLOC_RUN(tests);
}
