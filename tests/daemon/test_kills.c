/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/node.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/daemon/world.h"

static void kill_at_its_own_limit_is_on_disk_before_it_is_said(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	pass(world, 3);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	world_on_events(world);

	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=own\n");
	assert_says(world, EVENT_OOM, "TIDEMARK_LIMIT_BYTES=536870912\n");
	/* max(512Mi × 1.2, 512Mi + 100Mi) */
	assert_true(world->at_oom.recommendation.limit_bytes >= 614 * MIB);
	assert_int_equal(world->at_oom.recommendation.oom_limit_bytes, 512 * MIB);
	assert_int_equal(world->at_oom.recommendation.oom_kills, 1);
	/* It had all that it declares. */
	assert_says(world, EVENT_OOM,
		    "TIDEMARK_STUCK=it declares 512Mi, and is never given more ([guards] allow_raise)\n");
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_ROW=1\n");
}

static void kill_below_what_is_declared_leaves_room(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	make_cgroup(world, "c1", 256);
	pass(world, 10);
	write_cgroup_file(world, "c1", "memory.peak", "268435456\n");
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	world_on_events(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_null(strstr(last(world, EVENT_OOM), "TIDEMARK_STUCK"));
	assert_int_equal(world->at_oom.recommendation.oom_limit_bytes, 256 * MIB);
	assert_int_equal(world->at_oom.recommendation.oom_peak_bytes, 256 * MIB);
}

static void one_kill_told_by_both_sources_is_said_once(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
	world_on_kernel_log(world);
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 0\n");
	world_on_events(world);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	world_on_events(world);
	pass(world, 15);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_TASK=sh\n");
	assert_says(world, EVENT_OOM, "TIDEMARK_PID=99\n");
	assert_int_equal(published(world).recommendation.oom_kills, 1);

	/* A second one, by the kernel log alone. */
	log_kill(world, "/pods/crio-c1.scope", CGROUP("c1"), 100);
	world_on_kernel_log(world);
	assert_int_equal(world->n_said[EVENT_OOM], 2);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=own\n");
}

static void kill_is_learned_from_though_the_cgroup_is_gone(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
	remove_cgroup(world, "c1");
	pass(world, 10); /* notices the end first, by a sample */
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_OOM_KILLS=1\n");
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 512 * MIB);
}

/* The log is read before the records. */
static void kill_under_an_id_that_is_used_again_is_told_of_the_life_that_it_ended(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	remove_cgroup(world, "c1");
	pass(world, 12);
	assert_int_equal(world_container(world, "c1")->state, LIFE_ENDED);

	struct record record = make_record(world, "c1");
	record.limit_bytes = 256 * MIB;
	make_cgroup(world, "c1", 256);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	start_record(world, &record);
	write_record(world, &record);
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
	world_on_kernel_log(world);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_LIMIT_BYTES=268435456\n");
	assert_int_equal(published(world).recommendation.oom_kills, 1);
}

static void kill_within_a_life_too_short_to_be_seen_is_learned_from(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = make_record(world, "c1");
	start_record(world, &record);
	write_record(world, &record); /* its cgroup is gone already */
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
	world_on_kernel_log(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 512 * MIB);
}

static void kill_by_an_ancestor_or_the_node_teaches_nothing(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	log_kill(world, "/pods", CGROUP("c1"), 99);
	world_on_kernel_log(world);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=ancestor\n");
	log_kill(world, "", CGROUP("c1"), 100);
	world_on_kernel_log(world);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=node\n");
	log_kill(world, CGROUP("c1") "/inner", CGROUP("c1") "/inner", 101);
	world_on_kernel_log(world);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=nested\n");

	/* The events come late, and say nothing new. */
	write_cgroup_file(world, "c1", "memory.events", "oom 0\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 0\noom_kill 1\n");
	world_on_events(world);
	assert_int_equal(world->n_said[EVENT_OOM], 3);
	world_tune(world);
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 0);
}

static void counts_around_one_kill_are_one_kill(void **state)
{
	/* As a real kernel showed them, read by read: two processes run into the limit, one is killed. */
	static const struct {
		const char *events;
		size_t told;
	} reads[] = {
		{"oom 1\noom_kill 0\n", 1}, {"oom 1\noom_kill 1\n", 1}, {"oom 2\noom_kill 1\n", 1},
		{"oom 3\noom_kill 1\n", 1}, {"oom 3\noom_kill 2\n", 2}, {"oom 3\noom_kill 3\n", 2},
	};
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
		write_cgroup_file(world, "c1", "memory.events", reads[i].events);
		write_cgroup_file(world, "c1", "memory.events.local", reads[i].events);
		world_on_events(world);
		assert_int_equal(world->n_said[EVENT_OOM], reads[i].told);
	}
	pass(world, 20);
	write_cgroup_file(world, "c1", "memory.events", "oom 4\noom_kill 4\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 4\noom_kill 4\n");
	world_on_events(world);
	assert_int_equal(world->n_said[EVENT_OOM], 3);
}

static void kill_by_another_is_told_from_events_alone(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	write_cgroup_file(world, "c1", "memory.events", "oom 0\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 0\noom_kill 1\n");
	world_on_events(world);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=other\n");
	world_tune(world);
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 0);
}

static void limit_that_kills_is_withdrawn_if_no_better_one_can_be_written(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	pass(world, 60);
	world_tune(world);
	(void)published(world);
	/* What stands where the new file would be written is the best imitation of a full disk. */
	char name[64];
	snprintf(name, sizeof name, "limits/default/web/.app.json.%ld.tmp", (long)getpid());
	fixture_directory(world->roots.state_fd, name);

	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	world_on_events(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	struct limits limits;
	assert_int_equal(limits_read(world->roots.state_fd, &web, &limits, NULL), -ENOENT);

	fixture_remove(world->roots.state_fd, name);
	world_tune(world);
	assert_true(published(world).recommendation.limit_bytes >= 614 * MIB);
}

static void kernel_log_that_cannot_be_read_is_said_once_and_let_go(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = run_container(world, "c1");
	world->node.sources.kernel_log_fd = world->fixture.root_fd; /* EISDIR, each time */
	for (unsigned i = 0; i < 3; i++)
		world_on_kernel_log(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "some OOM kills may go unseen");
	assert_int_equal(world->node.sources.kernel_log_fd, -1);

	/* The other source still tells. */
	write_cgroup_file(world, record.id, "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, record.id, "memory.events.local", "oom 1\noom_kill 1\n");
	world_on_events(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(kill_at_its_own_limit_is_on_disk_before_it_is_said),
		WORLD_TEST(kill_below_what_is_declared_leaves_room),
		WORLD_TEST(one_kill_told_by_both_sources_is_said_once),
		WORLD_TEST(kill_is_learned_from_though_the_cgroup_is_gone),
		WORLD_TEST(kill_within_a_life_too_short_to_be_seen_is_learned_from),
		WORLD_TEST(kill_under_an_id_that_is_used_again_is_told_of_the_life_that_it_ended),
		WORLD_TEST(kill_by_an_ancestor_or_the_node_teaches_nothing),
		WORLD_TEST(counts_around_one_kill_are_one_kill),
		WORLD_TEST(kill_by_another_is_told_from_events_alone),
		WORLD_TEST(limit_that_kills_is_withdrawn_if_no_better_one_can_be_written),
		WORLD_TEST(kernel_log_that_cannot_be_read_is_said_once_and_let_go),
	};
	return cmocka_run_group_tests_name("kills", tests, NULL, NULL);
}
