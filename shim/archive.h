/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the node keeps over a restart: windows, runs and the audit in the history, recommendations in what is
 * published. Nothing here fails: what cannot be kept is said once, and the daemon goes on in memory. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/container.h"
#include "shim/workload.h"

struct node;

/* Fills the node's table of workloads. Returns 0 or -ENOMEM. */
int archive_load(struct node *node, uint64_t now_usec, struct error *err);

void archive_workload(struct node *node, struct workload *workload, uint64_t now_usec);
/* A slot was just closed: it is to be kept. */
void archive_slot(struct node *node, struct workload *workload);
/* Keeps all slots that are to be kept, in one write: at the end of each tick. What cannot be written is tried
 * again in the next one, for each workload the WINDOW_FINE_SLOTS that were closed last. */
void archive_slots(struct node *node, uint64_t now_usec);

/* A run as it is known by now, and its end. */
void archive_run(struct node *node, const struct container *container);
void archive_end(struct node *node, const struct container *container, uint64_t now_usec);

/* The audit: a container's decision, or (container_id NULL) a recommendation. */
void archive_decision(struct node *node, const struct workload *workload, const char *container_id,
		      uint64_t limit_bytes, const char *reason, uint64_t now_usec);

/* Makes one write of what lies between them; begin says whether commit is to be called. */
bool archive_begin(struct node *node);
void archive_commit(struct node *node);

/* Cuts off what is old. */
void archive_prune(struct node *node, uint64_t older_than_usec);
