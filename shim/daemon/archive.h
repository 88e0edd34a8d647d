/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the node keeps over a restart: windows, runs and the audit in the history, recommendations in what is
 * published. Nothing here fails: what cannot be kept is said once, and the daemon goes on in memory. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/daemon/container.h"
#include "shim/daemon/workload.h"

struct node;

/* Fills the node's table of workloads. Returns 0 or -ENOMEM. */
int archive_load(struct node *node, uint64_t now_usec, struct error *err);

void archive_workload(struct node *node, struct workload *workload, uint64_t now_usec);
/* A slot was just closed: it is to be kept. */
void archive_slot(struct node *node, struct workload *workload);
/* Keeps all slots that are to be kept, in one write: at the end of each tick. What cannot be written is tried
 * again in the next one, for each workload the WINDOW_FINE_SLOTS that were closed last. */
void archive_slots(struct node *node, uint64_t now_usec);

/* A run as it is known by now, under a limit for this reason, and its end. */
void archive_run(struct node *node, const struct container *container, const char *reason);
void archive_end(struct node *node, const struct container *container, uint64_t now_usec);

/* The audit: what was decided for a container at its creation or a resize, what is recommended since now, and a
 * kill; learned_bytes: the floor that was learned from it, or 0. */
void archive_creation(struct node *node, const struct workload *workload, const struct record *record);
void archive_recommendation(struct node *node, const struct workload *workload, uint64_t now_usec);
void archive_kill(struct node *node, const struct container *container, enum oom_cause cause,
		  uint64_t learned_bytes, uint64_t now_usec);

/* Makes one write of what lies between them; begin says whether commit is to be called. */
bool archive_begin(struct node *node);
void archive_commit(struct node *node);

/* Cuts off what is old, or too much: a step. Returns whether there is more to be done. */
bool archive_prune(struct node *node, uint64_t now_usec);
