/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the node does again and again, and on demand; how often, daemon.c says. */

#include "shim/daemon/node.h"

/* One sample of every container: each sampling.interval. */
void node_sample(struct node *node, uint64_t now_usec);

/* A look at every workload that has new samples: each tuner.interval. */
void node_tune(struct node *node, uint64_t now_usec);

/* Reads the virtual machines that are due, and asks their guests, each [vm] interval; notes what was not
 * answered in time: each second. */
void node_watch_guests(struct node *node, uint64_t now_usec);

/* Writes down what pods cost: overhead.json and the handlers' files, each [vm] interval. */
void node_account(struct node *node, uint64_t now_usec);

/* A look at the monitors of some containers, so that all have been within a report.node_interval: each
 * second. */
void node_look_at_conmons(struct node *node, uint64_t now_usec);

/* The node's summary: each report.node_interval. */
void node_report(const struct node *node, uint64_t now_usec);

/* Removes records that nobody will remove any more, temporary files of wrappers that were killed, what is
 * old in the history, and workloads that have not been seen for as long; tries again to open sources that
 * could not be opened: now and then. */
void node_sweep(struct node *node, uint64_t now_usec);

void node_reload(struct node *node, const struct settings *settings);

/* Keeps and publishes all there is: before the end. */
void node_flush(struct node *node, uint64_t now_usec);
