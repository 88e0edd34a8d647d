/* SPDX-License-Identifier: Apache-2.0 */

/* A daemon that can have no inotify instance, as where a user's are all in use. */

#include "shim/daemon/notices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tests/daemon/world.h"

static void write_kills(const struct world *world, const char *id)
{
	write_cgroup_file(world, id, "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, id, "memory.events.local", "oom 1\noom_kill 1\n");
}

static void start_without_inotify(struct world *world)
{
	world->is_without_inotify = true;
	world_start(world);
	assert_int_equal(world->node.sources.records.notices.fd, -1);
	assert_int_equal(world->node.sources.watch.notices.fd, -1);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "records and kills are looked for with each sample, and seen late");
	assert_says(world, EVENT_FAULT, "fs.inotify.max_user_instances");
}

static void without_inotify_each_sample_looks_for_records_and_each_turn_for_kills(void **state)
{
	struct world *world = *state;
	start_without_inotify(world);
	struct record record = make_record(world, "c1");
	record.limit_bytes = 256 * MIB;
	write_record(world, &record);
	pass(world, 1);
	assert_int_equal(world->n_said[EVENT_DECISION], 1);
	assert_int_equal(published(world).applied_bytes, 256 * MIB);
	make_cgroup(world, "c1", 256);
	start_record(world, &record);
	write_record(world, &record);
	pass(world, 3);
	assert_int_equal(world->n_said[EVENT_PRESTART], 1);
	assert_true(world_container(world, "c1")->samples > 0);

	write_kills(world, "c1");
	pass(world, 10);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 256 * MIB);

	stop(world, "c1");
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	pass(world, 1);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_int_equal(world_n_containers(world), 0);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
}

static void without_inotify_a_kill_in_a_container_that_is_not_known_yet_is_learned_from(void **state)
{
	struct world *world = *state;
	start_without_inotify(world);
	struct record record = make_record(world, "c1");
	start_record(world, &record);
	write_record(world, &record); /* its cgroup is gone already */
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
	world_on_kernel_log(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 512 * MIB);
}

static void inotify_is_tried_again_with_each_sweep_and_what_was_missed_is_made_up_for(void **state)
{
	struct world *world = *state;
	start_without_inotify(world);
	(void)run_container(world, "c1"); /* of which nobody hears */
	assert_int_equal(world_n_containers(world), 0);
	pass(world, 1);
	assert_int_equal(world_container(world, "c1")->state, LIFE_RUNNING);
	assert_false(world_container(world, "c1")->watched);

	const struct rlimit limit = world_leave_fds(0);
	world_sweep(world);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(world->n_said[EVENT_FAULT], 1); /* as before, and said before */

	write_kills(world, "c1");
	struct record record = make_record(world, "c2");
	write_record(world, &record);
	world_sweep(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 2);
	assert_says(world, EVENT_FAULT, "records and kills are seen at once again");
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(world->n_said[EVENT_DECISION], 2);
	assert_true(world_container(world, "c1")->watched);

	/* From here on as ever. */
	(void)run_container(world, "c3");
	write_kills(world, "c3");
	world_on_events(world);
	assert_int_equal(world->n_said[EVENT_OOM], 2);
	pass(world, 12);
	assert_int_equal(world->n_said[EVENT_OOM], 2);
	world_sweep(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 2);
}

/* A container that comes with the same sweep is watched once: as it begins. */
static void container_that_comes_unheard_before_the_sweep_that_opens_inotify_is_watched(void **state)
{
	struct world *world = *state;
	start_without_inotify(world);
	(void)run_container(world, "c1"); /* of which nobody hears */
	world_sweep(world);
	assert_int_equal(world_container(world, "c1")->state, LIFE_RUNNING);
	assert_true(world_container(world, "c1")->watched);
	write_kills(world, "c1");
	world_on_events(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	stop(world, "c1");
	assert_int_equal(world_n_containers(world), 0);
	assert_null(world->node.sources.watch.by_number);
}

/* Whose limit it was, the log says, which the sweep reads first. */
static void kill_of_before_inotify_was_opened_is_told_with_its_cause(void **state)
{
	struct world *world = *state;
	start_without_inotify(world);
	(void)run_container(world, "c1");
	pass(world, 1);
	log_kill(world, "", CGROUP("c1"), 99);
	write_cgroup_file(world, "c1", "memory.events", "oom 0\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 0\noom_kill 1\n");
	world_sweep(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=node\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(without_inotify_each_sample_looks_for_records_and_each_turn_for_kills),
		WORLD_TEST(without_inotify_a_kill_in_a_container_that_is_not_known_yet_is_learned_from),
		WORLD_TEST(inotify_is_tried_again_with_each_sweep_and_what_was_missed_is_made_up_for),
		WORLD_TEST(container_that_comes_unheard_before_the_sweep_that_opens_inotify_is_watched),
		WORLD_TEST(kill_of_before_inotify_was_opened_is_told_with_its_cause),
	};
	return cmocka_run_group_tests_name("notices", tests, NULL, NULL);
}
