/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* conmon, the monitor process that CRI-O and podman start for each container. Its memory is in
 * nobody's declared limit. */

#include "shim/daemon/registry.h"

struct conmon_walk {
	size_t at; /* index in the registry's containers: the next one to be looked at */
};

/* Reads the monitors of some containers into container->conmon_bytes: each container once in interval_usec.
 * Call each second. */
void conmon_look(struct conmon_walk *walk, const struct registry *registry, int proc_fd,
		 uint64_t interval_usec, uint64_t now_usec);
