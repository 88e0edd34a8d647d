/* SPDX-License-Identifier: Apache-2.0 */

/* From readings to a published recommendation. */

#include "shim/daemon/node.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/daemon/world.h"

static void started_container_is_sampled_and_tuned(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");

	assert_int_equal(world->n_said[EVENT_PRESTART], 1);
	assert_says(world, EVENT_PRESTART, "TIDEMARK_PEAK_BYTES=409600\n");
	use(world, "c1", 100);
	pass(world, 60);
	world_tune(world);

	struct limits limits = published(world);
	assert_int_equal(limits.observed.samples, 61);
	assert_int_equal(limits.observed.max_bytes, 100 * MIB);
	assert_true(limits.recommendation.limit_bytes >= 110 * MIB);
	assert_int_equal(limits.enforced_limit_bytes, 0); /* not warm */
	assert_int_equal(limits.prestart_crun_bytes, 400 * KIB);
	assert_int_equal(world->n_said[EVENT_RECOMMENDATION], 1);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void what_is_warm_is_enforced(void **state)
{
	struct world *world = *state;
	world->settings.tuner.warmup_samples = 10;
	world->settings.tuner.warmup_usec = USEC_PER_SEC;
	world_start(world);
	run_container(world, "c1");
	pass(world, 60);
	world_tune(world);

	struct limits limits = published(world);
	assert_true(limits.enforced_limit_bytes > 0);
	assert_int_equal(limits.enforced_limit_bytes, limits.recommendation.limit_bytes);

	/* Another image: it has to prove itself anew. */
	struct record record = make_record(world, "c2");
	strcpy(record.image_ref, "sha256:bb");
	write_record(world, &record);
	world_on_records(world);
	assert_int_equal(published(world).enforced_limit_bytes, 0);
}

static void change_the_image(struct world *world, int policy)
{
	world->settings.tuner.policy = policy;
	world->settings.tuner.warmup_samples = 10;
	world->settings.tuner.warmup_usec = USEC_PER_MIN;
	world->settings.tuner.cooldown_usec = 0;
	world_start(world);
	run_container(world, "c1");
	use(world, "c1", 300);
	pass(world, 120);
	world_tune(world);
	const struct limits old = published(world);
	assert_true(old.enforced_limit_bytes > 300 * MIB);
	remove_cgroup(world, "c1");
	pass(world, 1);

	struct record record = make_record(world, "c2");
	strcpy(record.image_ref, "sha256:bb");
	write_record(world, &record);
	world_on_records(world);
	make_cgroup(world, "c2", 512);
	start_record(world, &record);
	write_record(world, &record);
	world_on_records(world);
	for (int i = 0; i < 5; i++) {
		pass(world, 10);
		world_tune(world);
		assert_int_equal(published(world).enforced_limit_bytes, 0);
		assert_true(published(world).recommendation.limit_bytes >= old.recommendation.limit_bytes);
		assert_true(published(world).recommendation.request_bytes >=
			    old.recommendation.request_bytes);
	}
	pass(world, 15);
	world_tune(world);
	assert_true(published(world).enforced_limit_bytes > 0);
}

static void old_profile_is_a_floor_while_a_new_image_warms_up(void **state)
{
	change_the_image(*state, POLICY_PERCENTILE);
}

static void so_it_is_under_the_policy_adaptive(void **state)
{
	change_the_image(*state, POLICY_ADAPTIVE);
}

static void program_that_follows_its_limit_keeps_it(void **state)
{
	struct world *world = *state;
	be_quick(world);
	world_start(world);

	run_at(world, "c1", 512, "jvm", 60);
	world_tune(world);
	struct limits limits = published(world);
	assert_int_equal(limits.recommendation.limit_term, TERM_RATCHET);
	assert_int_equal(limits.enforced_limit_bytes, 368 * MIB); /* a step */

	/* Ended before it was old enough to tell: nothing more is known. */
	stop(world, "c1");
	run_at(world, "c2", 368, "jvm", 4);
	world_tune(world);
	assert_int_equal(published(world).enforced_limit_bytes, 368 * MIB);
	stop(world, "c2");
	run_at(world, "c3", 368, "jvm", 60);
	world_tune(world);
	limits = published(world);
	assert_int_equal(limits.recommendation.limit_term, TERM_RATCHET);
	assert_int_equal(limits.enforced_limit_bytes, 512 * MIB);

	/* Over a restart, and for another image. */
	world_stop(world);
	world_start(world);
	stop(world, "c3");
	run_at(world, "c4", 512, "", 60);
	world_tune(world);
	assert_int_equal(published(world).enforced_limit_bytes, 512 * MIB);
	struct record record = make_record(world, "c5");
	strcpy(record.image_ref, "sha256:bb");
	write_record(world, &record);
	world_on_records(world);
	pass(world, 60);
	world_tune(world);
	assert_int_equal(published(world).enforced_limit_bytes, 512 * MIB);
}

static void resized_container_tells_nothing_of_its_program(void **state)
{
	struct world *world = *state;
	be_quick(world);
	world_start(world);

	run_at(world, "c1", 512, "jvm", 60);
	world_tune(world);
	write_cgroup_file(world, "c1", "memory.max", "314572800\n");
	use(world, "c1", 75);
	pass(world, 60);
	world_tune(world);
	assert_int_equal(published(world).enforced_limit_bytes, 368 * MIB);
	assert_int_equal(world_workload_at(world, 0)->ratchet.to.limit_bytes, 0);
}

/* What the config does not tell, as a script starts it, its process does. */
static void program_is_told_by_its_processes(void **state)
{
	struct world *world = *state;
	be_quick(world);
	world_start(world);

	run_at(world, "c1", 512, "", 0);
	write_cgroup_file(world, "c1", "cgroup.procs", "815\n816\n");
	fixture_write(world->roots.proc_fd, "815/cmdline", "/bin/sh");
	pass(world, 30);
	assert_int_equal(world_workload_at(world, 0)->ratchet.program, SIZING_UNKNOWN);
	assert_int_equal(world_container_at(world, 0)->looks, 1);

	fixture_write(world->roots.proc_fd, "816/cmdline", "/usr/bin/java");
	pass(world, 200); /* not looked at again so soon */
	assert_int_equal(world_workload_at(world, 0)->ratchet.program, SIZING_UNKNOWN);
	pass(world, 100);
	assert_int_equal(world_workload_at(world, 0)->ratchet.program, SIZING_JVM);
	assert_int_equal(world_container_at(world, 0)->looks, 2);
	world_tune(world);
	assert_memory_equal(published(world).ratchet, "jvm ", 4);
	pass(world, 1000);
	assert_int_equal(world_container_at(world, 0)->looks, 2);
}

/* It would be killed by it. */
static void cap_below_what_is_used_is_recommended_but_not_enforced(void **state)
{
	struct world *world = *state;
	world->settings.tuner.warmup_samples = 10;
	world->settings.tuner.warmup_usec = USEC_PER_SEC;
	world->settings.tuner.limit_max_bytes = 256 * MIB;
	world_start(world);
	run_container(world, "c1");
	use(world, "c1", 300);
	pass(world, 60);
	world_tune(world);

	struct limits limits = published(world);
	assert_true(limits.recommendation.warm);
	assert_int_equal(limits.recommendation.limit_bytes, 256 * MIB);
	assert_int_equal(limits.recommendation.limit_term, TERM_MAX);
	assert_int_equal(limits.enforced_limit_bytes, 0);
	assert_int_equal(limits.enforced_request_bytes, 0);
	assert_says(world, EVENT_RECOMMENDATION, "TIDEMARK_LIMIT_BYTES=268435456\n");

	/* The cap is raised. */
	struct settings settings = world->settings;
	settings.tuner.limit_max_bytes = GIB;
	node_reload(&world->node, &settings);
	pass(world, 1);
	world_tune(world);
	limits = published(world);
	assert_true(limits.enforced_limit_bytes > 300 * MIB);
	assert_int_equal(limits.enforced_limit_bytes, limits.recommendation.limit_bytes);
}

static void reload_changes_what_is_yet_to_come(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	pass(world, 60);
	world_tune(world);
	struct settings settings = world->settings;
	settings.tuner.limit_min_bytes = GIB;
	settings.tuner.cooldown_usec = 0;
	node_reload(&world->node, &settings);
	pass(world, 1);
	world_tune(world);
	assert_int_equal(published(world).recommendation.limit_bytes, GIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(started_container_is_sampled_and_tuned),
		WORLD_TEST(what_is_warm_is_enforced),
		WORLD_TEST(old_profile_is_a_floor_while_a_new_image_warms_up),
		WORLD_TEST(so_it_is_under_the_policy_adaptive),
		WORLD_TEST(program_that_follows_its_limit_keeps_it),
		WORLD_TEST(resized_container_tells_nothing_of_its_program),
		WORLD_TEST(program_is_told_by_its_processes),
		WORLD_TEST(cap_below_what_is_used_is_recommended_but_not_enforced),
		WORLD_TEST(reload_changes_what_is_yet_to_come),
	};
	return cmocka_run_group_tests_name("recommendation", tests, NULL, NULL);
}
