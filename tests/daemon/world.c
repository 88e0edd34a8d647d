/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/daemon/world.h"

#include "shim/daemon/account.h"
#include "shim/daemon/registry.h"

#define KEEP_ALL 1000

const struct identity web = {"default", "web", "app"};

static void hear(const struct iovec *fields, size_t n_fields, void *data)
{
	struct world *world = data;
	char *text = world->said[world->n_all % WORLD_SAID_MAX].text;
	const size_t size = sizeof world->said[0].text;
	size_t used = 0, kind = EVENTS_COUNT;

	for (size_t i = 0; i < n_fields; i++) {
		used += (size_t)snprintf(text + used, size - used, "%.*s\n", (int)fields[i].iov_len,
					 (const char *)fields[i].iov_base);
		assert_true(used < size);
	}
	for (size_t i = 0; i < EVENTS_COUNT; i++) {
		char line[64];
		snprintf(line, sizeof line, "TIDEMARK_EVENT=%s\n", event_kinds[i].name);
		if (strstr(text, line))
			kind = i;
	}
	assert_true(kind < EVENTS_COUNT);
	world->n_said[kind]++;
	world->said[world->n_all++ % WORLD_SAID_MAX].event = (enum event)kind;
	if (kind == EVENT_OOM)
		(void)limits_read(world->roots.state_fd, &world->watched, &world->at_oom, NULL);
}

const char *last(const struct world *world, enum event event)
{
	for (size_t i = world->n_all; i-- > 0 && i + WORLD_SAID_MAX >= world->n_all;)
		if (world->said[i % WORLD_SAID_MAX].event == event)
			return world->said[i % WORLD_SAID_MAX].text;
	fail_msg("no event %s", event_kinds[event].name);
	return "";
}

void assert_says(const struct world *world, enum event event, const char *what)
{
	if (!strstr(last(world, event), what))
		fail_msg("%s does not say \"%s\":\n%s", event_kinds[event].name, what, last(world, event));
}

struct limits published(const struct world *world)
{
	struct limits limits;
	struct error err = {0};
	if (limits_read(world->roots.state_fd, &web, &limits, &err) != 0)
		fail_msg("%s", err.text);
	return limits;
}

struct rlimit world_leave_fds(unsigned n)
{
	struct rlimit before, after;
	int fds[64] = {0};

	assert_in_range(n, 0, 63);
	/* The next one is what must not be had. */
	for (unsigned i = 0; i <= n; i++)
		assert_true((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	for (unsigned i = 0; i <= n; i++)
		close(fds[i]);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	after = before;
	after.rlim_cur = (rlim_t)fds[n];
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &after), 0);
	return before;
}

int world_try_start(struct world *world, struct error *err)
{
	const struct journal journal = {hear, world, NULL};
	char path[512];
	int r = 0;

	snprintf(path, sizeof path, "%s/state", world->fixture.path);
	if (!world->is_without_history)
		r = history_open(path, world->now_usec, &world->history, err);
	if (r < 0)
		return r;
	world->is_started = true;
	/* What is opened before inotify: an epoll each for processes, pressures and guests. */
	const struct rlimit limit = world_leave_fds(world->is_without_inotify ? 3 : 63);
	r = node_init(&world->node, &world->roots, &world->settings, journal, world->history,
		      world->kernel_log[0], KEEP_ALL, err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return r == 0 ? node_load(&world->node, world->now_usec, err) : r;
}

void world_start(struct world *world)
{
	struct error err = {0};
	if (world_try_start(world, &err) != 0)
		fail_msg("%s", err.text);
}

void world_stop(struct world *world)
{
	if (world->is_started)
		node_free(&world->node);
	world->is_started = false;
	history_close(world->history);
	world->history = NULL;
}

int world_begin(void **state)
{
	if (fixture_begin(state) < 0)
		return -1;
	struct fixture *fixture = *state;
	struct world *world = calloc(1, sizeof *world);
	world->fixture = *fixture;
	free(fixture);
	*state = world;

	const int root = world->fixture.root_fd;
	const struct {
		const char *name;
		int *fd;
	} roots[] = {
		{"run/containers", &world->roots.containers_fd},
		{"run", &world->roots.run_fd},
		{"hostrun", &world->roots.host_run_fd},
		{"state", &world->roots.state_fd},
		{"cgroup", &world->roots.cgroup_fd},
		{"proc", &world->roots.proc_fd},
	};
	for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
		char path[64];
		snprintf(path, sizeof path, "%s/", roots[i].name);
		fixture_parents(root, path);
		*roots[i].fd = openat(root, roots[i].name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(*roots[i].fd >= 0);
	}
	settings_default(&world->settings);
	world->now_usec = T0;
	world->watched = web;
	return pipe2(world->kernel_log, O_DIRECT | O_NONBLOCK | O_CLOEXEC);
}

int world_end(void **state)
{
	struct world *world = *state;

	world_stop(world);
	const int fds[] = {
		world->roots.containers_fd, world->roots.run_fd,    world->roots.host_run_fd,
		world->roots.state_fd,      world->roots.cgroup_fd, world->roots.proc_fd,
		world->kernel_log[0],       world->kernel_log[1],
	};
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		close(fds[i]);
	return fixture_end(state);
}

struct record make_record(const struct world *world, const char *id)
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

void write_record(const struct world *world, const struct record *record)
{
	struct error err;
	assert_int_equal(record_write(world->roots.containers_fd, record, &err), 0);
}

void start_record(const struct world *world, struct record *record)
{
	record->started_usec = world->now_usec;
	record->pid = 4711;
	snprintf(record->cgroup, sizeof record->cgroup, "/pods/crio-%.80s.scope/container", record->id);
	record->prestart.current_bytes = 200 * KIB;
	record->prestart.peak_bytes = 400 * KIB;
}

struct record shim_record(const struct world *world, const char *id, const char *bundle, bool is_vm)
{
	struct record record = make_record(world, id);

	record.is_shim = true;
	record.is_vm = is_vm;
	snprintf(record.bundle, sizeof record.bundle, "%s/%s", world->fixture.path, bundle);
	return record;
}

bool is_recorded(const struct world *world, const char *id)
{
	struct record record;
	return record_read(world->roots.containers_fd, id, &record, NULL) == 0;
}

void write_cgroup_file(const struct world *world, const char *id, const char *file, const char *text)
{
	char name[512];
	snprintf(name, sizeof name, "pods/crio-%s.scope/container/%s", id, file);
	fixture_write(world->roots.cgroup_fd, name, text);
}

void use(const struct world *world, const char *id, uint64_t mib)
{
	char text[256];
	snprintf(text, sizeof text, "%" PRIu64 "\n", (mib + 10) * MIB);
	write_cgroup_file(world, id, "memory.current", text);
	snprintf(text, sizeof text, "anon %" PRIu64 "\nfile %" PRIu64 "\ninactive_file %" PRIu64 "\n",
		 mib * MIB, 10 * MIB, 10 * MIB);
	write_cgroup_file(world, id, "memory.stat", text);
}

void make_cgroup(const struct world *world, const char *id, uint64_t max_mib)
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

void remove_cgroup(const struct world *world, const char *id)
{
	char name[512];
	snprintf(name, sizeof name, "pods/crio-%s.scope", id);
	fixture_remove(world->roots.cgroup_fd, name);
}

void log_kill(const struct world *world, const char *limit_cgroup, const char *task_cgroup, unsigned pid)
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

struct record run_container(struct world *world, const char *id)
{
	struct record record = make_record(world, id);
	write_record(world, &record);
	world_on_records(world);
	make_cgroup(world, id, 512);
	start_record(world, &record);
	write_record(world, &record);
	world_on_records(world);
	return record;
}

void pass(struct world *world, unsigned seconds)
{
	while (seconds-- > 0) {
		world->now_usec += USEC_PER_SEC;
		world_sample(world);
	}
}

void run_at(struct world *world, const char *id, uint64_t limit_mib, const char *sizes, unsigned seconds)
{
	struct record record = make_record(world, id);
	record.limit_bytes = limit_mib * MIB;
	strcpy(record.sizes, sizes);
	write_record(world, &record);
	world_on_records(world);
	make_cgroup(world, id, limit_mib);
	use(world, id, limit_mib / 4);
	start_record(world, &record);
	write_record(world, &record);
	world_on_records(world);
	pass(world, seconds);
}

void stop(struct world *world, const char *id)
{
	struct error err;
	remove_cgroup(world, id);
	assert_int_equal(record_remove(world->roots.containers_fd, id, &err), 0);
	world_on_records(world);
	world_settle(world);
}

void be_quick(struct world *world)
{
	world->settings.tuner.warmup_samples = 10;
	world->settings.tuner.warmup_usec = USEC_PER_SEC;
	world->settings.tuner.cooldown_usec = 0;
	world->settings.sampling.long_window_usec = USEC_PER_MIN;
}

void world_on_records(struct world *world)
{
	node_on_records(&world->node, world->now_usec);
}

void world_on_events(struct world *world)
{
	node_on_events(&world->node, world->now_usec);
}

void world_on_kernel_log(struct world *world)
{
	node_on_kernel_log(&world->node, world->now_usec);
}

void world_on_pressures(struct world *world)
{
	node_on_pressures(&world->node, world->now_usec);
}

void world_on_processes(struct world *world)
{
	node_on_processes(&world->node, world->now_usec);
}

void world_on_guests(struct world *world)
{
	node_on_guests(&world->node, world->now_usec);
}

void world_sample(struct world *world)
{
	node_sample(&world->node, world->now_usec);
}

void world_tune(struct world *world)
{
	node_tune(&world->node, world->now_usec);
}

void world_watch_guests(struct world *world)
{
	node_watch_guests(&world->node, world->now_usec);
}

void world_look_at_conmons(struct world *world)
{
	node_look_at_conmons(&world->node, world->now_usec);
}

void world_report(struct world *world)
{
	node_report(&world->node, world->now_usec);
}

void world_account(struct world *world)
{
	node_account(&world->node, world->now_usec);
}

void world_sweep(struct world *world)
{
	node_sweep(&world->node, world->now_usec);
}

void world_settle(struct world *world)
{
	node_settle(&world->node, world->now_usec);
}

void world_flush(struct world *world)
{
	node_flush(&world->node, world->now_usec);
}

void world_take_exit(struct world *world, const struct exit_peak *exit)
{
	node_take_exit(&world->node, exit, world->now_usec);
	world_settle(world);
}

size_t world_n_containers(const struct world *world)
{
	return world->node.registry.n_containers;
}

size_t world_n_workloads(const struct world *world)
{
	return world->node.registry.n_workloads;
}

struct container *world_container_at(const struct world *world, size_t i)
{
	assert_true(i < world->node.registry.n_containers);
	return world->node.registry.containers[i];
}

struct workload *world_workload_at(const struct world *world, size_t i)
{
	assert_true(i < world->node.registry.n_workloads);
	return world->node.registry.workloads[i];
}

struct container *world_container(const struct world *world, const char *id)
{
	return registry_find(&world->node.registry, id);
}

struct workload *world_workload(const struct world *world, const struct identity *identity)
{
	return registry_find_workload(&world->node.registry, identity);
}

void world_accounts(const struct world *world, struct accounts *ret)
{
	account_make(&world->node.registry, &world->node.sources.guests.handlers,
		     world->node.settings.vm.interval_usec, world->now_usec, ret);
}

void world_use_exits(struct world *world)
{
	world->node.sources.exits.fd = world->kernel_log[0]; /* any: it is the caller who polls */
	world->node.sources.exits.recent = calloc(1, sizeof *world->node.sources.exits.recent);
}

void world_use_census(struct world *world)
{
	world->node.sampling.sampler.by_census = true;
}

void pass_by_census(struct world *world, const struct census_entry *entry)
{
	struct census census = {
		.entries = entry, .count = 1, .page_bytes = 4096, .knows_inactive_file = true};

	world->node.sampling.sampler.census = &census;
	pass(world, 1);
	assert_null(world->node.sampling.sampler.census);
	census_forget(&census);
}
