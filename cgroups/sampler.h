/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads many cgroups over and over, cheaply: from a census of all of them where one was taken (census.h), else
 * memory.current and memory.stat are kept open and read with pread(). One buffer, no allocation.
 *
 * Descriptors: by a census none, but for a memory.stat that is read again and again. Else one for memory.current of
 * each cgroup, and one for memory.stat as long as no other cgroup lacks its first for it: when there are too few for
 * that, each gives up its second at its next reading. Where there are too few for one each, those without have their
 * files opened for each reading: slower, but no cgroup is read less often, or less exactly, than another.
 *
 * memory.stat costs more than twice what memory.current does, and is read when it can have changed by more than a
 * little (sampler_stat_is_due()). memory.current is read each time, and a rise of it is one of the working set at
 * once. What can be hidden for a while is a rise without one, page cache that has become active or was replaced by
 * memory that cannot be dropped: of up to a 16th of memory.current where that moves, of any size where it stays the
 * same to the byte, and for SAMPLER_STAT_READINGS - 1 readings at most. A census has inactive_file as it was up to 2 s
 * ago, so that memory.stat is read only where memory.current has moved by a 64th of it. */

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/census.h"
#include "cgroups/error.h"
#include "cgroups/memory.h"

/* Without a census memory.stat is read each so many readings at least. */
#define SAMPLER_STAT_READINGS 10

struct sampler {
	int cgroup_fd; /* borrowed: where cgroup v2 is mounted */
	/* File descriptors that may be kept, of all cgroups together, and that are. */
	size_t kept_max, kept;
	bool tight; /* a first one could not be kept: second ones are given up */
	/* Set when a file was not kept for want of descriptors. The owner says so, once. */
	bool degraded;
	/* Owned by who takes it, and current as long as it is set; NULL between. by_census: one is taken for each round,
	 * and no memory.current is kept for what it misses. */
	struct census *census;
	bool by_census;
	uint8_t *wanted; /* borrowed: of census_want(); NULL where there is no census */
	/* The directories that were opened last, since more than one thing is done there as a rule. Owned. */
	struct {
		uint64_t id;
		int fd;
	} directories[2];
	unsigned oldest;
	unsigned
		opened; /* spreads the reads of memory.stat that are due by their age alone over the readings */
	char text[MEMORY_TEXT_SIZE];
};

/* One cgroup that is read. Its directory is not kept open: a cgroup of the same path is another one if its id is. */
struct sampled {
	const char *path;        /* borrowed, as for cgroup_open(); NULL: not open */
	uint64_t id;             /* cgroup_id() */
	uint32_t hint;           /* of census_find() */
	int current_fd, stat_fd; /* owned; -1: not kept */

	/* The last reading of memory.stat, with the memory.current of then, and how many readings are since. */
	struct memory last;
	bool stat_known;
	unsigned readings, phase;
};
#define SAMPLED_NONE ((struct sampled){.current_fd = -1, .stat_fd = -1})

void sampler_init(struct sampler *sampler, int cgroup_fd, size_t kept_max);
/* After all that was opened is closed. */
void sampler_free(struct sampler *sampler);

/* path is borrowed until sampler_close(). Returns 0, MEMORY_GONE, or -errno. */
int sampler_open(struct sampler *sampler, const char *path, struct sampled *ret, struct error *err);
void sampler_close(struct sampler *sampler, struct sampled *sampled);

/* The directory of the cgroup, if it is still the one with this id. *ret_fd is borrowed, until two others have been asked
 * for. Returns 0, MEMORY_GONE, or -errno. */
int sampler_directory(struct sampler *sampler, const char *path, uint64_t id, int *ret_fd, struct error *err);

/* What the census has of it, NULL where there is none. */
const struct census_entry *sampler_counted(const struct sampler *sampler, struct sampled *sampled);

/* Whether memory.stat is to be read, memory.current being this; cache_known: inactive_file is known without. */
bool sampler_stat_is_due(const struct sampled *sampled, uint64_t current_bytes, bool cache_known);

/* One reading; peak_bytes is 0 where it is not by a census. Returns 0, MEMORY_GONE, or -errno. */
int sampler_read(struct sampler *sampler, struct sampled *sampled, struct memory *ret, struct error *err);
