/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/decision.h"

#include <stdio.h>
#include <string.h>

const char *const mode_names[] = {"off", "observe", "enforce", NULL};
const char *const decision_source_names[] = {"override", "enforced", "observed", "declared", NULL};

/* Bytes: a multiple of every page size that Linux uses. The kernel then stores exactly the number that we
 * write. */
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

/* bytes × ratio, bounded to what a limit can be. */
static uint64_t share(uint64_t bytes, double ratio)
{
	double product = (double)bytes * ratio;
	return product >= 0x1p62 ? UINT64_C(1) << 62 : product <= 0 ? 0 : (uint64_t)product;
}

/* The range that a guard allows. If least > most, the limit is most. */
struct range {
	uint64_t least, most;
};

static struct range at_least(uint64_t bytes)
{
	return (struct range){granule_up(bytes), DECISION_UNLIMITED};
}

static struct range range_p95(const struct decision_input *in, const struct guard_settings *guards)
{
	(void)guards;
	return at_least(in->p95_bytes);
}

static struct range range_prestart(const struct decision_input *in, const struct guard_settings *guards)
{
	return at_least(in->prestart_bytes > 0 ? add(in->prestart_bytes, guards->min_bytes) : 0);
}

static struct range range_oom(const struct decision_input *in, const struct guard_settings *guards)
{
	(void)guards;
	return at_least(in->oom_floor_bytes);
}

static uint64_t floor_of(const struct decision_input *in, const struct guard_settings *guards);

/* What a step up must reach: the floors and what was seen, rounded up as recommendations are. A step that ends
 * between a floor and the rounded recommendation could be killed again for the difference. */
static uint64_t known_of(const struct decision_input *in, const struct guard_settings *guards)
{
	uint64_t bytes = max_of(floor_of(in, guards), granule_up(in->seen_bytes));
	uint64_t over = in->round_bytes > 0 ? bytes % in->round_bytes : 0;
	return over > 0 ? add(bytes, in->round_bytes - over) : bytes;
}

/* Bounds the step away from the limit applied last, or from the declared one if none was. The range reaches
 * up to what is known to be needed: a program that needs more gets it at once. */
static struct range range_max_change(const struct decision_input *in, const struct guard_settings *guards)
{
	uint64_t base = in->last_applied_bytes;
	if (base == 0 || base == DECISION_UNLIMITED)
		base = in->declared_bytes;
	if (base == DECISION_UNLIMITED)
		return at_least(0);

	uint64_t least = granule_up(share(base, 1 - guards->max_change_ratio));
	uint64_t most = share(base, 1 + guards->max_change_ratio) / GRANULE * GRANULE;
	return (struct range){least, max_of(max_of(most, least), known_of(in, guards))};
}

/* If a floor is above the node's maximum, tuning is not possible: the container gets what is declared. */
static struct range range_node(const struct decision_input *in, const struct guard_settings *guards)
{
	if (floor_of(in, guards) > guards->max_bytes)
		return (struct range){in->declared_bytes, in->declared_bytes};
	return (struct range){guards->min_bytes, guards->max_bytes};
}

/* With a memory.max below the charge the kernel reclaims at once, and kills if that fails. */
static struct range range_in_use(const struct decision_input *in, const struct guard_settings *guards)
{
	(void)guards;
	return at_least(in->in_use_bytes);
}

static struct range range_declared(const struct decision_input *in, const struct guard_settings *guards)
{
	return (struct range){0, guards->allow_raise ? DECISION_UNLIMITED : in->declared_bytes};
}

static struct range range_unlimited(const struct decision_input *in, const struct guard_settings *guards)
{
	bool stays = in->declared_bytes == DECISION_UNLIMITED && !guards->limit_unlimited;
	return (struct range){stays ? DECISION_UNLIMITED : 0, DECISION_UNLIMITED};
}

#define RANGE(guard, range, name, sentence)    [guard] = range,
#define NAME(guard, range, name, sentence)     [guard] = name,
#define SENTENCE(guard, range, name, sentence) [guard] = sentence,

static struct range (*const guard_ranges[])(const struct decision_input *in,
					    const struct guard_settings *guards) = {DECISION_GUARDS(RANGE)};
const char *const guard_names[] = {DECISION_GUARDS(NAME) NULL};
const char *const guard_sentences[GUARDS_COUNT] = {DECISION_GUARDS(SENTENCE)};

/* The highest of the floors, which are the guards before max-change. */
static uint64_t floor_of(const struct decision_input *in, const struct guard_settings *guards)
{
	uint64_t floor_bytes = 0;
	for (enum guard guard = 0; guard < GUARD_MAX_CHANGE; guard++)
		floor_bytes = max_of(floor_bytes, guard_ranges[guard](in, guards).least);
	return floor_bytes;
}

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
			struct range range = guard_ranges[guard](input, guards);
			uint64_t moved = min_of(max_of(limit, range.least), range.most);
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
