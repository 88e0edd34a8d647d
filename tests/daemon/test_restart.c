/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/node.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/daemon/world.h"

static void restart_keeps_the_windows_and_says_nothing_twice(void **state)
{
	struct world *world = *state;
	world->settings.sampling.slot_usec = 10 * USEC_PER_SEC;
	world_start(world);
	run_container(world, "c1");
	run_container(world, "c2");
	use(world, "c1", 100);
	pass(world, 30);
	world_tune(world);
	world_flush(world);
	struct limits before = published(world);
	world_stop(world);
	size_t said = world->n_all;

	remove_cgroup(world, "c2"); /* ended meanwhile; its record is still there */
	world->now_usec += USEC_PER_MIN;
	world_start(world);
	assert_int_equal(world->n_all, said);
	pass(world, 10);
	world_tune(world);
	struct limits after = published(world);
	assert_int_equal(after.observed.samples, before.observed.samples + 11);
	assert_int_equal(after.observed.max_bytes, 100 * MIB);
	assert_int_equal(after.recommendation.revision, before.recommendation.revision);
	assert_int_equal(world->n_said[EVENT_DECISION], 2);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);

	/* What was created while no daemon ran is said. */
	world_stop(world);
	world->now_usec += USEC_PER_MIN;
	struct record record = make_record(world, "c3");
	write_record(world, &record);
	world_start(world);
	assert_int_equal(world->n_said[EVENT_DECISION], 3);
}

static void creation_whose_record_waits_is_said_once_though_the_daemon_ends(void **state)
{
	struct world *world = *state;
	char id[RECORD_ID_SIZE];

	world_start(world);
	/* So many that some records still wait after the first turn. */
	for (unsigned i = 0; i < 300; i++) {
		snprintf(id, sizeof id, "flood%u", i);
		struct record record = make_record(world, id);
		write_record(world, &record);
	}
	world_on_records(world);
	assert_in_range(world->n_said[EVENT_DECISION], 1, 299);
	world_flush(world);
	world_stop(world);
	world->now_usec += USEC_PER_SEC;
	world_start(world);
	assert_int_equal(world_n_containers(world), 300);
	assert_int_equal(world->n_said[EVENT_DECISION], 300);
}

/* What is not worth a file stands in the history alone: that it was told, too. */
static void creation_that_a_look_at_all_workloads_comes_upon_is_said_once(void **state)
{
	struct world *world = *state;
	world->is_without_inotify = true;
	world_start(world);
	struct record record = make_record(world, "c1");
	write_record(world, &record);
	world_sweep(world);
	world_tune(world);
	world_flush(world);
	world_stop(world);
	world->now_usec += USEC_PER_SEC;
	world_start(world);
	assert_int_equal(world->n_said[EVENT_DECISION], 1);
}

static void kill_is_not_told_again_after_a_restart(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	world_on_events(world);
	world_stop(world);
	world->now_usec += USEC_PER_MIN;
	world_start(world);
	pass(world, 20);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(published(world).recommendation.oom_kills, 1);
}

static void crash_loses_no_closed_slot(void **state)
{
	struct world *world = *state;
	world->settings.sampling.slot_usec = 10 * USEC_PER_SEC;
	world_start(world);
	run_container(world, "c1");
	pass(world, 95);
	world_stop(world); /* without a flush */
	world_start(world);
	world_workload_at(world, 0)->fresh = 1;
	node_tune(&world->node, world->now_usec + USEC_PER_MIN);
	uint64_t samples = world_workload_at(world, 0)->limits.observed.samples;
	assert_true(samples >= 85 && samples <= 97);
}

static void lost_limit_file_comes_back_from_the_history(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	pass(world, 60);
	world_tune(world);
	world_flush(world);
	struct limits before = published(world);
	world_stop(world);
	fixture_write(world->roots.state_fd, "limits/default/web/app.json", "{\"v\":1,\"names");
	world_start(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 1); /* the torn file */
	world_tune(world);
	assert_int_equal(published(world).recommendation.limit_bytes, before.recommendation.limit_bytes);
}

static void corrupt_history_is_set_aside_and_what_was_published_stands(void **state)
{
	struct world *world = *state;
	char path[512], garbage[5000];
	struct history *history;
	struct error err;

	world_start(world);
	run_container(world, "c1");
	pass(world, 60);
	world_tune(world);
	struct limits before = published(world);
	world_stop(world);

	memset(garbage, 'x', sizeof garbage - 1);
	garbage[sizeof garbage - 1] = '\0';
	fixture_write(world->roots.state_fd, HISTORY_FILE, garbage);
	(void)unlinkat(world->roots.state_fd, HISTORY_FILE "-wal", 0);
	(void)unlinkat(world->roots.state_fd, HISTORY_FILE "-shm", 0);
	snprintf(path, sizeof path, "%s/state", world->fixture.path);
	assert_int_equal(history_open(path, world->now_usec, &history, &err), HISTORY_SET_ASIDE);
	history_close(history);
	world_start(world);
	assert_int_equal(world_workload_at(world, 0)->limits.recommendation.limit_bytes,
			 before.recommendation.limit_bytes);
	pass(world, 60);
	world_tune(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(restart_keeps_the_windows_and_says_nothing_twice),
		WORLD_TEST(creation_whose_record_waits_is_said_once_though_the_daemon_ends),
		WORLD_TEST(creation_that_a_look_at_all_workloads_comes_upon_is_said_once),
		WORLD_TEST(kill_is_not_told_again_after_a_restart),
		WORLD_TEST(crash_loses_no_closed_slot),
		WORLD_TEST(lost_limit_file_comes_back_from_the_history),
		WORLD_TEST(corrupt_history_is_set_aside_and_what_was_published_stands),
	};
	return cmocka_run_group_tests_name("restart", tests, NULL, NULL);
}
