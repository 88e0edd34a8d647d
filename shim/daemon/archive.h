/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keeps what outlives a restart: windows, runs and the audit in the history. Recommendations are kept in the
 * published limits too. Nothing here fails: that something cannot be kept is logged once, and the daemon goes
 * on in memory. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/daemon/registry.h"
#include "shim/daemon/voice.h"
#include "shim/store/history.h"

struct archive {
	/* Borrowed. */
	struct history *history; /* NULL: only published limits are kept */
	const struct settings *settings;
	struct registry *registry; /* has the workloads */
	struct voice *voice;

	bool slots_unsaved; /* some workload has slots that are not in the history */
	uint64_t pruned_usec;
	bool is_pruning; /* archive_prune() has more to delete */
};

/* Loads the published limits and the history into the registry. state_fd: /var/lib/tidemark. *ret_usec: when
 * the newest of the limits were published. Returns 0 or -ENOMEM. */
int archive_load(struct archive *archive, int state_fd, uint64_t now_usec, uint64_t *ret_usec,
		 struct error *err);

/* Keeps the workload itself: its limits. */
void archive_workload(struct archive *archive, struct workload *workload, uint64_t now_usec);
/* Notes that the workload's window has just closed a slot, for archive_slots(). */
void archive_slot(struct archive *archive, struct workload *workload);
/* Keeps all noted slots in one write. Call at the end of each tick. If the write fails, it is tried again in
 * the next tick, for the last WINDOW_FINE_SLOTS slots of each workload. */
void archive_slots(struct archive *archive, uint64_t now_usec);

/* Keep a run as it is known now, and its end. reason: why the container has its limit. */
void archive_run(struct archive *archive, const struct container *container, const char *reason);
void archive_end(struct archive *archive, const struct container *container, uint64_t now_usec);

/* The audit: the decision of a creation or a resize, a new recommendation, a kill. learned_bytes: the floor
 * of limits that was learned from the kill; 0: none. */
void archive_creation(struct archive *archive, const struct workload *workload, const struct record *record);
void archive_recommendation(struct archive *archive, const struct workload *workload, uint64_t now_usec);
void archive_kill(struct archive *archive, const struct container *container, enum oom_cause cause,
		  uint64_t learned_bytes, uint64_t now_usec);

/* What is kept in between becomes one write. archive_commit() must be called if, and only if,
 * archive_begin() returned true. */
bool archive_begin(struct archive *archive);
void archive_commit(struct archive *archive);

/* Returns true once an hour: old rows are to be deleted, by calls of archive_prune(). false if the clock has
 * jumped ahead, as everything would be old. */
bool archive_is_due(struct archive *archive, uint64_t now_usec);

/* Deletes some rows that are old or too many, if archive_is_due() has begun this. Call each tick. */
void archive_prune(struct archive *archive, uint64_t now_usec);
