/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/node.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/daemon/world.h"

static void node_summary_adds_up(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	run_container(world, "c2");
	use(world, "c2", 40);
	pass(world, 1);
	world_report(world);
	assert_says(world, EVENT_NODE, "TIDEMARK_CONTAINERS=2\n");
	assert_says(world, EVENT_NODE, "TIDEMARK_DECLARED_BYTES=1073741824\n");
	assert_says(world, EVENT_NODE, "TIDEMARK_WORKING_SET_BYTES=62914560\n");
	assert_says(world, EVENT_NODE, "TIDEMARK_SLACK_BYTES=1010827264\n");
}

static void what_the_node_says_is_counted(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	assert_int_equal(world->node.voice.tally.events[EVENT_DECISION], 1);
	assert_int_equal(world->node.voice.tally.decisions[SOURCE_DECLARED], 1);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	world_on_events(world);
	assert_int_equal(world->node.voice.tally.kills[OOM_CAUSE_OWN], 1);
}

static void clock_steps_do_no_harm(void **state)
{
	static const int64_t steps[] = {-3600, 7200, -86400 * 3, 86400 * 365, -86400 * 365};
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		pass(world, 70);
		world_tune(world);
		world_sweep(world);
		world->now_usec += (uint64_t)steps[i] * USEC_PER_SEC;
	}
	pass(world, 70);
	world_tune(world);
	struct limits limits = published(world);
	assert_true(limits.observed.samples >= 70);
	assert_int_equal(limits.observed.max_bytes, 20 * MIB);
	assert_int_equal(limits.written_usec, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	assert_int_equal(world_n_containers(world), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(node_summary_adds_up),
		WORLD_TEST(what_the_node_says_is_counted),
		WORLD_TEST(clock_steps_do_no_harm),
	};
	return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
