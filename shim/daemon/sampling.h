/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The ticks in which all cgroups are read: by one census where the kernel has the iterator, else by their
 * files. cgroups/sampler.h reads one cgroup. */

#include <stdbool.h>
#include <stdint.h>

#include "cgroups/census_taker.h"
#include "cgroups/sampler.h"
#include "shim/daemon/container.h"

struct sampling {
	struct sampler sampler;
	struct census_taker *census_taker; /* borrowed; NULL: files are read */
	struct census census;              /* of the tick that goes on */
	uint64_t tick;                     /* counts them */
};

/* kept_max: of struct sampler. */
void sampling_init(struct sampling *sampling, int cgroup_fd, size_t kept_max);
/* After all that was opened is closed. */
void sampling_free(struct sampling *sampling);

/* All cgroups are read at once from here on, each tick. */
void sampling_use_census(struct sampling *sampling, struct census_taker *taker);

/* A tick begins: takes the census that it goes by. Returns 0 or -errno: files are read in this tick then. */
int sampling_begin(struct sampling *sampling, struct error *err);
/* It ends: what is read from here on is read anew. */
void sampling_end(struct sampling *sampling);

/* Whether it is this container's turn for what changes seldom. Turns are spread over the ticks. */
bool sampling_is_turn(const struct sampling *sampling, const struct container *container);
