/* SPDX-License-Identifier: Apache-2.0 */

/* What follows from the records: from a creation to what is published of its workload. */

#include "shim/daemon/node.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "shim/daemon/tidings.h"
#include "tests/daemon/world.h"

static void creation_is_said_and_published_at_once(void **state)
{
	struct world *world = *state;
	world_start(world);

	struct record record = make_record(world, "c1");
	record.limit_bytes = 256 * MIB;
	strcpy(record.reason, "enforced+max-change");
	write_record(world, &record);
	world_on_records(world);

	assert_int_equal(world->n_said[EVENT_DECISION], 1);
	assert_says(world, EVENT_DECISION,
		    "MESSAGE=default/web/app gets 256Mi, declared 512Mi (enforced+max-change)\n");
	assert_says(world, EVENT_DECISION, "TIDEMARK_LIMIT_BYTES=268435456\n");
	assert_says(world, EVENT_DECISION, "CONTAINER_ID=c1\n");
	assert_says(world, EVENT_DECISION, "POD_NAMESPACE=default\n");
	assert_says(world, EVENT_DECISION, "POD_NAME=web-5d4f8c7b6d-x2x4z\n");
	struct limits limits = published(world);
	assert_int_equal(limits.applied_bytes, 256 * MIB);
	assert_int_equal(limits.declared_bytes, 512 * MIB);
	assert_string_equal(limits.image_ref, "sha256:aa");
}

/* Its profile could never be written, which would be tried, and be told of, for good. */
static void name_that_is_too_long_for_a_file_has_no_workload(void **state)
{
	struct world *world = *state;

	world_start(world);
	struct record record = make_record(world, "c1");
	memset(record.identity.owner, 'o', 253);
	write_record(world, &record);
	world_on_records(world);
	assert_int_equal(world_n_containers(world), 1);
	assert_int_equal(world_n_workloads(world), 0);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	assert_int_equal(world->n_said[EVENT_DECISION], 1);
}

static void sandbox_is_followed_without_a_workload(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = make_record(world, "s1");
	record.is_sandbox = true;
	make_cgroup(world, "s1", 512);
	start_record(world, &record);
	write_record(world, &record);
	world_on_records(world);
	pass(world, 2);
	assert_int_equal(world->n_said[EVENT_PRESTART], 1);
	assert_int_equal(world_n_workloads(world), 0);
}

static void start_that_was_not_recorded_is_found_by_the_pid_file(void **state)
{
	struct world *world = *state;
	world_start(world);
	make_cgroup(world, "c1", 512);
	struct record record = make_record(world, "c1");
	snprintf(record.pid_file, sizeof record.pid_file, "%s/pidfile", world->fixture.path);
	write_record(world, &record);
	fixture_write(world->fixture.root_fd, "pidfile", "77");
	fixture_write(world->roots.proc_fd, "77/cgroup", "0::" CGROUP("c1") "\n");
	world_on_records(world);
	pass(world, 20);
	world_tune(world);
	assert_true(published(world).observed.samples >= 10);
}

static void pid_that_is_used_again_is_not_followed(void **state)
{
	struct world *world = *state;
	world_start(world);
	make_cgroup(world, "other", 512);
	struct record record = make_record(world, "c1");
	snprintf(record.pid_file, sizeof record.pid_file, "%s/pidfile", world->fixture.path);
	write_record(world, &record);
	fixture_write(world->fixture.root_fd, "pidfile", "77");
	fixture_write(world->roots.proc_fd, "77/cgroup", "0::" CGROUP("other") "\n");
	world_on_records(world);
	pass(world, 20);
	world_tune(world);
	struct limits limits; /* of a workload that nothing is known of, nothing is published */
	assert_int_equal(limits_read(world->roots.state_fd, &web, &limits, NULL), -ENOENT);
}

static void resize_is_a_new_decision(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = run_container(world, "c1");
	record.declared_bytes = record.limit_bytes = 300 * MIB;
	record.updated_usec = world->now_usec + 1;
	write_record(world, &record);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_DECISION], 2);
	assert_int_equal(world->n_said[EVENT_PRESTART], 1);
	assert_int_equal(published(world).applied_bytes, 300 * MIB);
}

static void owner_and_role_of_the_last_container_are_published(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = run_container(world, "c1");
	record.identity.kind = OWNER_KNATIVE_SERVICE;
	strcpy(record.identity.service, "hello");
	record.role = ROLE_INIT;
	record.oom_score_adj = 984;
	record.limit_bytes = 300 * MIB; /* is worth publishing */
	record.updated_usec = world->now_usec + 1;
	write_record(world, &record);
	world_on_records(world);
	struct limits limits = published(world);
	assert_int_equal(limits.identity.kind, OWNER_KNATIVE_SERVICE);
	assert_string_equal(limits.identity.service, "hello");
	assert_int_equal(limits.role, ROLE_INIT);
	assert_int_equal(limits.oom_score_adj, 984);
}

static void fault_of_the_wrapper_is_told_as_refused(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = make_record(world, "c1");
	strcpy(record.fault, "limits/default/web/app.json: not JSON");
	write_record(world, &record);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_REFUSED], 1);
	assert_says(world, EVENT_REFUSED, "TIDEMARK_FAULT=limits/default/web/app.json: not JSON\n");
	assert_int_equal(world->n_said[EVENT_DECISION], 0);
}

static void flood_of_records_is_taken_up_piece_by_piece(void **state)
{
	struct world *world = *state;
	char id[RECORD_ID_SIZE];
	size_t turns = 0;

	world_start(world);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof id, "flood%d", i);
		struct record record = make_record(world, id);
		write_record(world, &record);
	}
	for (size_t before = 0; world_n_containers(world) < 300;
	     before = world_n_containers(world), turns++) {
		world_on_records(world);
		assert_true(world_n_containers(world) > before);
	}
	assert_true(turns > 1);
}

static void workload_of_many_creations_is_published_once_no_record_waits(void **state)
{
	struct world *world = *state;
	struct limits limits;
	char id[RECORD_ID_SIZE];

	world_start(world);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof id, "flood%d", i);
		struct record record = make_record(world, id);
		record.limit_bytes = (uint64_t)(300 + i) * MIB;
		write_record(world, &record);
	}
	world_on_records(world);
	assert_int_equal(limits_read(world->roots.state_fd, &web, &limits, NULL), -ENOENT);
	/* Or at the next sample. */
	world_sample(world);
	assert_int_equal(published(world).applied_bytes, world_workload_at(world, 0)->limits.applied_bytes);
	assert_in_range(published(world).applied_bytes, 300 * MIB, 598 * MIB);
	while (world_n_containers(world) < 300)
		world_on_records(world);
	assert_int_equal(published(world).applied_bytes, 599 * MIB);
}

static void lost_inotify_events_are_made_up_for(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = run_container(world, "c1");
	watch_remove(&world->node.sources.watch, world_container_at(world, 0));
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	world_on_events(world);
	assert_int_equal(world->n_said[EVENT_OOM], 0);
	pass(world, 11);
	assert_int_equal(world->n_said[EVENT_OOM], 1);

	/* More changes than the queue of inotify holds (16384): all records are read again. */
	static const char *const names[2] = {"n1.json", "n2.json"};
	struct record noise[2] = {make_record(world, "n1"), make_record(world, "n2")};
	write_record(world, &noise[0]);
	write_record(world, &noise[1]);
	for (unsigned i = 0; i < 18000; i++) {
		int fd = openat(world->roots.containers_fd, names[i % 2], O_WRONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		close(fd);
	}
	struct record late = make_record(world, "late");
	write_record(world, &late);
	(void)record_remove(world->roots.containers_fd, record.id, NULL);
	for (struct pollfd pending = {world->node.sources.records.notices.fd, POLLIN, 0};
	     poll(&pending, 1, 0) > 0;)
		world_on_records(world);
	assert_int_equal(world_n_containers(world), 3);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

/* Three changes wait, the second of which is a removal, and the record that is there is the third's. */
static void record_that_was_removed_and_written_anew_before_it_is_read_is_followed(void **state)
{
	struct world *world = *state;
	world_start(world);
	struct record record = make_record(world, "c1");
	write_record(world, &record);
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	record.created_usec++;
	write_record(world, &record);
	world_on_records(world);
	assert_int_equal(world_n_containers(world), 1);
	assert_int_equal(world_container(world, "c1")->created_usec, record.created_usec);
	assert_int_equal(world->n_said[EVENT_DECISION], 1);
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	world_on_records(world);
	assert_int_equal(world_n_containers(world), 0);
}

static void removal_is_heard_though_no_file_can_be_opened(void **state)
{
	struct world *world = *state;
	world_start(world);
	run_container(world, "c1");
	remove_cgroup(world, "c1");
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	const struct rlimit limit = world_leave_fds(0);
	world_on_records(world);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(world_n_containers(world), 0);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_int_equal(world->n_said[EVENT_REFUSED], 0);
}

static void hostile_records_are_said_once_and_passed_over(void **state)
{
	struct world *world = *state;
	world_start(world);
	fixture_write(world->roots.containers_fd, "torn.json", "{\"v\":1,\"id\":\"torn\"");
	fixture_write(world->roots.containers_fd, "newer.json", "{\"v\":2,\"id\":\"newer\"}");
	fixture_write(world->roots.containers_fd, "liar.json", "{\"v\":1,\"id\":\"../../etc\"}");
	assert_int_equal(symlinkat("/etc/passwd", world->roots.containers_fd, "link.json"), 0);
	fixture_write(world->roots.containers_fd, "README", "no record");
	world_on_records(world);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(tidings_take_records(&world->node, world->now_usec, NULL), 0);
	assert_int_equal(world->n_said[EVENT_REFUSED], 4);

	/* One that leads out of the cgroup tree. */
	struct record record = make_record(world, "c1");
	start_record(world, &record);
	strcpy(record.cgroup, "/../../c1");
	write_record(world, &record);
	world_on_records(world);
	pass(world, 30);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);

	/* A torn one that is whole again. */
	record = make_record(world, "torn");
	write_record(world, &record);
	world_on_records(world);
	assert_int_equal(world->n_said[EVENT_DECISION], 2);
}

static void removed_directory_is_noticed(void **state)
{
	struct world *world = *state;
	world_start(world);
	assert_false(world->node.records_gone);
	fixture_remove(world->fixture.root_fd, "run/containers");
	world_sweep(world);
	assert_true(world->node.records_gone);
}

static void thousands_of_records_are_taken_up_in_a_moment(void **state)
{
	enum { N = 5000 };
	struct world *world = *state;
	struct timespec t[4];

	for (unsigned i = 0; i < N; i++) {
		char id[32];
		snprintf(id, sizeof id, "c%u", i);
		struct record record = make_record(world, id);
		snprintf(record.identity.owner, sizeof record.identity.owner, "web%u", i % 500);
		if (i % 10 == 0) {
			make_cgroup(world, id, 512);
			start_record(world, &record);
		}
		write_record(world, &record);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t[0]);
	world_start(world);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t[1]);
	assert_int_equal(world_n_containers(world), N);
	assert_int_equal(world->n_said[EVENT_DECISION], N);
	world_stop(world);
	world->now_usec += USEC_PER_SEC;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t[2]);
	world_start(world);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t[3]);
	assert_int_equal(world->n_said[EVENT_DECISION], N);

	double first = (double)(t[1].tv_sec - t[0].tv_sec) + (double)(t[1].tv_nsec - t[0].tv_nsec) / 1e9;
	double again = (double)(t[3].tv_sec - t[2].tv_sec) + (double)(t[3].tv_nsec - t[2].tv_nsec) / 1e9;
	print_message("# %d records: %.2f s the first time, %.2f s again\n", N, first, again);
	assert_true(first < 20 && again < 10); /* far from it, but for a loop in a loop */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(creation_is_said_and_published_at_once),
		WORLD_TEST(name_that_is_too_long_for_a_file_has_no_workload),
		WORLD_TEST(sandbox_is_followed_without_a_workload),
		WORLD_TEST(start_that_was_not_recorded_is_found_by_the_pid_file),
		WORLD_TEST(pid_that_is_used_again_is_not_followed),
		WORLD_TEST(resize_is_a_new_decision),
		WORLD_TEST(owner_and_role_of_the_last_container_are_published),
		WORLD_TEST(fault_of_the_wrapper_is_told_as_refused),
		WORLD_TEST(flood_of_records_is_taken_up_piece_by_piece),
		WORLD_TEST(workload_of_many_creations_is_published_once_no_record_waits),
		WORLD_TEST(lost_inotify_events_are_made_up_for),
		WORLD_TEST(record_that_was_removed_and_written_anew_before_it_is_read_is_followed),
		WORLD_TEST(removal_is_heard_though_no_file_can_be_opened),
		WORLD_TEST(hostile_records_are_said_once_and_passed_over),
		WORLD_TEST(removed_directory_is_noticed),
		WORLD_TEST(thousands_of_records_are_taken_up_in_a_moment),
	};
	return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
