/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a BPF program in the kernel (census.bpf.c) has found in one pass over all cgroups, of those that are
 * wanted, and the look-up in it. census_taker.h takes one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/census_entry.h"

struct census {
	const struct census_entry *entries; /* borrowed from who has taken it, until it is taken anew */
	uint32_t count;                     /* entries that there are */
	uint32_t missed;                    /* that there was no room for */
	uint64_t page_bytes;
	bool knows_inactive_file; /* those of the entries are what memory.stat says, up to 2 s ago */

	uint32_t *index; /* owned: by id, made when an entry is not where it was; NULL: not made yet */
	size_t index_size;
};
#define CENSUS_NONE ((struct census){.entries = NULL})

/* What there is of the cgroup, or NULL. *hint is where it was found last, for the caller to keep (0 at
 * first): a census has the same order each time, so that most are there again. */
const struct census_entry *census_find(struct census *census, uint64_t cgroup_id, uint32_t *hint);

/* From the next census on this cgroup is in it, or not any more: as often as it was wanted before. wanted:
 * CENSUS_WANTED bytes, the program's. */
void census_want(uint8_t *wanted, uint64_t cgroup_id);
void census_let_go(uint8_t *wanted, uint64_t cgroup_id);

/* Nothing is found from here on. */
void census_forget(struct census *census);
