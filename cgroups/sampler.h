/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads many cgroups over and over, cheaply: memory.current and memory.stat are kept open and read with
 * pread() into one buffer, without an allocation.
 *
 * memory.stat costs more than twice what memory.current does, and is read when it can have changed by more than a
 * little (sampler_stat_is_due()). memory.current is read each time, and a rise of it is one of the working set at
 * once. What can be hidden for a while is a rise without one, page cache that has become active or was replaced by
 * memory that cannot be dropped: of up to a 16th of memory.current where that moves, of any size where it stays the
 * same to the byte, and for SAMPLER_STAT_READINGS - 1 readings at most. */

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/error.h"
#include "cgroups/memory.h"

/* memory.stat is read each so many readings at least. */
#define SAMPLER_STAT_READINGS 10

struct sampler {
	/* File descriptors that may be kept, of all cgroups together, and that are. What is beyond is opened
	 * for each reading: slower, but nothing is lost. */
	size_t kept_max, kept;
	/* Set when a file was not kept for want of descriptors. The owner says so, once. */
	bool degraded;
	unsigned opened; /* spreads the reads of memory.stat that are due by their age alone over the readings */
	char text[MEMORY_TEXT_SIZE];
};

/* One cgroup that is read. */
struct sampled {
	int dir_fd;              /* owned */
	int current_fd, stat_fd; /* owned; -1: opened for each reading */

	/* The last reading of memory.stat, with the memory.current of then, and how many readings are since. */
	struct memory last;
	bool stat_known;
	unsigned readings, phase;
};
#define SAMPLED_NONE ((struct sampled){.dir_fd = -1, .current_fd = -1, .stat_fd = -1})

/* kept_max as above. */
void sampler_init(struct sampler *sampler, size_t kept_max);

/* Takes dir_fd over, also on failure. Returns 0, MEMORY_GONE, or -errno. */
int sampler_open(struct sampler *sampler, int dir_fd, struct sampled *ret, struct error *err);
void sampler_close(struct sampler *sampler, struct sampled *sampled);

/* Whether memory.stat is to be read, memory.current being this. */
bool sampler_stat_is_due(const struct sampled *sampled, uint64_t current_bytes);

/* One reading, without peak_bytes, which is 0. Returns 0, MEMORY_GONE, or -errno. */
int sampler_read(struct sampler *sampler, struct sampled *sampled, struct memory *ret, struct error *err);
