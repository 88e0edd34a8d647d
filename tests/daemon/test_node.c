/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/node.h"

#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "shim/daemon/registry.h"
#include "tests/fixture.h"

#define T0 (UINT64_C(1800000000) * USEC_PER_SEC)

#define KEEP_ALL 1000
#define SAID_MAX 64

/* A node over directories of its own, with a pipe for the kernel log; what it says is remembered. */
struct world {
	struct fixture fixture; /* first */
	struct node node;
	struct node_roots roots;
	struct settings settings;
	struct history *history;
	int kernel_log[2];
	uint64_t now_usec;

	size_t n_said[EVENTS_COUNT];
	struct {
		enum event event;
		char text[2048]; /* all fields, a line each */
	} said[SAID_MAX];
	size_t n_all;

	/* What was published when the oom event was said. */
	struct limits at_oom;
	struct identity watched;
};

static const struct identity web = {"default", "web", "app"};

static void hear(const struct iovec *fields, size_t n_fields, void *data)
{
	struct world *world = data;
	char text[2048] = "";
	size_t used = 0, kind = EVENTS_COUNT;

	for (size_t i = 0; i < n_fields; i++) {
		used += (size_t)snprintf(text + used, sizeof text - used, "%.*s\n", (int)fields[i].iov_len,
					 (const char *)fields[i].iov_base);
		assert_true(used < sizeof text);
	}
	for (size_t i = 0; i < EVENTS_COUNT; i++) {
		char line[64];
		snprintf(line, sizeof line, "TIDEMARK_EVENT=%s\n", event_kinds[i].name);
		if (strstr(text, line))
			kind = i;
	}
	assert_true(kind < EVENTS_COUNT);
	world->n_said[kind]++;
	world->said[world->n_all % SAID_MAX].event = (enum event)kind;
	strcpy(world->said[world->n_all % SAID_MAX].text, text);
	world->n_all++;
	if (kind == EVENT_OOM)
		(void)limits_read(world->roots.state_fd, &world->watched, &world->at_oom, NULL);
}

/* The newest event of its kind. */
static const char *last(const struct world *world, enum event event)
{
	for (size_t i = world->n_all; i-- > 0 && i + SAID_MAX >= world->n_all;)
		if (world->said[i % SAID_MAX].event == event)
			return world->said[i % SAID_MAX].text;
	fail_msg("no event %s", event_kinds[event].name);
	return "";
}

static void assert_says(const struct world *world, enum event event, const char *what)
{
	if (!strstr(last(world, event), what))
		fail_msg("%s does not say \"%s\":\n%s", event_kinds[event].name, what, last(world, event));
}

static void start_node(struct world *world)
{
	struct error err;
	const struct journal journal = {hear, world};
	char path[512];

	snprintf(path, sizeof path, "%s/state", world->fixture.path);
	assert_true(history_open(path, world->now_usec, &world->history, &err) >= 0);
	assert_int_equal(node_init(&world->node, &world->roots, &world->settings, journal, world->history,
				   world->kernel_log[0], KEEP_ALL, &err),
			 0);
	assert_int_equal(node_load(&world->node, world->now_usec, &err), 0);
}

static void stop_node(struct world *world)
{
	node_free(&world->node);
	history_close(world->history);
}

static int begin(void **state)
{
	if (fixture_begin(state) < 0)
		return -1;
	struct fixture *fixture = *state;
	struct world *world = calloc(1, sizeof *world);
	world->fixture = *fixture;
	free(fixture);
	*state = world;

	int root = world->fixture.root_fd, *fds[] = {&world->roots.containers_fd, &world->roots.state_fd,
						     &world->roots.cgroup_fd, &world->roots.proc_fd};
	static const char *const names[] = {"run/containers", "state", "cgroup", "proc"};
	for (size_t i = 0; i < 4; i++) {
		fixture_directory(root, names[i]);
		*fds[i] = openat(root, names[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	settings_default(&world->settings);
	world->now_usec = T0;
	world->watched = web;
	return pipe2(world->kernel_log, O_DIRECT | O_NONBLOCK | O_CLOEXEC);
}

static int end(void **state)
{
	struct world *world = *state;
	stop_node(world);
	close(world->roots.containers_fd);
	close(world->roots.state_fd);
	close(world->roots.cgroup_fd);
	close(world->roots.proc_fd);
	close(world->kernel_log[0]);
	close(world->kernel_log[1]);
	return fixture_end(state);
}

#define NODE_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

static struct record make_record(const struct world *world, const char *id)
{
	struct record record = {
		.version = RECORD_VERSION,
		.identity = web,
		.mode = MODE_ENFORCE,
		.source = SOURCE_DECLARED,
		.declared_bytes = 512 * MIB,
		.limit_bytes = 512 * MIB,
		.created_usec = world->now_usec,
	};
	strcpy(record.id, id);
	strcpy(record.pod_name, "web-5d4f8c7b6d-x2x4z");
	strcpy(record.image_ref, "sha256:aa");
	strcpy(record.runtime, "crun");
	strcpy(record.bundle, "/bundle");
	strcpy(record.reason, "declared");
	return record;
}

static void write_record(const struct world *world, const struct record *record)
{
	struct error err;
	assert_int_equal(record_write(world->roots.containers_fd, record, &err), 0);
}

static void write_cgroup_file(const struct world *world, const char *id, const char *file, const char *text)
{
	char name[512];
	snprintf(name, sizeof name, "pods/crio-%s.scope/container/%s", id, file);
	fixture_write(world->roots.cgroup_fd, name, text);
}

static void use(const struct world *world, const char *id, uint64_t mib)
{
	char text[256];
	snprintf(text, sizeof text, "%" PRIu64 "\n", (mib + 10) * MIB);
	write_cgroup_file(world, id, "memory.current", text);
	snprintf(text, sizeof text, "anon %" PRIu64 "\nfile %" PRIu64 "\ninactive_file %" PRIu64 "\n",
		 mib * MIB, 10 * MIB, 10 * MIB);
	write_cgroup_file(world, id, "memory.stat", text);
}

static void make_cgroup(const struct world *world, const char *id, uint64_t max_mib)
{
	char text[64];
	snprintf(text, sizeof text, "%" PRIu64 "\n", max_mib * MIB);
	write_cgroup_file(world, id, "memory.max", text);
	write_cgroup_file(world, id, "memory.peak", "0\n");
	write_cgroup_file(world, id, "memory.events", "oom 0\noom_kill 0\n");
	write_cgroup_file(world, id, "memory.events.local", "oom 0\noom_kill 0\n");
	write_cgroup_file(world, id, "cgroup.type", "domain\n");
	write_cgroup_file(world, id, "cgroup.events", "populated 1\nfrozen 0\n");
	use(world, id, 20);
}

static void remove_cgroup(const struct world *world, const char *id)
{
	char name[512];
	snprintf(name, sizeof name, "pods/crio-%s.scope", id);
	fixture_remove(world->roots.cgroup_fd, name);
}

static void start_record(const struct world *world, struct record *record)
{
	record->started_usec = world->now_usec;
	record->pid = 4711;
	snprintf(record->cgroup, sizeof record->cgroup, "/pods/crio-%.80s.scope/container", record->id);
	record->prestart.current_bytes = 200 * KIB;
	record->prestart.peak_bytes = 400 * KIB;
}

/* A container at work, of which the node knows. */
static struct record run_container(struct world *world, const char *id)
{
	struct record record = make_record(world, id);
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	make_cgroup(world, id, 512);
	start_record(world, &record);
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	return record;
}

static void pass(struct world *world, unsigned ticks)
{
	while (ticks-- > 0) {
		world->now_usec += USEC_PER_SEC;
		node_sample(&world->node, world->now_usec);
	}
}

static struct limits published(const struct world *world)
{
	struct limits limits;
	struct error err = {0};
	if (limits_read(world->roots.state_fd, &web, &limits, &err) != 0)
		fail_msg("%s", err.text);
	return limits;
}

static void log_kill(const struct world *world, const char *limit_cgroup, const char *task_cgroup,
		     unsigned pid)
{
	char line[1024];
	if (*limit_cgroup)
		snprintf(line, sizeof line,
			 "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/"
			 ",mems_allowed=0,"
			 "oom_memcg=%s,task_memcg=%s,task=sh,pid=%u,uid=0\n",
			 limit_cgroup, task_cgroup, pid);
	else
		snprintf(
			line, sizeof line,
			"6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
			"global_oom,task_memcg=%s,task=sh,pid=%u,uid=0\n",
			task_cgroup, pid);
	assert_true(write(world->kernel_log[1], line, strlen(line)) > 0);
}

#define CGROUP(id) "/pods/crio-" id ".scope/container"

/* ---- From record to recommendation ---- */

static void creation_is_said_and_published_at_once(void **state)
{
	struct world *world = *state;
	start_node(world);

	struct record record = make_record(world, "c1");
	record.limit_bytes = 256 * MIB;
	strcpy(record.reason, "enforced+max-change");
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);

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

static void started_container_is_sampled_and_tuned(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");

	assert_int_equal(world->n_said[EVENT_PRESTART], 1);
	assert_says(world, EVENT_PRESTART, "TIDEMARK_PEAK_BYTES=409600\n");
	use(world, "c1", 100);
	pass(world, 60);
	node_tune(&world->node, world->now_usec);

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
	start_node(world);
	run_container(world, "c1");
	pass(world, 60);
	node_tune(&world->node, world->now_usec);

	struct limits limits = published(world);
	assert_true(limits.enforced_limit_bytes > 0);
	assert_int_equal(limits.enforced_limit_bytes, limits.recommendation.limit_bytes);

	/* Another image: it has to prove itself anew. */
	struct record record = make_record(world, "c2");
	strcpy(record.image_ref, "sha256:bb");
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(published(world).enforced_limit_bytes, 0);
}

static void change_the_image(struct world *world, int policy)
{
	world->settings.tuner.policy = policy;
	world->settings.tuner.warmup_samples = 10;
	world->settings.tuner.warmup_usec = USEC_PER_MIN;
	world->settings.tuner.cooldown_usec = 0;
	start_node(world);
	run_container(world, "c1");
	use(world, "c1", 300);
	pass(world, 120);
	node_tune(&world->node, world->now_usec);
	const struct limits old = published(world);
	assert_true(old.enforced_limit_bytes > 300 * MIB);
	remove_cgroup(world, "c1");
	pass(world, 1);

	struct record record = make_record(world, "c2");
	strcpy(record.image_ref, "sha256:bb");
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	make_cgroup(world, "c2", 512);
	start_record(world, &record);
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	for (int i = 0; i < 5; i++) {
		pass(world, 10);
		node_tune(&world->node, world->now_usec);
		assert_int_equal(published(world).enforced_limit_bytes, 0);
		assert_true(published(world).recommendation.limit_bytes >= old.recommendation.limit_bytes);
		assert_true(published(world).recommendation.request_bytes >=
			    old.recommendation.request_bytes);
	}
	pass(world, 15);
	node_tune(&world->node, world->now_usec);
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

/* A container with this limit, of a program that takes a quarter of it. */
static void run_at(struct world *world, const char *id, uint64_t limit_mib, const char *sizes, unsigned ticks)
{
	struct record record = make_record(world, id);
	record.limit_bytes = limit_mib * MIB;
	strcpy(record.sizes, sizes);
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	make_cgroup(world, id, limit_mib);
	use(world, id, limit_mib / 4);
	start_record(world, &record);
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	pass(world, ticks);
}

static void stop(struct world *world, const char *id)
{
	struct error err;
	remove_cgroup(world, id);
	assert_int_equal(record_remove(world->roots.containers_fd, id, &err), 0);
	node_on_records(&world->node, world->now_usec);
	node_settle(&world->node, world->now_usec);
}

/* As quick as can be: a warm-up of ten readings. */
static void be_quick(struct world *world)
{
	world->settings.tuner.warmup_samples = 10;
	world->settings.tuner.warmup_usec = USEC_PER_SEC;
	world->settings.tuner.cooldown_usec = 0;
	world->settings.sampling.long_window_usec = USEC_PER_MIN;
}

static void program_that_follows_its_limit_keeps_it(void **state)
{
	struct world *world = *state;
	be_quick(world);
	start_node(world);

	run_at(world, "c1", 512, "jvm", 60);
	node_tune(&world->node, world->now_usec);
	struct limits limits = published(world);
	assert_int_equal(limits.recommendation.limit_term, TERM_RATCHET);
	assert_int_equal(limits.enforced_limit_bytes, 368 * MIB); /* a step */

	/* Ended before it was old enough to tell: nothing more is known. */
	stop(world, "c1");
	run_at(world, "c2", 368, "jvm", 4);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).enforced_limit_bytes, 368 * MIB);
	stop(world, "c2");
	run_at(world, "c3", 368, "jvm", 60);
	node_tune(&world->node, world->now_usec);
	limits = published(world);
	assert_int_equal(limits.recommendation.limit_term, TERM_RATCHET);
	assert_int_equal(limits.enforced_limit_bytes, 512 * MIB);

	/* Over a restart, and for another image. */
	stop_node(world);
	start_node(world);
	stop(world, "c3");
	run_at(world, "c4", 512, "", 60);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).enforced_limit_bytes, 512 * MIB);
	struct record record = make_record(world, "c5");
	strcpy(record.image_ref, "sha256:bb");
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	pass(world, 60);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).enforced_limit_bytes, 512 * MIB);
}

static void resized_container_tells_nothing_of_its_program(void **state)
{
	struct world *world = *state;
	be_quick(world);
	start_node(world);

	run_at(world, "c1", 512, "jvm", 60);
	node_tune(&world->node, world->now_usec);
	write_cgroup_file(world, "c1", "memory.max", "314572800\n");
	use(world, "c1", 75);
	pass(world, 60);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).enforced_limit_bytes, 368 * MIB);
	assert_int_equal(world->node.workloads[0]->ratchet.to.limit_bytes, 0);
}

/* What the config does not tell, as a script starts it, its process does. */
static void program_is_told_by_its_processes(void **state)
{
	struct world *world = *state;
	be_quick(world);
	start_node(world);

	run_at(world, "c1", 512, "", 0);
	write_cgroup_file(world, "c1", "cgroup.procs", "815\n816\n");
	fixture_write(world->roots.proc_fd, "815/cmdline", "/bin/sh");
	pass(world, 30);
	assert_int_equal(world->node.workloads[0]->ratchet.program, SIZING_UNKNOWN);
	assert_int_equal(world->node.containers[0]->looks, 1);

	fixture_write(world->roots.proc_fd, "816/cmdline", "/usr/bin/java");
	pass(world, 200); /* not looked at again so soon */
	assert_int_equal(world->node.workloads[0]->ratchet.program, SIZING_UNKNOWN);
	pass(world, 100);
	assert_int_equal(world->node.workloads[0]->ratchet.program, SIZING_JVM);
	assert_int_equal(world->node.containers[0]->looks, 2);
	node_tune(&world->node, world->now_usec);
	assert_memory_equal(published(world).ratchet, "jvm ", 4);
	pass(world, 1000);
	assert_int_equal(world->node.containers[0]->looks, 2);
}

/* It would be killed by it. */
static void cap_below_what_is_used_is_recommended_but_not_enforced(void **state)
{
	struct world *world = *state;
	world->settings.tuner.warmup_samples = 10;
	world->settings.tuner.warmup_usec = USEC_PER_SEC;
	world->settings.tuner.limit_max_bytes = 256 * MIB;
	start_node(world);
	run_container(world, "c1");
	use(world, "c1", 300);
	pass(world, 60);
	node_tune(&world->node, world->now_usec);

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
	node_tune(&world->node, world->now_usec);
	limits = published(world);
	assert_true(limits.enforced_limit_bytes > 300 * MIB);
	assert_int_equal(limits.enforced_limit_bytes, limits.recommendation.limit_bytes);
}

/* Its profile could never be written, which would be tried, and be told of, for good. */
static void name_that_is_too_long_for_a_file_has_no_workload(void **state)
{
	struct world *world = *state;

	start_node(world);
	struct record record = make_record(world, "c1");
	memset(record.identity.owner, 'o', 253);
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->node.n_containers, 1);
	assert_int_equal(world->node.n_workloads, 0);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	assert_int_equal(world->n_said[EVENT_DECISION], 1);
}

static void sandbox_is_followed_without_a_workload(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = make_record(world, "s1");
	record.is_sandbox = true;
	make_cgroup(world, "s1", 512);
	start_record(world, &record);
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	pass(world, 2);
	assert_int_equal(world->n_said[EVENT_PRESTART], 1);
	assert_int_equal(world->node.n_workloads, 0);
}

static void start_that_was_not_recorded_is_found_by_the_pid_file(void **state)
{
	struct world *world = *state;
	start_node(world);
	make_cgroup(world, "c1", 512);
	struct record record = make_record(world, "c1");
	snprintf(record.pid_file, sizeof record.pid_file, "%s/pidfile", world->fixture.path);
	write_record(world, &record);
	fixture_write(world->fixture.root_fd, "pidfile", "77");
	fixture_write(world->roots.proc_fd, "77/cgroup", "0::" CGROUP("c1") "\n");
	node_on_records(&world->node, world->now_usec);
	pass(world, 20);
	node_tune(&world->node, world->now_usec);
	assert_true(published(world).observed.samples >= 10);
}

static void pid_that_is_used_again_is_not_followed(void **state)
{
	struct world *world = *state;
	start_node(world);
	make_cgroup(world, "other", 512);
	struct record record = make_record(world, "c1");
	snprintf(record.pid_file, sizeof record.pid_file, "%s/pidfile", world->fixture.path);
	write_record(world, &record);
	fixture_write(world->fixture.root_fd, "pidfile", "77");
	fixture_write(world->roots.proc_fd, "77/cgroup", "0::" CGROUP("other") "\n");
	node_on_records(&world->node, world->now_usec);
	pass(world, 20);
	node_tune(&world->node, world->now_usec);
	struct limits limits; /* of a workload that nothing is known of, nothing is published */
	assert_int_equal(limits_read(world->roots.state_fd, &web, &limits, NULL), -ENOENT);
}

static void resize_is_a_new_decision(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = run_container(world, "c1");
	record.declared_bytes = record.limit_bytes = 300 * MIB;
	record.updated_usec = world->now_usec + 1;
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_DECISION], 2);
	assert_int_equal(world->n_said[EVENT_PRESTART], 1);
	assert_int_equal(published(world).applied_bytes, 300 * MIB);
}

static void owner_and_role_of_the_last_container_are_published(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = run_container(world, "c1");
	record.identity.kind = OWNER_KNATIVE_SERVICE;
	strcpy(record.identity.service, "hello");
	record.role = ROLE_INIT;
	record.oom_score_adj = 984;
	record.limit_bytes = 300 * MIB; /* is worth publishing */
	record.updated_usec = world->now_usec + 1;
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	struct limits limits = published(world);
	assert_int_equal(limits.identity.kind, OWNER_KNATIVE_SERVICE);
	assert_string_equal(limits.identity.service, "hello");
	assert_int_equal(limits.role, ROLE_INIT);
	assert_int_equal(limits.oom_score_adj, 984);
}

static void fault_of_the_wrapper_is_told_as_refused(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = make_record(world, "c1");
	strcpy(record.fault, "limits/default/web/app.json: not JSON");
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_REFUSED], 1);
	assert_says(world, EVENT_REFUSED, "TIDEMARK_FAULT=limits/default/web/app.json: not JSON\n");
	assert_int_equal(world->n_said[EVENT_DECISION], 0);
}

static void node_summary_adds_up(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	run_container(world, "c2");
	use(world, "c2", 40);
	pass(world, 1);
	node_report(&world->node, world->now_usec);
	assert_says(world, EVENT_NODE, "TIDEMARK_CONTAINERS=2\n");
	assert_says(world, EVENT_NODE, "TIDEMARK_DECLARED_BYTES=1073741824\n");
	assert_says(world, EVENT_NODE, "TIDEMARK_WORKING_SET_BYTES=62914560\n");
	assert_says(world, EVENT_NODE, "TIDEMARK_SLACK_BYTES=1010827264\n");
}

/* ---- Kills ---- */

static void kill_at_its_own_limit_is_on_disk_before_it_is_said(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	pass(world, 3);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);

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
	start_node(world);
	run_container(world, "c1");
	make_cgroup(world, "c1", 256);
	pass(world, 10);
	write_cgroup_file(world, "c1", "memory.peak", "268435456\n");
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_null(strstr(last(world, EVENT_OOM), "TIDEMARK_STUCK"));
	assert_int_equal(world->at_oom.recommendation.oom_limit_bytes, 256 * MIB);
	assert_int_equal(world->at_oom.recommendation.oom_peak_bytes, 256 * MIB);
}

static void one_kill_told_by_both_sources_is_said_once(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
	node_on_kernel_log(&world->node, world->now_usec);
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 0\n");
	node_on_events(&world->node, world->now_usec);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
	pass(world, 15);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_TASK=sh\n");
	assert_says(world, EVENT_OOM, "TIDEMARK_PID=99\n");
	assert_int_equal(published(world).recommendation.oom_kills, 1);

	/* A second one, by the kernel log alone. */
	log_kill(world, "/pods/crio-c1.scope", CGROUP("c1"), 100);
	node_on_kernel_log(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_OOM], 2);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=own\n");
}

static void kill_is_learned_from_though_the_cgroup_is_gone(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
	remove_cgroup(world, "c1");
	pass(world, 10); /* notices the end first, by a sample */
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_OOM_KILLS=1\n");
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 512 * MIB);
}

static void kill_within_a_life_too_short_to_be_seen_is_learned_from(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = make_record(world, "c1");
	start_record(world, &record);
	write_record(world, &record); /* its cgroup is gone already */
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
	node_on_kernel_log(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 512 * MIB);
}

static void kill_by_an_ancestor_or_the_node_teaches_nothing(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	log_kill(world, "/pods", CGROUP("c1"), 99);
	node_on_kernel_log(&world->node, world->now_usec);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=ancestor\n");
	log_kill(world, "", CGROUP("c1"), 100);
	node_on_kernel_log(&world->node, world->now_usec);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=node\n");
	log_kill(world, CGROUP("c1") "/inner", CGROUP("c1") "/inner", 101);
	node_on_kernel_log(&world->node, world->now_usec);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=nested\n");

	/* The events come late, and say nothing new. */
	write_cgroup_file(world, "c1", "memory.events", "oom 0\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 0\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_OOM], 3);
	node_tune(&world->node, world->now_usec);
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
	start_node(world);
	run_container(world, "c1");
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
		write_cgroup_file(world, "c1", "memory.events", reads[i].events);
		write_cgroup_file(world, "c1", "memory.events.local", reads[i].events);
		node_on_events(&world->node, world->now_usec);
		assert_int_equal(world->n_said[EVENT_OOM], reads[i].told);
	}
	pass(world, 20);
	write_cgroup_file(world, "c1", "memory.events", "oom 4\noom_kill 4\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 4\noom_kill 4\n");
	node_on_events(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_OOM], 3);
}

static void kill_by_another_is_told_from_events_alone(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	write_cgroup_file(world, "c1", "memory.events", "oom 0\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 0\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=other\n");
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 0);
}

static void flood_of_records_is_taken_up_piece_by_piece(void **state)
{
	struct world *world = *state;
	char id[RECORD_ID_SIZE];
	size_t turns = 0;

	start_node(world);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof id, "flood%d", i);
		struct record record = make_record(world, id);
		write_record(world, &record);
	}
	for (size_t before = 0; world->node.n_containers < 300; before = world->node.n_containers, turns++) {
		node_on_records(&world->node, world->now_usec);
		assert_true(world->node.n_containers > before);
	}
	assert_true(turns > 1);
}

static void workload_of_many_creations_is_published_once_no_record_waits(void **state)
{
	struct world *world = *state;
	struct limits limits;
	char id[RECORD_ID_SIZE];

	start_node(world);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof id, "flood%d", i);
		struct record record = make_record(world, id);
		record.limit_bytes = (uint64_t)(300 + i) * MIB;
		write_record(world, &record);
	}
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(limits_read(world->roots.state_fd, &web, &limits, NULL), -ENOENT);
	/* Or at the next sample. */
	node_sample(&world->node, world->now_usec);
	assert_int_equal(published(world).applied_bytes, world->node.workloads[0]->limits.applied_bytes);
	assert_in_range(published(world).applied_bytes, 300 * MIB, 598 * MIB);
	while (world->node.n_containers < 300)
		node_on_records(&world->node, world->now_usec);
	assert_int_equal(published(world).applied_bytes, 599 * MIB);
}

static void flood_of_ends_is_taken_up_piece_by_piece(void **state)
{
	struct world *world = *state;
	char id[RECORD_ID_SIZE], name[512];
	size_t turns = 0;

	start_node(world);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof id, "flood%d", i);
		struct record record = make_record(world, id);
		make_cgroup(world, id, 512);
		start_record(world, &record);
		write_record(world, &record);
	}
	while (world->node.n_containers < 300)
		node_on_records(&world->node, world->now_usec);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "pods/crio-flood%d.scope/container/cgroup.events", i);
		int fd = openat(world->roots.cgroup_fd, name, O_WRONLY | O_CLOEXEC);
		assert_int_equal(pwrite(fd, "populated 0", 11, 0), 11);
		close(fd);
	}
	for (size_t before = 0; world->n_said[EVENT_EXIT] < 300;
	     before = world->n_said[EVENT_EXIT], turns++) {
		node_on_events(&world->node, world->now_usec);
		assert_true(world->n_said[EVENT_EXIT] > before);
	}
	assert_true(turns > 1);
}

static void lost_inotify_events_are_made_up_for(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = run_container(world, "c1");
	watch_remove(&world->node, world->node.containers[0]);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
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
	for (struct pollfd pending = {world->node.records_fd, POLLIN, 0}; poll(&pending, 1, 0) > 0;)
		node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->node.n_containers, 3);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

/* ---- By a census ---- */

/* The next tick goes by what this says of c1; its files say something else. */
static void pass_by_census(struct world *world, const struct census_entry *entry)
{
	struct census census = {
		.entries = entry, .count = 1, .page_bytes = 4096, .knows_inactive_file = true};

	world->node.sampler.census = &census;
	pass(world, 1);
	assert_null(world->node.sampler.census);
	census_forget(&census);
}

static void census_has_all_that_is_read_each_time(void **state)
{
	struct world *world = *state;
	start_node(world);
	world->node.sampler.by_census = true;
	run_container(world, "c1");
	const struct container *container = world->node.containers[0];
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
	start_node(world);
	world->node.sampler.by_census = true;
	run_container(world, "c1");
	const struct container *container = world->node.containers[0];
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
	start_node(world);
	world->node.sampler.by_census = true;
	run_container(world, "c1");
	const struct container *container = world->node.containers[0];
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
	start_node(world);
	run_container(world, "c1");
	const struct container *container = world->node.containers[0];

	pass(world, 200);
	assert_int_equal(container->calm, CONTAINER_CALM_MOST);
	write_cgroup_file(world, "c1", "memory.max", "104857600\n");
	pass(world, 80);
	assert_int_equal(container->max_bytes, 100 * MIB);
	/* One whose kills are seen in turn only has each of them. */
	pass(world, 200);
	watch_remove(&world->node, world->node.containers[0]);
	write_cgroup_file(world, "c1", "memory.max", "209715200\n");
	pass(world, 10);
	assert_int_equal(container->max_bytes, 200 * MIB);
}

static void too_few_descriptors_are_said_once_and_all_is_read_all_the_same(void **state)
{
	struct world *world = *state;
	char id[RECORD_ID_SIZE];
	start_node(world);
	world->node.sampler.kept_max = 3;
	for (int i = 0; i < 8; i++) {
		snprintf(id, sizeof id, "c%d", i);
		run_container(world, id);
	}
	pass(world, 12);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(world->node.containers[i]->state, CONTAINER_RUNNING);
		assert_int_equal(world->node.containers[i]->samples, world->node.containers[0]->samples);
	}
	assert_int_equal(world->node.sampler.kept, 3);
	assert_true(world->node.n_processes <= 3);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "there are too few file descriptors");
}

/* ---- Ends ---- */

static void cgroup_that_vanishes_ends_the_container_and_is_no_fault(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = run_container(world, "c1");
	pass(world, 5);
	remove_cgroup(world, "c1");
	pass(world, 10); /* a file that we hold open can still be read here, unlike one of a cgroup */
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "MESSAGE=default/web/app ended after 10s: ");
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	assert_int_equal(world->node.sampler.kept, 0);

	assert_int_equal(record_remove(world->roots.containers_fd, record.id, NULL), 0);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->node.n_containers, 0);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

static void peak_between_two_samples_counts_at_the_end(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	pass(world, 5);
	/* 90Mi, 10Mi of which were inactive page cache, as at the last sample. */
	write_cgroup_file(world, "c1", "memory.peak", "94371840\n");
	write_cgroup_file(world, "c1", "cgroup.events", "populated 0\nfrozen 0\n");
	node_on_events(&world->node, world->now_usec);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=94371840\n");
	assert_int_equal(published(world).observed.max_bytes, 80 * MIB);
	assert_true(published(world).observed.p95_bytes < 21 * MIB);
	assert_int_equal(registry_find_workload(&world->node, &web)->exit_peak_bytes, 90 * MIB);
}

static void limits_above_a_container_are_looked_at_once(void **state)
{
	struct world *world = *state;
	start_node(world);
	fixture_write(world->roots.cgroup_fd, "pods/memory.max", "268435456\n");
	run_container(world, "c1");
	assert_int_equal(registry_find(&world->node, "c1")->ancestors_max_bytes, 256 * MIB);
	fixture_write(world->roots.cgroup_fd, "pods/memory.max", "max\n");
	run_container(world, "c2");
	assert_true(registry_find(&world->node, "c2")->ancestors_max_bytes == MEMORY_UNLIMITED);
}

static void what_the_node_says_is_counted(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	assert_int_equal(world->node.tally.events[EVENT_DECISION], 1);
	assert_int_equal(world->node.tally.decisions[SOURCE_DECLARED], 1);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
	assert_int_equal(world->node.tally.kills[OOM_CAUSE_OWN], 1);
}

/* ---- Exits that the kernel tells of ---- */

/* The container's record bears the id of a cgroup that exists no more. */
static struct record run_briefly(struct world *world, const char *id, uint64_t cgroup_id)
{
	struct record record = make_record(world, id);
	start_record(world, &record);
	record.cgroup_id = cgroup_id;
	write_record(world, &record);
	return record;
}

static void tell_exit(struct world *world, const struct exit_peak *exit)
{
	node_take_exit(&world->node, exit, world->now_usec);
	node_settle(&world->node, world->now_usec);
}

static void start_node_with_exits(struct world *world)
{
	start_node(world);
	world->node.exits_fd = world->kernel_log[0]; /* any: it is the caller who polls */
	world->node.recent = calloc(1, sizeof *world->node.recent);
}

static void exit_is_known_whether_told_before_or_after_the_record(void **state)
{
	struct world *world = *state;
	start_node_with_exits(world);
	tell_exit(world, &(struct exit_peak){.cgroup_id = 71, .peak_bytes = 90 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	run_briefly(world, "before", 71);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "CONTAINER_ID=before\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=94371840\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=1\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_SAMPLES=0\n");

	struct record record = run_briefly(world, "after", 72);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(record_remove(world->roots.containers_fd, record.id, NULL), 0);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1); /* it is waited for */
	tell_exit(world, &(struct exit_peak){.cgroup_id = 72, .peak_bytes = 95 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 2);
	assert_says(world, EVENT_EXIT, "CONTAINER_ID=after\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=1\n");
	assert_int_equal(world->node.n_containers, 1);

	/* Both count in the window, though never sampled. */
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).observed.max_bytes, 95 * MIB);
}

static void exit_that_is_never_told_is_not_waited_for_for_ever(void **state)
{
	struct world *world = *state;
	start_node_with_exits(world);
	run_briefly(world, "c1", 71);
	node_on_records(&world->node, world->now_usec);
	pass(world, 8);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	pass(world, 4);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=0\n");
	/* Nor told twice. */
	tell_exit(world, &(struct exit_peak){.cgroup_id = 71, .peak_bytes = 90 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

static void clock_that_steps_back_ends_the_waiting(void **state)
{
	struct world *world = *state;
	start_node_with_exits(world);
	run_briefly(world, "c1", 71);
	node_on_records(&world->node, world->now_usec);
	world->now_usec -= USEC_PER_HOUR;
	node_settle(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

static void what_is_waited_for_is_told_at_the_daemons_end(void **state)
{
	struct world *world = *state;
	start_node_with_exits(world);
	run_briefly(world, "c1", 71);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	node_flush(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

static void id_that_is_used_again_does_not_wait_for_the_first(void **state)
{
	struct world *world = *state;
	start_node_with_exits(world);
	run_briefly(world, "c1", 71);
	node_on_records(&world->node, world->now_usec);
	world->now_usec += USEC_PER_SEC;
	run_briefly(world, "c1", 72);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	tell_exit(world, &(struct exit_peak){.cgroup_id = 72, .peak_bytes = 30 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 2);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=31457280\n");
}

static void peak_read_when_no_process_is_left_is_exact_and_waits_for_nobody(void **state)
{
	struct world *world = *state;
	start_node_with_exits(world);
	run_container(world, "c1");
	write_cgroup_file(world, "c1", "memory.peak", "94371840\n");
	write_cgroup_file(world, "c1", "cgroup.events", "populated 0\nfrozen 0\n");
	node_on_events(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=1\n");
}

static void end_of_the_init_process_is_heard_where_the_kernel_tells_of_no_exits(void **state)
{
	struct world *world = *state;
	start_node(world);
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
	node_on_records(&world->node, world->now_usec);
	node_on_processes(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);

	write_cgroup_file(world, "c1", "memory.peak", "94371840\n");
	write_cgroup_file(world, "c1", "cgroup.events", "populated 0\nfrozen 0\n");
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	struct pollfd processes = {.fd = world->node.processes_fd, .events = POLLIN};
	assert_int_equal(poll(&processes, 1, 10000), 1);
	node_on_processes(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=94371840\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=1\n");
	/* And is no event any more. */
	assert_int_equal(poll(&processes, 1, 0), 0);
}

static void peak_of_a_container_that_still_runs_is_not_exact(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = run_container(world, "c1");
	write_cgroup_file(world, "c1", "memory.peak", "94371840\n");
	assert_int_equal(record_remove(world->roots.containers_fd, record.id, NULL), 0);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_EXACT=0\n");
}

static void kill_that_only_the_exit_tells_of_is_learned_from(void **state)
{
	struct world *world = *state;
	start_node_with_exits(world);
	run_briefly(world, "c1", 71);
	node_on_records(&world->node, world->now_usec);
	tell_exit(world, &(struct exit_peak){.cgroup_id = 71,
					     .peak_bytes = 512 * MIB,
					     .oom = 1,
					     .oom_kill = 1,
					     .all_oom_kill = 1});
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=own\n");
	assert_int_equal(published(world).recommendation.oom_kills, 1);
	/* The kernel's log may come late. */
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
	node_on_kernel_log(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
}

static void kill_at_the_scopes_limit_is_not_told_again_by_the_exit(void **state)
{
	struct world *world = *state;
	start_node_with_exits(world);
	run_briefly(world, "c1", 71);
	node_on_records(&world->node, world->now_usec);
	log_kill(world, "/pods/crio-c1.scope", CGROUP("c1"), 99);
	node_on_kernel_log(&world->node, world->now_usec);
	tell_exit(world, &(struct exit_peak){
				 .cgroup_id = 71, .peak_bytes = 512 * MIB, .oom_kill = 1, .all_oom_kill = 1});
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=own\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_OOM_KILLS=1\n");
}

static void container_of_before_a_restart_is_found_by_its_cgroups_inode(void **state)
{
	struct world *world = *state;
	struct stat st;
	start_node_with_exits(world);
	run_container(world, "c1"); /* its record says no id */
	assert_int_equal(fstatat(world->roots.cgroup_fd, "pods/crio-c1.scope/container", &st, 0), 0);
	tell_exit(world, &(struct exit_peak){.cgroup_id = st.st_ino, .peak_bytes = 77 * MIB});
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=80740352\n");
}

static void peak_of_the_runtime_is_not_the_programs(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = make_record(world, "c1");
	make_cgroup(world, "c1", 512);
	use(world, "c1", 1);
	write_cgroup_file(world, "c1", "memory.current", "1048576\n");
	write_cgroup_file(world, "c1", "memory.stat", "anon 1048576\n");
	write_cgroup_file(world, "c1", "memory.peak", "8388608\n");
	start_record(world, &record);
	record.prestart.peak_bytes = 8 * MIB;
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	pass(world, 5);
	remove_cgroup(world, "c1");
	pass(world, 10);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).observed.max_bytes, MIB);
}

static void id_that_is_used_again_is_another_container(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	pass(world, 5);
	remove_cgroup(world, "c1");
	run_container(world, "c1");
	assert_int_equal(world->node.n_containers, 1);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_int_equal(world->n_said[EVENT_DECISION], 2);
	assert_int_equal(world->node.containers[0]->samples, 1);
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
		node_on_events(&world->node, world->now_usec);
	}
	remove_cgroup(world, id);
	pass(world, 10);
	node_tune(&world->node, world->now_usec);
	return published(world).observed.life_usec / USEC_PER_MIN;
}

static void lives_are_learned_from_their_ends_and_outlive_the_daemon(void **state)
{
	struct world *world = *state;
	start_node(world);
	world->node.sampler.by_census =
		true; /* so that no file is held open, which here outlives its cgroup */
	/* The third one's life was cut short, the fourth's is that of a crash loop. */
	assert_int_equal(live(world, "c1", 20 * USEC_PER_MIN, false), 0);
	assert_int_equal(live(world, "c2", 30 * USEC_PER_MIN, false), 0);
	assert_int_equal(live(world, "c3", 40 * USEC_PER_MIN, true), 0);
	assert_int_equal(live(world, "c4", 9 * USEC_PER_MIN, false), 0);
	node_flush(&world->node, world->now_usec);
	stop_node(world);
	start_node(world);
	/* How far the one that was killed had come counts all the same. */
	assert_int_equal(live(world, "c5", 20 * USEC_PER_MIN, false), 40);
	assert_int_equal(world->n_said[EVENT_OOM], 1);

	/* One that still runs. */
	run_container(world, "c6");
	world->now_usec += 2 * USEC_PER_HOUR;
	pass(world, 1);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).observed.life_usec / USEC_PER_MIN, 120);
}

static void stale_records_are_swept_and_living_ones_are_not(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record dead = make_record(world, "dead"), waiting = make_record(world, "waiting");
	dead.pid = 77;
	waiting.pid = 78;
	write_record(world, &dead);
	write_record(world, &waiting);
	fixture_write(world->roots.proc_fd, "77/cgroup", "0::/user.slice\n");
	fixture_write(world->roots.proc_fd, "78/cgroup", "0::" CGROUP("waiting") "\n");
	run_container(world, "c1");
	node_sweep(&world->node, world->now_usec);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->node.n_containers, 3);

	world->now_usec += 6 * USEC_PER_MIN;
	node_sweep(&world->node, world->now_usec);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->node.n_containers, 2);
	assert_int_equal(record_read(world->roots.containers_fd, "dead", &dead, NULL), -ENOENT);
}

/* Of a shim: its bundle is below the fixture's directory. */
static struct record shim_record(const struct world *world, const char *id, const char *bundle, bool is_vm)
{
	struct record record = make_record(world, id);

	record.is_shim = true;
	record.is_vm = is_vm;
	snprintf(record.bundle, sizeof record.bundle, "%s/%s", world->fixture.path, bundle);
	return record;
}

static bool is_recorded(const struct world *world, const char *id)
{
	struct record record;
	return record_read(world->roots.containers_fd, id, &record, NULL) == 0;
}

static void record_of_a_shims_container_ends_with_its_bundle(void **state)
{
	struct world *world = *state;
	start_node(world);
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
	node_on_records(&world->node, world->now_usec);
	/* However long it lives: no process of it is known. */
	world->now_usec += 10 * USEC_PER_HOUR;
	node_sweep(&world->node, world->now_usec);
	assert_true(is_recorded(world, "v1") && is_recorded(world, "v2") && is_recorded(world, "v3"));

	fixture_remove(world->fixture.root_fd, "containers/v1");
	fixture_remove(world->fixture.root_fd, "tasks/default/v2");
	node_sweep(&world->node, world->now_usec);
	assert_false(is_recorded(world, "v1") || is_recorded(world, "v2"));
	/* That of a /tmp that is not ours to see, and one that cannot be told from it. */
	assert_true(is_recorded(world, "v3") && is_recorded(world, "v4"));
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->node.n_containers, 2);
}

static void record_of_a_shims_container_that_still_runs_stays(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = shim_record(world, "c1", "tasks/default/c1", false);
	snprintf(record.pid_file, sizeof record.pid_file, "%.500s/init.pid", record.bundle);
	fixture_write(world->fixture.root_fd, "tasks/default/c1/init.pid", "77");
	fixture_write(world->roots.proc_fd, "77/cgroup", "0::" CGROUP("c1") "\n");
	make_cgroup(world, "c1", 100 * MIB);
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	/* No `start` is seen: its cgroup is found by the shim's pid file. */
	pass(world, 10);
	assert_int_equal(registry_find(&world->node, "c1")->state, CONTAINER_RUNNING);
	assert_true(registry_find(&world->node, "c1")->samples > 0);
	fixture_remove(world->fixture.root_fd, "tasks/default/c1");
	node_sweep(&world->node, world->now_usec);
	assert_true(is_recorded(world, "c1"));
	remove_cgroup(world, "c1");
	pass(world, 10);
	node_sweep(&world->node, world->now_usec);
	assert_false(is_recorded(world, "c1"));
}

static void container_and_workload_have_a_short_and_a_long_window(void **state)
{
	struct world *world = *state;
	world->settings.sampling.short_window_usec = 5 * USEC_PER_MIN;
	start_node(world);
	world->node.sampler.by_census =
		true; /* so that no file is held open, which here outlives its cgroup */
	run_container(world, "c1");
	run_container(world, "c2");
	use(world, "c1", 200);
	use(world, "c2", 50);
	pass(world, 60);
	use(world, "c1", 100);
	pass(world, 600);
	node_tune(&world->node, world->now_usec);

	/* The workload's are of both, the container's of it alone. */
	const struct limits both = published(world);
	assert_int_equal(both.observed.max_bytes, 200 * MIB);
	assert_int_equal(both.recent.max_bytes, 100 * MIB);
	assert_int_equal(both.recent.avg_bytes, 75 * MIB);
	assert_in_range(both.recent.samples, 480, 800);
	const struct container *c2 = registry_find(&world->node, "c2");
	assert_int_equal(window_quantile(&c2->window, 0, UINT64_MAX, 1), 50 * MIB);

	remove_cgroup(world, "c2");
	pass(world, 10);
	assert_says(world, EVENT_EXIT, "TIDEMARK_AVG_BYTES=");
	assert_says(world, EVENT_EXIT, "TIDEMARK_P95_BYTES=52428800\n");
}

static void pressure_that_cannot_be_listened_to_is_said_once(void **state)
{
	struct world *world = *state;
	start_node(world);
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
	assert_int_equal(world->node.n_pressures, 0);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).observed.max_bytes, 500 * MIB);
	write_cgroup_file(world, "c1", "memory.pressure",
			  "some avg10=1.00 total=7\nfull avg10=0.00 total=3\n");
	pass(world, 10);
	assert_int_equal(registry_find(&world->node, "c1")->pressure.some_usec, 7);
}

static void cgroup_that_goes_under_our_hands_silences_no_others_pressure(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");

	/* As it is between the reading and the opening: there is nothing in it any more. */
	fixture_remove(world->roots.cgroup_fd, "pods/crio-c1.scope/container/cgroup.type");
	use(world, "c1", 500);
	pass(world, 5);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	assert_false(world->node.told_pressure);
	assert_int_equal(world->node.n_pressures, 0);
}

static void readings_for_pressure_shift_no_mean(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	use(world, "c1", 200);
	pass(world, 60);
	node_tune(&world->node, world->now_usec);
	const struct observed before = registry_find_workload(&world->node, &web)->limits.observed;

	/* What the kernel would tell of, time and again. */
	struct container *c1 = registry_find(&world->node, "c1");
	const uint64_t samples = c1->samples;
	c1->pressure_fd = dup(world->kernel_log[1]);
	world->node.n_pressures++;
	use(world, "c1", 500);
	for (int i = 0; i < 100; i++)
		node_on_pressures(&world->node, world->now_usec);

	const struct observed *after = &registry_find_workload(&world->node, &web)->limits.observed;
	assert_int_equal(after->max_bytes, 500 * MIB);
	assert_int_equal(after->samples, before.samples);
	assert_int_equal(after->avg_bytes, before.avg_bytes);
	/* The middle of its bucket, which the maximum does not cut off any more. */
	assert_in_range(after->p95_bytes, before.p95_bytes, before.p95_bytes * 101 / 100);
	assert_int_equal(c1->samples, samples);
	assert_int_equal(c1->working_set_max_bytes, 500 * MIB);
}

/* ---- Restarts ---- */

static void restart_keeps_the_windows_and_says_nothing_twice(void **state)
{
	struct world *world = *state;
	world->settings.sampling.slot_usec = 10 * USEC_PER_SEC;
	start_node(world);
	run_container(world, "c1");
	run_container(world, "c2");
	use(world, "c1", 100);
	pass(world, 30);
	node_tune(&world->node, world->now_usec);
	node_flush(&world->node, world->now_usec);
	struct limits before = published(world);
	stop_node(world);
	size_t said = world->n_all;

	remove_cgroup(world, "c2"); /* ended meanwhile; its record is still there */
	world->now_usec += USEC_PER_MIN;
	start_node(world);
	assert_int_equal(world->n_all, said);
	pass(world, 10);
	node_tune(&world->node, world->now_usec);
	struct limits after = published(world);
	assert_int_equal(after.observed.samples, before.observed.samples + 11);
	assert_int_equal(after.observed.max_bytes, 100 * MIB);
	assert_int_equal(after.recommendation.revision, before.recommendation.revision);
	assert_int_equal(world->n_said[EVENT_DECISION], 2);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);

	/* What was created while no daemon ran is said. */
	stop_node(world);
	world->now_usec += USEC_PER_MIN;
	struct record record = make_record(world, "c3");
	write_record(world, &record);
	start_node(world);
	assert_int_equal(world->n_said[EVENT_DECISION], 3);
}

static void kill_is_not_told_again_after_a_restart(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
	stop_node(world);
	world->now_usec += USEC_PER_MIN;
	start_node(world);
	pass(world, 20);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(published(world).recommendation.oom_kills, 1);
}

static void crash_loses_no_closed_slot(void **state)
{
	struct world *world = *state;
	world->settings.sampling.slot_usec = 10 * USEC_PER_SEC;
	start_node(world);
	run_container(world, "c1");
	pass(world, 95);
	stop_node(world); /* without a flush */
	start_node(world);
	world->node.workloads[0]->fresh = 1;
	node_tune(&world->node, world->now_usec + USEC_PER_MIN);
	uint64_t samples = world->node.workloads[0]->limits.observed.samples;
	assert_true(samples >= 85 && samples <= 97);
}

static void lost_limit_file_comes_back_from_the_history(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	pass(world, 60);
	node_tune(&world->node, world->now_usec);
	node_flush(&world->node, world->now_usec);
	struct limits before = published(world);
	stop_node(world);
	fixture_write(world->roots.state_fd, "limits/default/web/app.json", "{\"v\":1,\"names");
	start_node(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 1); /* the torn file */
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).recommendation.limit_bytes, before.recommendation.limit_bytes);
}

static void corrupt_history_is_set_aside_and_what_was_published_stands(void **state)
{
	struct world *world = *state;
	char path[512], garbage[5000];
	struct history *history;
	struct error err;

	start_node(world);
	run_container(world, "c1");
	pass(world, 60);
	node_tune(&world->node, world->now_usec);
	struct limits before = published(world);
	stop_node(world);

	memset(garbage, 'x', sizeof garbage - 1);
	garbage[sizeof garbage - 1] = '\0';
	fixture_write(world->roots.state_fd, HISTORY_FILE, garbage);
	(void)unlinkat(world->roots.state_fd, HISTORY_FILE "-wal", 0);
	(void)unlinkat(world->roots.state_fd, HISTORY_FILE "-shm", 0);
	snprintf(path, sizeof path, "%s/state", world->fixture.path);
	assert_int_equal(history_open(path, world->now_usec, &history, &err), HISTORY_SET_ASIDE);
	history_close(history);
	start_node(world);
	assert_int_equal(world->node.workloads[0]->limits.recommendation.limit_bytes,
			 before.recommendation.limit_bytes);
	pass(world, 60);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

/* ---- Trouble ---- */

static void disk_that_cannot_be_written_is_said_once_and_tried_again(void **state)
{
	struct world *world = *state;
	start_node(world);
	fixture_write(world->roots.state_fd, "limits", "in the way");
	run_container(world, "c1");
	for (unsigned i = 0; i < 5; i++) {
		pass(world, 60);
		node_tune(&world->node, world->now_usec);
	}
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "limits are not published, and will be tried again");

	assert_int_equal(unlinkat(world->roots.state_fd, "limits", 0), 0);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 2);
	assert_says(world, EVENT_FAULT, "all limits are published again");
	assert_true(published(world).recommendation.limit_bytes > 0);
}

static void limit_that_kills_is_withdrawn_if_no_better_one_can_be_written(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	pass(world, 60);
	node_tune(&world->node, world->now_usec);
	(void)published(world);
	/* What stands where the new file would be written is the best imitation of a full disk. */
	char name[64];
	snprintf(name, sizeof name, "limits/default/web/.app.json.%ld.tmp", (long)getpid());
	fixture_directory(world->roots.state_fd, name);

	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	struct limits limits;
	assert_int_equal(limits_read(world->roots.state_fd, &web, &limits, NULL), -ENOENT);

	fixture_remove(world->roots.state_fd, name);
	node_tune(&world->node, world->now_usec);
	assert_true(published(world).recommendation.limit_bytes >= 614 * MIB);
}

static void held_history_stalls_nothing_and_is_made_up_for(void **state)
{
	struct world *world = *state;
	struct timespec began, ended;
	char path[512];
	sqlite3 *other;

	world->settings.sampling.slot_usec = 10 * USEC_PER_SEC;
	start_node(world);
	for (unsigned i = 0; i < 50; i++) {
		char id[16];
		snprintf(id, sizeof id, "c%u", i);
		struct record record = make_record(world, id);
		snprintf(record.identity.owner, sizeof record.identity.owner, "web%u", i);
		make_cgroup(world, id, 512);
		start_record(world, &record);
		write_record(world, &record);
	}
	node_on_records(&world->node, world->now_usec);
	snprintf(path, sizeof path, "%s/state/" HISTORY_FILE, world->fixture.path);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);

	clock_gettime(CLOCK_MONOTONIC, &began);
	pass(world, 60);
	node_tune(&world->node, world->now_usec);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	assert_true(ended.tv_sec - began.tv_sec < 4); /* 100 ms a workload and slot: 25 s */
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "the history is not kept");

	/* A write that goes through before all that waits is no end of it. */
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	struct record record = make_record(world, "next");
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	pass(world, 1);
	assert_int_equal(world->n_said[EVENT_FAULT], 2);
	assert_says(world, EVENT_FAULT, "the history is kept again");
	(void)sqlite3_close(other);

	stop_node(world); /* without a flush */
	start_node(world);
	struct identity web7 = web;
	strcpy(web7.owner, "web7");
	for (size_t i = 0; i < world->node.n_workloads; i++) {
		const struct workload *workload = world->node.workloads[i];
		if (identity_compare(&workload->limits.identity, &web7) == 0)
			assert_in_range(window_samples(&workload->window, 0, UINT64_MAX), 50, 62);
	}
}

/* ---- What is kept for tidemarkctl history ---- */

struct kept {
	struct history_event event[16];
	char text[16][2][256]; /* reason, why */
	size_t count;
};

static int take_event(const struct history_event *event, void *data)
{
	struct kept *kept = data;
	assert_true(kept->count < 16);
	kept->event[kept->count] = *event;
	snprintf(kept->text[kept->count][0], sizeof kept->text[0][0], "%s", event->reason);
	snprintf(kept->text[kept->count++][1], sizeof kept->text[0][1], "%s", event->why ? event->why : "");
	return 0;
}

static struct kept events(const struct world *world)
{
	struct kept kept = {0};
	struct error err;
	int64_t id = world->node.workloads[0]->history_id;
	assert_true(id > 0);
	assert_int_equal(history_each_event(world->history, id, 0, 16, take_event, &kept, &err), 0);
	return kept;
}

static void creation_is_kept_with_the_guards_of_its_namespace(void **state)
{
	struct world *world = *state;
	struct error err;

	fixture_write(world->fixture.root_fd, "etc/tidemark.conf", "[namespace \"*\"]\nmax = 1Gi\n");
	int etc_fd = openat(world->fixture.root_fd, "etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(settings_load(etc_fd, &world->settings, &err), 0);
	close(etc_fd);
	start_node(world);
	struct record record = make_record(world, "c1");
	strcpy(record.reason, "override+node-range");
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	struct kept kept = events(world);
	assert_int_equal(kept.count, 1);
	assert_non_null(strstr(kept.text[0][1], "and 1Gi on this node"));
}

static void life_of_a_container_is_kept_with_its_numbers(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = run_container(world, "c1");
	use(world, "c1", 100);
	pass(world, 60);
	node_tune(&world->node, world->now_usec);

	record.updated_usec = ++world->now_usec;
	record.declared_bytes = record.limit_bytes = 600 * MIB;
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	world->now_usec++;
	write_cgroup_file(world, "c1", "memory.peak", "209715200\n");
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
	world->now_usec++;
	(void)record_remove(world->roots.containers_fd, "c1", NULL);
	node_on_records(&world->node, world->now_usec);
	node_settle(&world->node, world->now_usec);

	static const int order[] = {HISTORY_EXIT,   HISTORY_RECOMMENDATION, HISTORY_KILL,
				    HISTORY_RESIZE, HISTORY_RECOMMENDATION, HISTORY_CREATION};
	struct kept kept = events(world);
	assert_int_equal(kept.count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(kept.event[i].event, order[i]);

	const struct history_event *creation = &kept.event[5], *first = &kept.event[4],
				   *resize = &kept.event[3];
	const struct history_event *kill = &kept.event[2], *raised = &kept.event[1], *end = &kept.event[0];
	assert_int_equal(creation->at_usec, record.created_usec);
	assert_int_equal(creation->declared_bytes, 512 * MIB);
	assert_int_equal(creation->limit_bytes, 512 * MIB);
	assert_int_equal(creation->prestart_bytes, 400 * KIB);
	assert_string_equal(kept.text[5][0], "declared");
	assert_non_null(strstr(kept.text[5][1], "declared"));
	assert_int_equal(first->declared_bytes, 512 * MIB);
	assert_int_equal(first->recommended_bytes, first->limit_bytes);
	assert_int_equal(first->samples, 61);
	assert_in_range(first->p95_bytes, 99 * MIB, 101 * MIB);
	assert_int_equal(first->max_bytes, 100 * MIB);
	assert_non_null(strstr(kept.text[4][1], "up to the next 16Mi"));
	assert_int_equal(resize->declared_bytes, 600 * MIB);
	assert_int_equal(resize->recommended_bytes, first->limit_bytes);
	assert_string_equal(kept.text[2][0], "own");
	assert_int_equal(kill->limit_bytes, 512 * MIB);
	assert_int_equal(kill->peak_bytes, 200 * MIB);
	assert_int_equal(kill->oom_floor_bytes, published(world).recommendation.oom_floor_bytes);
	assert_true(kill->oom_floor_bytes > 512 * MIB);
	assert_true(raised->limit_bytes >= kill->oom_floor_bytes);
	assert_string_equal(kept.text[1][0], "oom");
	assert_int_equal(end->at_usec, world->now_usec);
	assert_int_equal(end->samples, 61);
	assert_int_equal(end->max_bytes, 100 * MIB);
	assert_int_equal(end->peak_bytes, 200 * MIB);
	assert_int_equal(end->oom_kills, 1);
	assert_int_equal(end->limit_bytes, 512 * MIB); /* as it was created */
}

static void creations_that_decide_the_same_have_one_reason(void **state)
{
	struct world *world = *state;
	start_node(world);
	for (unsigned i = 0; i < 5; i++) {
		char id[8];
		snprintf(id, sizeof id, "c%u", i);
		struct record record = make_record(world, id);
		write_record(world, &record);
		node_on_records(&world->node, world->now_usec);
		world->now_usec += USEC_PER_MIN;
	}
	struct kept kept = events(world);
	assert_int_equal(kept.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(kept.event[i].limit_bytes, 512 * MIB);
		assert_string_equal(kept.text[i][0], "declared");
		assert_int_equal(kept.text[i][1][0] != '\0', i == 4);
	}
}

static void kill_by_another_limit_is_kept_and_taught_nothing(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	log_kill(world, "/pods", CGROUP("c1"), 1);
	node_on_kernel_log(&world->node, world->now_usec);
	struct kept kept = events(world);
	assert_int_equal(kept.event[0].event, HISTORY_KILL);
	assert_string_equal(kept.text[0][0], "ancestor");
	assert_int_equal(kept.event[0].limit_bytes, 0);
	assert_int_equal(kept.event[0].oom_floor_bytes, 0);
}

static void kill_is_published_though_the_history_is_held(void **state)
{
	struct world *world = *state;
	char path[512];
	sqlite3 *other;

	start_node(world);
	run_container(world, "c1");
	snprintf(path, sizeof path, "%s/state/" HISTORY_FILE, world->fixture.path);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
	assert_int_equal(world->at_oom.recommendation.oom_kills, 1);
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 512 * MIB);
	(void)sqlite3_close(other);
}

static int count_event(const struct history_event *event, void *data)
{
	(void)event;
	(*(size_t *)data)++;
	return 0;
}

static size_t events_count(const struct world *world, int64_t id)
{
	size_t count = 0;
	struct error err;
	assert_int_equal(history_each_event(world->history, id, 0, INT32_MAX, count_event, &count, &err), 0);
	return count;
}

static void history_is_held_within_its_size_a_step_a_reading(void **state)
{
	struct world *world = *state;
	struct error err;

	world->settings.history.size_max_bytes = 1 * MIB;
	start_node(world);
	run_container(world, "c1");
	int64_t id = world->node.workloads[0]->history_id;
	struct history_decision decision = {
		.workload_id = id, .event = HISTORY_RECOMMENDATION, .reason = "p95"};
	decision.why = "a sentence of more than a hundred characters, since that is what the audit mostly "
		       "consists of: this, and that";
	assert_int_equal(history_begin(world->history, &err), 0);
	for (unsigned i = 0; i < 20000; i++) {
		decision.at_usec = world->now_usec - 20000 + i;
		assert_int_equal(history_add_decision(world->history, &decision, &err), 0);
	}
	assert_int_equal(history_commit(world->history, &err), 0);

	node_sweep(&world->node, world->now_usec); /* from here on the hour counts */
	pass(world, 60);
	node_sweep(&world->node, world->now_usec);
	pass(world, 1);
	assert_true(events_count(world, id) > 20000);
	world->now_usec += USEC_PER_HOUR;
	size_t before = events_count(world, id);
	node_sweep(&world->node, world->now_usec);
	pass(world, 1);
	assert_in_range(before - events_count(world, id), 1, 3 * 256);
	pass(world, 200);
	assert_in_range(events_count(world, id), 2000, 10000);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void kernel_log_that_cannot_be_read_is_said_once_and_let_go(void **state)
{
	struct world *world = *state;
	start_node(world);
	struct record record = run_container(world, "c1");
	world->node.kernel_log_fd = world->fixture.root_fd; /* EISDIR, each time */
	for (unsigned i = 0; i < 3; i++)
		node_on_kernel_log(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "some OOM kills may go unseen");
	assert_int_equal(world->node.kernel_log_fd, -1);

	/* The other source still tells. */
	write_cgroup_file(world, record.id, "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, record.id, "memory.events.local", "oom 1\noom_kill 1\n");
	node_on_events(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
}

static void temporary_files_of_killed_wrappers_are_swept(void **state)
{
	static const char *const names[] = {".old.json.77.tmp", ".new.json.78.tmp"};
	struct world *world = *state;
	start_node(world);
	for (size_t i = 0; i < 2; i++) {
		const int64_t age = i == 0 ? 301 : 60;
		const struct timespec written = {.tv_sec = (time_t)(T0 / USEC_PER_SEC) - age};
		fixture_write(world->roots.containers_fd, names[i], "{");
		assert_int_equal(utimensat(world->roots.containers_fd, names[i],
					   (struct timespec[]){written, written}, 0),
				 0);
	}
	run_container(world, "c1");
	node_sweep(&world->node, world->now_usec);
	assert_int_equal(faccessat(world->roots.containers_fd, names[0], F_OK, 0), -1);
	assert_int_equal(faccessat(world->roots.containers_fd, names[1], F_OK, 0), 0);
	assert_int_equal(faccessat(world->roots.containers_fd, "c1.json", F_OK, 0), 0);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void workload_that_is_not_seen_any_more_is_forgotten(void **state)
{
	struct world *world = *state;
	struct limits limits;
	start_node(world);
	run_container(world, "c1");
	struct record other = make_record(world, "c2");
	strcpy(other.identity.owner, "other");
	write_record(world, &other);
	node_on_records(&world->node, world->now_usec);
	pass(world, 10);
	node_tune(&world->node, world->now_usec);
	(void)published(world);
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	remove_cgroup(world, "c1");
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->node.n_containers, 1);

	for (unsigned i = 0; i < 30 * 24 - 1; i++, world->now_usec += USEC_PER_HOUR)
		node_sweep(&world->node, world->now_usec);
	(void)published(world);
	assert_int_equal(world->node.n_workloads, 2);
	for (unsigned i = 0; i < 3; i++, world->now_usec += USEC_PER_HOUR)
		node_sweep(&world->node, world->now_usec);
	assert_int_equal(limits_read(world->roots.state_fd, &web, &limits, NULL), -ENOENT);
	assert_int_equal(world->node.n_workloads, 1); /* the one with a container */
	assert_string_equal(world->node.workloads[0]->limits.identity.owner, "other");
}

static void too_many_workloads_are_said_and_the_oldest_forgotten(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	struct limits limits = {.identity = web, .declared_bytes = UINT64_MAX};
	for (unsigned i = 0; i < NODE_WORKLOADS_MAX + 100; i++) {
		snprintf(limits.identity.owner, sizeof limits.identity.owner, "o%u", i);
		limits.written_usec = world->now_usec + i;
		assert_non_null(registry_add_workload(&world->node, &limits));
	}
	for (unsigned i = 0; i < 3; i++)
		node_sweep(&world->node, world->now_usec);
	assert_int_equal(world->node.n_workloads, NODE_WORKLOADS_MAX);
	assert_non_null(registry_find_workload(&world->node, &web));
	assert_non_null(registry_find_workload(&world->node, &limits.identity));
	strcpy(limits.identity.owner, "o100");
	assert_null(registry_find_workload(&world->node, &limits.identity));
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "workloads are known");
}

static void clock_steps_do_no_harm(void **state)
{
	static const int64_t steps[] = {-3600, 7200, -86400 * 3, 86400 * 365, -86400 * 365};
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		pass(world, 70);
		node_tune(&world->node, world->now_usec);
		node_sweep(&world->node, world->now_usec);
		world->now_usec += (uint64_t)steps[i] * USEC_PER_SEC;
	}
	pass(world, 70);
	node_tune(&world->node, world->now_usec);
	struct limits limits = published(world);
	assert_true(limits.observed.samples >= 70);
	assert_int_equal(limits.observed.max_bytes, 20 * MIB);
	assert_int_equal(limits.written_usec, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	assert_int_equal(world->node.n_containers, 1);
}

static void hostile_records_are_said_once_and_passed_over(void **state)
{
	struct world *world = *state;
	start_node(world);
	fixture_write(world->roots.containers_fd, "torn.json", "{\"v\":1,\"id\":\"torn\"");
	fixture_write(world->roots.containers_fd, "newer.json", "{\"v\":2,\"id\":\"newer\"}");
	fixture_write(world->roots.containers_fd, "liar.json", "{\"v\":1,\"id\":\"../../etc\"}");
	assert_int_equal(symlinkat("/etc/passwd", world->roots.containers_fd, "link.json"), 0);
	fixture_write(world->roots.containers_fd, "README", "no record");
	node_on_records(&world->node, world->now_usec);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(node_scan(&world->node, world->now_usec, NULL), 0);
	assert_int_equal(world->n_said[EVENT_REFUSED], 4);

	/* One that leads out of the cgroup tree. */
	struct record record = make_record(world, "c1");
	start_record(world, &record);
	strcpy(record.cgroup, "/../../c1");
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	pass(world, 30);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);

	/* A torn one that is whole again. */
	record = make_record(world, "torn");
	write_record(world, &record);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_DECISION], 2);
}

static void removed_directory_is_noticed(void **state)
{
	struct world *world = *state;
	start_node(world);
	assert_false(world->node.records_gone);
	fixture_remove(world->fixture.root_fd, "run/containers");
	node_sweep(&world->node, world->now_usec);
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
	clock_gettime(CLOCK_MONOTONIC, &t[0]);
	start_node(world);
	clock_gettime(CLOCK_MONOTONIC, &t[1]);
	assert_int_equal(world->node.n_containers, N);
	assert_int_equal(world->n_said[EVENT_DECISION], N);
	stop_node(world);
	world->now_usec += USEC_PER_SEC;
	clock_gettime(CLOCK_MONOTONIC, &t[2]);
	start_node(world);
	clock_gettime(CLOCK_MONOTONIC, &t[3]);
	assert_int_equal(world->n_said[EVENT_DECISION], N);

	double first = (double)(t[1].tv_sec - t[0].tv_sec) + (double)(t[1].tv_nsec - t[0].tv_nsec) / 1e9;
	double again = (double)(t[3].tv_sec - t[2].tv_sec) + (double)(t[3].tv_nsec - t[2].tv_nsec) / 1e9;
	print_message("# %d records: %.2f s the first time, %.2f s again\n", N, first, again);
	assert_true(first < 20 && again < 10); /* far from it, but for a loop in a loop */
}

static void reload_changes_what_is_yet_to_come(void **state)
{
	struct world *world = *state;
	start_node(world);
	run_container(world, "c1");
	pass(world, 60);
	node_tune(&world->node, world->now_usec);
	struct settings settings = world->settings;
	settings.tuner.limit_min_bytes = GIB;
	settings.tuner.cooldown_usec = 0;
	node_reload(&world->node, &settings);
	pass(world, 1);
	node_tune(&world->node, world->now_usec);
	assert_int_equal(published(world).recommendation.limit_bytes, GIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(creation_is_said_and_published_at_once),
		NODE_TEST(started_container_is_sampled_and_tuned),
		NODE_TEST(what_is_warm_is_enforced),
		NODE_TEST(old_profile_is_a_floor_while_a_new_image_warms_up),
		NODE_TEST(so_it_is_under_the_policy_adaptive),
		NODE_TEST(program_that_follows_its_limit_keeps_it),
		NODE_TEST(resized_container_tells_nothing_of_its_program),
		NODE_TEST(program_is_told_by_its_processes),
		NODE_TEST(cap_below_what_is_used_is_recommended_but_not_enforced),
		NODE_TEST(name_that_is_too_long_for_a_file_has_no_workload),
		NODE_TEST(sandbox_is_followed_without_a_workload),
		NODE_TEST(start_that_was_not_recorded_is_found_by_the_pid_file),
		NODE_TEST(pid_that_is_used_again_is_not_followed),
		NODE_TEST(resize_is_a_new_decision),
		NODE_TEST(owner_and_role_of_the_last_container_are_published),
		NODE_TEST(fault_of_the_wrapper_is_told_as_refused),
		NODE_TEST(node_summary_adds_up),
		NODE_TEST(kill_at_its_own_limit_is_on_disk_before_it_is_said),
		NODE_TEST(kill_below_what_is_declared_leaves_room),
		NODE_TEST(one_kill_told_by_both_sources_is_said_once),
		NODE_TEST(kill_is_learned_from_though_the_cgroup_is_gone),
		NODE_TEST(kill_within_a_life_too_short_to_be_seen_is_learned_from),
		NODE_TEST(kill_by_an_ancestor_or_the_node_teaches_nothing),
		NODE_TEST(counts_around_one_kill_are_one_kill),
		NODE_TEST(kill_by_another_is_told_from_events_alone),
		NODE_TEST(flood_of_records_is_taken_up_piece_by_piece),
		NODE_TEST(workload_of_many_creations_is_published_once_no_record_waits),
		NODE_TEST(flood_of_ends_is_taken_up_piece_by_piece),
		NODE_TEST(lost_inotify_events_are_made_up_for),
		NODE_TEST(census_has_all_that_is_read_each_time),
		NODE_TEST(pressure_is_read_when_the_census_says_that_it_moved),
		NODE_TEST(cgroup_that_came_or_went_during_the_census_is_read_itself),
		NODE_TEST(what_stays_the_same_is_read_less_often_until_it_moves),
		NODE_TEST(too_few_descriptors_are_said_once_and_all_is_read_all_the_same),
		NODE_TEST(cgroup_that_vanishes_ends_the_container_and_is_no_fault),
		NODE_TEST(peak_between_two_samples_counts_at_the_end),
		NODE_TEST(limits_above_a_container_are_looked_at_once),
		NODE_TEST(what_the_node_says_is_counted),
		NODE_TEST(exit_is_known_whether_told_before_or_after_the_record),
		NODE_TEST(exit_that_is_never_told_is_not_waited_for_for_ever),
		NODE_TEST(clock_that_steps_back_ends_the_waiting),
		NODE_TEST(what_is_waited_for_is_told_at_the_daemons_end),
		NODE_TEST(id_that_is_used_again_does_not_wait_for_the_first),
		NODE_TEST(peak_read_when_no_process_is_left_is_exact_and_waits_for_nobody),
		NODE_TEST(end_of_the_init_process_is_heard_where_the_kernel_tells_of_no_exits),
		NODE_TEST(peak_of_a_container_that_still_runs_is_not_exact),
		NODE_TEST(kill_that_only_the_exit_tells_of_is_learned_from),
		NODE_TEST(kill_at_the_scopes_limit_is_not_told_again_by_the_exit),
		NODE_TEST(container_of_before_a_restart_is_found_by_its_cgroups_inode),
		NODE_TEST(peak_of_the_runtime_is_not_the_programs),
		NODE_TEST(id_that_is_used_again_is_another_container),
		NODE_TEST(lives_are_learned_from_their_ends_and_outlive_the_daemon),
		NODE_TEST(stale_records_are_swept_and_living_ones_are_not),
		NODE_TEST(record_of_a_shims_container_ends_with_its_bundle),
		NODE_TEST(record_of_a_shims_container_that_still_runs_stays),
		NODE_TEST(pressure_that_cannot_be_listened_to_is_said_once),
		NODE_TEST(cgroup_that_goes_under_our_hands_silences_no_others_pressure),
		NODE_TEST(readings_for_pressure_shift_no_mean),
		NODE_TEST(container_and_workload_have_a_short_and_a_long_window),
		NODE_TEST(restart_keeps_the_windows_and_says_nothing_twice),
		NODE_TEST(kill_is_not_told_again_after_a_restart),
		NODE_TEST(crash_loses_no_closed_slot),
		NODE_TEST(lost_limit_file_comes_back_from_the_history),
		NODE_TEST(corrupt_history_is_set_aside_and_what_was_published_stands),
		NODE_TEST(disk_that_cannot_be_written_is_said_once_and_tried_again),
		NODE_TEST(limit_that_kills_is_withdrawn_if_no_better_one_can_be_written),
		NODE_TEST(held_history_stalls_nothing_and_is_made_up_for),
		NODE_TEST(creation_is_kept_with_the_guards_of_its_namespace),
		NODE_TEST(life_of_a_container_is_kept_with_its_numbers),
		NODE_TEST(creations_that_decide_the_same_have_one_reason),
		NODE_TEST(kill_by_another_limit_is_kept_and_taught_nothing),
		NODE_TEST(kill_is_published_though_the_history_is_held),
		NODE_TEST(history_is_held_within_its_size_a_step_a_reading),
		NODE_TEST(kernel_log_that_cannot_be_read_is_said_once_and_let_go),
		NODE_TEST(temporary_files_of_killed_wrappers_are_swept),
		NODE_TEST(workload_that_is_not_seen_any_more_is_forgotten),
		NODE_TEST(too_many_workloads_are_said_and_the_oldest_forgotten),
		NODE_TEST(clock_steps_do_no_harm),
		NODE_TEST(hostile_records_are_said_once_and_passed_over),
		NODE_TEST(removed_directory_is_noticed),
		NODE_TEST(thousands_of_records_are_taken_up_in_a_moment),
		NODE_TEST(reload_changes_what_is_yet_to_come),
	};
	return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
