/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the node does at intervals, and on demand. daemon.c has the timers. */

#include "shim/daemon/node.h"

/* Each sampling.interval: a tick, which samples every container. */
void node_sample(struct node *node, uint64_t now_usec);

/* Each tuner.interval: checks every workload that has new samples. */
void node_tune(struct node *node, uint64_t now_usec);

/* Each second: reads the virtual machines that are due (each [vm] interval) and asks their guests; notes
 * answers that are late. */
void node_watch_guests(struct node *node, uint64_t now_usec);

/* Each [vm] interval: writes what pods cost, to overhead.json and the handlers' files. */
void node_account(struct node *node, uint64_t now_usec);

/* Each second: reads the monitors of some containers, so that all are read within report.node_interval. */
void node_look_at_conmons(struct node *node, uint64_t now_usec);

/* Each report.node_interval: logs the node's summary. */
void node_report(const struct node *node, uint64_t now_usec);

/* Each minute: removes records that nobody else will remove, temporary files of wrappers that were
 * killed, and workloads that were not seen for [history] keep; has old rows of the history deleted; tries
 * again to open sources. */
void node_sweep(struct node *node, uint64_t now_usec);

/* Takes new settings. */
void node_reload(struct node *node, const struct settings *settings);

/* Before the daemon ends: keeps and publishes everything. */
void node_flush(struct node *node, uint64_t now_usec);
