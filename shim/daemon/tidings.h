/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What comes with more than an event: records, and the news of pods that are virtual machines. Each is
 * taken up whole, and leads to events of its container's life: node.h. */

#include "shim/daemon/node.h"

/* The record of this id has come, changed or gone: the one that is there now counts. */
void tidings_take_record(struct node *node, const char *id, uint64_t now_usec);

/* Lists all records; containers without one have lost it. Returns 0 or -errno. */
int tidings_take_records(struct node *node, uint64_t now_usec, struct error *err);

/* Takes all that guest_news_next() has. */
void tidings_take_guests(struct node *node, uint64_t now_usec);
