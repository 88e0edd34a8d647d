/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <syslog.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "shim/daemon/account.h"
#include "shim/daemon/archive.h"
#include "shim/daemon/registry.h"
#include "shim/daemon/sandboxes.h"
#include "shim/daemon/voice.h"
#include "shim/report/explain.h"

/* When a container's cgroup is looked for though no `start` was recorded: after `run`, say. */
#define LOOK_TICKS       5
#define LOOK_AGAIN_TICKS 5

/* After how many samples a container's processes are looked at: once it has started, and once what a script starts is
 * there, too. */
static const uint64_t look_samples[] = {5, 300};

/* How long an end is not told while the kernel has not said that the cgroup was removed: a runtime's `delete`
 * takes a tenth of a second, and some seconds on a node that is short of everything. */
#define EXIT_WAIT_USEC (10 * USEC_PER_SEC)

/* A recommendation has changed: kept and said. It has been published before. */
static void node_take_recommendation(struct node *node, struct workload *workload, uint64_t now_usec)
{
	archive_workload(node, workload, now_usec);
	archive_recommendation(node, workload, now_usec);
	voice_recommendation(&node->journal, workload);
}

static void node_publish(struct node *node, struct workload *workload, uint64_t now_usec)
{
	bool failed_before = workload->unpublished;
	struct error err;

	workload->decided = false;
	int r = workload_publish(workload, node->roots.state_fd, now_usec, &err);
	workload->unpublished = r < 0;
	if (r < 0 && !failed_before && node->unpublished++ == 0)
		voice_fault(&node->journal, LOG_ERR, "limits are not published, and will be tried again: %s",
			    err.text);
	if (r == 0 && failed_before && --node->unpublished == 0)
		voice_fault(&node->journal, LOG_NOTICE, "all limits are published again");
}

void node_publish_decided(struct node *node, uint64_t now_usec)
{
	if (!node->decided)
		return;
	bool grouped = archive_begin(node);
	for (size_t i = 0; i < node->n_workloads; i++) {
		struct workload *workload = node->workloads[i];
		if (!workload->decided)
			continue;
		node_publish(node, workload, now_usec);
		archive_workload(node, workload, now_usec);
	}
	if (grouped)
		archive_commit(node);
	node->decided = false;
}

/* A sample or a peak went to the workload's window. */
static void node_took(struct node *node, struct workload *workload, int r)
{
	workload->fresh++;
	if (r > 0)
		archive_slot(node, workload);
}

/* ---- Records ---- */

/* A creation or a resize: what it decided is learned, and said. */
static void node_take_decision(struct node *node, struct container *container, const struct record *record,
			       uint64_t now_usec)
{
	if (container->workload) {
		workload_take_record(container->workload, record, node->settings.sampling.long_window_usec,
				     now_usec);
		node->decided = container->workload->decided = true;
		if (container->workload->history_id == 0)
			archive_workload(node, container->workload, now_usec);
		archive_run(node, container, record->reason);
		archive_creation(node, container->workload, record);
	}
	if (record->fault[0])
		voice_refused(&node->journal, record);
	else
		voice_decision(&node->journal, record);
}

static void node_take_start(struct node *node, struct container *container, const struct record *record)
{
	if (container->prestart_bytes == 0)
		return;
	if (container->workload)
		workload_take_prestart(container->workload, record->runtime, container->prestart_bytes);
	archive_run(node, container, record->reason);
	voice_prestart(&node->journal, record);
}

/* ---- Exits ---- */

/* One whose end is to be told: it ran, or should have, after we began. */
static bool node_tells_end(const struct container *container)
{
	return container->state == CONTAINER_RUNNING ||
	       (container->state == CONTAINER_CREATED && container->started_usec && !container->known);
}

static void node_apply_exit(struct node *node, struct container *container, const struct exit_peak *exit,
			    uint64_t now_usec)
{
	if (!node_tells_end(container))
		return;
	container_take_exit(container, exit, node->tick);
	node_take_kill(node, container, OOM_CAUSE_OWN, NULL, now_usec);
	node_mark(node, container, false);
}

void node_take_exit(struct node *node, const struct exit_peak *exit, uint64_t now_usec)
{
	struct container *container = registry_find_by_cgroup_id(node, exit->cgroup_id);
	if (container)
		node_apply_exit(node, container, exit, now_usec);
	else if (node->recent)
		recent_exits_add(node->recent, exit);
}

/* It may be gone already, and told. */
static void node_know_cgroup(struct node *node, struct container *container, uint64_t cgroup_id,
			     uint64_t now_usec)
{
	registry_set_cgroup_id(node, container, cgroup_id);
	const struct exit_peak *exit = node->recent ? recent_exits_find(node->recent, cgroup_id) : NULL;
	if (exit)
		node_apply_exit(node, container, exit, now_usec);
}

/* Whether the kernel may yet tell how the container ended. Its cgroup is removed when the processes are gone,
 * by systemd or by the runtime's `delete`, before which its record goes. */
static bool node_awaits_exit(struct node *node, struct container *container, uint64_t now_usec)
{
	if (!node_tells_end(container))
		return false;
	if (!container->peak_exact)
		container_read_exit(container, &node->sampler);
	if (container->peak_exact || node->exits_fd < 0 || container->cgroup_id == 0)
		return false;
	if (container->noted_usec == 0)
		container->noted_usec = now_usec;
	return now_usec >= container->noted_usec && now_usec - container->noted_usec < EXIT_WAIT_USEC;
}

static void node_follow(struct node *node, struct container *container, uint64_t now_usec)
{
	struct error err;

	int r = container_open(container, &node->sampler, container->known, &err);
	if (r == MEMORY_GONE) {
		node_mark(node, container, false);
		return;
	}
	if (r < 0) {
		/* Tried again and again, and said once: for all of them if it is we who lack descriptors. */
		bool told = container->told_broken || (r == -EMFILE && node->told_follow);
		if (!told)
			voice_fault(&node->journal, LOG_ERR, "container %s cannot be followed: %s",
				    container->id, err.text);
		container->told_broken = true;
		node->told_follow = node->told_follow || r == -EMFILE;
		return;
	}
	container->state = CONTAINER_RUNNING;
	container_read_ancestors(container, node->roots.cgroup_fd);
	if (container->cgroup_id == 0)
		node_know_cgroup(node, container, container->sampled.id, now_usec);
	watch_add(node, container);
	/* What happened before the watch stood. */
	node_check_events(node, container, now_usec);
	if (container->state == CONTAINER_RUNNING && !container->unsettled)
		node_sample_container(node, container, READING_QUICK, now_usec);
}

static void node_take_broken(struct node *node, struct container *container, const char *id,
			     const struct error *err)
{
	if (!container) {
		container = registry_add(node, id);
		if (!container)
			return;
		container->state = CONTAINER_BROKEN;
	}
	container->generation = node->generation;
	if (!container->told_broken)
		voice_broken_record(&node->journal, id, err);
	container->told_broken = true;
}

/* Whether what there is to say of this record was said by the daemon that ran before: soon after a creation the
 * workload is published, so its file is younger than the record then. What was said just before a crash is said again. */
static bool node_is_known(const struct node *node, const struct container *container,
			  const struct record *record)
{
	uint64_t said_usec = container->workload ? container->workload->loaded_usec : node->loaded_usec;
	return node->loading && record->created_usec <= said_usec;
}

void node_take_record(struct node *node, const char *id, uint64_t now_usec)
{
	struct container *container = registry_find(node, id);
	struct record record;
	struct error err;

	int r = record_read(node->roots.containers_fd, id, &record, &err);
	if (r == -ENOENT)
		return; /* removed meanwhile, of which we hear next */
	if (r < 0) {
		node_take_broken(node, container, id, &err);
		return;
	}
	/* Created anew under the same id; or it could not be read before. */
	if (container && container->created_usec != record.created_usec) {
		node_end(node, container, now_usec);
		registry_remove(node, container);
		container = NULL;
	}

	bool new = !container;
	if (new) {
		container = registry_add(node, id);
		if (!container)
			return;
		container->workload = registry_workload_of(node, &record);
		if (container->workload)
			container->workload->n_containers++;
		container->known = node_is_known(node, container, &record);
	}
	bool decided = new ? !container->known : container->updated_usec != record.updated_usec;
	bool started = record.started_usec && (new ? !container->known : container->started_usec == 0);
	if (container_take_record(container, &record) < 0)
		return;
	sandboxes_take_record(node, container, &record, now_usec);
	container->generation = node->generation;
	if (decided)
		node_take_decision(node, container, &record, now_usec);
	if (started)
		node_take_start(node, container, &record);
	if (container->cgroup_id == 0 && record.cgroup_id)
		node_know_cgroup(node, container, record.cgroup_id, now_usec);
	if (container->state == CONTAINER_CREATED && container->cgroup)
		node_follow(node, container, now_usec);
}

int node_open_records(const struct node *node, DIR **ret, struct error *err)
{
	int fd = openat(node->roots.containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*ret = fd < 0 ? NULL : fdopendir(fd);
	if (*ret)
		return 0;
	int code = errno;
	cleanup_close_fd(&fd);
	return error_errno(err, code, "cannot read the directory of containers");
}

int node_scan(struct node *node, uint64_t now_usec, struct error *err)
{
	char id[RECORD_ID_SIZE];

	cleanup_dir DIR *dir = NULL;
	int r = node_open_records(node, &dir, err);
	if (r < 0)
		return r;
	node->generation++;
	for (const struct dirent *entry; (entry = readdir(dir));)
		if (record_id_of(entry->d_name, id))
			node_take_record(node, id, now_usec);
	for (size_t i = 0; i < node->n_containers; i++)
		if (node->containers[i]->generation != node->generation)
			node_mark(node, node->containers[i], true);
	return 0;
}

void node_look_for(struct node *node, struct container *container, uint64_t now_usec)
{
	char path[CGROUP_PATH_SIZE];
	uint64_t age = node->tick - container->found_tick;
	struct record record;

	/* The init process is there before `start`, but measuring it would be measuring the runtime. */
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
		node_follow(node, container, now_usec);
}

/* ---- Samples and events ---- */

static void node_look_at(struct node *node, struct container *container)
{
	struct workload *workload = container->workload;

	if (workload && workload->ratchet.program == SIZING_UNKNOWN &&
	    container->looks < sizeof look_samples / sizeof *look_samples &&
	    container->samples >= look_samples[container->looks])
		workload_take_sizing(workload,
				     container_look(container, &node->sampler, node->roots.proc_fd));
}

static int take_reading(struct workload *workload, const struct container *container, bool in_turn,
			uint64_t now_usec)
{
	const uint64_t bytes = memory_working_set(&container->memory);
	return in_turn ? workload_take_sample(workload, bytes, now_usec)
		       : workload_take_peak(workload, bytes, true, now_usec);
}

void node_sample_container(struct node *node, struct container *container, enum reading reading,
			   uint64_t now_usec)
{
	const bool thorough = reading != READING_QUICK, in_turn = reading != READING_URGENT;
	struct error err;

	int r = container_sample(container, &node->sampler, in_turn, now_usec, &err);
	if (r == 0 && container->workload)
		node_took(node, container->workload,
			  take_reading(container->workload, container, in_turn, now_usec));
	if (r == 0 && container->workload)
		workload_take_life(container->workload, container->created_usec, false, now_usec);
	if (r == 0 && thorough) {
		node_look_at(node, container);
		r = container_read_bounds(container, &node->sampler, &err);
		/* Otherwise the watches tell of it. */
		if (!container->watched)
			node_check_events(node, container, now_usec);
	}
	if (r == 0)
		watch_pressure(node, container);
	if (r == MEMORY_GONE)
		node_mark(node, container, false);
	if (r < 0 && !container->told_broken) {
		voice_fault(&node->journal, LOG_WARNING, "container %s cannot be read: %s", container->id,
			    err.text);
		container->told_broken = true;
	}
}

void node_take_guest_sample(struct node *node, struct container *container, const struct memory *memory,
			    uint64_t max_bytes, uint64_t now_usec)
{
	struct workload *workload = container->workload;

	if (container->state == CONTAINER_CREATED)
		container->state = CONTAINER_RUNNING;
	if (container->state != CONTAINER_RUNNING)
		return;
	container_take_guest_sample(container, memory, max_bytes, now_usec);
	if (!workload)
		return;
	node_took(node, workload, take_reading(workload, container, true, now_usec));
	workload_take_life(workload, container->created_usec, false, now_usec);
}

/* Why the next container of this workload cannot be given more than this. */
static const char *node_stuck(const struct node *node, const struct workload *workload, uint64_t limit_bytes,
			      char buf[static EXPLAIN_MAX])
{
	struct settings settings = node->settings;

	settings_for_namespace(&settings, workload->limits.identity.namespace);
	return explain_stuck(&workload->limits, &settings, limit_bytes, buf);
}

/* What there was to learn from it is learned, and published. */
static void node_tell_kill(struct node *node, const struct container *container, enum oom_cause cause,
			   const struct oom_kill *kill, uint64_t learned_bytes, uint64_t now_usec)
{
	char why[EXPLAIN_MAX];

	archive_kill(node, container, cause, learned_bytes, now_usec);
	voice_oom(&node->journal, container, cause, kill,
		  learned_bytes > 0 ? node_stuck(node, container->workload, container->max_bytes, why)
				    : NULL);
}

void node_take_kill(struct node *node, struct container *container, enum oom_cause cause,
		    const struct oom_kill *kill, uint64_t now_usec)
{
	struct workload *workload = container->workload;

	if (!kills_are_new(cause == OOM_CAUSE_OWN ? &container->own_kills : &container->other_kills))
		return;
	if (cause != OOM_CAUSE_OWN) {
		node_tell_kill(node, container, cause, kill, 0, now_usec);
		return;
	}

	/* As it is at this moment, if it can still be read, else as it was last seen, or was decided. */
	if (container->sampled.path)
		(void)container_read_bounds(container, &node->sampler, NULL);
	if (container->max_bytes == MEMORY_UNLIMITED)
		container->max_bytes = container->limit_bytes;
	if (!workload || container->max_bytes == MEMORY_UNLIMITED) {
		node_tell_kill(node, container, cause, kill, 0, now_usec);
		return;
	}
	/* On disk before anything else: the container's replacement may be created within milliseconds. */
	uint64_t revision = workload->limits.recommendation.revision;
	workload_learn_oom(workload, &node->settings.tuner, container->max_bytes, container->peak_bytes,
			   now_usec);
	node_publish(node, workload, now_usec);
	/* Where that fails, what is published is the limit that kills. A disk that is full lets go of a file all
	 * the same, and without one the next creation gets what it declares. */
	if (workload->unpublished)
		(void)limits_remove(node->roots.state_fd, &workload->limits.identity, NULL);
	node_took(node, workload,
		  workload_take_peak(workload, container->max_bytes, container->samples > 0, now_usec));
	node_tell_kill(node, container, cause, kill, workload->limits.recommendation.oom_floor_bytes,
		       now_usec);
	if (workload->limits.recommendation.revision != revision)
		node_take_recommendation(node, workload, now_usec);
}

void node_check_events(struct node *node, struct container *container, uint64_t now_usec)
{
	/* In a guest there are none that the host could read, which says nothing of the container. */
	if (container->state != CONTAINER_RUNNING || container->is_vm)
		return;
	int r = container_read_events(container, &node->sampler, node->tick, NULL);
	if (r == MEMORY_GONE)
		node_mark(node, container, false);
	if (r != 0)
		return;
	node_take_kill(node, container, OOM_CAUSE_OWN, NULL, now_usec);
	/* Whose limit another kill hit, the kernel's log says, which is read before the next node_settle(). */
	if (container->other_kills.by_events > container->other_kills.told)
		node->kills_untold = true;
}

/* ---- Ends ---- */

void node_mark(struct node *node, struct container *container, bool removed)
{
	container->removed = container->removed || removed;
	if (container->unsettled)
		return;
	container->unsettled = true;
	container->next_unsettled = node->unsettled;
	node->unsettled = container;
}

static void node_take_sight(const struct node *node, const struct container *container, bool ended,
			    uint64_t now_usec)
{
	const struct tuner_settings *settings = &node->settings.tuner;
	struct ratchet_sight sight;

	if (container->workload && container_sight(container, settings, ended, &sight))
		workload_take_sight(container->workload, settings, &sight, now_usec);
}

void node_end(struct node *node, struct container *container, uint64_t now_usec)
{
	struct workload *workload = container->workload;

	if (container->state == CONTAINER_RUNNING) {
		/* The last that can be read, where the cgroup is still there. */
		(void)container_read_bounds(container, &node->sampler, NULL);
		node_check_events(node, container, now_usec);
		node_take_kill(node, container, OOM_CAUSE_OTHER, NULL, now_usec);
		node_take_sight(node, container, true, now_usec);
	}
	/* One that had ended before we began is none of ours. */
	if (node_tells_end(container)) {
		uint64_t peak_bytes = container_peak_working_set(container);
		if (workload && peak_bytes > 0)
			node_took(node, workload,
				  workload_take_peak(workload, peak_bytes, container->samples > 0, now_usec));
		if (workload && container_oom_kills(container) == 0)
			workload_take_life(workload, container->created_usec, true, now_usec);
		if (workload && container->peak_bytes > 0)
			workload->exit_peak_bytes = container->peak_bytes;
		voice_exit(&node->journal, container, now_usec);
		archive_end(node, container, now_usec);
	}
	watch_remove(node, container);
	container_close(container, &node->sampler);
	if (container->state != CONTAINER_BROKEN)
		container->state = CONTAINER_ENDED;
}

void node_settle(struct node *node, uint64_t now_usec)
{
	for (size_t i = 0; node->kills_untold && i < node->n_containers; i++)
		node_take_kill(node, node->containers[i], OOM_CAUSE_OTHER, NULL, now_usec);
	node->kills_untold = false;
	bool grouped = node->unsettled && archive_begin(node);
	for (struct container **at = &node->unsettled, *container; (container = *at);) {
		if (node_awaits_exit(node, container, now_usec)) {
			at = &container->next_unsettled;
			continue;
		}
		node_end(node, container, now_usec);
		*at = container->next_unsettled;
		container->next_unsettled = NULL;
		container->unsettled = false;
		if (container->removed)
			registry_remove(node, container);
	}
	if (grouped)
		archive_commit(node);
}

/* ---- Recommendations and sums ---- */

void node_tune_workload(struct node *node, struct workload *workload, uint64_t now_usec)
{
	bool changed = false;

	if (window_roll(&workload->window, now_usec) > 0)
		archive_slot(node, workload);
	if (workload->fresh > 0)
		changed = workload_tune(workload, &node->settings.tuner,
					node->settings.sampling.long_window_usec, now_usec) == TUNER_CHANGED;
	if (workload_is_due(workload, now_usec))
		node_publish(node, workload, now_usec);
	if (changed)
		node_take_recommendation(node, workload, now_usec);
}

void node_tune(struct node *node, uint64_t now_usec)
{
	bool grouped = archive_begin(node);

	for (size_t i = 0; i < node->n_containers; i++)
		if (node->containers[i]->state == CONTAINER_RUNNING)
			node_take_sight(node, node->containers[i], false, now_usec);
	for (size_t i = 0; i < node->n_workloads; i++)
		node_tune_workload(node, node->workloads[i], now_usec);
	if (grouped)
		archive_commit(node);
	archive_slots(node, now_usec);
}

void node_report(const struct node *node, uint64_t now_usec)
{
	struct accounts accounts;

	account_make(node, now_usec, &accounts);
	voice_node(&node->journal, &accounts.total, node->n_workloads);
	for (size_t i = 0; i < accounts.n; i++)
		voice_overhead(&node->journal, &accounts.handlers[i]);
}

/* ---- Beginning and end ---- */

int node_init(struct node *node, const struct node_roots *roots, const struct settings *settings,
	      struct journal journal, struct history *history, int kernel_log_fd, size_t kept_max,
	      struct error *err)
{
	*node = (struct node){
		.roots = *roots,
		.settings = *settings,
		.journal = journal,
		.history = history,
		.records_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
		.events_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
		.kernel_log_fd = kernel_log_fd,
		.processes_fd = epoll_create1(EPOLL_CLOEXEC),
		.pressures_fd = epoll_create1(EPOLL_CLOEXEC),
		.guests_fd = epoll_create1(EPOLL_CLOEXEC),
		.exits_fd = -1,
	};
	node->journal.tally = &node->tally;
	sampler_init(&node->sampler, roots->cgroup_fd, kept_max);
	if (node->records_fd < 0 || node->events_fd < 0 || node->processes_fd < 0 || node->pressures_fd < 0 ||
	    node->guests_fd < 0)
		return error_errno(err, errno, "cannot use inotify and epoll");
	return watch_records(node, err);
}

int node_use_exits(struct node *node, struct exit_peaks *exits, struct error *err)
{
	node->recent = calloc(1, sizeof *node->recent);
	if (!node->recent)
		return error_set(err, ENOMEM, "out of memory");
	node->exits = exits;
	node->exits_fd = exit_peaks_fd(exits);
	return 0;
}

void node_use_census(struct node *node, struct census_taker *taker)
{
	node->census_taker = taker;
	node->sampler.by_census = true;
	node->sampler.wanted = census_taker_wanted(taker);
}

void node_free(struct node *node)
{
	registry_free(node);
	sampler_free(&node->sampler);
	census_forget(&node->census);
	sandboxes_free(node);
	cleanup_close_fd(&node->records_fd);
	cleanup_close_fd(&node->events_fd);
	cleanup_close_fd(&node->processes_fd);
	cleanup_close_fd(&node->pressures_fd);
	cleanup_close_fd(&node->guests_fd);
	free(node->recent);
}

int node_load(struct node *node, uint64_t now_usec, struct error *err)
{
	int r = archive_load(node, now_usec, err);
	if (r < 0)
		return r;
	bool grouped = archive_begin(node);
	node->loading = true;
	r = node_scan(node, now_usec, err);
	node->loading = false;
	node_publish_decided(node, now_usec);
	for (size_t i = 0; i < node->n_workloads; i++)
		if (node->workloads[i]->dirty) {
			node_publish(node, node->workloads[i], now_usec);
			/* What is not published knows from the history that it was said. */
			if (!node->workloads[i]->published)
				archive_workload(node, node->workloads[i], now_usec);
		}
	if (r == 0)
		node_settle(node, now_usec);
	if (grouped)
		archive_commit(node);
	return r;
}

void node_reload(struct node *node, const struct settings *settings)
{
	node->settings = *settings;
	for (size_t i = 0; i < node->n_workloads; i++) {
		struct workload *workload = node->workloads[i];
		workload_set_sampling(workload, &settings->sampling);
		workload->fresh++;
	}
	for (size_t i = 0; i < node->n_containers; i++)
		container_set_sampling(node->containers[i], &settings->sampling);
}

void node_flush(struct node *node, uint64_t now_usec)
{
	for (size_t i = 0; i < node->n_workloads; i++) {
		struct workload *workload = node->workloads[i];
		if (window_close_slot(&workload->window, now_usec) > 0)
			archive_slot(node, workload);
		/* Samples alone are otherwise published now and then only. */
		workload->dirty = workload->dirty || workload->measured || workload->fresh > 0;
	}
	/* What is waited for would not be heard. */
	node->exits_fd = -1;
	node_settle(node, now_usec);
	node_tune(node, now_usec);
	(void)handlers_write(&node->handlers, node->roots.state_fd, now_usec, NULL);
}
