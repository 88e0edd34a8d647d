/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/node.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/daemon/world.h"

static void census_has_all_that_is_read_each_time(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_census(world);
	run_container(world, "c1");
	const struct container *container = world_container_at(world, 0);
	assert_int_equal(container->max_bytes, 512 * MIB);
	struct census_entry entry = {container->sampled.id, 30 * 256, 40 * 256, 300 * 256,
				     CENSUS_MOST,           10 * 256, 0};

	write_cgroup_file(world, "c1", "memory.max", "nonsense\n");
	write_cgroup_file(world, "c1", "memory.peak", "nonsense\n");
	for (int i = 0; i < 10; i++)
		pass_by_census(world, &entry);
	assert_int_equal(memory_working_set(&container->memory), 20 * MIB);
	assert_int_equal(container->peak_bytes, 40 * MIB);
	assert_int_equal(container->max_bytes, 300 * MIB);
	entry.above_max_pages = 200 * 256;
	for (int i = 0; i < 10; i++)
		pass_by_census(world, &entry);
	assert_int_equal(container->max_bytes, 200 * MIB);

	entry.max_pages = entry.above_max_pages = CENSUS_MOST;
	for (int i = 0; i < 10; i++)
		pass_by_census(world, &entry);
	assert_int_equal(container->max_bytes, MEMORY_UNLIMITED);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void pressure_is_read_when_the_census_says_that_it_moved(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_census(world);
	run_container(world, "c1");
	const struct container *container = world_container_at(world, 0);
	struct census_entry entry = {container->sampled.id, 30 * 256, 40 * 256, 300 * 256,
				     CENSUS_MOST,           10 * 256, 0};

	write_cgroup_file(world, "c1", "memory.pressure",
			  "some avg10=0.00 avg60=0.00 avg300=0.00 total=70\nfull avg10=0.00 avg60=0.00 "
			  "avg300=0.00 total=7\n");
	for (int i = 0; i < 10; i++)
		pass_by_census(world, &entry);
	assert_int_equal(container->pressure.some_usec, 0);
	entry.pressure_usec = 69;
	for (int i = 0; i < 10; i++)
		pass_by_census(world, &entry);
	assert_int_equal(container->pressure.some_usec, 70);
	assert_int_equal(container->pressure.full_usec, 7);
}

static void cgroup_that_came_or_went_during_the_census_is_read_itself(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_census(world);
	run_container(world, "c1");
	const struct container *container = world_container_at(world, 0);
	const struct census_entry gone = {container->sampled.id, 30 * 256, 40 * 256, 300 * 256,
					  CENSUS_MOST,           10 * 256, 0};
	const struct census_entry other = {.id = 1};

	/* Not in it: it came later. */
	use(world, "c1", 77);
	pass_by_census(world, &other);
	assert_int_equal(memory_working_set(&container->memory), 77 * MIB);
	/* Still in it: that was so a moment ago, and the next one knows better. */
	remove_cgroup(world, "c1");
	pass_by_census(world, &gone);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	pass_by_census(world, &other);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void what_stays_the_same_is_read_less_often_until_it_moves(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	const struct container *container = world_container_at(world, 0);

	pass(world, 200);
	assert_int_equal(container->calm, CONTAINER_CALM_MOST);
	write_cgroup_file(world, "c1", "memory.max", "104857600\n");
	pass(world, 80);
	assert_int_equal(container->max_bytes, 100 * MIB);
	/* One whose kills are seen in turn only has each of them. */
	pass(world, 200);
	watch_remove(&world->node.sources.watch, world_container_at(world, 0));
	write_cgroup_file(world, "c1", "memory.max", "209715200\n");
	pass(world, 10);
	assert_int_equal(container->max_bytes, 200 * MIB);
}

static void too_few_descriptors_are_said_once_and_all_is_read_all_the_same(void **state)
{
	struct world *world = *state;
	char id[RECORD_ID_SIZE];
	world_start(world);
	world->node.sampling.sampler.kept_max = 3;
	for (int i = 0; i < 8; i++) {
		snprintf(id, sizeof id, "c%d", i);
		run_container(world, id);
	}
	pass(world, 12);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(world_container_at(world, i)->state, LIFE_RUNNING);
		assert_int_equal(world_container_at(world, i)->samples,
				 world_container_at(world, 0)->samples);
	}
	assert_int_equal(world->node.sampling.sampler.kept, 3);
	assert_true(world->node.sources.processes.n <= 3);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "there are too few file descriptors");
}

static void limits_above_a_container_are_looked_at_once(void **state)
{
	struct world *world = *state;
	world_start(world);
	fixture_write(world->roots.cgroup_fd, "pods/memory.max", "268435456\n");
	run_container(world, "c1");
	assert_int_equal(world_container(world, "c1")->ancestors_max_bytes, 256 * MIB);
	fixture_write(world->roots.cgroup_fd, "pods/memory.max", "max\n");
	run_container(world, "c2");
	assert_true(world_container(world, "c2")->ancestors_max_bytes == MEMORY_UNLIMITED);
}

static void container_and_workload_have_a_short_and_a_long_window(void **state)
{
	struct world *world = *state;
	world->settings.sampling.short_window_usec = 5 * USEC_PER_MIN;
	world_start(world);
	world_use_census(world); /* so that no file is held open, which here outlives its cgroup */
	run_container(world, "c1");
	run_container(world, "c2");
	use(world, "c1", 200);
	use(world, "c2", 50);
	pass(world, 60);
	use(world, "c1", 100);
	pass(world, 600);
	world_tune(world);

	/* The workload's are of both, the container's of it alone. */
	const struct limits both = published(world);
	assert_int_equal(both.observed.max_bytes, 200 * MIB);
	assert_int_equal(both.recent.max_bytes, 100 * MIB);
	assert_int_equal(both.recent.avg_bytes, 75 * MIB);
	assert_in_range(both.recent.samples, 480, 800);
	const struct container *c2 = world_container(world, "c2");
	uint64_t highest_bytes;
	window_quantiles(&c2->window, 0, UINT64_MAX, 1, &(const double){1}, &highest_bytes);
	assert_int_equal(highest_bytes, 50 * MIB);

	remove_cgroup(world, "c2");
	pass(world, 10);
	assert_says(world, EVENT_EXIT, "TIDEMARK_AVG_BYTES=");
	assert_says(world, EVENT_EXIT, "TIDEMARK_P95_BYTES=52428800\n");
}

static void pressure_that_cannot_be_listened_to_is_said_once(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	run_container(world, "c2");
	use(world, "c1", 400);
	pass(world, 10);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);

	/* 85 % of 512Mi. The file is no cgroup's, so it takes what is written, and nobody will tell. */
	write_cgroup_file(world, "c1", "memory.pressure", "");
	use(world, "c1", 440);
	use(world, "c2", 500);
	pass(world, 20);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT,
		    "a rise of a container that is close to its limit is seen at its next reading only");
	assert_int_equal(world->node.sources.pressures.n, 0);
	world_tune(world);
	assert_int_equal(published(world).observed.max_bytes, 500 * MIB);
	write_cgroup_file(world, "c1", "memory.pressure",
			  "some avg10=1.00 total=7\nfull avg10=0.00 total=3\n");
	pass(world, 10);
	assert_int_equal(world_container(world, "c1")->pressure.some_usec, 7);
}

static void cgroup_that_goes_under_our_hands_silences_no_others_pressure(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");

	/* As it is between the reading and the opening: there is nothing in it any more. */
	fixture_remove(world->roots.cgroup_fd, "pods/crio-c1.scope/container/cgroup.type");
	use(world, "c1", 500);
	pass(world, 5);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	assert_false(world->node.sources.pressures.unavailable);
	assert_int_equal(world->node.sources.pressures.n, 0);
}

static void readings_for_pressure_shift_no_mean(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	use(world, "c1", 200);
	pass(world, 60);
	world_tune(world);
	const struct observed before = world_workload(world, &web)->limits.observed;

	/* What the kernel would tell of, time and again. */
	struct container *c1 = world_container(world, "c1");
	const uint64_t samples = c1->samples;
	c1->pressure_fd = dup(world->kernel_log[1]);
	world->node.sources.pressures.n++;
	use(world, "c1", 500);
	for (int i = 0; i < 100; i++)
		world_on_pressures(world);

	const struct observed *after = &world_workload(world, &web)->limits.observed;
	assert_int_equal(after->max_bytes, 500 * MIB);
	assert_int_equal(after->samples, before.samples);
	assert_int_equal(after->avg_bytes, before.avg_bytes);
	/* The middle of its bucket, which the maximum does not cut off any more. */
	assert_in_range(after->p95_bytes, before.p95_bytes, before.p95_bytes * 101 / 100);
	assert_int_equal(c1->samples, samples);
	assert_int_equal(c1->working_set_max_bytes, 500 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(census_has_all_that_is_read_each_time),
		WORLD_TEST(pressure_is_read_when_the_census_says_that_it_moved),
		WORLD_TEST(cgroup_that_came_or_went_during_the_census_is_read_itself),
		WORLD_TEST(what_stays_the_same_is_read_less_often_until_it_moves),
		WORLD_TEST(too_few_descriptors_are_said_once_and_all_is_read_all_the_same),
		WORLD_TEST(limits_above_a_container_are_looked_at_once),
		WORLD_TEST(pressure_that_cannot_be_listened_to_is_said_once),
		WORLD_TEST(cgroup_that_goes_under_our_hands_silences_no_others_pressure),
		WORLD_TEST(readings_for_pressure_shift_no_mean),
		WORLD_TEST(container_and_workload_have_a_short_and_a_long_window),
	};
	return cmocka_run_group_tests_name("readings", tests, NULL, NULL);
}
