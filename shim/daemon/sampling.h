/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The ticks, in which all cgroups are read: by one census if the kernel has the iterator, else by their
 * files. cgroups/sampler.h reads one cgroup. */

#include <stdbool.h>
#include <stdint.h>

#include "cgroups/census_taker.h"
#include "cgroups/sampler.h"
#include "shim/daemon/container.h"

struct sampling {
	struct sampler sampler;
	struct census_taker *census_taker; /* borrowed; NULL: files are read */
	struct census census;              /* the census of this tick */
	uint64_t tick;                     /* the number of this tick */
};

/* kept_max: see struct sampler. */
void sampling_init(struct sampling *sampling, int cgroup_fd, size_t kept_max);
/* Call after all cgroups are closed. */
void sampling_free(struct sampling *sampling);

/* From here on all cgroups are read at once, each tick. */
void sampling_use_census(struct sampling *sampling, struct census_taker *taker);

/* Begins a tick: takes its census. Returns 0; or -errno, and then files are read in this tick. */
int sampling_begin(struct sampling *sampling, struct error *err);
/* Ends the tick. Later readings do not use its census. */
void sampling_end(struct sampling *sampling);

/* Whether it is the container's turn to have the values read that change seldom. Turns are spread
 * over the ticks. */
bool sampling_is_turn(const struct sampling *sampling, const struct container *container);
