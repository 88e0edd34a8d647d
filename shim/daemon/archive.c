/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/archive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "cgroups/quantity.h"
#include "shim/report/explain.h"

/* How often old rows are deleted. */
#define PRUNE_USEC USEC_PER_HOUR

/* Logs the first failure only. On a full disk a small write can succeed between failures, so archive_slots()
 * decides when writing works again. */
static void archive_told(struct archive *archive, int r, const struct error *err)
{
	if (r < 0)
		voice_fault_once(archive->voice, FAULT_HISTORY, LOG_ERR, "the history is not kept: %s",
				 err->text);
}

/* A rolled-back insert's row id may be used again for another workload: forgets the ids. The next
 * archive_workload() finds them again. */
static void archive_lost_batch(struct archive *archive)
{
	for (size_t i = 0; i < archive->registry->n_workloads; i++)
		archive->registry->workloads[i]->history_id = 0;
}

void archive_workload(struct archive *archive, struct workload *workload, uint64_t now_usec)
{
	struct error err;

	if (archive->history)
		archive_told(archive,
			     history_save_workload(archive->history, &workload->limits, now_usec,
						   &workload->history_id, &err),
			     &err);
}

void archive_slot(struct archive *archive, struct workload *workload)
{
	/* The window has merged older slots with their neighbours, which may be in the history already. */
	if (workload->unsaved < WINDOW_FINE_SLOTS)
		workload->unsaved++;
	archive->slots_unsaved = true;
}

static int archive_save_slots(struct archive *archive, struct workload *workload, uint64_t now_usec,
			      struct error *err)
{
	struct slot_bytes slot;

	int r = history_save_workload(archive->history, &workload->limits, now_usec, &workload->history_id,
				      err);
	for (uint32_t newer = workload->unsaved; r == 0 && newer-- > 0;)
		if (window_closed_before(&workload->window, newer, &slot))
			r = history_save_slot(archive->history, workload->history_id, &slot, err);
	return r;
}

void archive_slots(struct archive *archive, uint64_t now_usec)
{
	struct error err;

	if (!archive->history || !archive->slots_unsaved || !archive_begin(archive))
		return;
	int r = 0;
	for (size_t i = 0; r == 0 && i < archive->registry->n_workloads; i++)
		if (archive->registry->workloads[i]->unsaved > 0)
			r = archive_save_slots(archive, archive->registry->workloads[i], now_usec, &err);
	if (r == 0)
		r = history_commit(archive->history, &err);
	else
		history_rollback(archive->history);
	archive_told(archive, r, &err);
	if (r < 0) {
		archive_lost_batch(archive);
		return;
	}
	for (size_t i = 0; i < archive->registry->n_workloads; i++)
		archive->registry->workloads[i]->unsaved = 0;
	archive->slots_unsaved = false;
	if (voice_mended(archive->voice, FAULT_HISTORY))
		voice_fault(&archive->voice->journal, LOG_NOTICE, "the history is kept again");
}

void archive_run(struct archive *archive, const struct container *container, const char *reason)
{
	const struct workload *workload = container->workload;
	struct error err;

	if (!archive->history || !workload || workload->history_id == 0)
		return;
	const struct history_run run = {
		.container_id = container->id,
		.runtime = container->runtime,
		.workload_id = workload->history_id,
		.created_usec = container->created_usec,
		.started_usec = container->started_usec,
		.declared_bytes = container->declared_bytes,
		.limit_bytes = container->limit_bytes,
		.reason = reason,
		.prestart_bytes = container->prestart_bytes,
	};
	archive_told(archive, history_run_started(archive->history, &run, &err), &err);
}

void archive_end(struct archive *archive, const struct container *container, uint64_t now_usec)
{
	struct observed observed;
	struct error err;

	if (!archive->history || !container->workload)
		return;
	window_observe(&container->window, 0, UINT64_MAX, &observed);
	const struct history_run run = {
		.container_id = container->id,
		.created_usec = container->created_usec,
		.ended_usec = now_usec,
		.samples = container->samples,
		.avg_bytes = observed.avg_bytes,
		.p95_bytes = observed.p95_bytes,
		.max_bytes = container->working_set_max_bytes,
		.peak_bytes = container->peak_bytes,
		.oom_kills = container_oom_kills(container),
	};
	int r = history_run_ended(archive->history, &run, &err);
	if (r != -ENOENT)
		archive_told(archive, r, &err);
}

/* Adds the workload's numbers of this moment to a decision or a recommendation, and keeps it. */
static void archive_decision(struct archive *archive, const struct workload *workload,
			     struct history_decision *decision)
{
	const struct limits *limits = &workload->limits;
	struct error err;

	decision->workload_id = workload->history_id;
	decision->declared_bytes = limits->declared_bytes;
	decision->recommended_bytes = limits->recommendation.limit_bytes;
	decision->oom_floor_bytes = limits->recommendation.oom_floor_bytes;
	decision->samples = limits->observed.samples;
	decision->avg_bytes = limits->observed.avg_bytes;
	decision->p95_bytes = limits->observed.p95_bytes;
	decision->max_bytes = limits->observed.max_bytes;
	archive_told(archive, history_add_decision(archive->history, decision, &err), &err);
}

void archive_creation(struct archive *archive, const struct workload *workload, const struct record *record)
{
	struct settings settings = *archive->settings;
	char why[EXPLAIN_MAX];

	if (!archive->history || workload->history_id == 0)
		return;
	settings_for_namespace(&settings, workload->limits.identity.namespace);
	struct history_decision decision = {
		.at_usec = record->updated_usec ? record->updated_usec : record->created_usec,
		.event = record->updated_usec ? HISTORY_RESIZE : HISTORY_CREATION,
		.container_id = record->id,
		.limit_bytes = record->limit_bytes,
		.reason = record->reason,
		.why = explain_decision(record, &settings, why),
	};
	archive_decision(archive, workload, &decision);
}

void archive_recommendation(struct archive *archive, const struct workload *workload, uint64_t now_usec)
{
	const struct recommendation *recommendation = &workload->limits.recommendation;
	char why[EXPLAIN_MAX];

	if (!archive->history || workload->history_id == 0)
		return;
	struct history_decision decision = {
		.at_usec = now_usec,
		.event = HISTORY_RECOMMENDATION,
		.request_bytes = recommendation->request_bytes,
		.limit_bytes = recommendation->limit_bytes,
		.reason = tuner_term_names[recommendation->limit_term],
		.why = explain_limit(&workload->limits, archive->settings, why),
	};
	archive_decision(archive, workload, &decision);
}

void archive_kill(struct archive *archive, const struct container *container, enum oom_cause cause,
		  uint64_t learned_bytes, uint64_t now_usec)
{
	struct workload *workload = container->workload;
	struct error err;

	if (workload && workload->history_id == 0)
		archive_workload(archive, workload, now_usec);
	if (!archive->history || !workload || workload->history_id == 0)
		return;
	const struct history_kill kill = {
		.at_usec = now_usec,
		.workload_id = workload->history_id,
		.container_id = container->id,
		.cause = oom_cause_names[cause],
		.limit_bytes = cause == OOM_CAUSE_OWN ? container->max_bytes : 0,
		.peak_bytes = container->peak_bytes,
		.learned_bytes = learned_bytes,
	};
	archive_told(archive, history_add_kill(archive->history, &kill, &err), &err);
}

/* ---- The beginning ---- */

struct loading {
	struct archive *archive;
	struct workload *workload; /* loaded last; its slots come next */
	uint64_t newest_usec;
};

static struct workload *load(struct loading *loading, const struct limits *limits)
{
	struct archive *archive = loading->archive;
	struct workload *workload =
		registry_add_workload(archive->registry, limits, &archive->settings->sampling);
	if (workload)
		workload->loaded_usec = limits->written_usec;
	return workload;
}

static int load_limits(const struct limits *limits, void *data)
{
	struct loading *loading = data;
	if (registry_find_workload(loading->archive->registry, &limits->identity))
		return 0; /* already loaded from another file */
	struct workload *workload = load(loading, limits);
	if (!workload)
		return -ENOMEM;
	workload->published = true;
	if (limits->written_usec > loading->newest_usec)
		loading->newest_usec = limits->written_usec;
	return 0;
}

static void load_fault(const char *path, const struct error *err, void *data)
{
	const struct loading *loading = data;
	(void)path;
	voice_fault(&loading->archive->voice->journal, LOG_WARNING, "what was published is not taken up: %s",
		    err->text);
}

/* Published limits count. The history's limits are only used if nothing was published, or it
 * cannot be read. */
static int load_workload(int64_t workload_id, const struct limits *limits, void *data)
{
	struct loading *loading = data;
	struct workload *workload = registry_find_workload(loading->archive->registry, &limits->identity);

	if (!workload) {
		workload = load(loading, limits);
		if (!workload)
			return -ENOMEM;
		workload->dirty = true;
		workload->fresh = 1;
	}
	workload->history_id = workload_id;
	loading->workload = workload;
	return 0;
}

static int load_slot(int64_t workload_id, const struct slot_bytes *slot, void *data)
{
	struct loading *loading = data;
	(void)workload_id; /* slots come right after their workload */
	int r = window_restore(&loading->workload->window, slot->data, slot->length);
	return r == -ENOMEM ? r : 0;
}

static int load_history(struct loading *loading, uint64_t now_usec)
{
	const struct archive *archive = loading->archive;
	uint64_t span_usec = archive->settings->sampling.long_window_usec, skipped = 0;
	struct error err;

	int r = history_load(archive->history, now_usec > span_usec ? now_usec - span_usec : 0, load_workload,
			     load_slot, loading, &skipped, &err);
	if (r < 0)
		voice_fault(&archive->voice->journal, LOG_ERR, "the history cannot be loaded: %s", err.text);
	else if (skipped > 0)
		voice_fault(&archive->voice->journal, LOG_WARNING,
			    "%" PRIu64 " rows of the history cannot be understood", skipped);
	return r == -ENOMEM ? r : 0;
}

int archive_load(struct archive *archive, int state_fd, uint64_t now_usec, uint64_t *ret_usec,
		 struct error *err)
{
	struct loading loading = {.archive = archive};

	int r = limits_each(state_fd, load_limits, load_fault, &loading);
	if (r == 0 && archive->history)
		r = load_history(&loading, now_usec);
	if (r < 0)
		return error_errno(err, -r, "cannot load what is known of the workloads");
	*ret_usec = loading.newest_usec;
	return 0;
}

/* ---- Batches and bounds ---- */

bool archive_begin(struct archive *archive)
{
	struct error err;

	if (!archive->history)
		return false;
	int r = history_begin(archive->history, &err);
	archive_told(archive, r, &err);
	return r == 0;
}

void archive_commit(struct archive *archive)
{
	struct error err;

	int r = history_commit(archive->history, &err);
	archive_told(archive, r, &err);
	if (r < 0)
		archive_lost_batch(archive);
}

bool archive_is_due(struct archive *archive, uint64_t now_usec)
{
	const uint64_t since_usec = now_usec - archive->pruned_usec; /* huge if the clock was set back */

	if (since_usec < PRUNE_USEC)
		return false;
	archive->is_pruning = since_usec < 2 * PRUNE_USEC;
	archive->pruned_usec = now_usec;
	return archive->is_pruning;
}

void archive_prune(struct archive *archive, uint64_t now_usec)
{
	const struct history_settings *settings = &archive->settings->history;
	uint64_t window_usec = archive->settings->sampling.long_window_usec;
	const struct history_bounds bounds = {
		.older_than_usec = now_usec > settings->keep_usec ? now_usec - settings->keep_usec : 0,
		.size_max_bytes = settings->size_max_bytes,
		.slots_from_usec = now_usec > window_usec ? now_usec - window_usec : 0,
	};
	struct error err;

	if (!archive->is_pruning || !archive->history)
		return;
	int r = history_prune(archive->history, &bounds, &err);
	archive_told(archive, r, &err);
	archive->is_pruning = r > 0;
}
