/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads what the sources have, and hands it on, event by event. The kernel logs a kill before it counts it
 * and before the cgroup goes: the log is read before an end, or a kill by who knows what limit, is told. */

#include "shim/daemon/node.h"

/* What was published and kept before, and the containers that are there. Returns 0 or -errno. */
int node_load(struct node *node, uint64_t now_usec, struct error *err);

/* The fds of struct sources can be read. What can come in floods is read in pieces: there may be more. */
void node_on_records(struct node *node, uint64_t now_usec);
void node_on_events(struct node *node, uint64_t now_usec);
void node_on_kernel_log(struct node *node, uint64_t now_usec);
void node_on_pressures(struct node *node, uint64_t now_usec);
void node_on_processes(struct node *node, uint64_t now_usec);
void node_on_exits(struct node *node, uint64_t now_usec);
void node_on_guests(struct node *node, uint64_t now_usec);

/* What is there in spite of a source that cannot tell: before a tick's readings. */
void node_make_up(struct node *node, uint64_t now_usec);
/* Tries again to open what could not be opened: now and then. */
void node_open_sources(struct node *node, uint64_t now_usec);

/* Reads the kernel log and settles, if there is anything to be told: node_settle(). */
void node_hear(struct node *node, uint64_t now_usec);
