/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads many cgroups again and again at a low price. Values come from a census of all cgroups if one was
 * taken (census.h). Otherwise memory.current and memory.stat are kept open and read with pread(). There is
 * one buffer, and no allocation.
 *
 * File descriptors. With a census: only for a memory.stat that is read often. Without: one for each cgroup's
 * memory.current, and a second for its memory.stat as long as there are enough for every cgroup's first. When
 * descriptors run short, each cgroup gives up its second one at its next reading. When there are too few even
 * for one each, the files of the others are opened for each reading. This is slower, but all cgroups are read
 * equally often and equally exactly.
 *
 * memory.current is read each time. A rise of memory.current is at once a rise of the working set.
 * memory.stat costs more than twice as much. The first of these conditions that holds decides whether it is
 * read. A reading is blind if no census has the cgroup's inactive_file.
 *
 *     never read yet                                                       read
 *     blind, and the tenth reading since                                   read
 *     memory.current is the same to the byte as then                       not read
 *     blind, and inactive_file was above a 16th of memory.current          read
 *     memory.current has moved by a 64th, and by at least 256 KiB          read
 *     otherwise                                                            not read
 *
 * The working set can also rise while memory.current does not: inactive page cache became active, or was
 * replaced by memory that cannot be dropped. Blind readings miss such a rise at most
 * SAMPLER_STAT_READINGS - 1 times in a row. Its size is at most a 16th of memory.current, or any if
 * memory.current stays the same to the byte. The inactive_file of a census is at most 2 s old. */

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/census.h"
#include "cgroups/error.h"
#include "cgroups/memory.h"

/* If inactive_file is in no census, memory.stat is read at least at every so many readings. */
#define SAMPLER_STAT_READINGS 10

struct sampler {
	int cgroup_fd; /* the cgroup v2 mount, borrowed */
	/* File descriptors of all cgroups together: how many may be kept open, and how many are. */
	size_t kept_max, kept;
	/* A cgroup could not keep its first descriptor: all give up their second, until fewer than half of
	 * kept_max are kept. */
	bool tight;
	/* Set when a file was not kept open for want of descriptors. The owner of the sampler logs this
	 * once. */
	bool degraded;
	/* census: owned by the taker; NULL when none is current. by_census: a census is taken for each round,
	 * so that no memory.current is kept open for a cgroup that the census misses. */
	struct census *census;
	bool by_census;
	struct census_wanted *wanted; /* for census_want(), borrowed; NULL without a census */
	/* The two directories opened last, since most callers do more than one thing there. Owned. */
	struct {
		uint64_t id;
		int fd;
	} directories[2];
	unsigned oldest; /* the index of the one that the next opening replaces */
	/* Cgroups opened so far: spreads the reads of memory.stat that are due by age over the readings. */
	unsigned opened;
	char text[MEMORY_TEXT_SIZE];
};

/* One cgroup that is read again and again. Its directory is not kept open. A cgroup of the same path with
 * another id is another cgroup. */
struct sampled {
	const char *path;        /* borrowed, as for cgroup_open(); NULL: not opened */
	uint64_t id;             /* cgroup_id() */
	uint32_t hint;           /* of census_find() */
	int current_fd, stat_fd; /* owned; -1: not kept open */

	/* The last reading of memory.stat with the memory.current of that time, and the number of readings
	 * since. */
	struct memory last;
	bool stat_known;
	unsigned readings;
	unsigned phase; /* what readings begins with, so that not all cgroups are due at the same reading */
};
#define SAMPLED_NONE ((struct sampled){.current_fd = -1, .stat_fd = -1})

/* cgroup_fd: the cgroup v2 mount, borrowed. kept_max: the most descriptors that may be kept open. */
void sampler_init(struct sampler *sampler, int cgroup_fd, size_t kept_max);
/* Call once, when all cgroups are closed. */
void sampler_free(struct sampler *sampler);

/* path is borrowed until sampler_close(). Returns 0, MEMORY_GONE, or -errno. */
int sampler_open(struct sampler *sampler, const char *path, struct sampled *ret, struct error *err);
void sampler_close(struct sampler *sampler, struct sampled *sampled);

/* The cgroup's directory, if it still has this id; 0 for any id. *ret_fd is borrowed until two other
 * directories have been asked for. Returns 0, MEMORY_GONE, or -errno. */
int sampler_directory(struct sampler *sampler, const char *path, uint64_t id, int *ret_fd, struct error *err);

/* The cgroup's entry in the census, NULL if there is none. */
const struct census_entry *sampler_census_entry(const struct sampler *sampler, struct sampled *sampled);

/* Whether memory.stat must be read now. current_bytes: memory.current now. cache_known: inactive_file is
 * known without memory.stat. */
bool sampler_stat_is_due(const struct sampled *sampled, uint64_t current_bytes, bool cache_known);

/* Makes one reading. If memory.stat is not read, its values are those of its last reading, but inactive_file
 * is the census's if there is one. peak_bytes is 0 if it does not come from a census. Returns 0,
 * MEMORY_GONE, or -errno. */
int sampler_read(struct sampler *sampler, struct sampled *sampled, struct memory *ret, struct error *err);
