/* SPDX-License-Identifier: Apache-2.0 */

/* Ends of containers, by whichever way they are noticed. */

#include "shim/daemon/node.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/daemon/world.h"

/* The container's record bears the id of a cgroup that exists no more. */
static struct record run_briefly(struct world *world, const char *id, uint64_t cgroup_id)
{
	struct record record = make_record(world, id);
	start_record(world, &record);
	record.cgroup_id = cgroup_id;
	write_record(world, &record);
	return record;
}

static void cgroup_that_vanishes_ends_the_container_and_is_no_fault(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = run_container(world, "c1");
	pass(world, 5);
	remove_cgroup(world, "c1");
	pass(world, 10); /* a file that we hold open can still be read here, unlike one of a cgroup */
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "MESSAGE=default/web/app ended after 10s: ");
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	assert_int_equal(world->node.sampling.sampler.kept, 0);

	assert_int_equal(record_remove(world->roots.containers_fd, record.id, NULL), 0);
	world_on_records(world);
	assert_int_equal(world_n_containers(world), 0);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

static void peak_between_two_samples_counts_at_the_end(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	pass(world, 5);
	/* 90Mi, 10Mi of which were inactive page cache, as at the last sample. */
	write_cgroup_file(world, "c1", "memory.peak", "94371840\n");
	write_cgroup_file(world, "c1", "cgroup.events", "populated 0\nfrozen 0\n");
	world_on_events(world);
	world_tune(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=94371840\n");
	assert_int_equal(published(world).observed.max_bytes, 80 * MIB);
	assert_true(published(world).observed.p95_bytes < 21 * MIB);
	assert_int_equal(world_workload(world, &web)->exit_peak_bytes, 90 * MIB);
}

static void flood_of_ends_is_taken_up_piece_by_piece(void **state)
{
	struct world *world = *state;
	char id[RECORD_ID_SIZE], name[512];
	size_t turns = 0;

	world_start(world);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof id, "flood%d", i);
		struct record record = make_record(world, id);
		make_cgroup(world, id, 512);
		start_record(world, &record);
		write_record(world, &record);
	}
	while (world_n_containers(world) < 300)
		world_on_records(world);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "pods/crio-flood%d.scope/container/cgroup.events", i);
		int fd = openat(world->roots.cgroup_fd, name, O_WRONLY | O_CLOEXEC);
		assert_int_equal(pwrite(fd, "populated 0", 11, 0), 11);
		close(fd);
	}
	for (size_t before = 0; world->n_said[EVENT_EXIT] < 300;
	     before = world->n_said[EVENT_EXIT], turns++) {
		world_on_events(world);
		assert_true(world->n_said[EVENT_EXIT] > before);
	}
	assert_true(turns > 1);
}

static void exit_is_known_whether_told_before_or_after_the_record(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_exits(world);
	world_take_exit(world, &(struct exit_peak){.cgroup_id = 71, .peak_bytes = 90 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	run_briefly(world, "before", 71);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "CONTAINER_ID=before\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=94371840\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=1\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_SAMPLES=0\n");

	struct record record = run_briefly(world, "after", 72);
	world_on_records(world);
	assert_int_equal(record_remove(world->roots.containers_fd, record.id, NULL), 0);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1); /* it is waited for */
	world_take_exit(world, &(struct exit_peak){.cgroup_id = 72, .peak_bytes = 95 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 2);
	assert_says(world, EVENT_EXIT, "CONTAINER_ID=after\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=1\n");
	assert_int_equal(world_n_containers(world), 1);

	/* Both count in the window, though never sampled. */
	world_tune(world);
	assert_int_equal(published(world).observed.max_bytes, 95 * MIB);
}

static void exit_that_is_never_told_is_not_waited_for_for_ever(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_exits(world);
	run_briefly(world, "c1", 71);
	world_on_records(world);
	pass(world, 8);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	pass(world, 4);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=0\n");
	/* Nor told twice. */
	world_take_exit(world, &(struct exit_peak){.cgroup_id = 71, .peak_bytes = 90 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

static void clock_that_steps_back_ends_the_waiting(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_exits(world);
	run_briefly(world, "c1", 71);
	world_on_records(world);
	world->now_usec -= USEC_PER_HOUR;
	world_settle(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

static void what_is_waited_for_is_told_at_the_daemons_end(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_exits(world);
	run_briefly(world, "c1", 71);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	world_flush(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

static void id_that_is_used_again_begins_a_life_beside_the_first_which_ends_as_any_other(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_exits(world);
	run_briefly(world, "c1", 71);
	world_on_records(world);
	world->now_usec += USEC_PER_SEC;
	struct record second = run_briefly(world, "c1", 72);
	world_on_records(world);
	/* The second one is there at once, and is who has the id; the first one still waits. */
	assert_int_equal(world->n_said[EVENT_DECISION], 2);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	assert_int_equal(world_n_containers(world), 2);
	assert_int_equal(world_container(world, "c1")->created_usec, second.created_usec);
	world_take_exit(world, &(struct exit_peak){.cgroup_id = 71, .peak_bytes = 90 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=94371840\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=1\n");
	assert_int_equal(world_n_containers(world), 1);
	assert_int_equal(world_container(world, "c1")->created_usec, second.created_usec);
	world_take_exit(world, &(struct exit_peak){.cgroup_id = 72, .peak_bytes = 30 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 2);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=31457280\n");
}

static void lives_under_one_id_end_in_any_order_and_each_is_told_once(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_exits(world);
	for (uint64_t i = 0; i < 4; i++) {
		run_briefly(world, "c1", 71 + i);
		world_on_records(world);
		world->now_usec += USEC_PER_SEC;
	}
	assert_int_equal(world_n_containers(world), 4);
	world_take_exit(world, &(struct exit_peak){.cgroup_id = 73, .peak_bytes = 30 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_int_equal(world_n_containers(world), 3);
	/* What was killed in the first is learned from, though another one has its id. */
	world_take_exit(world, &(struct exit_peak){.cgroup_id = 71,
						   .peak_bytes = 512 * MIB,
						   .oom = 1,
						   .oom_kill = 1,
						   .all_oom_kill = 1});
	assert_int_equal(world->n_said[EVENT_EXIT], 2);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(published(world).recommendation.oom_kills, 1);
	/* The second was never told of; the fourth has only lost its cgroup so far. */
	pass(world, 12);
	assert_int_equal(world->n_said[EVENT_EXIT], 4);
	assert_int_equal(world_n_containers(world), 1);
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 4);
	assert_int_equal(world_n_containers(world), 0);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void peak_read_when_no_process_is_left_is_exact_and_waits_for_nobody(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_exits(world);
	run_container(world, "c1");
	write_cgroup_file(world, "c1", "memory.peak", "94371840\n");
	write_cgroup_file(world, "c1", "cgroup.events", "populated 0\nfrozen 0\n");
	world_on_events(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=1\n");
}

static void end_of_the_init_process_is_heard_where_the_kernel_tells_of_no_exits(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = make_record(world, "c1");
	make_cgroup(world, "c1", 512);
	start_record(world, &record);
	pid_t pid = fork();
	if (pid == 0) {
		for (;;)
			pause();
	}
	record.pid = (uint64_t)pid;
	write_record(world, &record);
	world_on_records(world);
	world_on_processes(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);

	write_cgroup_file(world, "c1", "memory.peak", "94371840\n");
	write_cgroup_file(world, "c1", "cgroup.events", "populated 0\nfrozen 0\n");
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	struct pollfd processes = {.fd = world->node.sources.processes.fd, .events = POLLIN};
	assert_int_equal(poll(&processes, 1, 10000), 1);
	world_on_processes(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=94371840\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=1\n");
	/* And is no event any more. */
	assert_int_equal(poll(&processes, 1, 0), 0);
}

static void peak_of_a_container_that_still_runs_is_not_exact(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = run_container(world, "c1");
	write_cgroup_file(world, "c1", "memory.peak", "94371840\n");
	assert_int_equal(record_remove(world->roots.containers_fd, record.id, NULL), 0);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=0\n");
}

/* As where the runtime keeps it until the container is deleted. */
static void cgroup_that_was_empty_before_it_was_opened_is_of_one_that_has_ended(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = make_record(world, "c1");
	make_cgroup(world, "c1", 512);
	write_cgroup_file(world, "c1", "memory.peak", "94371840\n");
	write_cgroup_file(world, "c1", "cgroup.events", "populated 0\nfrozen 0\n");
	start_record(world, &record);
	write_record(world, &record);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=94371840\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=1\n");

	/* Nor is its end told again by the next daemon. */
	world_flush(world);
	world_stop(world);
	world->now_usec += USEC_PER_MIN;
	world_start(world);
	assert_int_equal(world_container(world, "c1")->state, LIFE_ENDED);
	stop(world, "c1");
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_int_equal(world_n_containers(world), 0);
}

/* peak: of the first life, as it is read when no process is left; "0": it is not told, and waited for. */
static void use_a_cgroup_again(struct world *world, const char *peak)
{
	const char *kills = "oom 1\noom_kill 1\n";

	world_start(world);
	world_use_exits(world);
	struct record record = make_record(world, "c1");
	make_cgroup(world, "c1", 512);
	write_cgroup_file(world, "c1", "memory.peak", peak);
	start_record(world, &record);
	record.cgroup_id = 71;
	write_record(world, &record);
	world_on_records(world);
	write_cgroup_file(world, "c1", "cgroup.events", "populated 0\nfrozen 0\n");
	world_on_events(world);

	write_cgroup_file(world, "c1", "cgroup.events", "populated 1\nfrozen 0\n");
	world->now_usec += USEC_PER_SEC;
	record.created_usec = record.started_usec = world->now_usec;
	write_record(world, &record);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_int_equal(world_n_containers(world), 1);

	write_cgroup_file(world, "c1", "memory.events", kills);
	write_cgroup_file(world, "c1", "memory.events.local", kills);
	world_on_events(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	remove_cgroup(world, "c1");
	world_take_exit(world, &(struct exit_peak){.cgroup_id = 71, .peak_bytes = 77 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 2);
}

static void cgroup_that_the_next_life_uses_again_is_the_next_ones(void **state)
{
	use_a_cgroup_again(*state, "52428800\n");
}

static void life_whose_cgroup_is_used_again_ends_without_its_exit(void **state)
{
	use_a_cgroup_again(*state, "0\n");
}

static void kill_that_only_the_exit_tells_of_is_learned_from(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_exits(world);
	run_briefly(world, "c1", 71);
	world_on_records(world);
	world_take_exit(world, &(struct exit_peak){.cgroup_id = 71,
						   .peak_bytes = 512 * MIB,
						   .oom = 1,
						   .oom_kill = 1,
						   .all_oom_kill = 1});
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=own\n");
	assert_int_equal(published(world).recommendation.oom_kills, 1);
	/* The kernel's log may come late. */
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
	world_on_kernel_log(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
}

static void kill_at_the_scopes_limit_is_not_told_again_by_the_exit(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_exits(world);
	run_briefly(world, "c1", 71);
	world_on_records(world);
	log_kill(world, "/pods/crio-c1.scope", CGROUP("c1"), 99);
	world_on_kernel_log(world);
	world_take_exit(world,
			&(struct exit_peak){
				.cgroup_id = 71, .peak_bytes = 512 * MIB, .oom_kill = 1, .all_oom_kill = 1});
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=own\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_OOM_KILLS=1\n");
}

static void container_of_before_a_restart_is_found_by_its_cgroups_inode(void **state)
{
	struct world *world = *state;
	struct stat st;
	world_start(world);
	world_use_exits(world);
	run_container(world, "c1"); /* its record says no id */
	assert_int_equal(fstatat(world->roots.cgroup_fd, "pods/crio-c1.scope/container", &st, 0), 0);
	world_take_exit(world, &(struct exit_peak){.cgroup_id = st.st_ino, .peak_bytes = 77 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=80740352\n");
}

static void peak_of_the_runtime_is_not_the_programs(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = make_record(world, "c1");
	make_cgroup(world, "c1", 512);
	use(world, "c1", 1);
	write_cgroup_file(world, "c1", "memory.current", "1048576\n");
	write_cgroup_file(world, "c1", "memory.stat", "anon 1048576\n");
	write_cgroup_file(world, "c1", "memory.peak", "8388608\n");
	start_record(world, &record);
	record.prestart.peak_bytes = 8 * MIB;
	write_record(world, &record);
	world_on_records(world);
	pass(world, 5);
	remove_cgroup(world, "c1");
	pass(world, 10);
	world_tune(world);
	assert_int_equal(published(world).observed.max_bytes, MIB);
}

static void id_that_is_used_again_is_another_container(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	pass(world, 5);
	remove_cgroup(world, "c1");
	run_container(world, "c1");
	assert_int_equal(world_n_containers(world), 1);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_int_equal(world->n_said[EVENT_DECISION], 2);
	assert_int_equal(world_container_at(world, 0)->samples, 1);
}

/* A container that lives for so long, and what is then known of its like. */
static uint64_t live(struct world *world, const char *id, uint64_t life_usec, bool killed)
{
	run_container(world, id);
	world->now_usec += life_usec;
	pass(world, 1);
	if (killed) {
		write_cgroup_file(world, id, "memory.events", "oom 1\noom_kill 1\n");
		write_cgroup_file(world, id, "memory.events.local", "oom 1\noom_kill 1\n");
		world_on_events(world);
	}
	remove_cgroup(world, id);
	pass(world, 10);
	world_tune(world);
	return published(world).observed.life_usec / USEC_PER_MIN;
}

static void lives_are_learned_from_their_ends_and_outlive_the_daemon(void **state)
{
	struct world *world = *state;
	world_start(world);
	world_use_census(world); /* so that no file is held open, which here outlives its cgroup */
	/* The third one's life was cut short, the fourth's is that of a crash loop. */
	assert_int_equal(live(world, "c1", 20 * USEC_PER_MIN, false), 0);
	assert_int_equal(live(world, "c2", 30 * USEC_PER_MIN, false), 0);
	assert_int_equal(live(world, "c3", 40 * USEC_PER_MIN, true), 0);
	assert_int_equal(live(world, "c4", 9 * USEC_PER_MIN, false), 0);
	world_flush(world);
	world_stop(world);
	world_start(world);
	/* How far the one that was killed had come counts all the same. */
	assert_int_equal(live(world, "c5", 20 * USEC_PER_MIN, false), 40);
	assert_int_equal(world->n_said[EVENT_OOM], 1);

	/* One that still runs. */
	run_container(world, "c6");
	world->now_usec += 2 * USEC_PER_HOUR;
	pass(world, 1);
	world_tune(world);
	assert_int_equal(published(world).observed.life_usec / USEC_PER_MIN, 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(flood_of_ends_is_taken_up_piece_by_piece),
		WORLD_TEST(cgroup_that_vanishes_ends_the_container_and_is_no_fault),
		WORLD_TEST(peak_between_two_samples_counts_at_the_end),
		WORLD_TEST(exit_is_known_whether_told_before_or_after_the_record),
		WORLD_TEST(exit_that_is_never_told_is_not_waited_for_for_ever),
		WORLD_TEST(clock_that_steps_back_ends_the_waiting),
		WORLD_TEST(what_is_waited_for_is_told_at_the_daemons_end),
		WORLD_TEST(id_that_is_used_again_begins_a_life_beside_the_first_which_ends_as_any_other),
		WORLD_TEST(lives_under_one_id_end_in_any_order_and_each_is_told_once),
		WORLD_TEST(peak_read_when_no_process_is_left_is_exact_and_waits_for_nobody),
		WORLD_TEST(end_of_the_init_process_is_heard_where_the_kernel_tells_of_no_exits),
		WORLD_TEST(peak_of_a_container_that_still_runs_is_not_exact),
		WORLD_TEST(cgroup_that_was_empty_before_it_was_opened_is_of_one_that_has_ended),
		WORLD_TEST(cgroup_that_the_next_life_uses_again_is_the_next_ones),
		WORLD_TEST(life_whose_cgroup_is_used_again_ends_without_its_exit),
		WORLD_TEST(kill_that_only_the_exit_tells_of_is_learned_from),
		WORLD_TEST(kill_at_the_scopes_limit_is_not_told_again_by_the_exit),
		WORLD_TEST(container_of_before_a_restart_is_found_by_its_cgroups_inode),
		WORLD_TEST(peak_of_the_runtime_is_not_the_programs),
		WORLD_TEST(id_that_is_used_again_is_another_container),
		WORLD_TEST(lives_are_learned_from_their_ends_and_outlive_the_daemon),
	};
	return cmocka_run_group_tests_name("exits", tests, NULL, NULL);
}
