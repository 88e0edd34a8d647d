/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/census.h"

#include <stdlib.h>

/* Fibonacci hashing, since the kernel counts ids up. */
static size_t census_slot(const struct census *census, uint64_t cgroup_id)
{
	return (size_t)(cgroup_id * 0x9e3779b97f4a7c15u >> 32) & (census->index_size - 1);
}

/* A hash with open addressing, at most half full. It holds each position plus one; 0 is a free slot. */
static void census_make_index(struct census *census)
{
	size_t size = 64;

	while (size < 2 * (size_t)census->count)
		size *= 2;
	census->index = calloc(size, sizeof *census->index);
	if (!census->index)
		return;
	census->index_size = size;
	for (uint32_t i = 0; i < census->count; i++) {
		size_t slot = census_slot(census, census->entries[i].id);
		while (census->index[slot])
			slot = (slot + 1) & (size - 1);
		census->index[slot] = i + 1;
	}
}

const struct census_entry *census_find(struct census *census, uint64_t cgroup_id, uint32_t *hint)
{
	if (*hint < census->count && census->entries[*hint].id == cgroup_id)
		return &census->entries[*hint];
	if (!census->index && census->count > 0)
		census_make_index(census);
	/* Out of memory: the caller then reads the cgroup's files. */
	if (!census->index)
		return NULL;
	for (size_t slot = census_slot(census, cgroup_id); census->index[slot];
	     slot = (slot + 1) & (census->index_size - 1)) {
		uint32_t at = census->index[slot] - 1;
		if (census->entries[at].id != cgroup_id)
			continue;
		*hint = at;
		return &census->entries[at];
	}
	return NULL;
}

/* A byte at UINT8_MAX stays there: a few unwanted cgroups are read, no more harm than that. */
void census_want(struct census_wanted *wanted, uint64_t cgroup_id)
{
	uint8_t *count = &wanted->bytes[cgroup_id % CENSUS_WANTED];
	wanted->changes++;
	if (*count < UINT8_MAX)
		++*count;
}

void census_let_go(struct census_wanted *wanted, uint64_t cgroup_id)
{
	uint8_t *count = &wanted->bytes[cgroup_id % CENSUS_WANTED];
	if (*count > 0 && *count < UINT8_MAX)
		--*count;
}

void census_forget(struct census *census)
{
	free(census->index);
	*census = CENSUS_NONE;
}
