/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/learning.h"

#include <assert.h>
#include <syslog.h>

#include "shim/report/explain.h"

/* ---- Publishing ---- */

static void learning_publish(struct learning *learning, struct workload *workload, uint64_t now_usec)
{
	const bool failed_before = workload->unpublished;
	struct error err;

	int r = workload_publish(workload, learning->state_fd, now_usec, &err);
	workload->unpublished = r < 0;
	if (r < 0) {
		learning->unpublished += !failed_before;
		voice_fault_once(learning->voice, FAULT_LIMITS, LOG_ERR,
				 "limits are not published, and will be tried again: %s", err.text);
	} else if (failed_before && --learning->unpublished == 0 &&
		   voice_mended(learning->voice, FAULT_LIMITS)) {
		voice_fault(&learning->voice->journal, LOG_NOTICE, "all limits are published again");
	}
}

/* Keeps and logs a changed recommendation. It is published already. */
static void learning_take_recommendation(struct learning *learning, struct workload *workload,
					 uint64_t now_usec)
{
	archive_workload(learning->archive, workload, now_usec);
	archive_recommendation(learning->archive, workload, now_usec);
	voice_recommendation(&learning->voice->journal, workload);
}

void learning_publish_decided(struct learning *learning, uint64_t now_usec)
{
	const struct registry *registry = learning->registry;

	if (!learning->decided)
		return;
	bool grouped = archive_begin(learning->archive);
	for (size_t i = 0; i < registry->n_workloads; i++) {
		struct workload *workload = registry->workloads[i];
		if (!workload->decided)
			continue;
		learning_publish(learning, workload, now_usec);
		archive_workload(learning->archive, workload, now_usec);
		workload->decided = false;
	}
	if (grouped)
		archive_commit(learning->archive);
	learning->decided = false;
}

void learning_publish_loaded(struct learning *learning, uint64_t now_usec)
{
	const struct registry *registry = learning->registry;

	for (size_t i = 0; i < registry->n_workloads; i++) {
		struct workload *workload = registry->workloads[i];
		if (!workload->dirty)
			continue;
		learning_publish(learning, workload, now_usec);
		/* Without a file, the history tells the next daemon what was logged: by written_usec. */
		if (!workload->published)
			archive_workload(learning->archive, workload, now_usec);
	}
}

/* ---- From one container ---- */

/* r: what window_add() or window_add_peak() returned; above 0: a slot was closed. */
static void learning_took(struct learning *learning, struct workload *workload, int r)
{
	workload->fresh++;
	if (r > 0)
		archive_slot(learning->archive, workload);
}

void learning_take_decision(struct learning *learning, struct container *container,
			    const struct record *record, uint64_t now_usec)
{
	struct workload *workload = container->workload;

	if (workload) {
		workload_take_record(workload, record, learning->settings->sampling.long_window_usec,
				     now_usec);
		learning->decided = workload->decided = true;
		if (workload->history_id == 0)
			archive_workload(learning->archive, workload, now_usec);
		archive_run(learning->archive, container, record->reason);
		archive_creation(learning->archive, workload, record);
	}
	if (record->fault[0])
		voice_refused(&learning->voice->journal, record);
	else
		voice_decision(learning->voice, record);
}

void learning_take_start(struct learning *learning, struct container *container, const struct record *record)
{
	if (container->prestart_bytes == 0)
		return;
	if (container->workload)
		workload_take_prestart(container->workload, record->runtime, container->prestart_bytes);
	archive_run(learning->archive, container, record->reason);
	voice_prestart(&learning->voice->journal, record);
}

void learning_take_reading(struct learning *learning, const struct container *container, bool in_turn,
			   uint64_t now_usec)
{
	const uint64_t bytes = memory_working_set(&container->memory);
	struct workload *workload = container->workload;

	if (!workload)
		return;
	learning_took(learning, workload,
		      in_turn ? workload_take_sample(workload, bytes, now_usec)
			      : workload_take_peak(workload, bytes, true, now_usec));
	workload_take_life(workload, container->created_usec, false, now_usec);
}

void learning_take_sight(struct learning *learning, const struct container *container, bool ended,
			 uint64_t now_usec)
{
	const struct tuner_settings *settings = &learning->settings->tuner;
	struct ratchet_sight sight;

	if (container->workload && container_sight(container, settings, ended, &sight))
		workload_take_sight(container->workload, settings, &sight, now_usec);
}

/* Why the next container of this workload cannot be given more than limit_bytes; NULL: it can. */
static const char *learning_stuck(const struct learning *learning, const struct workload *workload,
				  uint64_t limit_bytes, char buf[static EXPLAIN_MAX])
{
	struct settings settings = *learning->settings;

	settings_for_namespace(&settings, workload->limits.identity.namespace);
	return explain_stuck(&workload->limits, &settings, limit_bytes, buf);
}

/* Keeps and logs a kill. What it teaches is learned and published already. */
static void learning_tell_kill(struct learning *learning, const struct container *container,
			       enum oom_cause cause, const struct oom_kill *kill, uint64_t learned_bytes,
			       uint64_t now_usec)
{
	char why[EXPLAIN_MAX];

	archive_kill(learning->archive, container, cause, learned_bytes, now_usec);
	voice_oom(learning->voice, container, cause, kill,
		  learned_bytes > 0 ? learning_stuck(learning, container->workload, container->max_bytes, why)
				    : NULL);
}

void learning_take_kill(struct learning *learning, struct container *container, enum oom_cause cause,
			const struct oom_kill *kill, uint64_t now_usec)
{
	struct kills *kills = cause == OOM_CAUSE_OWN ? &container->own_kills : &container->other_kills;
	struct workload *workload = container->workload;

	if (!kills_are_new(kills))
		return;
	kills_tell(kills);
	if (cause != OOM_CAUSE_OWN || !workload || container->max_bytes == MEMORY_UNLIMITED) {
		learning_tell_kill(learning, container, cause, kill, 0, now_usec);
		return;
	}
	/* On disk before anything else: the container's replacement may be created within milliseconds. */
	uint64_t revision = workload->limits.recommendation.revision;
	workload_learn_oom(workload, &learning->settings->tuner, container->max_bytes, container->peak_bytes,
			   now_usec);
	learning_publish(learning, workload, now_usec);
	/* If this fails, the published limit is still the one that kills. A file can be removed even from a
	 * full disk, and without a file the next creation gets what it declares. */
	if (workload->unpublished)
		(void)limits_remove(learning->state_fd, &workload->limits.identity, NULL);
	learning_took(learning, workload,
		      workload_take_peak(workload, container->max_bytes, container->samples > 0, now_usec));
	learning_tell_kill(learning, container, cause, kill, workload->limits.recommendation.oom_floor_bytes,
			   now_usec);
	if (workload->limits.recommendation.revision != revision)
		learning_take_recommendation(learning, workload, now_usec);
}

void learning_take_end(struct learning *learning, struct container *container, uint64_t now_usec)
{
	const uint64_t peak_bytes = container_peak_working_set(container);
	struct workload *workload = container->workload;

	if (workload && peak_bytes > 0)
		learning_took(learning, workload,
			      workload_take_peak(workload, peak_bytes, container->samples > 0, now_usec));
	if (workload && container_oom_kills(container) == 0)
		workload_take_life(workload, container->created_usec, true, now_usec);
	if (workload && container->peak_bytes > 0)
		workload->exit_peak_bytes = container->peak_bytes;
	voice_exit(&learning->voice->journal, container, now_usec);
	archive_end(learning->archive, container, now_usec);
}

/* ---- Of all workloads ---- */

void learning_tune_workload(struct learning *learning, struct workload *workload, uint64_t now_usec)
{
	const struct settings *settings = learning->settings;
	bool changed = false;

	if (window_roll(&workload->window, now_usec) > 0)
		archive_slot(learning->archive, workload);
	if (workload->fresh > 0)
		changed = workload_tune(workload, &settings->tuner, settings->sampling.long_window_usec,
					now_usec) == TUNER_CHANGED;
	if (workload_is_due(workload, now_usec))
		learning_publish(learning, workload, now_usec);
	if (changed)
		learning_take_recommendation(learning, workload, now_usec);
}

void learning_tune(struct learning *learning, uint64_t now_usec)
{
	const struct registry *registry = learning->registry;
	bool grouped = archive_begin(learning->archive);

	for (size_t i = 0; i < registry->n_workloads; i++)
		learning_tune_workload(learning, registry->workloads[i], now_usec);
	if (grouped)
		archive_commit(learning->archive);
	archive_slots(learning->archive, now_usec);
}

void learning_reload(struct learning *learning)
{
	const struct registry *registry = learning->registry;

	for (size_t i = 0; i < registry->n_workloads; i++) {
		workload_set_sampling(registry->workloads[i], &learning->settings->sampling);
		registry->workloads[i]->fresh++;
	}
}

void learning_close(struct learning *learning, uint64_t now_usec)
{
	const struct registry *registry = learning->registry;

	for (size_t i = 0; i < registry->n_workloads; i++) {
		struct workload *workload = registry->workloads[i];
		if (window_close_slot(&workload->window, now_usec) > 0)
			archive_slot(learning->archive, workload);
		/* Publish new samples too: normally, samples alone are published only now and then. */
		workload->dirty = workload->dirty || workload->measured || workload->fresh > 0;
	}
}

void learning_forget(struct learning *learning, uint64_t older_than_usec)
{
	struct registry *registry = learning->registry;
	const bool too_many = registry->n_workloads > LEARNING_WORKLOADS_MAX;

	registry_sort_workloads(registry);
	while (registry->n_workloads > 0) {
		struct workload *workload = registry->workloads[registry->n_workloads - 1];
		if (workload->n_containers > 0 || (registry->n_workloads <= LEARNING_WORKLOADS_MAX &&
						   workload->seen_usec >= older_than_usec))
			break;
		if (workload->unpublished) {
			assert(learning->unpublished > 0);
			/* No message, as nothing was published. The next failure is logged again. */
			if (--learning->unpublished == 0)
				(void)voice_mended(learning->voice, FAULT_LIMITS);
		}
		(void)limits_remove(learning->state_fd, &workload->limits.identity, NULL);
		registry_remove_last_workload(registry);
	}
	if (too_many)
		voice_fault_once(
			learning->voice, FAULT_WORKLOADS, LOG_WARNING,
			"more than %d workloads are known: those not seen for the longest time are forgotten",
			LEARNING_WORKLOADS_MAX);
}
