/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Takes records, and the news of pods that are virtual machines. Each may lead to several events of a
 * container's life: node.h. */

#include "shim/daemon/node.h"

/* The record of this id has come, changed or gone: takes the one that is there now. */
void tidings_take_record(struct node *node, const char *id, uint64_t now_usec);

/* Takes all records that are there. For a container without one, the record was removed. Returns
 * 0 or -errno. */
int tidings_take_records(struct node *node, uint64_t now_usec, struct error *err);

/* Takes all news of guest_news_next(). */
void tidings_take_guests(struct node *node, uint64_t now_usec);
