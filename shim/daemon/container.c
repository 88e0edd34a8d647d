/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/container.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/hash.h"
#include "cgroups/process.h"

/* Ticks after a kill during which further counts may belong to the same kill: other threads hit the same
 * limit, and with memory.oom.group all processes die, one by one. */
#define KILL_TICKS 5

const char *const oom_cause_names[] = {"own", "nested", "ancestor", "node", "other", NULL};

static uint64_t kills_count(const struct kills *kills)
{
	return kills->by_events > kills->by_log ? kills->by_events : kills->by_log;
}

bool kills_are_new(const struct kills *kills)
{
	return kills_count(kills) > kills->told;
}

void kills_tell(struct kills *kills)
{
	kills->told = kills_count(kills);
}

/* One window serves both spans: it covers the long one, and its newest slots are as short as the
 * short one needs. */
void container_set_sampling(struct container *container, const struct sampling_settings *sampling)
{
	container->window.slot_usec = window_recent_slot_usec(sampling->short_window_usec);
	container->window.span_usec = sampling->long_window_usec;
}

struct container *container_new(const char *id, const struct sampling_settings *sampling)
{
	struct container *container = calloc(1, sizeof *container);
	if (!container)
		return NULL;
	container->sampled = SAMPLED_NONE;
	container->process_fd = container->pressure_fd = -1;
	container->max_bytes = container->ancestors_max_bytes = MEMORY_UNLIMITED;
	for (size_t i = 0; i < CONTAINER_WATCHES; i++)
		container->watches[i] = -1;
	window_init(&container->window, window_recent_slot_usec(sampling->short_window_usec),
		    sampling->long_window_usec);
	container->id = strdup(id);
	if (!container->id) {
		free(container);
		return NULL;
	}
	return container;
}

void container_read_ancestors(struct container *container, int cgroup_fd)
{
	char path[CGROUP_PATH_SIZE];
	size_t length = strlen(container->cgroup), at;

	/* The container's own scope is no ancestor. */
	for (int levels = container->scope_id ? 2 : 1; levels > 0; levels--) {
		if (length >= sizeof path)
			return;
		memcpy(path, container->cgroup, length);
		path[length] = '\0';
		if (!cgroup_path_parent(path, &length))
			return;
	}
	path[length] = '\0';
	if (cgroup_effective_limit(cgroup_fd, path, &container->ancestors_max_bytes, &at, NULL) < 0)
		container->ancestors_max_bytes = MEMORY_UNLIMITED;
}

void container_close(struct container *container, struct sampler *sampler)
{
	sampler_close(sampler, &container->sampled);
	cleanup_close_fd(&container->process_fd);
	cleanup_close_fd(&container->pressure_fd);
	container->process_fd = container->pressure_fd = -1;
	container->scope_id = 0;
}

void container_free(struct container *container, struct sampler *sampler)
{
	if (!container)
		return;
	container_close(container, sampler);
	window_free(&container->window);
	free(container->id);
	free(container->pod_name);
	free(container->cgroup);
	free(container->bundle);
	free(container);
}

int container_compare(const void *a, const void *b)
{
	return strcmp(((const struct container *)a)->id, ((const struct container *)b)->id);
}

static int container_set_text(char **member, const char *text)
{
	if (!*text || (*member && strcmp(*member, text) == 0))
		return 0;
	char *copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

/* A pod's hash, to count pods. Names would take more memory than all else of a container. */
static uint64_t pod_hash(const char *id)
{
	return *id ? hash_text(HASH_BASIS, id) : 0;
}

int container_take_record(struct container *container, const struct record *record)
{
	/* Once the cgroup is open, the container keeps it. */
	if (container_set_text(&container->pod_name, record->pod_name) < 0 ||
	    (record->is_vm && container_set_text(&container->bundle, record->bundle) < 0) ||
	    (container->state == LIFE_CREATED && container_set_text(&container->cgroup, record->cgroup) < 0))
		return -ENOMEM;
	memcpy(container->runtime, record->runtime, sizeof container->runtime);
	container->is_sandbox = record->is_sandbox;
	container->is_vm = record->is_vm;
	container->pod_hash = pod_hash(record->is_sandbox ? record->id : record->sandbox_id);
	container->created_usec = record->created_usec;
	container->started_usec = record->started_usec;
	container->updated_usec = record->updated_usec;
	container->calm = 0; /* the limit may have changed */
	container->pid = record->pid;
	container->declared_bytes = record->declared_bytes;
	container->limit_bytes = record->limit_bytes;
	container->prestart_bytes =
		record->prestart.peak_bytes ? record->prestart.peak_bytes : record->prestart.current_bytes;
	return 0;
}

/* Finds the path of the scope: the cgroup above, if its name is the container's. The container is then
 * its only child. */
static bool container_scope(const struct container *container, char scope[static CGROUP_PATH_SIZE])
{
	size_t length;

	if (!cgroup_path_parent(container->cgroup, &length) || length >= CGROUP_PATH_SIZE)
		return false;
	memcpy(scope, container->cgroup, length);
	scope[length] = '\0';
	const char *name = strrchr(scope, '/');
	return name && cgroup_path_names(name, container->id);
}

int container_directory(const struct container *container, struct sampler *sampler, int *ret_fd,
			struct error *err)
{
	const struct sampled *sampled = &container->sampled;
	return sampled->path ? sampler_directory(sampler, sampled->path, sampled->id, ret_fd, err)
			     : MEMORY_GONE;
}

int container_scope_directory(const struct container *container, struct sampler *sampler, int *ret_fd)
{
	char scope[CGROUP_PATH_SIZE];

	if (container->scope_id == 0 || !container_scope(container, scope))
		return MEMORY_GONE;
	return sampler_directory(sampler, scope, container->scope_id, ret_fd, NULL);
}

int container_open(struct container *container, struct sampler *sampler, struct error *err)
{
	char scope[CGROUP_PATH_SIZE];
	int scope_fd;

	int r = sampler_open(sampler, container->cgroup, &container->sampled, err);
	if (r != 0)
		return r;
	if (container_scope(container, scope) && sampler_directory(sampler, scope, 0, &scope_fd, NULL) == 0)
		container->scope_id = cgroup_id(scope_fd);

	if (container->followed_before) {
		r = container_read_events(container, sampler, 0, err);
		container->kill_ahead = container->oom_open = false;
		container->own_kills = container->other_kills = (struct kills){0};
	}
	if (r == 0)
		r = container_read_bounds(container, sampler, err);
	container->start_max_bytes = container->max_bytes;
	if (r != 0)
		container_close(container, sampler);
	return r;
}

static void container_note_peak(struct container *container, uint64_t bytes)
{
	if (bytes <= container->peak_bytes)
		return;
	container->peak_bytes = bytes;
	container->peak_inactive_bytes = container->memory.inactive_file_bytes;
}

static void container_note_sample(struct container *container, bool in_turn, uint64_t now_usec)
{
	uint64_t working_set = memory_working_set(&container->memory);
	if (working_set > container->working_set_max_bytes)
		container->working_set_max_bytes = working_set;
	container_note_peak(container, container->memory.current_bytes > container->memory.peak_bytes
					       ? container->memory.current_bytes
					       : container->memory.peak_bytes);
	container->samples += in_turn;
	if (in_turn)
		(void)window_add(&container->window, now_usec, working_set);
	else
		(void)window_add_peak(&container->window, now_usec, working_set, true);
}

/* Prefetches the bytes from one member to another. */
static void fetch(const void *from, const void *to)
{
	for (const char *at = from; at < (const char *)to; at += 64)
		__builtin_prefetch(at, 1);
}

/* Three steps, each of which reads what the step before has fetched: the container, what the container
 * points to, and what the workload points to. */
void container_fetch_ahead(struct container *const containers[], size_t n, size_t at)
{
	enum { DISTANCE = 4 };

	if (at + 3 * DISTANCE < n) {
		const struct container *container = containers[at + 3 * DISTANCE];
		fetch(&container->is_vm, &container->pod_hash);
		fetch(&container->state, &container->own_events);
	}
	if (at + 2 * DISTANCE < n) {
		const struct container *container = containers[at + 2 * DISTANCE];
		const struct workload *workload = container->workload;
		__builtin_prefetch(container->window.bins, 1);
		if (workload)
			fetch(&workload->window, &workload->seen_usec + 1);
	}
	if (at + DISTANCE < n && containers[at + DISTANCE]->workload) {
		const struct workload *workload = containers[at + DISTANCE]->workload;
		__builtin_prefetch(workload->window.bins, 1);
		__builtin_prefetch(workload->recent.bins, 1);
	}
}

int container_sample(struct container *container, struct sampler *sampler, bool in_turn, uint64_t now_usec,
		     struct error *err)
{
	int r = sampler_read(sampler, &container->sampled, &container->memory, err);
	if (r == 0)
		container_note_sample(container, in_turn, now_usec);
	return r;
}

void container_take_guest_sample(struct container *container, const struct memory *memory, uint64_t max_bytes,
				 uint64_t now_usec)
{
	container->memory = *memory;
	container->max_bytes = max_bytes;
	if (container->samples == 0)
		container->start_max_bytes = max_bytes;
	container_note_sample(container, true, now_usec);
}

bool container_is_current(const struct container *container, uint64_t interval_usec, uint64_t now_usec)
{
	/* Unsigned: an answer from before the clock was set back is not current. */
	return !container->is_vm || (container->guest_answer != GUEST_ABSENT &&
				     now_usec - container->guest_usec <= 2 * interval_usec);
}

/* container_read_bounds() by the census. The peak came with the reading. */
static int container_take_entry(struct container *container, struct sampler *sampler,
				const struct census_entry *entry, struct error *err)
{
	unsigned max_pages = entry->max_pages;
	int dir_fd;

	if (container->scope_id && entry->above_max_pages < max_pages)
		max_pages = entry->above_max_pages;
	container->max_bytes =
		max_pages == CENSUS_MOST ? MEMORY_UNLIMITED : max_pages * sampler->census->page_bytes;
	if (entry->pressure_usec == container->pressure_stamp)
		return 0;
	int r = container_directory(container, sampler, &dir_fd, err);
	if (r == 0 && pressure_read(dir_fd, &container->pressure, NULL) == 0)
		container->pressure_stamp = entry->pressure_usec;
	return r;
}

int container_read_bounds(struct container *container, struct sampler *sampler, struct error *err)
{
	uint64_t peak_bytes, max_bytes, scope_max_bytes = MEMORY_UNLIMITED;
	const uint64_t last_max_bytes = container->max_bytes, last_peak_bytes = container->peak_bytes,
		       last_waited_usec = container->pressure.some_usec;
	int dir_fd, scope_fd;

	const struct census_entry *entry = sampler_census_entry(sampler, &container->sampled);
	if (entry)
		return container_take_entry(container, sampler, entry, err);
	int r = container_directory(container, sampler, &dir_fd, err);
	if (r == 0)
		r = memory_read_max(dir_fd, &max_bytes, err);
	if (r != 0)
		return r;
	if (container_scope_directory(container, sampler, &scope_fd) == 0)
		(void)memory_read_max(scope_fd, &scope_max_bytes, NULL);
	container->max_bytes = max_bytes < scope_max_bytes ? max_bytes : scope_max_bytes;

	r = memory_read_peak(dir_fd, &peak_bytes, err);
	if (r != 0)
		return r;
	container_note_peak(container, peak_bytes);
	(void)pressure_read(dir_fd, &container->pressure, NULL);
	if (container->max_bytes != last_max_bytes || container->peak_bytes != last_peak_bytes ||
	    container->pressure.some_usec != last_waited_usec)
		container->calm = 0;
	else if (container->calm < CONTAINER_CALM_MOST)
		container->calm++;
	return 0;
}

enum sizing container_look(struct container *container, struct sampler *sampler, int proc_fd)
{
	int dir_fd;
	pid_t pids[8];
	char arguments[8192];

	container->looks++;
	if (container_directory(container, sampler, &dir_fd, NULL) != 0)
		return SIZING_UNKNOWN;
	size_t count = process_list(dir_fd, pids, sizeof pids / sizeof *pids);
	for (size_t i = 0; i < count; i++) {
		size_t length = process_arguments(proc_fd, pids[i], arguments, sizeof arguments);
		enum sizing sizing = sizing_of_command(arguments, length);
		if (sizing != SIZING_UNKNOWN)
			return sizing;
	}
	return SIZING_UNKNOWN;
}

bool container_sight(const struct container *container, const struct tuner_settings *settings, bool ended,
		     struct ratchet_sight *ret)
{
	struct observed seen;

	if (container->max_bytes != container->start_max_bytes ||
	    container->samples < (ended ? RATCHET_SAMPLES_LEAST : settings->warmup_samples))
		return false;
	window_observe(&container->window, 0, UINT64_MAX, &seen);
	if (!ended && seen.until_usec - seen.since_usec < settings->warmup_usec)
		return false;
	*ret = (struct ratchet_sight){container->max_bytes, seen.p95_bytes, seen.samples,
				      container->created_usec};
	return true;
}

static void container_count_events(struct container *container, const struct memory_events *own,
				   const struct memory_events *scope, uint64_t oom_kills, uint64_t tick)
{
	bool ooms = own->oom > container->own_events.oom || scope->oom > container->scope_events.oom;
	bool kills = oom_kills > container->oom_kills;
	container->own_events = *own;
	container->scope_events = *scope;
	container->oom_kills = oom_kills;

	/* The kernel counts "oom" in the cgroup whose limit was hit, once for each thread that hits it. Then
	 * it kills, and counts "oom_kill" in the cgroup of each victim. The first "oom" counts as a kill at
	 * once. The "oom_kill" that follows is then the same kill. */
	struct kills *mine = &container->own_kills;
	bool recent = mine->by_events > 0 && tick - container->kill_tick < KILL_TICKS;
	if (kills && container->kill_ahead) {
		container->kill_ahead = false;
	} else if (ooms ? kills || !recent : kills && container->oom_open && recent) {
		mine->by_events++;
		container->kill_ahead = !kills;
		container->kill_tick = tick;
	} else if (kills && !recent) {
		container->other_kills.by_events++;
	}
	if (ooms || kills)
		container->oom_open = ooms && !kills;
}

int container_read_events(struct container *container, struct sampler *sampler, uint64_t tick,
			  struct error *err)
{
	struct memory_events own, all, scope = container->scope_events;
	int dir_fd, scope_fd;

	int r = container_directory(container, sampler, &dir_fd, err);
	if (r == 0)
		r = memory_read_events_local(dir_fd, &own, err);
	if (r != 0)
		return r;
	if (container_scope_directory(container, sampler, &scope_fd) == 0)
		(void)memory_read_events_local(scope_fd, &scope, NULL);
	r = memory_read_events(dir_fd, &all, err);
	if (r != 0)
		return r;
	container_count_events(container, &own, &scope, all.oom_kill, tick);
	return 0;
}

bool container_read_exit(struct container *container, struct sampler *sampler)
{
	int dir_fd;
	uint64_t peak_bytes;

	if (!container->sampled.path)
		return false;
	int r = container_directory(container, sampler, &dir_fd, NULL);
	if (r != 0)
		return r == MEMORY_GONE;
	/* In this order: a peak that is read first may be from before the last charge. */
	if (cgroup_is_populated(dir_fd, NULL) != 0)
		return false;
	if (memory_read_peak(dir_fd, &peak_bytes, NULL) == 0 && peak_bytes > 0) {
		container_note_peak(container, peak_bytes);
		container->peak_exact = true;
	}
	return true;
}

void container_take_exit(struct container *container, const struct exit_peak *exit, uint64_t tick)
{
	const struct memory_events own = {.oom = exit->oom, .oom_kill = exit->oom_kill};

	container_note_peak(container, exit->peak_bytes);
	container->peak_exact = true;
	/* If the own limit was not hit, either the scope's limit or an ancestor's was. The kernel
	 * log says which. */
	if (own.oom > container->own_events.oom)
		container_count_events(container, &own, &container->scope_events, exit->all_oom_kill, tick);
	else if (exit->all_oom_kill > container->oom_kills)
		container->oom_kills = exit->all_oom_kill;
}

enum oom_cause container_oom_cause(const struct container *container, const struct oom_kill *kill)
{
	const char *limit = kill->limit_cgroup, *id = container->id;
	size_t parent;

	if (!limit[0])
		return OOM_CAUSE_NODE;
	if (!cgroup_path_names(limit, id))
		return OOM_CAUSE_ANCESTOR;
	if (container->cgroup && strcmp(limit, container->cgroup) == 0)
		return OOM_CAUSE_OWN;
	/* The container's scope. */
	const char *name = strrchr(limit, '/');
	if (cgroup_path_names(name, id))
		return OOM_CAUSE_OWN;
	/* While the cgroup is not known: crun's "container" below the scope. */
	if (!container->cgroup && strcmp(name, "/container") == 0 && cgroup_path_parent(limit, &parent))
		return OOM_CAUSE_OWN;
	return OOM_CAUSE_NESTED;
}

uint64_t container_peak_working_set(const struct container *container)
{
	/* A peak before the program's start is the runtime's, not the program's. */
	if (container->peak_bytes <= container->prestart_bytes)
		return container->working_set_max_bytes;
	uint64_t peak = container->peak_bytes - container->peak_inactive_bytes;
	if (container->peak_inactive_bytes > container->peak_bytes)
		peak = 0;
	return peak > container->working_set_max_bytes ? peak : container->working_set_max_bytes;
}

uint64_t container_oom_kills(const struct container *container)
{
	uint64_t told = container->own_kills.told + container->other_kills.told;
	return container->oom_kills > told ? container->oom_kills : told;
}
