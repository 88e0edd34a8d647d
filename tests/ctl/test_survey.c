/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/ctl/survey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

/* A node's directories. */
struct node_tree {
	struct fixture fixture; /* first */
	int run_fd, containers_fd, state_fd, cgroup_fd, proc_fd;
};

static unsigned n_told;
static char told[240];

static void on_fault(const char *text)
{
	n_told++;
	snprintf(told, sizeof told, "%s", text);
}

static int begin(void **state)
{
	if (fixture_begin(state) < 0)
		return -1;
	struct node_tree *tree = calloc(1, sizeof *tree);
	memcpy(&tree->fixture, *state, sizeof tree->fixture);
	free(*state);
	*state = tree;

	int *fds[] = {&tree->run_fd, &tree->containers_fd, &tree->state_fd, &tree->cgroup_fd, &tree->proc_fd};
	static const char *const names[] = {"run", "run/containers", "state", "cgroup", "proc"};
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
		fixture_directory(tree->fixture.root_fd, names[i]);
		*fds[i] = openat(tree->fixture.root_fd, names[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	n_told = 0;
	return 0;
}

static int end(void **state)
{
	struct node_tree *tree = *state;
	close(tree->run_fd);
	close(tree->containers_fd);
	close(tree->state_fd);
	close(tree->cgroup_fd);
	close(tree->proc_fd);
	return fixture_end(state);
}

#define SURVEY_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

static void publish(const struct node_tree *tree, const char *namespace, const char *owner,
		    const char *container)
{
	struct limits limits = {.version = LIMITS_VERSION, .declared_bytes = 512 * MIB};
	struct error err;
	snprintf(limits.identity.namespace, sizeof limits.identity.namespace, "%s", namespace);
	snprintf(limits.identity.owner, sizeof limits.identity.owner, "%s", owner);
	snprintf(limits.identity.container, sizeof limits.identity.container, "%s", container);
	assert_int_equal(limits_write(tree->state_fd, &limits, &err), 0);
}

static struct record make_record(const char *id, const char *owner)
{
	struct record record = {
		.version = RECORD_VERSION,
		.identity = {.namespace = "shop", .container = "app"},
		.declared_bytes = 512 * MIB,
		.limit_bytes = 256 * MIB,
	};
	snprintf(record.id, sizeof record.id, "%s", id);
	snprintf(record.identity.owner, sizeof record.identity.owner, "%s", owner);
	return record;
}

static void put(const struct node_tree *tree, const struct record *record)
{
	struct error err;
	assert_int_equal(record_write(tree->containers_fd, record, &err), 0);
}

static void put_container(const struct node_tree *tree, const char *id, const char *owner)
{
	const struct record record = make_record(id, owner);
	put(tree, &record);
}

static struct survey take(const struct node_tree *tree)
{
	struct survey survey;
	struct error err = {0};
	if (survey_take(tree->run_fd, tree->state_fd, tree->cgroup_fd, tree->proc_fd, on_fault, &survey,
			&err) != 0)
		fail_msg("%s", err.text);
	return survey;
}

static const struct survey_workload *find(const struct survey *survey, const char *owner)
{
	for (size_t i = 0; i < survey->n_workloads; i++)
		if (strcmp(survey->workloads[i].identity.owner, owner) == 0)
			return &survey->workloads[i];
	fail_msg("no workload %s", owner);
	return NULL;
}

/* ---- What lies on disk ---- */

static void workloads_come_sorted(void **state)
{
	const struct node_tree *tree = *state;
	publish(tree, "shop", "web", "nginx");
	publish(tree, "-", "web", "web");
	put_container(tree, "c1", "api");
	publish(tree, "shop", "db", "postgres");
	put_container(tree, "c2", "zebra");
	publish(tree, "shop", "web", "exporter");

	struct survey survey = take(tree);
	assert_int_equal(survey.n_workloads, 6);
	static const char *const expected[] = {"-/web/web",         "shop/api/app",   "shop/db/postgres",
					       "shop/web/exporter", "shop/web/nginx", "shop/zebra/app"};
	for (size_t i = 0; i < 6; i++) {
		char text[IDENTITY_TEXT_MAX];
		assert_string_equal(identity_text(&survey.workloads[i].identity, text), expected[i]);
	}
	assert_int_equal(n_told, 0);
	survey_free(&survey);
	assert_int_equal(survey.n_workloads, 0);
}

static void containers_are_joined_to_their_workloads(void **state)
{
	const struct node_tree *tree = *state;
	publish(tree, "shop", "web", "app");
	publish(tree, "shop", "idle", "app");
	put_container(tree, "c1", "web");
	put_container(tree, "c2", "new");
	put_container(tree, "c3", "web");
	put_container(tree, "c4", "new");
	put_container(tree, "c5", "web");

	struct survey survey = take(tree);
	assert_int_equal(survey.n_workloads, 3);
	assert_int_equal(survey.n_containers, 5);
	assert_true(find(&survey, "web")->has_limits);
	assert_int_equal(find(&survey, "web")->limits.declared_bytes, 512 * MIB);
	assert_int_equal(find(&survey, "web")->n_containers, 3);
	assert_true(find(&survey, "idle")->has_limits);
	assert_int_equal(find(&survey, "idle")->n_containers, 0);
	assert_false(find(&survey, "new")->has_limits);
	assert_int_equal(find(&survey, "new")->n_containers, 2);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(find(&survey, "web")->containers[i].record.identity.owner, "web");
	survey_free(&survey);
}

static void containers_come_oldest_first(void **state)
{
	const struct node_tree *tree = *state;
	for (unsigned i = 0; i < 20; i++) {
		char id[16];
		snprintf(id, sizeof id, "c%02u", i);
		struct record record = make_record(id, "web");
		record.created_usec = 1000 - i / 2;
		put(tree, &record);
	}
	struct survey survey = take(tree);
	const struct survey_container *containers = find(&survey, "web")->containers;
	for (unsigned i = 0; i < 20; i++) {
		char id[16];
		snprintf(id, sizeof id, "c%02u", (19 - i) / 2 * 2 + i % 2);
		assert_string_equal(containers[i].record.id, id);
	}
	survey_free(&survey);
}

static void sandboxes_and_the_nameless_are_left_out(void **state)
{
	const struct node_tree *tree = *state;
	struct record sandbox = make_record("s1", "web"), nameless = make_record("n1", "");
	sandbox.is_sandbox = true;
	put(tree, &sandbox);
	nameless.identity = (struct identity){0};
	put(tree, &nameless);
	put_container(tree, "c1", "web");

	struct survey survey = take(tree);
	assert_int_equal(survey.n_containers, 1);
	assert_int_equal(survey.n_workloads, 1);
	assert_int_equal(n_told, 0);
	survey_free(&survey);
}

static void what_cannot_be_read_is_told_and_passed_over(void **state)
{
	const struct node_tree *tree = *state;
	put_container(tree, "c1", "web");
	fixture_write(tree->containers_fd, "torn.json", "{\"v\":1,\"id\":\"to");
	fixture_write(tree->containers_fd, "newer.json", "{\"v\":2,\"id\":\"newer\"}");
	fixture_write(tree->containers_fd, "other.json", "{\"v\":1,\"id\":\"somebody else\"}");
	publish(tree, "shop", "db", "app");
	fixture_write(tree->state_fd, "limits/shop/torn/app.json", "");
	fixture_write(tree->state_fd, "limits/shop/newer/app.json", "{\"v\":2}");
	/* No record's: nobody's fault. */
	fixture_write(tree->containers_fd, ".c1.json.123.tmp", "{");
	fixture_write(tree->containers_fd, "README", "");

	struct survey survey = take(tree);
	assert_int_equal(survey.n_faults, 5);
	assert_int_equal(n_told, 5);
	assert_int_equal(survey.n_workloads, 2);
	survey_free(&survey);

	/* Nobody has to listen. */
	struct error err;
	assert_int_equal(survey_take(tree->run_fd, tree->state_fd, -1, -1, NULL, &survey, &err), 0);
	assert_int_equal(survey.n_faults, 5);
	survey_free(&survey);
}

static void nothing_there_is_an_empty_survey(void **state)
{
	const struct node_tree *tree = *state;
	struct survey survey = take(tree);
	assert_int_equal(survey.n_workloads, 0);
	survey_free(&survey);

	struct error err;
	assert_int_equal(unlinkat(tree->run_fd, "containers", AT_REMOVEDIR), 0);
	assert_int_equal(survey_take(tree->run_fd, tree->state_fd, -1, -1, on_fault, &survey, &err), 0);
	survey_free(&survey);
	assert_int_equal(survey_take(-1, -1, -1, -1, on_fault, &survey, &err), 0);
	assert_int_equal(survey.n_workloads + survey.n_containers + survey.n_faults, 0);
	survey_free(&survey);
	assert_int_equal(n_told, 0);
}

static void records_that_cannot_be_opened_are_told(void **state)
{
	const struct node_tree *tree = *state;
	assert_int_equal(unlinkat(tree->run_fd, "containers", AT_REMOVEDIR), 0);
	fixture_write(tree->run_fd, "containers", "no directory");
	struct survey survey = take(tree);
	assert_int_equal(survey.n_faults, 1);
	assert_non_null(strstr(told, "containers"));
	survey_free(&survey);
}

/* ---- What the kernel says ---- */

static void put_cgroup(const struct node_tree *tree, const char *path, const char *max)
{
	static const char *const files[][2] = {
		{"cgroup.type", "domain\n"},
		{"memory.current", "115343360\n"},
		{"memory.peak", "125829120\n"},
		{"memory.stat", "anon 83886080\nfile 20971520\nkernel 1048576\ninactive_file 10485760\n"},
	};
	char name[512];
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(name, sizeof name, "%s/%s", path, files[i][0]);
		fixture_write(tree->cgroup_fd, name, files[i][1]);
	}
	snprintf(name, sizeof name, "%s/memory.max", path);
	fixture_write(tree->cgroup_fd, name, max);
}

static void live_values_are_those_of_the_cgroup(void **state)
{
	const struct node_tree *tree = *state;
	struct record record = make_record("c1", "web");
	strcpy(record.cgroup, "/pod/crio-c1.scope");
	put(tree, &record);
	fixture_write(tree->cgroup_fd, "pod/memory.max", "134217728\n");
	put_cgroup(tree, "pod/crio-c1.scope", "268435456\n");

	struct survey survey = take(tree);
	const struct survey_container *container = &find(&survey, "web")->containers[0];
	assert_true(container->is_running);
	assert_int_equal(container->memory.current_bytes, 110 * MIB);
	assert_int_equal(container->memory.peak_bytes, 120 * MIB);
	assert_int_equal(memory_working_set(&container->memory), 100 * MIB);
	assert_int_equal(container->memory.anon_bytes, 80 * MIB);
	assert_int_equal(container->max_bytes, 256 * MIB);
	assert_int_equal(container->effective_bytes, 128 * MIB); /* the pod's */
	survey_free(&survey);
}

static void container_without_a_limit_is_unlimited(void **state)
{
	const struct node_tree *tree = *state;
	struct record record = make_record("c1", "web");
	strcpy(record.cgroup, "/c1");
	put(tree, &record);
	put_cgroup(tree, "c1", "max\n");

	struct survey survey = take(tree);
	const struct survey_container *container = &find(&survey, "web")->containers[0];
	assert_true(container->is_running);
	assert_int_equal(container->max_bytes, MEMORY_UNLIMITED);
	assert_int_equal(container->effective_bytes, MEMORY_UNLIMITED);
	survey_free(&survey);
}

/* A shim's: its start goes over ttrpc, and its record says only where the process id is. */
static void cgroup_is_found_by_the_pid_file_where_no_start_was_recorded(void **state)
{
	const struct node_tree *tree = *state;
	struct record record = make_record("c1c1c1c1", "web");
	record.is_shim = true;
	snprintf(record.bundle, sizeof record.bundle, "%s", tree->fixture.path);
	snprintf(record.pid_file, sizeof record.pid_file, "%s/init.pid", tree->fixture.path);
	put(tree, &record);
	fixture_write(tree->fixture.root_fd, "init.pid", "77");
	fixture_directory(tree->proc_fd, "77");
	fixture_write(tree->proc_fd, "77/cgroup", "0::/system.slice/pods.slice:crio:c1c1c1c1\n");
	fixture_write(tree->cgroup_fd, "system.slice/memory.max", "max\n");
	put_cgroup(tree, "system.slice/pods.slice:crio:c1c1c1c1", "268435456\n");

	struct survey survey = take(tree);
	assert_true(find(&survey, "web")->containers[0].is_running);
	assert_int_equal(find(&survey, "web")->containers[0].max_bytes, 256 * MIB);
	survey_free(&survey);

	/* The number is another's by now. */
	fixture_write(tree->proc_fd, "77/cgroup", "0::/system.slice/other.service\n");
	survey = take(tree);
	assert_false(find(&survey, "web")->containers[0].is_running);
	survey_free(&survey);
}

static void cgroup_that_is_gone_is_not_running(void **state)
{
	const struct node_tree *tree = *state;
	struct record gone = make_record("c1", "gone"), half = make_record("c2", "half"),
		      outside = make_record("c3", "outside");
	strcpy(gone.cgroup, "/pod/crio-c1.scope");
	strcpy(half.cgroup, "/half");
	strcpy(outside.cgroup, "/../run");
	put(tree, &gone);
	put(tree, &half);
	put(tree, &outside);
	put_container(tree, "c4", "created"); /* not started: no cgroup yet */
	/* It goes away between two reads. */
	fixture_write(tree->cgroup_fd, "half/memory.current", "1\n");

	struct survey survey = take(tree);
	assert_int_equal(survey.n_containers, 4);
	for (size_t i = 0; i < survey.n_workloads; i++)
		assert_false(survey.workloads[i].containers[0].is_running);
	assert_int_equal(n_told, 0);
	survey_free(&survey);

	/* Nor is anything where there is no cgroup v2 at all. */
	struct error err;
	assert_int_equal(survey_take(tree->run_fd, tree->state_fd, -1, -1, on_fault, &survey, &err), 0);
	assert_int_equal(survey.n_containers, 4);
	survey_free(&survey);
}

/* ---- Many ---- */

/* ---- In virtual machines ---- */

static void put_in_vm(const struct node_tree *tree, const char *id)
{
	struct record record = make_record(id, "web");

	record.is_shim = record.is_vm = true;
	snprintf(record.sandbox_id, sizeof record.sandbox_id, "5d");
	put(tree, &record);
}

static void a_container_in_a_vm_is_what_its_guest_told(void **state)
{
	const struct node_tree *tree = *state;
	put_in_vm(tree, "c1");
	put_in_vm(tree, "c2");
	put_in_vm(tree, "c3");
	fixture_write(tree->fixture.root_fd, "run/overhead.json",
		      "{\"v\":1,\"sandboxes\":[{\"id\":\"5d\",\"containers\":[{\"id\":\"c1\",\"usage\":6000,"
		      "\"working_set\":5000,"
		      "\"limit\":8000},{\"id\":\"c2\"},{\"id\":\"c3\",\"usage\":10,\"working_set\":20}]},"
		      "{\"id\":\"5e\",\"containers\":[{\"id\":\"c2\",\"usage\":1}]}]}");

	struct survey survey = take(tree);
	const struct survey_container *containers = find(&survey, "web")->containers;
	assert_true(containers[0].is_running);
	assert_int_equal(memory_working_set(&containers[0].memory), 5000);
	assert_int_equal(containers[0].max_bytes, 8000);
	assert_int_equal(containers[0].effective_bytes, 8000);
	assert_false(containers[1].is_running);
	assert_true(containers[2].is_running && containers[2].max_bytes == MEMORY_UNLIMITED);
	assert_int_equal(memory_working_set(&containers[2].memory), 10);
	assert_int_equal(n_told, 0);
	survey_free(&survey);
}

static void a_container_in_a_vm_of_its_own_is_no_pods(void **state)
{
	const struct node_tree *tree = *state;
	struct record record = make_record("box", "web");
	record.is_shim = record.is_vm = true;
	put(tree, &record);
	fixture_write(tree->fixture.root_fd, "run/overhead.json",
		      "{\"v\":1,\"sandboxes\":[{\"id\":\"box\",\"containers\":[{\"id\":\"box\",\"usage\":"
		      "6000}]}]}");

	struct survey survey = take(tree);
	assert_true(find(&survey, "web")->containers[0].is_running);
	survey_free(&survey);
}

static void what_the_daemon_wrote_of_vms_and_cannot_be_read_is_told(void **state)
{
	const struct node_tree *tree = *state;
	put_in_vm(tree, "c1");
	fixture_write(tree->fixture.root_fd, "run/overhead.json", "{\"v\":1");

	struct survey survey = take(tree);
	assert_false(find(&survey, "web")->containers[0].is_running);
	assert_int_equal(n_told, 1);
	assert_non_null(strstr(told, "overhead.json"));
	survey_free(&survey);
}

static void thousands_of_workloads_take_a_moment(void **state)
{
	enum { N = 2000 };
	const struct node_tree *tree = *state;
	char name[64];
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "owner-%04d", i * 7919 % N);
		if (i % 2 == 0)
			publish(tree, "shop", name, "app");
		char id[64];
		snprintf(id, sizeof id, "c%d", i);
		put_container(tree, id, name);
	}

	struct timespec t[2];
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t[0]);
	struct survey survey = take(tree);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t[1]);
	double seconds = (double)(t[1].tv_sec - t[0].tv_sec) + (double)(t[1].tv_nsec - t[0].tv_nsec) / 1e9;
	print_message("# %d workloads: %.2f s\n", N, seconds);

	assert_int_equal(survey.n_workloads, N);
	assert_int_equal(survey.n_containers, N);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "owner-%04d", i);
		assert_string_equal(survey.workloads[i].identity.owner, name);
		assert_int_equal(survey.workloads[i].n_containers, 1);
		assert_string_equal(survey.workloads[i].containers[0].record.identity.owner, name);
	}
	survey_free(&survey);
	assert_true(seconds < 10); /* far from it, but for a machine that is busy */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SURVEY_TEST(workloads_come_sorted),
		SURVEY_TEST(containers_are_joined_to_their_workloads),
		SURVEY_TEST(containers_come_oldest_first),
		SURVEY_TEST(sandboxes_and_the_nameless_are_left_out),
		SURVEY_TEST(what_cannot_be_read_is_told_and_passed_over),
		SURVEY_TEST(nothing_there_is_an_empty_survey),
		SURVEY_TEST(records_that_cannot_be_opened_are_told),
		SURVEY_TEST(live_values_are_those_of_the_cgroup),
		SURVEY_TEST(container_without_a_limit_is_unlimited),
		SURVEY_TEST(cgroup_is_found_by_the_pid_file_where_no_start_was_recorded),
		SURVEY_TEST(cgroup_that_is_gone_is_not_running),
		SURVEY_TEST(a_container_in_a_vm_is_what_its_guest_told),
		SURVEY_TEST(a_container_in_a_vm_of_its_own_is_no_pods),
		SURVEY_TEST(what_the_daemon_wrote_of_vms_and_cannot_be_read_is_told),
		SURVEY_TEST(thousands_of_workloads_take_a_moment),
	};
	return cmocka_run_group_tests_name("survey", tests, NULL, NULL);
}
