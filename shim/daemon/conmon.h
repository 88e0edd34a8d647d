/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The monitors that CRI-O and podman start for each container: what they hold is nobody's declared memory. */

#include "shim/daemon/registry.h"

struct conmon_walk {
	size_t at; /* in the list of containers: whose monitor is looked at next */
};

/* Reads the monitors of some containers, each of them once in interval_usec: container->conmon_bytes. To
 * be called each second. */
void conmon_look(struct conmon_walk *walk, const struct registry *registry, int proc_fd,
		 uint64_t interval_usec, uint64_t now_usec);
