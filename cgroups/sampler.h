/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads many cgroups over and over, cheaply: memory.current and memory.stat are kept open and read with
 * pread() into one buffer, so that a reading costs two system calls and no allocation (3 against 5 µs). */

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/error.h"
#include "cgroups/memory.h"

struct sampler {
	/* File descriptors that may be kept, of all cgroups together, and that are. What is beyond is opened
	 * for each reading: slower, but nothing is lost. */
	size_t kept_max, kept;
	/* Set when a file was not kept for want of descriptors. The owner says so, once. */
	bool degraded;
	char text[MEMORY_TEXT_SIZE];
};

/* One cgroup that is read. */
struct sampled {
	int dir_fd;              /* owned */
	int current_fd, stat_fd; /* owned; -1: opened for each reading */
};
#define SAMPLED_NONE ((struct sampled){.dir_fd = -1, .current_fd = -1, .stat_fd = -1})

/* kept_max as above. */
void sampler_init(struct sampler *sampler, size_t kept_max);

/* Takes dir_fd over, also on failure. Returns 0, MEMORY_GONE, or -errno. */
int sampler_open(struct sampler *sampler, int dir_fd, struct sampled *ret, struct error *err);
void sampler_close(struct sampler *sampler, struct sampled *sampled);

/* One reading, without peak_bytes, which is 0. Returns 0, MEMORY_GONE, or -errno. */
int sampler_read(struct sampler *sampler, struct sampled *sampled, struct memory *ret, struct error *err);
