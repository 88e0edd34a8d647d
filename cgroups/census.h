/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The result of one pass over all cgroups by a BPF program in the kernel (census.bpf.c), and the look-up in
 * this result. Only wanted cgroups are in it. census_taker.h makes the pass. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/census_entry.h"

struct census {
	const struct census_entry *entries; /* borrowed from the taker, until the next census */
	uint32_t count;                     /* of entries */
	uint32_t missed;                    /* wanted cgroups for which there was no room */
	uint64_t page_bytes;
	bool knows_inactive_file; /* inactive_file_pages is memory.stat's value, up to 2 s old */

	/* Owned: a hash of positions by id. NULL until an entry is not found at its hint. */
	uint32_t *index;
	size_t index_size;
};
#define CENSUS_NONE ((struct census){.entries = NULL})

/* Returns the cgroup's entry, or NULL. *hint is the entry's last position: the caller keeps one for each
 * cgroup, 0 at first. The order of a census stays the same, so that most entries are found at their hint. */
const struct census_entry *census_find(struct census *census, uint64_t cgroup_id, uint32_t *hint);

/* census_want(): the cgroup is in the next census. census_let_go(): the cgroup is in no census after the
 * next walk. The calls are counted: a cgroup that was wanted twice is let go twice. wanted belongs to the
 * BPF program. */
void census_want(struct census_wanted *wanted, uint64_t cgroup_id);
void census_let_go(struct census_wanted *wanted, uint64_t cgroup_id);

/* Empties the census: nothing is found in it until the next one is taken. */
void census_forget(struct census *census);
