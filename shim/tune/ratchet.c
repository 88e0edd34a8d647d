/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/ratchet.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/quantity.h"
#include "oci/sizing.h"

/* Limits within SAME of each other are one level. Levels are at least APART from each other. */
#define SAME  0.02
#define APART 0.10

/* follows: the use follows if it falls by this share of the limit's fall. steps: how often in a row. A floor
 * is given up below half of follows, so that a program near this line does not go to and fro. expires: the
 * floor is tried again after ratchet_hold_usec. docs/TUNING.md has the reasons. */
static const struct judgement {
	double follows;
	unsigned steps;
	bool expires;
} by_default = {0.5, 2, true}, by_hint = {0.25, 1, false};

static bool is_known_to_size_itself(const struct ratchet *ratchet)
{
	return ratchet->program == SIZING_JVM || ratchet->program == SIZING_GO;
}

static const struct judgement *judgement_of(const struct ratchet *ratchet)
{
	return is_known_to_size_itself(ratchet) ? &by_hint : &by_default;
}

static bool is_level(uint64_t limit_bytes)
{
	return limit_bytes > 0 && limit_bytes != UINT64_MAX;
}

static bool is_at(const struct ratchet_level *level, uint64_t limit_bytes)
{
	double limit = (double)limit_bytes, own = (double)level->limit_bytes;
	return own > 0 && limit >= own * (1 - SAME) && limit <= own * (1 + SAME);
}

uint64_t ratchet_lowest(const struct ratchet *ratchet)
{
	return ratchet->to.limit_bytes > 0 ? ratchet->to.limit_bytes : ratchet->from.limit_bytes;
}

double ratchet_drop(const struct ratchet *ratchet)
{
	if (ratchet->from.use_bytes <= ratchet->to.use_bytes)
		return 0;
	return 1 - (double)ratchet->to.use_bytes / (double)ratchet->from.use_bytes;
}

/* The use's fall from `from` to `to`, divided by the limit's: 1 if the use follows wholly. */
static double following(const struct ratchet *ratchet)
{
	if (ratchet->from.use_bytes == 0 || ratchet->to.use_bytes == 0)
		return 0;
	return ratchet_drop(ratchet) /
	       (1 - (double)ratchet->to.limit_bytes / (double)ratchet->from.limit_bytes);
}

static void begin_at(struct ratchet *ratchet, const struct ratchet_level *level)
{
	ratchet->from = *level;
	ratchet->to = (struct ratchet_level){0};
	ratchet->top_bytes = level->limit_bytes;
	ratchet->samples = 0;
	ratchet->steps = 0;
	ratchet->since_usec = 0;
}

void ratchet_begin(struct ratchet *ratchet, uint64_t limit_bytes)
{
	if (ratchet->from.limit_bytes == 0 && is_level(limit_bytes))
		begin_at(ratchet, &(struct ratchet_level){.limit_bytes = limit_bytes});
}

void ratchet_restart(struct ratchet *ratchet)
{
	ratchet->program = SIZING_UNKNOWN;
	if (ratchet->since_usec > 0)
		return;
	begin_at(ratchet, &(struct ratchet_level){.limit_bytes = ratchet_lowest(ratchet)});
}

static void see(struct ratchet_level *level, const struct ratchet_level *seen)
{
	if (level->at_usec != seen->at_usec || level->use_bytes < seen->use_bytes)
		level->use_bytes = seen->use_bytes;
	level->at_usec = seen->at_usec;
}

/* Takes the next level below. The use just before and just after tells whether it followed. A use that goes
 * on falling at the same limit falls by itself. */
static void step_down(struct ratchet *ratchet, const struct ratchet_level *level)
{
	if (ratchet->to.limit_bytes > 0 && ratchet->since_usec == 0) {
		ratchet->from = ratchet->to;
		if (ratchet->steps == 0)
			ratchet->top_bytes = ratchet->from.limit_bytes;
	}
	ratchet->to = *level;
	if (following(ratchet) >= judgement_of(ratchet)->follows)
		ratchet->steps++;
	else
		ratchet->steps = 0;
}

/* Takes a new level. Returns false if the level tells nothing. */
static bool take_level(struct ratchet *ratchet, const struct ratchet_level *level)
{
	const double limit = (double)level->limit_bytes;

	if (limit > (double)ratchet->top_bytes * (1 + SAME))
		begin_at(ratchet, level);
	else if (level->limit_bytes > ratchet->from.limit_bytes && ratchet->since_usec > 0)
		ratchet->from = *level; /* on its way back to the floor: does the use come back, too? */
	else if (level->limit_bytes > ratchet->from.limit_bytes)
		begin_at(ratchet, level);
	else if (limit > (double)ratchet_lowest(ratchet) * (1 - APART))
		return false;
	else if (ratchet->from.use_bytes == 0)
		begin_at(ratchet, level);
	else
		step_down(ratchet, level);
	return true;
}

static void judge(struct ratchet *ratchet, const struct tuner_settings *settings, uint64_t now_usec)
{
	const struct judgement *judgement = judgement_of(ratchet);

	if (ratchet->since_usec > now_usec)
		ratchet->since_usec = now_usec;
	if (following(ratchet) < judgement->follows / 2 && ratchet->to.limit_bytes > 0) {
		ratchet->steps = 0;
		if (ratchet->since_usec > 0)
			ratchet->to = (struct ratchet_level){0}; /* to be seen again */
		ratchet->since_usec = 0;
	} else if (ratchet->since_usec == 0) {
		if (ratchet->steps >= judgement->steps)
			ratchet->since_usec = now_usec;
	} else if (judgement->expires && now_usec - ratchet->since_usec >= settings->ratchet_hold_usec) {
		/* The floor is tried again. One step is enough then. */
		ratchet->since_usec = 0;
		ratchet->steps = judgement->steps - 1;
		ratchet->to = (struct ratchet_level){0};
	}
}

bool ratchet_observe(struct ratchet *ratchet, const struct tuner_settings *settings,
		     const struct ratchet_sight *sight, uint64_t now_usec)
{
	const uint64_t floor_bytes = ratchet_floor(ratchet), since_usec = ratchet->since_usec;
	const struct ratchet_level level = {sight->limit_bytes, sight->use_bytes, now_usec};
	uint64_t samples =
		sight->samples < settings->warmup_samples ? sight->samples : settings->warmup_samples;
	bool other = false;

	if (ratchet->newest_usec > now_usec)
		ratchet->newest_usec = 0; /* the clock was set back */
	if (!is_level(level.limit_bytes) || level.use_bytes == 0 || samples < ratchet->samples / 2)
		return false;
	if (is_at(&ratchet->from, level.limit_bytes)) {
		see(&ratchet->from, &level);
	} else if (is_at(&ratchet->to, level.limit_bytes)) {
		see(&ratchet->to, &level);
	} else if (sight->created_usec >= ratchet->newest_usec) {
		other = take_level(ratchet, &level);
		if (other)
			ratchet->newest_usec = sight->created_usec;
	}
	if (is_at(&ratchet->from, level.limit_bytes))
		ratchet->samples = samples;
	judge(ratchet, settings, now_usec);
	return other || ratchet->since_usec != since_usec || ratchet_floor(ratchet) != floor_bytes;
}

uint64_t ratchet_floor(const struct ratchet *ratchet)
{
	if (ratchet->since_usec > 0)
		return ratchet->top_bytes;
	if (is_known_to_size_itself(ratchet))
		return (uint64_t)((double)ratchet_lowest(ratchet) * RATCHET_STEP);
	return 0;
}

static const size_t numbers[] = {
	offsetof(struct ratchet, top_bytes),      offsetof(struct ratchet, since_usec),
	offsetof(struct ratchet, steps),          offsetof(struct ratchet, samples),
	offsetof(struct ratchet, newest_usec),    offsetof(struct ratchet, from.limit_bytes),
	offsetof(struct ratchet, from.use_bytes), offsetof(struct ratchet, to.limit_bytes),
	offsetof(struct ratchet, to.use_bytes),
};
#define NUMBERS_COUNT (sizeof numbers / sizeof *numbers)

const char *ratchet_format(const struct ratchet *ratchet, char buf[static RATCHET_TEXT_MAX])
{
	buf[0] = '\0';
	if (ratchet->from.limit_bytes == 0 && ratchet->program == SIZING_UNKNOWN)
		return buf;
	size_t used = (size_t)snprintf(buf, RATCHET_TEXT_MAX, "%s", sizing_names[ratchet->program]);
	for (size_t i = 0; i < NUMBERS_COUNT; i++) {
		uint64_t number;
		memcpy(&number, (const char *)ratchet + numbers[i], sizeof number);
		used += (size_t)snprintf(buf + used, RATCHET_TEXT_MAX - used, " %" PRIu64, number);
	}
	return buf;
}

/* A written ratchet has its levels in order, and a floor only with both levels. */
static bool ratchet_is_sound(const struct ratchet *ratchet)
{
	if (ratchet->top_bytes > INT64_MAX || ratchet->from.limit_bytes > INT64_MAX)
		return false;
	if (ratchet->to.limit_bytes > 0 && ratchet->to.limit_bytes >= ratchet->from.limit_bytes)
		return false;
	return ratchet->since_usec == 0 || ratchet->to.limit_bytes > 0;
}

bool ratchet_parse(const char *text, struct ratchet *ret)
{
	struct ratchet ratchet = {0};
	char name[16];

	*ret = ratchet;
	if (!*text)
		return true;
	size_t length = strcspn(text, " ");
	if (length >= sizeof name)
		return false;
	memcpy(name, text, length);
	name[length] = '\0';
	ratchet.program = (int)sizing_of_name(name);
	for (size_t i = 0; i < NUMBERS_COUNT; i++) {
		uint64_t number;
		text += length;
		if (*text++ != ' ')
			return false;
		length = strcspn(text, " ");
		if (quantity_parse_uint(text, length, &number) < 0)
			return false;
		memcpy((char *)&ratchet + numbers[i], &number, sizeof number);
	}
	if (text[length] != '\0' || !ratchet_is_sound(&ratchet))
		return false;
	*ret = ratchet;
	return true;
}
