/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* FNV-1a, 64 bits: a hash that tells names of one node apart. No defence against someone who looks for two
 * names with one hash. */

#include <stdint.h>

/* The hash of nothing: what the first text is added to. */
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)

/* Adds a text and its NUL, so that "a", "bc" and "ab", "c" differ. */
static inline uint64_t hash_text(uint64_t before, const char *text)
{
	uint64_t hash = before;

	do
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	while (*text++);
	return hash;
}
