/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Pressure of containers that are close to their limit: the kernel reports when one of their processes has
 * waited for memory. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/sampler.h"
#include "shim/daemon/container.h"

/* The most containers that are listened to. Each costs the kernel some work twice a window. A node with more
 * containers so close to their limits has other sorrows. */
#define PRESSURES_MAX 64

struct pressures {
	int fd;           /* epoll, to be polled */
	size_t n;         /* containers that are listened to: container->pressure_fd */
	bool unavailable; /* listening has failed, and is not tried again */
	uint64_t read_usec;
};

/* Returns 0 or -errno. */
int pressures_open(struct pressures *pressures, struct error *err);
/* Call after pressures_remove() of all containers. */
void pressures_close(struct pressures *pressures);

/* Call after each reading. Begins to listen to a container that uses 85 % of its limit, and stops below 75 %.
 * Returns 0; or -errno: then no further container is listened to. */
int pressures_update(struct pressures *pressures, struct container *container, struct sampler *sampler,
		     struct error *err);
void pressures_remove(struct pressures *pressures, struct container *container);

/* Call when fd is readable. Returns true if a process has waited: all containers that are listened to are to
 * be read now. At most ten times a second, unless a cgroup is gone. */
bool pressures_take(struct pressures *pressures, uint64_t now_usec);
