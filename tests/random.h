/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random input, the same at each run. */

#include "cgroups/quantity.h"
#include "shim/tune/decision.h"

static inline uint64_t draw(uint64_t *seed)
{
	/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" (2016) */
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(2685821657736338717);
}

static inline uint64_t draw_bytes(uint64_t *seed)
{
	static const uint64_t extremes[] = {0,         1,          65535,          65536,      INT64_MAX - 1,
					    INT64_MAX, 1ull << 63, UINT64_MAX - 1, UINT64_MAX, 1ull << 62};
	uint64_t kind = draw(seed) % 8;

	if (kind == 0)
		return extremes[draw(seed) % (sizeof extremes / sizeof *extremes)];
	if (kind == 1)
		return 0;
	if (kind == 2)
		return draw(seed) >> draw(seed) % 64;
	return draw(seed) % (4 * GIB);
}

static inline void draw_decision(uint64_t *seed, struct decision_input *input, struct guard_settings *guards)
{
	*input = (struct decision_input){
		.mode = (int)(draw(seed) % 8 == 0 ? draw(seed) % 3 : MODE_ENFORCE),
		.declared_bytes = draw(seed) % 6 == 0 ? DECISION_UNLIMITED : draw_bytes(seed),
		.override_bytes = draw(seed) % 3 == 0 ? draw_bytes(seed) : 0,
		.recommended_bytes = draw_bytes(seed),
		.enforced_bytes = draw_bytes(seed),
		.p95_bytes = draw_bytes(seed),
		.prestart_bytes = draw_bytes(seed),
		.last_applied_bytes = draw_bytes(seed),
		.oom_floor_bytes = draw(seed) % 2 ? draw_bytes(seed) : 0,
		.seen_bytes = draw(seed) % 2 ? draw_bytes(seed) : 0,
		.round_bytes = draw(seed) % 3 * 4 * MIB,
		.in_use_bytes = draw(seed) % 4 == 0 ? draw_bytes(seed) : 0,
	};
	/* Values that the settings accept. */
	*guards = (struct guard_settings){
		.min_bytes = MIB + draw(seed) % GIB,
		.max_change_ratio = 0.01 + (double)(draw(seed) % 100) / 100 * 0.99,
		.allow_raise = draw(seed) % 4 == 0,
		.limit_unlimited = draw(seed) % 2 == 0,
	};
	guards->max_bytes = guards->min_bytes + (draw(seed) % 8 ? draw(seed) % (64 * GIB) : 0);
	if (draw(seed) % 16 == 0)
		guards->max_bytes = UINT64_C(1) << 62;
}
