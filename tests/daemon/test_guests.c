/* SPDX-License-Identifier: Apache-2.0 */

/* What guests answer: samples, ends and kills; and where they do not. */

#include "shim/daemon/guests.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shim/daemon/account.h"
#include "shim/daemon/metrics.h"
#include "tests/daemon/machine.h"
#include "tests/standin_shim.h"

static void samples_from_the_guest_make_a_recommendation(void **state)
{
	struct world *world = *state;
	struct limits limits;
	struct error err;

	world->node.settings.tuner.warmup_samples = 5;
	world->node.settings.tuner.warmup_usec = USEC_PER_SEC;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=209715200 inactive_file=104857600 limit=536870912\n");
	machine_pass(world, 100);
	world_tune(world);

	assert_int_equal(limits_read(world->roots.state_fd, &web, &limits, &err), 0);
	assert_int_equal(limits.observed.samples, 10);
	assert_int_equal(limits.observed.max_bytes, 100 * MIB); /* the working set */
	assert_true(limits.recommendation.limit_bytes >= 110 * MIB);
	assert_true(limits.enforced_limit_bytes > 0);
	assert_int_equal(world->n_said[EVENT_RECOMMENDATION], 1);

	struct accounts sums;
	world_accounts(world, &sums);
	assert_int_equal(sums.total.containers, 1);
	assert_int_equal(sums.total.working_set_bytes, 100 * MIB);
	const struct container *container = world_container(world, "c1");
	assert_int_equal(container->max_bytes, 512 * MIB);
}

static void container_in_a_guest_is_not_looked_for_in_the_hosts_cgroups(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	add_container(world, "c1");
	for (int i = 0; i < 30; i++) {
		world->now_usec += USEC_PER_SEC;
		world_sample(world);
	}
	assert_int_equal(world_container(world, "c1")->state, LIFE_CREATED);
	assert_int_equal(world_container(world, SID)->state, LIFE_CREATED);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

/* As they are for all containers when the kernel has dropped some. */
static void events_that_the_host_does_not_have_end_no_container(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 10);
	node_check_events(&world->node, world_container(world, "c1"), world->now_usec);
	world_settle(world);
	assert_int_equal(world_container(world, "c1")->state, LIFE_RUNNING);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
}

static void end_is_noticed_by_the_records_removal(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 20);
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=104857600\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_SAMPLES=2\n");
	machine_pass(world, 10);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 180 * MIB);
	assert_int_equal(record_remove(world->roots.containers_fd, SID, NULL), 0);
	world_on_records(world);
	assert_int_equal(world->node.registry.n_sandboxes, 0);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	machine_pass(world, 10);
}

/* Its record stays, as it does while the kubelet keeps what has ended. */
static void end_is_noticed_by_the_guests_word(void **state)
{
	struct world *world = *state;
	struct accounts sums;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 usage=104857600\nc2 usage=52428800\n");
	machine_pass(world, 10);
	figures(world, "c2 usage=52428800\n");
	machine_pass(world, 10);
	world_sample(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "CONTAINER_ID=c1\n");
	world_accounts(world, &sums);
	assert_int_equal(sums.total.containers, 1);
	assert_int_equal(sums.total.working_set_bytes, 50 * MIB);
	assert_true(the_sandbox(world)->split.is_known);

	/* It is not asked for any more, and its end is not told twice. */
	const unsigned asked = requests(world);
	machine_pass(world, 10);
	assert_int_equal(requests(world), asked + 1);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 130 * MIB);
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

static void container_may_go_while_its_answer_is_under_way(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "delay 300\nc1 usage=104857600\nc2 usage=52428800\n");
	world->now_usec += 10 * USEC_PER_SEC;
	world_watch_guests(world);
	assert_string_equal(the_sandbox(world)->asked->id, "c1");
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	world_on_records(world);
	hear_guests(world);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 130 * MIB);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void kill_in_the_guest_is_learned_from_once(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600 limit=268435456\n");
	machine_pass(world, 10);
	assert_int_equal(world->n_said[EVENT_OOM], 0);
	fixture_write(world->fixture.root_fd, "bundles/c1/oom", "");
	machine_pass(world, 20);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "CONTAINER_ID=c1\n");
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=own\n");
	assert_says(world, EVENT_OOM, "TIDEMARK_LIMIT_BYTES=268435456\n");
	assert_true(world_container(world, "c1")->workload->limits.recommendation.oom_floor_bytes >
		    256 * MIB);

	world->now_usec += USEC_PER_SEC;
	world_restart(world);
	machine_pass(world, 20);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	/* It ends, and that is no second kill. */
	figures(world, "");
	machine_pass(world, 10);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
}

static void kill_after_a_restart_of_the_daemon_is_learned_from(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600 limit=268435456\n");
	machine_pass(world, 10);
	world->now_usec += USEC_PER_SEC;
	world_restart(world);
	machine_pass(world, 10);
	fixture_write(world->fixture.root_fd, "bundles/c1/oom", "");
	const struct timespec at = {.tv_sec = (time_t)(world->now_usec / USEC_PER_SEC)};
	assert_int_equal(utimensat(world->fixture.root_fd, "bundles/c1/oom", (struct timespec[]){at, at}, 0),
			 0);
	machine_pass(world, 10);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
}

/* What it was given is what it was killed at. */
static void kill_before_any_answer_is_learned_from(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	fixture_write(world->fixture.root_fd, "bundles/c1/oom", "");
	machine_pass(world, 10);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_LIMIT_BYTES=536870912\n");
	assert_true(world_container(world, "c1")->workload->limits.recommendation.oom_floor_bytes >
		    512 * MIB);
}

static void kill_of_the_machine_is_told_as_its_sandboxs(void **state)
{
	struct world *world = *state;
	static const char line[] = "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/"
				   ",mems_allowed=0,oom_memcg=" POD ",task_memcg=" POD "/crio-" SID
				   ".scope,task=qemu-system-x86,pid=1002,uid=0\n";
	int kernel_log[2];

	assert_int_equal(pipe2(kernel_log, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
	world->node.sources.kernel_log_fd = kernel_log[0];
	add_sandbox(world, 160);
	assert_int_equal(write(kernel_log[1], line, strlen(line)), strlen(line));
	world_on_kernel_log(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "CONTAINER_ID=" SID "\n");
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=ancestor\n");
	world->node.sources.kernel_log_fd = -1;
	close(kernel_log[0]);
	close(kernel_log[1]);
}

/* In the sums, and as a container's series. */
static void assert_shows(const struct world *world, size_t containers, uint64_t working_set_bytes)
{
	const struct metrics_source source = {.node = &world->node, .now_usec = world->now_usec};
	struct accounts accounts;
	char *text;
	size_t length;

	world_accounts(world, &accounts);
	assert_int_equal(accounts.total.containers, containers);
	assert_int_equal(accounts.total.working_set_bytes, working_set_bytes);
	assert_int_equal(metrics_render(&source, EXPOSITION_PROMETHEUS, &text, &length), 0);
	assert_int_equal(strstr(text, "tidemark_container_memory_working_set_bytes{") != NULL,
			 containers > 0);
	free(text);
}

static void guest_that_hangs_leaves_the_hosts_side_and_is_asked_once(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 10);
	const unsigned before = requests(world);
	assert_shows(world, 1, 100 * MIB);

	figures(world, "fault hang\n");
	world->now_usec += 10 * USEC_PER_SEC;
	world_watch_guests(world);
	assert_int_equal(the_sandbox(world)->asking, SANDBOX_ASKING);
	world->now_usec += world->settings.vm.deadline_usec - 1;
	world_watch_guests(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	charge(world, 300, 0);
	for (int i = 0; i < 60; i++) {
		world->now_usec += USEC_PER_SEC;
		world_watch_guests(world);
	}
	const struct sandbox *sandbox = the_sandbox(world);
	assert_int_equal(sandbox->asking, SANDBOX_LATE);
	/* The shim is another process, and may not have looked yet. */
	for (int i = 0; i < PATIENCE_MSEC && requests(world) < before + 1; i++)
		(void)poll(NULL, 0, 1);
	assert_int_equal(requests(world), before + 1);
	assert_true(sandbox_is_measured(sandbox));
	assert_int_equal(sandbox->memory.charge_bytes, 300 * MIB);
	assert_false(sandbox->split.is_known);
	assert_string_equal(sandbox->fault, "the guest has not answered within 2s");
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "POD_NAME=web-0\n");
	/* What it had said last is of no moment any more. */
	assert_shows(world, 0, 0);

	/* The late answer ends it, and is of no use itself. */
	const uint64_t samples = world_container(world, "c1")->samples;
	figures(world, "c1 usage=104857600\n");
	struct pollfd fd = {world->node.sources.guests.fd, POLLIN, 0};
	while (the_sandbox(world)->asking != SANDBOX_SILENT) {
		assert_int_equal(poll(&fd, 1, PATIENCE_MSEC), 1);
		world_on_guests(world);
	}
	assert_int_equal(world_container(world, "c1")->samples, samples);
	machine_pass(world, 10);
	assert_true(the_sandbox(world)->split.is_known);
	assert_string_equal(the_sandbox(world)->fault, "");
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_shows(world, 1, 100 * MIB);
}

static void shim_that_is_broken_leaves_the_hosts_side(void **state)
{
	struct world *world = *state;
	static const enum standin_fault faults[] = {
		STANDIN_CLOSE,    STANDIN_GARBAGE, STANDIN_OVERSIZED, STANDIN_HUGE,       STANDIN_TRUNCATED,
		STANDIN_STATUS,   STANDIN_BAD,     STANDIN_EMPTY,     STANDIN_WRONG_TYPE, STANDIN_NO_MEMORY,
		STANDIN_NO_USAGE, STANDIN_ENDLESS, STANDIN_DATA,
	};
	char text[200];

	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		snprintf(text, sizeof text, "fault %s\nc1 usage=104857600\n", standin_fault_names[faults[i]]);
		figures(world, text);
		machine_pass(world, 10);
		assert_false(the_sandbox(world)->split.is_known);
		assert_true(sandbox_is_measured(the_sandbox(world)));
		assert_true(the_sandbox(world)->fault[0] != '\0');
		machine_pass(world, 10);
		figures(world, "c1 usage=104857600\n");
		machine_pass(world, 10);
		if (!the_sandbox(world)->split.is_known)
			fail_msg("after %s: %s", standin_fault_names[faults[i]], the_sandbox(world)->fault);
	}
	/* Once a pod. */
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
}

static void refusal_of_one_container_keeps_the_others_answers(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 anon=5\nc2 usage=52428800\n"); /* no use of c1's is told */
	machine_pass(world, 10);
	assert_false(the_sandbox(world)->split.is_known);
	assert_int_equal(world_container(world, "c1")->samples, 0);
	assert_int_equal(world_container(world, "c2")->samples, 1);
}

static void shim_that_ends_is_asked_again_when_it_is_back(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 10);
	stop_shim(world);
	machine_pass(world, 10);
	assert_false(the_sandbox(world)->split.is_known);
	assert_true(sandbox_is_measured(the_sandbox(world)));
	start_shim(world);
	machine_pass(world, 10);
	assert_string_equal(the_sandbox(world)->fault, "");
	assert_true(the_sandbox(world)->split.is_known);
}

static void pod_whose_shim_cannot_be_asked_has_its_hosts_side(void **state)
{
	struct world *world = *state;
	fixture_remove(world->fixture.root_fd, "bundles/" SID "/address");
	add_sandbox(world, 160);
	machine_pass(world, 1);
	assert_true(the_sandbox(world)->split.is_known); /* nothing is to be asked */
	add_container(world, "c1");
	machine_pass(world, 10);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	machine_pass(world, 10);
	assert_true(sandbox_is_measured(the_sandbox(world)));
	assert_false(the_sandbox(world)->split.is_known);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "where its shim listens is not known");
}

static void answers_that_take_too_long_together_are_not_compared(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 usage=104857600\nc2 usage=52428800\n");
	world->now_usec += 10 * USEC_PER_SEC;
	world_watch_guests(world);
	struct pollfd fd = {world->node.sources.guests.fd, POLLIN, 0};
	while (the_sandbox(world)->asked && strcmp(the_sandbox(world)->asked->id, "c1") == 0) {
		assert_int_equal(poll(&fd, 1, PATIENCE_MSEC), 1);
		world_on_guests(world);
	}
	world->now_usec += 11 * USEC_PER_SEC; /* the daemon was stopped, say */
	hear_guests(world);
	assert_false(the_sandbox(world)->split.is_known);
	assert_int_equal(the_sandbox(world)->split.apart_usec, 11 * USEC_PER_SEC);
	assert_string_equal(the_sandbox(world)->fault, "the guest was asked 11s before the host was read");
}

static void guest_that_hangs_at_one_container_is_told_of_as_such(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 usage=104857600\nc2 usage=52428800\n");
	world->now_usec += 10 * USEC_PER_SEC;
	world_watch_guests(world);
	struct pollfd fd = {world->node.sources.guests.fd, POLLIN, 0};
	while (the_sandbox(world)->asked && strcmp(the_sandbox(world)->asked->id, "c1") == 0) {
		assert_int_equal(poll(&fd, 1, PATIENCE_MSEC), 1);
		world_on_guests(world);
	}
	/* That of c2 does not come. */
	for (int i = 0; i < 60; i++) {
		world->now_usec += USEC_PER_SEC;
		world_watch_guests(world);
	}
	assert_int_equal(the_sandbox(world)->asking, SANDBOX_LATE);
	assert_string_equal(the_sandbox(world)->fault, "the guest has not answered within 2s");
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "TIDEMARK_FAULT=the guest has not answered within 2s\n");
}

static void slow_guest_is_asked_for_all_its_containers(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 usage=104857600\nc2 usage=52428800\n");
	world->now_usec += 10 * USEC_PER_SEC;
	world_watch_guests(world);
	/* The next pass is due while the first answer is under way: the host is read, and the pass goes on.
	 */
	world->node.settings.vm.interval_usec = USEC_PER_SEC;
	world->now_usec += USEC_PER_SEC;
	world_watch_guests(world);
	assert_false(the_sandbox(world)->split.is_known);
	assert_int_equal(the_sandbox(world)->host_usec, world->now_usec);
	hear_guests(world);
	assert_true(the_sandbox(world)->split.is_known);
	assert_int_equal(requests(world), 2);
	/* What the first has said may be as old as the question. */
	assert_int_equal(the_sandbox(world)->split.apart_usec, USEC_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(samples_from_the_guest_make_a_recommendation),
		MACHINE_TEST(container_in_a_guest_is_not_looked_for_in_the_hosts_cgroups),
		MACHINE_TEST(events_that_the_host_does_not_have_end_no_container),
		MACHINE_TEST(end_is_noticed_by_the_records_removal),
		MACHINE_TEST(end_is_noticed_by_the_guests_word),
		MACHINE_TEST(container_may_go_while_its_answer_is_under_way),
		MACHINE_TEST(kill_in_the_guest_is_learned_from_once),
		MACHINE_TEST(kill_after_a_restart_of_the_daemon_is_learned_from),
		MACHINE_TEST(kill_before_any_answer_is_learned_from),
		MACHINE_TEST(kill_of_the_machine_is_told_as_its_sandboxs),
		MACHINE_TEST(guest_that_hangs_leaves_the_hosts_side_and_is_asked_once),
		MACHINE_TEST(shim_that_is_broken_leaves_the_hosts_side),
		MACHINE_TEST(refusal_of_one_container_keeps_the_others_answers),
		MACHINE_TEST(shim_that_ends_is_asked_again_when_it_is_back),
		MACHINE_TEST(pod_whose_shim_cannot_be_asked_has_its_hosts_side),
		MACHINE_TEST(answers_that_take_too_long_together_are_not_compared),
		MACHINE_TEST(guest_that_hangs_at_one_container_is_told_of_as_such),
		MACHINE_TEST(slow_guest_is_asked_for_all_its_containers),
	};
	return cmocka_run_group_tests_name("guests", tests, NULL, NULL);
}
