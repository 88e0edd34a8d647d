/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/node.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shim/daemon/registry.h"
#include "tests/daemon/world.h"

static void stale_records_are_swept_and_living_ones_are_not(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record dead = make_record(world, "dead"), waiting = make_record(world, "waiting");
	dead.pid = 77;
	waiting.pid = 78;
	write_record(world, &dead);
	write_record(world, &waiting);
	fixture_write(world->roots.proc_fd, "77/cgroup", "0::/user.slice\n");
	fixture_write(world->roots.proc_fd, "78/cgroup", "0::" CGROUP("waiting") "\n");
	run_container(world, "c1");
	world_sweep(world);
	world_on_records(world);
	assert_int_equal(world_n_containers(world), 3);

	world->now_usec += 6 * USEC_PER_MIN;
	world_sweep(world);
	world_on_records(world);
	assert_int_equal(world_n_containers(world), 2);
	assert_int_equal(record_read(world->roots.containers_fd, "dead", &dead, NULL), -ENOENT);
}

static void record_of_a_shims_container_ends_with_its_bundle(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record crio = shim_record(world, "v1", "containers/v1/userdata", true);
	struct record containerd = shim_record(world, "v2", "tasks/default/v2", false);
	struct record unseen = shim_record(world, "v3", "elsewhere/x/v3", true);
	fixture_parents(world->fixture.root_fd, "containers/v1/userdata/");
	fixture_parents(world->fixture.root_fd, "tasks/default/v2/");
	write_record(world, &crio);
	write_record(world, &containerd);
	write_record(world, &unseen);
	struct record top = shim_record(world, "v4", "", true);
	strcpy(top.bundle, "/no-such-bundle");
	write_record(world, &top);
	world_on_records(world);
	/* However long it lives: no process of it is known. */
	world->now_usec += 10 * USEC_PER_HOUR;
	world_sweep(world);
	assert_true(is_recorded(world, "v1") && is_recorded(world, "v2") && is_recorded(world, "v3"));

	fixture_remove(world->fixture.root_fd, "containers/v1");
	fixture_remove(world->fixture.root_fd, "tasks/default/v2");
	world_sweep(world);
	assert_false(is_recorded(world, "v1") || is_recorded(world, "v2"));
	/* That of a /tmp that is not ours to see, and one that cannot be told from it. */
	assert_true(is_recorded(world, "v3") && is_recorded(world, "v4"));
	world_on_records(world);
	assert_int_equal(world_n_containers(world), 2);
}

static void record_of_a_shims_container_that_still_runs_stays(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = shim_record(world, "c1", "tasks/default/c1", false);
	snprintf(record.pid_file, sizeof record.pid_file, "%.500s/init.pid", record.bundle);
	fixture_write(world->fixture.root_fd, "tasks/default/c1/init.pid", "77");
	fixture_write(world->roots.proc_fd, "77/cgroup", "0::" CGROUP("c1") "\n");
	make_cgroup(world, "c1", 100 * MIB);
	write_record(world, &record);
	world_on_records(world);
	/* No `start` is seen: its cgroup is found by the shim's pid file. */
	pass(world, 10);
	assert_int_equal(world_container(world, "c1")->state, LIFE_RUNNING);
	assert_true(world_container(world, "c1")->samples > 0);
	fixture_remove(world->fixture.root_fd, "tasks/default/c1");
	world_sweep(world);
	assert_true(is_recorded(world, "c1"));
	remove_cgroup(world, "c1");
	pass(world, 10);
	world_sweep(world);
	assert_false(is_recorded(world, "c1"));
}

static void temporary_files_of_killed_wrappers_are_swept(void **state)
{
	static const char *const names[] = {".old.json.77.tmp", ".new.json.78.tmp"};
	struct world *world = *state;
	world_start(world);
	for (size_t i = 0; i < 2; i++) {
		const int64_t age = i == 0 ? 301 : 60;
		const struct timespec written = {.tv_sec = (time_t)(T0 / USEC_PER_SEC) - age};
		fixture_write(world->roots.containers_fd, names[i], "{");
		assert_int_equal(utimensat(world->roots.containers_fd, names[i],
					   (struct timespec[]){written, written}, 0),
				 0);
	}
	run_container(world, "c1");
	world_sweep(world);
	assert_int_equal(faccessat(world->roots.containers_fd, names[0], F_OK, 0), -1);
	assert_int_equal(faccessat(world->roots.containers_fd, names[1], F_OK, 0), 0);
	assert_int_equal(faccessat(world->roots.containers_fd, "c1.json", F_OK, 0), 0);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void workload_that_is_not_seen_any_more_is_forgotten(void **state)
{
	struct world *world = *state;
	struct limits limits;
	world_start(world);
	run_container(world, "c1");
	struct record other = make_record(world, "c2");
	strcpy(other.identity.owner, "other");
	write_record(world, &other);
	world_on_records(world);
	pass(world, 10);
	world_tune(world);
	(void)published(world);
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	remove_cgroup(world, "c1");
	world_on_records(world);
	assert_int_equal(world_n_containers(world), 1);

	for (unsigned i = 0; i < 30 * 24 - 1; i++, world->now_usec += USEC_PER_HOUR)
		world_sweep(world);
	(void)published(world);
	assert_int_equal(world_n_workloads(world), 2);
	for (unsigned i = 0; i < 3; i++, world->now_usec += USEC_PER_HOUR)
		world_sweep(world);
	assert_int_equal(limits_read(world->roots.state_fd, &web, &limits, NULL), -ENOENT);
	assert_int_equal(world_n_workloads(world), 1); /* the one with a container */
	assert_string_equal(world_workload_at(world, 0)->limits.identity.owner, "other");
}

static void too_many_workloads_are_said_and_the_oldest_forgotten(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	struct limits limits = {.identity = web, .declared_bytes = UINT64_MAX};
	for (unsigned i = 0; i < LEARNING_WORKLOADS_MAX + 100; i++) {
		snprintf(limits.identity.owner, sizeof limits.identity.owner, "o%u", i);
		limits.written_usec = world->now_usec + i;
		assert_non_null(registry_add_workload(&world->node.registry, &limits,
						      &world->node.settings.sampling));
	}
	for (unsigned i = 0; i < 3; i++)
		world_sweep(world);
	assert_int_equal(world_n_workloads(world), LEARNING_WORKLOADS_MAX);
	assert_non_null(world_workload(world, &web));
	assert_non_null(world_workload(world, &limits.identity));
	strcpy(limits.identity.owner, "o100");
	assert_null(world_workload(world, &limits.identity));
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "workloads are known");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(stale_records_are_swept_and_living_ones_are_not),
		WORLD_TEST(record_of_a_shims_container_ends_with_its_bundle),
		WORLD_TEST(record_of_a_shims_container_that_still_runs_stays),
		WORLD_TEST(temporary_files_of_killed_wrappers_are_swept),
		WORLD_TEST(workload_that_is_not_seen_any_more_is_forgotten),
		WORLD_TEST(too_many_workloads_are_said_and_the_oldest_forgotten),
	};
	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
