/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/node.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "cgroups/cgroup.h"
#include "cgroups/quantity.h"

/* Ticks after which a cgroup is looked for although no `start` was recorded (as after `run`), and
 * between two tries. */
#define LOOK_TICKS       5
#define LOOK_AGAIN_TICKS 5

/* Samples after which a container's processes are looked at: first when the program has started, then when a
 * start script has started what it should. */
static const uint64_t look_samples[] = {5, 300};

/* The longest wait, before an end is told, for the kernel's report of the cgroup's removal. A runtime's
 * `delete` takes a tenth of a second, and some seconds on a node that is short of everything. */
#define EXIT_WAIT_USEC (10 * USEC_PER_SEC)

/* ---- Beginning and end ---- */

unsigned node_open_inotify(struct node *node)
{
	struct sources *sources = &node->sources;
	unsigned opened = 0;
	struct error err;
	int r = 0;

	if (sources->records.notices.fd < 0) {
		r = records_open(&sources->records, node->roots.containers_fd, &err);
		opened |= r == 0 ? NODE_OPENED_RECORDS : 0;
	}
	if (r == 0 && sources->watch.notices.fd < 0) {
		r = watch_open(&sources->watch, &err);
		opened |= r == 0 ? NODE_OPENED_WATCH : 0;
	}
	if (r < 0)
		voice_fault_once(&node->voice, FAULT_INOTIFY, LOG_WARNING,
				 "records and kills are looked for with each sample, and seen late: %s (see "
				 "fs.inotify.max_user_instances)",
				 err.text);
	else if (voice_mended(&node->voice, FAULT_INOTIFY))
		voice_fault(&node->voice.journal, LOG_NOTICE, "records and kills are seen at once again");
	return opened;
}

int node_init(struct node *node, const struct roots *roots, const struct settings *settings,
	      struct journal journal, struct history *history, int kernel_log_fd, size_t kept_max,
	      struct error *err)
{
	*node = (struct node){
		.roots = *roots,
		.settings = *settings,
		.learning = {&node->settings, &node->registry, &node->archive, &node->voice, roots->state_fd},
		.archive = {history, &node->settings, &node->registry, &node->voice},
		.sources = {.exits = EXITS_NONE, .kernel_log_fd = kernel_log_fd},
	};
	struct sources *sources = &node->sources;
	voice_init(&node->voice, journal);
	sampling_init(&node->sampling, roots->cgroup_fd, kept_max);
	sources->records.notices.fd = sources->watch.notices.fd = -1;
	sources->processes.fd = sources->pressures.fd = sources->guests.fd = -1;
	int r = processes_open(&sources->processes, err);
	if (r == 0)
		r = pressures_open(&sources->pressures, err);
	if (r == 0)
		r = guests_open(&sources->guests, &node->roots, &node->settings.vm, &node->registry, err);
	if (r == 0)
		(void)node_open_inotify(node);
	return r;
}

int node_use_exits(struct node *node, struct exit_peaks *exits, struct error *err)
{
	return exits_open(&node->sources.exits, exits, err);
}

/* Ends all watches of the container, and closes its descriptors. */
static void node_close(struct node *node, struct container *container)
{
	pressures_remove(&node->sources.pressures, container);
	processes_remove(&node->sources.processes, container);
	watch_remove(&node->sources.watch, container);
	container_close(container, &node->sampling.sampler);
}

void node_free(struct node *node)
{
	for (size_t i = 0; i < node->registry.n_containers; i++)
		node_close(node, node->registry.containers[i]);
	registry_free(&node->registry, &node->sampling.sampler);
	sampling_free(&node->sampling);
	records_close(&node->sources.records);
	watch_close(&node->sources.watch);
	processes_close(&node->sources.processes);
	pressures_close(&node->sources.pressures);
	exits_close(&node->sources.exits);
	guests_close(&node->sources.guests);
}

/* ---- Kills ---- */

void node_tell_kill(struct node *node, struct container *container, enum oom_cause cause,
		    const struct oom_kill *kill, uint64_t now_usec)
{
	if (cause == OOM_CAUSE_OWN && kills_are_new(&container->own_kills)) {
		/* The limit at the kill: read now if possible, else as last seen, else as decided. */
		if (container->sampled.path)
			(void)container_read_bounds(container, &node->sampling.sampler, NULL);
		if (container->max_bytes == MEMORY_UNLIMITED)
			container->max_bytes = container->limit_bytes;
	}
	learning_take_kill(&node->learning, container, cause, kill, now_usec);
}

void node_take_kill(struct node *node, struct container *container, const struct oom_kill *kill,
		    uint64_t now_usec)
{
	enum oom_cause cause = container_oom_cause(container, kill);

	if (cause == OOM_CAUSE_OWN)
		container->own_kills.by_log++;
	else
		container->other_kills.by_log++;
	node_tell_kill(node, container, cause, kill, now_usec);
}

void node_check_events(struct node *node, struct container *container, uint64_t now_usec)
{
	/* A container in a guest has no events that the host could read. */
	if (!container->sampled.path)
		return;
	int r = container_read_events(container, &node->sampling.sampler, node->sampling.tick, NULL);
	if (r == MEMORY_GONE)
		(void)node_take_event(node, container, LIFE_CGROUP_GONE, now_usec);
	if (r != 0)
		return;
	node_tell_kill(node, container, OOM_CAUSE_OWN, NULL, now_usec);
	/* Another kill: the kernel log says whose limit was hit. The log is read before
	 * the next node_settle(). */
	if (container->other_kills.by_events > container->other_kills.told)
		node->kills_untold = true;
}

/* ---- Readings ---- */

static void node_look_at(struct node *node, struct container *container)
{
	struct workload *workload = container->workload;

	if (workload && workload->ratchet.program == SIZING_UNKNOWN &&
	    container->looks < sizeof look_samples / sizeof *look_samples &&
	    container->samples >= look_samples[container->looks])
		workload_take_sizing(workload,
				     container_look(container, &node->sampling.sampler, node->roots.proc_fd));
}

static void node_listen(struct node *node, struct container *container)
{
	struct error err;

	if (pressures_update(&node->sources.pressures, container, &node->sampling.sampler, &err) < 0)
		voice_fault_once(&node->voice, FAULT_PRESSURE, LOG_NOTICE,
				 "a rise of a container that is close to its limit is seen at its next "
				 "reading only: %s",
				 err.text);
}

void node_sample_container(struct node *node, struct container *container, enum reading reading,
			   uint64_t now_usec)
{
	const bool thorough = reading != READING_QUICK, in_turn = reading != READING_URGENT;
	struct sampler *sampler = &node->sampling.sampler;
	struct error err;

	assert(container->state == LIFE_RUNNING);
	int r = container_sample(container, sampler, in_turn, now_usec, &err);
	if (r == 0)
		learning_take_reading(&node->learning, container, in_turn, now_usec);
	if (r == 0 && thorough) {
		node_look_at(node, container);
		r = container_read_bounds(container, sampler, &err);
		/* With watches, a change of the events is reported. */
		if (!container->watched)
			node_check_events(node, container, now_usec);
	}
	if (r == 0 && container->state == LIFE_RUNNING)
		node_listen(node, container);
	if (r == MEMORY_GONE)
		(void)node_take_event(node, container, LIFE_CGROUP_GONE, now_usec);
	if (r < 0 && !container->told_fault) {
		voice_fault(&node->voice.journal, LOG_WARNING, "container %s cannot be read: %s",
			    container->id, err.text);
		container->told_fault = true;
	}
}

/* ---- Its life ---- */

static void node_apply_exit(struct node *node, struct container *container, const struct exit_peak *exit,
			    uint64_t now_usec)
{
	if (!(node_take_event(node, container, LIFE_CGROUP_REMOVED, now_usec) & LIFE_TAKE_PEAK))
		return;
	container_take_exit(container, exit, node->sampling.tick);
	node_tell_kill(node, container, OOM_CAUSE_OWN, NULL, now_usec);
}

void node_take_exit(struct node *node, const struct exit_peak *exit, uint64_t now_usec)
{
	struct container *container = registry_find_by_cgroup_id(&node->registry, exit->cgroup_id);

	if (container)
		node_apply_exit(node, container, exit, now_usec);
	else
		exits_keep(&node->sources.exits, exit);
}

void node_know_cgroup(struct node *node, struct container *container, uint64_t cgroup_id, uint64_t now_usec)
{
	registry_set_cgroup_id(&node->registry, container, cgroup_id);
	const struct exit_peak *exit = exits_find(&node->sources.exits, cgroup_id);
	if (exit)
		node_apply_exit(node, container, exit, now_usec);
}

void node_check_end(struct node *node, struct container *container, uint64_t now_usec)
{
	if (container_read_exit(container, &node->sampling.sampler))
		(void)node_take_event(node, container, LIFE_EMPTY, now_usec);
}

static void node_watch_process(struct node *node, struct container *container, uint64_t now_usec)
{
	struct sampler *sampler = &node->sampling.sampler;

	if (node->sources.exits.fd >= 0 || container->process_fd >= 0)
		return;
	switch (processes_add(&node->sources.processes, container, sampler->kept_max)) {
	case PROCESSES_FULL:
		sampler->degraded = true;
		break;
	case PROCESSES_GONE:
		node_check_end(node, container, now_usec);
		break;
	case PROCESSES_ADDED:
		break;
	}
}

void node_watch(struct node *node, struct container *container, uint64_t now_usec)
{
	int r = watch_add(&node->sources.watch, container, &node->sampling.sampler);
	if (r < 0)
		voice_fault_once(&node->voice, FAULT_WATCHES, LOG_WARNING,
				 "not every container can be watched, so that kills may be "
				 "seen seconds late: %s (see fs.inotify.max_user_watches)",
				 strerror(-r));
	node_watch_process(node, container, now_usec);
	/* Read what happened before the watch. */
	node_check_events(node, container, now_usec);
}

/* The cgroup was opened: the container runs. */
static void node_begin(struct node *node, struct container *container, uint64_t now_usec)
{
	container_read_ancestors(container, node->roots.cgroup_fd);
	if (container->cgroup_id == 0)
		node_know_cgroup(node, container, container->sampled.id, now_usec);
	node_watch(node, container, now_usec);
	if (container->state == LIFE_RUNNING)
		node_sample_container(node, container, READING_QUICK, now_usec);
}

static void node_follow(struct node *node, struct container *container, uint64_t now_usec)
{
	struct error err;

	int r = container_open(container, &node->sampling.sampler, &err);
	if (r >= 0) {
		enum life_event event = r == 0 ? LIFE_CGROUP_OPENED : LIFE_CGROUP_GONE;
		/* A cgroup that is empty already changes no more: no watch would tell. */
		if (r == 0 && container_read_exit(container, &node->sampling.sampler))
			event = LIFE_EMPTY;
		(void)node_take_event(node, container, event, now_usec);
		return;
	}
	/* Opening is tried again and again. The failure is logged once a container; if we lack descriptors,
	 * once for all containers. */
	if (!container->told_fault && r == -EMFILE)
		voice_fault_once(&node->voice, FAULT_FOLLOW, LOG_ERR, "container %s cannot be followed: %s",
				 container->id, err.text);
	else if (!container->told_fault)
		voice_fault(&node->voice.journal, LOG_ERR, "container %s cannot be followed: %s",
			    container->id, err.text);
	container->told_fault = true;
}

void node_look_for(struct node *node, struct container *container, uint64_t now_usec)
{
	char path[CGROUP_PATH_SIZE];
	uint64_t age = node->sampling.tick - container->found_tick;
	struct record record;

	/* Before `start` the init process is there, but it still is the runtime: do not measure it. */
	if (container->started_usec == 0 && age < LOOK_TICKS)
		return;
	if (age % LOOK_AGAIN_TICKS != 0 && age > 1)
		return;
	if (!container->cgroup) {
		if (record_read(node->roots.containers_fd, container->id, &record, NULL) < 0 ||
		    record_find_cgroup(&record, node->roots.proc_fd, path, sizeof path, NULL) < 0)
			return;
		container->cgroup = strdup(path);
	}
	if (container->cgroup)
		(void)node_take_event(node, container, LIFE_CGROUP_KNOWN, now_usec);
}

/* Puts the container on the list of node_settle(). */
static void node_list(struct node *node, struct container *container)
{
	if (container->is_listed)
		return;
	container->is_listed = true;
	container->next_ending = node->ending;
	node->ending = container;
}

static void node_await(struct node *node, struct container *container, uint64_t now_usec)
{
	container->ending_usec = now_usec;
	/* epoll would report the pressure of a removed cgroup again and again. */
	pressures_remove(&node->sources.pressures, container);
	node_list(node, container);
}

/* Reads for the last time what can still be read of the cgroup. */
static void node_read_last(struct node *node, struct container *container, uint64_t now_usec)
{
	(void)container_read_bounds(container, &node->sampling.sampler, NULL);
	node_check_events(node, container, now_usec);
	node_tell_kill(node, container, OOM_CAUSE_OTHER, NULL, now_usec);
	learning_take_sight(&node->learning, container, true, now_usec);
}

static struct life_facts node_facts(const struct node *node, const struct container *container,
				    uint64_t now_usec)
{
	return (struct life_facts){
		.started = container->started_usec > 0,
		.followed_before = container->followed_before,
		.peak_exact = container->peak_exact,
		.exits_told = node->sources.exits.fd >= 0,
		.cgroup_id_known = container->cgroup_id > 0,
		/* true also if the clock was set back. */
		.wait_over = now_usec < container->ending_usec ||
			     now_usec - container->ending_usec >= EXIT_WAIT_USEC,
	};
}

unsigned node_take_event(struct node *node, struct container *container, enum life_event event,
			 uint64_t now_usec)
{
	const struct life_facts facts = node_facts(node, container, now_usec);
	const struct life_step step = life_take(container->state, event, &facts);
	const unsigned actions = step.actions;

	container->state = step.state;
	if (actions & LIFE_YIELD) {
		registry_yield_id(&node->registry, container);
		guests_forget(&node->sources.guests, container);
		/* A file is watched for one container only, and the next one may have the same cgroup. */
		watch_remove(&node->sources.watch, container);
	}
	if (actions & LIFE_FOLLOW)
		node_follow(node, container, now_usec);
	if (actions & LIFE_WATCH)
		node_begin(node, container, now_usec);
	if (actions & LIFE_AWAIT)
		node_await(node, container, now_usec);
	if (actions & LIFE_READ_LAST)
		node_read_last(node, container, now_usec);
	if (actions & LIFE_TELL_END)
		learning_take_end(&node->learning, container, now_usec);
	if (actions & LIFE_CLOSE)
		node_close(node, container);
	if (actions & LIFE_FORGET)
		node_list(node, container);
	return actions;
}

static void node_forget(struct node *node, struct container *container)
{
	assert(container->state == LIFE_GONE && !container->is_listed);
	node_close(node, container);
	guests_forget(&node->sources.guests, container);
	registry_remove(&node->registry, container);
	container_free(container, &node->sampling.sampler);
}

/* Sends LIFE_LOG_READ or LIFE_STOP to all containers on the list. */
static void node_end(struct node *node, enum life_event event, uint64_t now_usec)
{
	bool grouped = node->ending && archive_begin(&node->archive);

	for (struct container **at = &node->ending, *container; (container = *at);) {
		assert(container->is_listed);
		/* The processes may have gone since the container was listed. */
		if (life_is_ending(container->state) && !container->peak_exact)
			(void)container_read_exit(container, &node->sampling.sampler);
		(void)node_take_event(node, container, event, now_usec);
		if (life_is_ending(container->state)) {
			at = &container->next_ending;
			continue;
		}
		*at = container->next_ending;
		container->next_ending = NULL;
		container->is_listed = false;
		if (container->state == LIFE_GONE)
			node_forget(node, container);
	}
	if (grouped)
		archive_commit(&node->archive);
}

void node_settle(struct node *node, uint64_t now_usec)
{
	for (size_t i = 0; node->kills_untold && i < node->registry.n_containers; i++)
		node_tell_kill(node, node->registry.containers[i], OOM_CAUSE_OTHER, NULL, now_usec);
	node->kills_untold = false;
	node_end(node, LIFE_LOG_READ, now_usec);
}

void node_stop(struct node *node, uint64_t now_usec)
{
	node_end(node, LIFE_STOP, now_usec);
	assert(!node->ending);
}
