/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is kept over a restart: windows, runs and the audit in the history, recommendations in what is
 * published. Nothing here fails: what cannot be kept is said once, and the daemon goes on in memory. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/daemon/registry.h"
#include "shim/daemon/voice.h"
#include "shim/store/history.h"

struct archive {
	/* Borrowed. */
	struct history *history; /* NULL: nothing is kept but what is published */
	const struct settings *settings;
	struct registry *registry; /* whose workloads are kept */
	struct voice *voice;

	bool slots_unsaved; /* of any workload */
	uint64_t pruned_usec;
	bool is_pruning; /* archive_prune() has more to cut off */
};

/* Takes up what was published in state_fd, and what is in the history. *ret_usec: when the newest of it
 * was published. Returns 0 or -ENOMEM. */
int archive_load(struct archive *archive, int state_fd, uint64_t now_usec, uint64_t *ret_usec,
		 struct error *err);

void archive_workload(struct archive *archive, struct workload *workload, uint64_t now_usec);
/* A slot was just closed: it is to be kept. */
void archive_slot(struct archive *archive, struct workload *workload);
/* Keeps all slots that are to be kept, in one write: at the end of each tick. What cannot be written is tried
 * again in the next one, for each workload the WINDOW_FINE_SLOTS that were closed last. */
void archive_slots(struct archive *archive, uint64_t now_usec);

/* A run as it is known by now, under a limit for this reason, and its end. */
void archive_run(struct archive *archive, const struct container *container, const char *reason);
void archive_end(struct archive *archive, const struct container *container, uint64_t now_usec);

/* The audit: what was decided for a container at its creation or a resize, what is recommended since now,
 * and a kill; learned_bytes: the floor that was learned from it, or 0. */
void archive_creation(struct archive *archive, const struct workload *workload, const struct record *record);
void archive_recommendation(struct archive *archive, const struct workload *workload, uint64_t now_usec);
void archive_kill(struct archive *archive, const struct container *container, enum oom_cause cause,
		  uint64_t learned_bytes, uint64_t now_usec);

/* Makes one write of what lies between them; begin says whether commit is to be called. */
bool archive_begin(struct archive *archive);
void archive_commit(struct archive *archive);

/* True once an hour: what is old is to go. The history is then cut off by archive_prune(). Never true when
 * the clock has jumped ahead: all would be old. */
bool archive_is_due(struct archive *archive, uint64_t now_usec);

/* Cuts off a step of what is old or too much, once archive_is_due() has begun it. */
void archive_prune(struct archive *archive, uint64_t now_usec);
