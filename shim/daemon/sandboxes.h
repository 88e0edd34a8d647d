/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the node does of its virtual machines: which there are, when they are read and their guests asked, and
 * what follows from it. sandbox.h is about one of them; node.h has what the daemon calls: node_watch_guests()
 * and node_on_guests(). */

#include "shim/daemon/node.h"
#include "shim/daemon/sandbox.h"

/* A container's record was read, and taken by it. */
void sandboxes_take_record(struct node *node, struct container *container, const struct record *record,
			   uint64_t now_usec);

/* It goes from the registry, and with the last of them the sandbox. */
void sandboxes_forget(struct node *node, struct container *container);

void sandboxes_free(struct node *node);
