/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/decision.h"

#include <stdio.h>
#include <string.h>

const char *const mode_names[] = {"off", "observe", "enforce", NULL};
const char *const decision_source_names[] = {"override", "enforced", "observed", "declared", NULL};

/* A multiple of every page size that Linux uses, so that the kernel stores the very number that we write. */
#define GRANULE UINT64_C(65536)

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > INT64_MAX - min_of(b, INT64_MAX) ? INT64_MAX : a + b;
}

static uint64_t granule_up(uint64_t bytes)
{
	return add(bytes, GRANULE - 1) / GRANULE * GRANULE;
}

/* A share of an amount, held within what a limit can be. */
static uint64_t share(uint64_t bytes, double ratio)
{
	double product = (double)bytes * ratio;
	return product >= 0x1p62 ? UINT64_C(1) << 62 : product <= 0 ? 0 : (uint64_t)product;
}

static uint64_t p95_floor(const struct decision_input *in, const struct guard_settings *guards)
{
	(void)guards;
	return granule_up(in->p95_bytes);
}

static uint64_t prestart_floor(const struct decision_input *in, const struct guard_settings *guards)
{
	return in->prestart_bytes > 0 ? granule_up(add(in->prestart_bytes, guards->min_bytes)) : 0;
}

static uint64_t oom_floor(const struct decision_input *in, const struct guard_settings *guards)
{
	(void)guards;
	return granule_up(in->oom_floor_bytes);
}

/* The highest of the floors. */
static uint64_t needed(const struct decision_input *in, const struct guard_settings *guards)
{
	return max_of(p95_floor(in, guards), max_of(prestart_floor(in, guards), oom_floor(in, guards)));
}

static uint64_t guard_p95(const struct decision_input *in, const struct guard_settings *guards,
			  uint64_t limit)
{
	return max_of(limit, p95_floor(in, guards));
}

static uint64_t guard_prestart(const struct decision_input *in, const struct guard_settings *guards,
			       uint64_t limit)
{
	return max_of(limit, prestart_floor(in, guards));
}

static uint64_t guard_oom(const struct decision_input *in, const struct guard_settings *guards,
			  uint64_t limit)
{
	return max_of(limit, oom_floor(in, guards));
}

/* Steps away from the limit that was last applied, or from the declared one where there is none yet. It never
 * takes back what the guards before it asked for: a program that needs more gets it at once. */
static uint64_t guard_max_change(const struct decision_input *in, const struct guard_settings *guards,
				 uint64_t limit)
{
	uint64_t base = in->last_applied_bytes;
	if (base == 0 || base == DECISION_UNLIMITED)
		base = in->declared_bytes;
	if (base == DECISION_UNLIMITED)
		return limit;

	uint64_t least = granule_up(share(base, 1 - guards->max_change_ratio));
	uint64_t most = share(base, 1 + guards->max_change_ratio) / GRANULE * GRANULE;
	return min_of(max_of(limit, least), max_of(max_of(most, least), needed(in, guards)));
}

/* Where the node's most is less than a floor asks for, tuning is not possible: the container gets what is declared. */
static uint64_t guard_node_range(const struct decision_input *in, const struct guard_settings *guards,
				 uint64_t limit)
{
	if (needed(in, guards) > guards->max_bytes)
		return in->declared_bytes;
	return min_of(max_of(limit, guards->min_bytes), guards->max_bytes);
}

/* A memory.max below what is charged makes the kernel reclaim at once and kill if it cannot. */
static uint64_t guard_in_use(const struct decision_input *in, const struct guard_settings *guards,
			     uint64_t limit)
{
	(void)guards;
	return max_of(limit, granule_up(in->in_use_bytes));
}

static uint64_t guard_declared(const struct decision_input *in, const struct guard_settings *guards,
			       uint64_t limit)
{
	return guards->allow_raise ? limit : min_of(limit, in->declared_bytes);
}

static uint64_t guard_unlimited(const struct decision_input *in, const struct guard_settings *guards,
				uint64_t limit)
{
	bool stays = in->declared_bytes == DECISION_UNLIMITED && !guards->limit_unlimited;
	return stays ? DECISION_UNLIMITED : limit;
}

const char *const guard_names[] = {
	[GUARD_P95] = "p95",
	[GUARD_PRESTART] = "prestart",
	[GUARD_OOM] = "oom",
	[GUARD_MAX_CHANGE] = "max-change",
	[GUARD_NODE_RANGE] = "node-range",
	[GUARD_IN_USE] = "in-use",
	[GUARD_DECLARED] = "declared",
	[GUARD_UNLIMITED] = "unlimited",
	[GUARDS_COUNT] = NULL,
};

static uint64_t (*const guard_acts[])(const struct decision_input *in, const struct guard_settings *guards,
				      uint64_t limit) = {
	[GUARD_P95] = guard_p95,
	[GUARD_PRESTART] = guard_prestart,
	[GUARD_OOM] = guard_oom,
	[GUARD_MAX_CHANGE] = guard_max_change,
	[GUARD_NODE_RANGE] = guard_node_range,
	[GUARD_IN_USE] = guard_in_use,
	[GUARD_DECLARED] = guard_declared,
	[GUARD_UNLIMITED] = guard_unlimited,
};

static enum decision_source source_of(const struct decision_input *in)
{
	if (in->mode == MODE_ENFORCE && in->override_bytes > 0)
		return SOURCE_OVERRIDE;
	if (in->mode == MODE_ENFORCE && in->enforced_bytes > 0)
		return SOURCE_ENFORCED;
	if (in->mode != MODE_OFF && in->recommended_bytes > 0)
		return SOURCE_OBSERVED;
	return SOURCE_DECLARED;
}

void decision_make(const struct decision_input *input, const struct guard_settings *guards,
		   struct decision *ret)
{
	struct decision decision = {.source = (int)source_of(input), .limit_bytes = input->declared_bytes};

	if (decision.source == SOURCE_OVERRIDE || decision.source == SOURCE_ENFORCED) {
		uint64_t limit =
			decision.source == SOURCE_OVERRIDE ? input->override_bytes : input->enforced_bytes;
		for (enum guard guard = 0; guard < GUARDS_COUNT; guard++) {
			uint64_t moved = guard_acts[guard](input, guards, limit);
			if (moved == limit)
				continue;
			limit = moved;
			decision.step[decision.n_steps].guard = guard;
			decision.step[decision.n_steps++].limit_bytes = limit;
		}
		decision.limit_bytes = limit;
	}
	*ret = decision;
}

const char *decision_reason(const struct decision *decision, char buf[static DECISION_REASON_MAX])
{
	size_t used =
		(size_t)snprintf(buf, DECISION_REASON_MAX, "%s", decision_source_names[decision->source]);

	for (size_t i = 0; i < decision->n_steps && used < DECISION_REASON_MAX; i++)
		used += (size_t)snprintf(buf + used, DECISION_REASON_MAX - used, "+%s",
					 guard_names[decision->step[i].guard]);
	return buf;
}
