/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Containers that are close to their limit: the kernel tells when a process of theirs has waited for
 * memory. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/sampler.h"
#include "shim/daemon/container.h"

/* So many containers at most are listened to: each costs the kernel some work twice a window, and a node
 * on which more are so close to their limits has other sorrows. */
#define PRESSURES_MAX 64

struct pressures {
	int fd;           /* epoll, to be polled */
	size_t n;         /* containers that are listened to: container->pressure_fd */
	bool unavailable; /* it was tried in vain, and is not tried again */
	uint64_t read_usec;
};

int pressures_open(struct pressures *pressures, struct error *err);
/* After pressures_remove() of all. */
void pressures_close(struct pressures *pressures);

/* After each reading: begins to listen to a container that is close to its limit (85 %), ends it far from
 * the limit (75 %). Returns 0; or -errno, after which no container is listened to any more. */
int pressures_update(struct pressures *pressures, struct container *container, struct sampler *sampler,
		     struct error *err);
void pressures_remove(struct pressures *pressures, struct container *container);

/* True when all that are listened to are to be read now, since one of them has waited. At most ten times a
 * second, unless one is gone. */
bool pressures_take(struct pressures *pressures, uint64_t now_usec);
