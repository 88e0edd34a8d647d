/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/archive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "cgroups/quantity.h"
#include "shim/daemon/node.h"
#include "shim/daemon/registry.h"
#include "shim/daemon/voice.h"
#include "shim/report/explain.h"

/* What cannot be kept is said once. That something worked is no proof that it can be again, since on a full
 * disk one write may still fit and the next does not: archive_slots() tells. */
static void archive_told(struct node *node, int r, const struct error *err)
{
	if (r < 0 && !node->told_history)
		voice_fault(&node->journal, LOG_ERR, "the history is not kept: %s", err->text);
	node->told_history = node->told_history || r < 0;
}

/* What was rolled back may have been a new workload, and its number be another's next. It is found again when
 * the workload is next saved. */
static void archive_lost_batch(struct node *node)
{
	for (size_t i = 0; i < node->n_workloads; i++)
		node->workloads[i]->history_id = 0;
}

void archive_workload(struct node *node, struct workload *workload, uint64_t now_usec)
{
	struct error err;

	if (node->history)
		archive_told(node,
			     history_save_workload(node->history, &workload->limits, now_usec,
						   &workload->history_id, &err),
			     &err);
}

void archive_slot(struct node *node, struct workload *workload)
{
	/* Older ones are merged with others, which may be in the history on their own. */
	if (workload->unsaved < WINDOW_FINE_SLOTS)
		workload->unsaved++;
	node->slots_unsaved = true;
}

static int archive_save_slots(struct node *node, struct workload *workload, uint64_t now_usec,
			      struct error *err)
{
	struct slot_bytes slot;

	int r = history_save_workload(node->history, &workload->limits, now_usec, &workload->history_id, err);
	for (uint32_t newer = workload->unsaved; r == 0 && newer-- > 0;)
		if (window_closed_before(&workload->window, newer, &slot))
			r = history_save_slot(node->history, workload->history_id, &slot, err);
	return r;
}

void archive_slots(struct node *node, uint64_t now_usec)
{
	struct error err;

	if (!node->history || !node->slots_unsaved || !archive_begin(node))
		return;
	int r = 0;
	for (size_t i = 0; r == 0 && i < node->n_workloads; i++)
		if (node->workloads[i]->unsaved > 0)
			r = archive_save_slots(node, node->workloads[i], now_usec, &err);
	if (r == 0)
		r = history_commit(node->history, &err);
	else
		history_rollback(node->history);
	archive_told(node, r, &err);
	if (r < 0) {
		archive_lost_batch(node);
		return;
	}
	for (size_t i = 0; i < node->n_workloads; i++)
		node->workloads[i]->unsaved = 0;
	node->slots_unsaved = false;
	if (node->told_history)
		voice_fault(&node->journal, LOG_NOTICE, "the history is kept again");
	node->told_history = false;
}

void archive_run(struct node *node, const struct container *container, const char *reason)
{
	const struct workload *workload = container->workload;
	struct error err;

	if (!node->history || !workload || workload->history_id == 0)
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
	archive_told(node, history_run_started(node->history, &run, &err), &err);
}

void archive_end(struct node *node, const struct container *container, uint64_t now_usec)
{
	struct observed observed;
	struct error err;

	if (!node->history || !container->workload)
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
	int r = history_run_ended(node->history, &run, &err);
	if (r != -ENOENT)
		archive_told(node, r, &err);
}

/* What a decision and a recommendation have in common: the numbers that stood at that moment. */
static void archive_decision(struct node *node, const struct workload *workload,
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
	archive_told(node, history_add_decision(node->history, decision, &err), &err);
}

void archive_creation(struct node *node, const struct workload *workload, const struct record *record)
{
	struct settings settings = node->settings;
	char why[EXPLAIN_MAX];

	if (!node->history || workload->history_id == 0)
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
	archive_decision(node, workload, &decision);
}

void archive_recommendation(struct node *node, const struct workload *workload, uint64_t now_usec)
{
	const struct recommendation *recommendation = &workload->limits.recommendation;
	char why[EXPLAIN_MAX];

	if (!node->history || workload->history_id == 0)
		return;
	struct history_decision decision = {
		.at_usec = now_usec,
		.event = HISTORY_RECOMMENDATION,
		.request_bytes = recommendation->request_bytes,
		.limit_bytes = recommendation->limit_bytes,
		.reason = tuner_term_names[recommendation->limit_term],
		.why = explain_limit(&workload->limits, &node->settings, why),
	};
	archive_decision(node, workload, &decision);
}

void archive_kill(struct node *node, const struct container *container, enum oom_cause cause,
		  uint64_t learned_bytes, uint64_t now_usec)
{
	struct workload *workload = container->workload;
	struct error err;

	if (workload && workload->history_id == 0)
		archive_workload(node, workload, now_usec);
	if (!node->history || !workload || workload->history_id == 0)
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
	archive_told(node, history_add_kill(node->history, &kill, &err), &err);
}

static int load_limits(const struct limits *limits, void *data)
{
	struct node *node = data;
	if (registry_find_workload(node, &limits->identity))
		return 0; /* a file under another name: a person's copy */
	struct workload *workload = registry_add_workload(node, limits);
	if (!workload)
		return -ENOMEM;
	workload->loaded_usec = limits->written_usec;
	workload->published = true;
	if (limits->written_usec > node->loaded_usec)
		node->loaded_usec = limits->written_usec;
	return 0;
}

static void load_fault(const char *path, const struct error *err, void *data)
{
	const struct node *node = data;
	(void)path;
	voice_fault(&node->journal, LOG_WARNING, "what was published is not taken up: %s", err->text);
}

/* What was published counts; of what was not, or can't be read, the history's word does. */
static int load_workload(int64_t workload_id, const struct limits *limits, void *data)
{
	struct node *node = data;
	struct workload *workload = registry_find_workload(node, &limits->identity);

	if (!workload) {
		workload = registry_add_workload(node, limits);
		if (!workload)
			return -ENOMEM;
		workload->loaded_usec = limits->written_usec;
		workload->dirty = true;
		workload->fresh = 1;
	}
	workload->history_id = workload_id;
	node->loading_workload = workload;
	return 0;
}

static int load_slot(int64_t workload_id, const struct slot_bytes *slot, void *data)
{
	struct node *node = data;
	(void)workload_id; /* slots come right after their workload */
	int r = window_restore(&node->loading_workload->window, slot->data, slot->length);
	return r == -ENOMEM ? r : 0;
}

static int load_history(struct node *node, uint64_t now_usec)
{
	uint64_t span_usec = node->settings.sampling.long_window_usec, skipped = 0;
	struct error err;

	int r = history_load(node->history, now_usec > span_usec ? now_usec - span_usec : 0, load_workload,
			     load_slot, node, &skipped, &err);
	if (r < 0)
		voice_fault(&node->journal, LOG_ERR, "the history cannot be loaded: %s", err.text);
	else if (skipped > 0)
		voice_fault(&node->journal, LOG_WARNING,
			    "%" PRIu64 " rows of the history cannot be understood", skipped);
	return r == -ENOMEM ? r : 0;
}

int archive_load(struct node *node, uint64_t now_usec, struct error *err)
{
	int r = limits_each(node->roots.state_fd, load_limits, load_fault, node);
	if (r == 0 && node->history)
		r = load_history(node, now_usec);
	return r < 0 ? error_errno(err, -r, "cannot load what is known of the workloads") : 0;
}

bool archive_begin(struct node *node)
{
	struct error err;

	if (!node->history)
		return false;
	int r = history_begin(node->history, &err);
	archive_told(node, r, &err);
	return r == 0;
}

void archive_commit(struct node *node)
{
	struct error err;

	int r = history_commit(node->history, &err);
	archive_told(node, r, &err);
	if (r < 0)
		archive_lost_batch(node);
}

bool archive_prune(struct node *node, uint64_t now_usec)
{
	const struct history_settings *settings = &node->settings.history;
	uint64_t window_usec = node->settings.sampling.long_window_usec;
	const struct history_bounds bounds = {
		.older_than_usec = now_usec > settings->keep_usec ? now_usec - settings->keep_usec : 0,
		.size_max_bytes = settings->size_max_bytes,
		.slots_from_usec = now_usec > window_usec ? now_usec - window_usec : 0,
	};
	struct error err;

	if (!node->history)
		return false;
	int r = history_prune(node->history, &bounds, &err);
	archive_told(node, r, &err);
	return r > 0;
}
