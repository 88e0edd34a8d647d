/* SPDX-License-Identifier: Apache-2.0 */

/* What outlives the daemon: published limits and the history, and what becomes of them where they cannot
 * be written. */

#include "shim/daemon/archive.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "tests/daemon/world.h"

static void disk_that_cannot_be_written_is_said_once_and_tried_again(void **state)
{
	struct world *world = *state;
	world_start(world);
	fixture_write(world->roots.state_fd, "limits", "in the way");
	run_container(world, "c1");
	for (unsigned i = 0; i < 5; i++) {
		pass(world, 60);
		world_tune(world);
	}
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "limits are not published, and will be tried again");

	assert_int_equal(unlinkat(world->roots.state_fd, "limits", 0), 0);
	world_tune(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 2);
	assert_says(world, EVENT_FAULT, "all limits are published again");
	assert_true(published(world).recommendation.limit_bytes > 0);
}

static void held_history_stalls_nothing_and_is_made_up_for(void **state)
{
	struct world *world = *state;
	struct timespec began, ended;
	char path[512];
	sqlite3 *other;

	world->settings.sampling.slot_usec = 10 * USEC_PER_SEC;
	world_start(world);
	for (unsigned i = 0; i < 50; i++) {
		char id[16];
		snprintf(id, sizeof id, "c%u", i);
		struct record record = make_record(world, id);
		snprintf(record.identity.owner, sizeof record.identity.owner, "web%u", i);
		make_cgroup(world, id, 512);
		start_record(world, &record);
		write_record(world, &record);
	}
	world_on_records(world);
	snprintf(path, sizeof path, "%s/state/" HISTORY_FILE, world->fixture.path);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);

	clock_gettime(CLOCK_MONOTONIC, &began);
	pass(world, 60);
	world_tune(world);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	assert_true(ended.tv_sec - began.tv_sec < 20); /* 100 ms a workload and slot: 25 s */
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "the history is not kept");

	/* A write that goes through before all that waits is no end of it. */
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	struct record record = make_record(world, "next");
	write_record(world, &record);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	pass(world, 1);
	assert_int_equal(world->n_said[EVENT_FAULT], 2);
	assert_says(world, EVENT_FAULT, "the history is kept again");
	(void)sqlite3_close(other);

	world_stop(world); /* without a flush */
	world_start(world);
	struct identity web7 = web;
	strcpy(web7.owner, "web7");
	for (size_t i = 0; i < world_n_workloads(world); i++) {
		const struct workload *workload = world_workload_at(world, i);
		if (identity_compare(&workload->limits.identity, &web7) == 0)
			assert_in_range(window_samples(&workload->window, 0, UINT64_MAX), 50, 62);
	}
}

struct kept {
	struct history_event event[16];
	char text[16][2][256]; /* reason, why */
	size_t count;
};

static int take_event(const struct history_event *event, void *data)
{
	struct kept *kept = data;
	assert_true(kept->count < 16);
	kept->event[kept->count] = *event;
	snprintf(kept->text[kept->count][0], sizeof kept->text[0][0], "%s", event->reason);
	snprintf(kept->text[kept->count++][1], sizeof kept->text[0][1], "%s", event->why ? event->why : "");
	return 0;
}

static struct kept events(const struct world *world)
{
	struct kept kept = {0};
	struct error err;
	int64_t id = world_workload_at(world, 0)->history_id;
	assert_true(id > 0);
	assert_int_equal(history_each_event(world->history, id, 0, 16, take_event, &kept, &err), 0);
	return kept;
}

static void creation_is_kept_with_the_guards_of_its_namespace(void **state)
{
	struct world *world = *state;
	struct error err;

	fixture_write(world->fixture.root_fd, "etc/tidemark.conf", "[namespace \"*\"]\nmax = 1Gi\n");
	int etc_fd = openat(world->fixture.root_fd, "etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(settings_load(etc_fd, &world->settings, &err), 0);
	close(etc_fd);
	world_start(world);
	struct record record = make_record(world, "c1");
	strcpy(record.reason, "override+node-range");
	write_record(world, &record);
	world_on_records(world);
	struct kept kept = events(world);
	assert_int_equal(kept.count, 1);
	assert_non_null(strstr(kept.text[0][1], "and 1Gi on this node"));
}

static void life_of_a_container_is_kept_with_its_numbers(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = run_container(world, "c1");
	use(world, "c1", 100);
	pass(world, 60);
	world_tune(world);

	record.updated_usec = ++world->now_usec;
	record.declared_bytes = record.limit_bytes = 600 * MIB;
	write_record(world, &record);
	world_on_records(world);
	world->now_usec++;
	write_cgroup_file(world, "c1", "memory.peak", "209715200\n");
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	world_on_events(world);
	world->now_usec++;
	(void)record_remove(world->roots.containers_fd, "c1", NULL);
	world_on_records(world);
	world_settle(world);

	static const int order[] = {HISTORY_EXIT,   HISTORY_RECOMMENDATION, HISTORY_KILL,
				    HISTORY_RESIZE, HISTORY_RECOMMENDATION, HISTORY_CREATION};
	struct kept kept = events(world);
	assert_int_equal(kept.count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(kept.event[i].event, order[i]);

	const struct history_event *creation = &kept.event[5], *first = &kept.event[4],
				   *resize = &kept.event[3];
	const struct history_event *kill = &kept.event[2], *raised = &kept.event[1], *end = &kept.event[0];
	assert_int_equal(creation->at_usec, record.created_usec);
	assert_int_equal(creation->declared_bytes, 512 * MIB);
	assert_int_equal(creation->limit_bytes, 512 * MIB);
	assert_int_equal(creation->prestart_bytes, 400 * KIB);
	assert_string_equal(kept.text[5][0], "declared");
	assert_non_null(strstr(kept.text[5][1], "declared"));
	assert_int_equal(first->declared_bytes, 512 * MIB);
	assert_int_equal(first->recommended_bytes, first->limit_bytes);
	assert_int_equal(first->samples, 61);
	assert_in_range(first->p95_bytes, 99 * MIB, 101 * MIB);
	assert_int_equal(first->max_bytes, 100 * MIB);
	assert_non_null(strstr(kept.text[4][1], "up to the next 16Mi"));
	assert_int_equal(resize->declared_bytes, 600 * MIB);
	assert_int_equal(resize->recommended_bytes, first->limit_bytes);
	assert_string_equal(kept.text[2][0], "own");
	assert_int_equal(kill->limit_bytes, 512 * MIB);
	assert_int_equal(kill->peak_bytes, 200 * MIB);
	assert_int_equal(kill->oom_floor_bytes, published(world).recommendation.oom_floor_bytes);
	assert_true(kill->oom_floor_bytes > 512 * MIB);
	assert_true(raised->limit_bytes >= kill->oom_floor_bytes);
	assert_string_equal(kept.text[1][0], "oom");
	assert_int_equal(end->at_usec, world->now_usec);
	assert_int_equal(end->samples, 61);
	assert_int_equal(end->max_bytes, 100 * MIB);
	assert_int_equal(end->peak_bytes, 200 * MIB);
	assert_int_equal(end->oom_kills, 1);
	assert_int_equal(end->limit_bytes, 512 * MIB); /* as it was created */
}

static void creations_that_decide_the_same_have_one_reason(void **state)
{
	struct world *world = *state;
	world_start(world);
	for (unsigned i = 0; i < 5; i++) {
		char id[8];
		snprintf(id, sizeof id, "c%u", i);
		struct record record = make_record(world, id);
		write_record(world, &record);
		world_on_records(world);
		world->now_usec += USEC_PER_MIN;
	}
	struct kept kept = events(world);
	assert_int_equal(kept.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(kept.event[i].limit_bytes, 512 * MIB);
		assert_string_equal(kept.text[i][0], "declared");
		assert_int_equal(kept.text[i][1][0] != '\0', i == 4);
	}
}

static void kill_by_another_limit_is_kept_and_taught_nothing(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	log_kill(world, "/pods", CGROUP("c1"), 1);
	world_on_kernel_log(world);
	struct kept kept = events(world);
	assert_int_equal(kept.event[0].event, HISTORY_KILL);
	assert_string_equal(kept.text[0][0], "ancestor");
	assert_int_equal(kept.event[0].limit_bytes, 0);
	assert_int_equal(kept.event[0].oom_floor_bytes, 0);
}

static void kill_is_published_though_the_history_is_held(void **state)
{
	struct world *world = *state;
	char path[512];
	sqlite3 *other;

	world_start(world);
	run_container(world, "c1");
	snprintf(path, sizeof path, "%s/state/" HISTORY_FILE, world->fixture.path);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	world_on_events(world);
	assert_int_equal(world->at_oom.recommendation.oom_kills, 1);
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 512 * MIB);
	(void)sqlite3_close(other);
}

static int count_event(const struct history_event *event, void *data)
{
	(void)event;
	(*(size_t *)data)++;
	return 0;
}

static size_t events_count(const struct world *world, int64_t id)
{
	size_t count = 0;
	struct error err;
	assert_int_equal(history_each_event(world->history, id, 0, INT32_MAX, count_event, &count, &err), 0);
	return count;
}

static void history_is_held_within_its_size_a_step_a_reading(void **state)
{
	struct world *world = *state;
	struct error err;

	world->settings.history.size_max_bytes = 1 * MIB;
	world_start(world);
	run_container(world, "c1");
	int64_t id = world_workload_at(world, 0)->history_id;
	struct history_decision decision = {
		.workload_id = id, .event = HISTORY_RECOMMENDATION, .reason = "p95"};
	decision.why = "a sentence of more than a hundred characters, since that is what the audit mostly "
		       "consists of: this, and that";
	assert_int_equal(history_begin(world->history, &err), 0);
	for (unsigned i = 0; i < 20000; i++) {
		decision.at_usec = world->now_usec - 20000 + i;
		assert_int_equal(history_add_decision(world->history, &decision, &err), 0);
	}
	assert_int_equal(history_commit(world->history, &err), 0);

	world_sweep(world); /* from here on the hour counts */
	pass(world, 60);
	world_sweep(world);
	pass(world, 1);
	assert_true(events_count(world, id) > 20000);
	world->now_usec += USEC_PER_HOUR;
	size_t before = events_count(world, id);
	world_sweep(world);
	pass(world, 1);
	assert_in_range(before - events_count(world, id), 1, 3 * 256);
	pass(world, 200);
	assert_in_range(events_count(world, id), 2000, 10000);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(disk_that_cannot_be_written_is_said_once_and_tried_again),
		WORLD_TEST(held_history_stalls_nothing_and_is_made_up_for),
		WORLD_TEST(creation_is_kept_with_the_guards_of_its_namespace),
		WORLD_TEST(life_of_a_container_is_kept_with_its_numbers),
		WORLD_TEST(creations_that_decide_the_same_have_one_reason),
		WORLD_TEST(kill_by_another_limit_is_kept_and_taught_nothing),
		WORLD_TEST(kill_is_published_though_the_history_is_held),
		WORLD_TEST(history_is_held_within_its_size_a_step_a_reading),
	};
	return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
