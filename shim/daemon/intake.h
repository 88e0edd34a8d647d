/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads the sources, and hands their events to the node one by one. The kernel logs a kill before it counts
 * the kill and before the cgroup goes. So the log is read before an end is told, or a kill of which the limit
 * is not known. */

#include "shim/daemon/node.h"

/* Loads what was published and kept before, then the records. Returns 0 or -errno. */
int node_load(struct node *node, uint64_t now_usec, struct error *err);

/* Call one of these when a source's fd is readable. A source that may come in floods is read one piece at a
 * time: there may be more. */
void node_on_records(struct node *node, uint64_t now_usec);
void node_on_events(struct node *node, uint64_t now_usec);
void node_on_kernel_log(struct node *node, uint64_t now_usec);
void node_on_pressures(struct node *node, uint64_t now_usec);
void node_on_processes(struct node *node, uint64_t now_usec);
void node_on_exits(struct node *node, uint64_t now_usec);
void node_on_guests(struct node *node, uint64_t now_usec);

/* Takes all records that wait now, not those that come meanwhile. */
void node_take_waiting_records(struct node *node, uint64_t now_usec);

/* Call before a tick's readings: takes all records, if inotify does not report them or one was not taken. */
void node_make_up(struct node *node, uint64_t now_usec);
/* Call now and then: tries again to open sources that could not be opened. */
void node_open_sources(struct node *node, uint64_t now_usec);

/* If an end or a kill is to be told: reads the kernel log, then calls node_settle(). */
void node_hear(struct node *node, uint64_t now_usec);
