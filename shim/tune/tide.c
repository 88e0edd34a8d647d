/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/tide.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/quantity.h"

/* A peak this much above all before is a new one; a smaller difference is noise. */
#define RECORD_FACTOR 1.03

static uint64_t day_of(const struct tide *tide, uint64_t now_usec)
{
	uint64_t day = now_usec > tide->since_usec ? (now_usec - tide->since_usec) / USEC_PER_DAY : 0;
	return day > tide->day ? day : tide->day;
}

static void tide_turn(struct tide *tide, uint64_t day)
{
	uint64_t turned = day - tide->day;

	if (turned >= TIDE_DAYS)
		memset(tide->peak_bytes, 0, sizeof tide->peak_bytes);
	else
		for (uint64_t passed = tide->day; passed < day; passed++)
			tide->peak_bytes[(passed + 1) % TIDE_DAYS] = 0;
	if (turned > 0)
		tide->longest_usec[day % 2] = 0;
	if (turned > 1)
		tide->longest_usec[(day + 1) % 2] = 0;
	if (tide->longest_usec[0] == 0 && tide->longest_usec[1] == 0)
		tide->lives = 0;
	tide->day = day;
}

/* Whether the tide is further ahead of now than a clock is set back on purpose. The clock was wrong then, and
 * waiting for that day would take years. */
static bool is_far_ahead(const struct tide *tide, uint64_t now_usec)
{
	const uint64_t ahead_usec = tide->since_usec > now_usec ? tide->since_usec - now_usec : 0;
	const uint64_t passed_usec = now_usec > tide->since_usec ? now_usec - tide->since_usec : 0;
	return ahead_usec / USEC_PER_DAY > TIDE_DAYS || tide->day > passed_usec / USEC_PER_DAY + TIDE_DAYS;
}

void tide_add(struct tide *tide, uint64_t now_usec, uint64_t bytes)
{
	if (is_far_ahead(tide, now_usec))
		tide_restart(tide, now_usec);
	if (tide->since_usec == 0)
		tide->since_usec = now_usec;
	uint64_t day = day_of(tide, now_usec);
	if (day != tide->day)
		tide_turn(tide, day);
	uint64_t *peak = &tide->peak_bytes[day % TIDE_DAYS];
	if (bytes > *peak)
		*peak = bytes;
}

void tide_add_life(struct tide *tide, uint64_t now_usec, uint64_t life_usec, bool ended)
{
	if (tide->since_usec == 0 || life_usec < TIDE_LIFE_MIN_USEC)
		return;
	uint64_t day = day_of(tide, now_usec);
	if (day != tide->day)
		tide_turn(tide, day);
	uint64_t *longest = &tide->longest_usec[day % 2];
	if (life_usec > *longest)
		*longest = life_usec;
	if (ended && tide->lives < TIDE_LIVES)
		tide->lives++;
}

static uint64_t tide_life(const struct tide *tide, uint64_t now_usec)
{
	struct tide now = *tide;

	tide_turn(&now, day_of(tide, now_usec));
	if (now.lives < TIDE_LIVES)
		return 0;
	return now.longest_usec[0] > now.longest_usec[1] ? now.longest_usec[0] : now.longest_usec[1];
}

void tide_peaks(const struct tide *tide, uint64_t now_usec, uint64_t ret_bytes[static TIDE_DAYS])
{
	struct tide now = *tide;

	tide_turn(&now, day_of(tide, now_usec));
	for (uint64_t age = 0; age < TIDE_DAYS; age++)
		ret_bytes[age] = age <= now.day ? now.peak_bytes[(now.day - age) % TIDE_DAYS] : 0;
}

void tide_observe(const struct tide *tide, uint64_t now_usec, struct observed *ret)
{
	uint64_t peaks[TIDE_DAYS];

	ret->highest_bytes = ret->history_usec = ret->records = ret->life_usec = 0;
	if (tide->since_usec == 0)
		return;
	ret->life_usec = tide_life(tide, now_usec);
	tide_peaks(tide, now_usec, peaks);
	for (unsigned age = TIDE_DAYS; age-- > 0;) {
		if (peaks[age] == 0)
			continue;
		if (ret->highest_bytes > 0 && (double)peaks[age] > RECORD_FACTOR * (double)ret->highest_bytes)
			ret->records++;
		if (peaks[age] > ret->highest_bytes)
			ret->highest_bytes = peaks[age];
		if (age > 0)
			ret->history_usec += USEC_PER_DAY;
		else if (now_usec > tide->since_usec)
			ret->history_usec += (now_usec - tide->since_usec) % USEC_PER_DAY;
	}
}

void tide_restart(struct tide *tide, uint64_t now_usec)
{
	struct observed observed = {0};
	struct tide tide_new = {0};

	tide_observe(tide, now_usec, &observed);
	if (observed.highest_bytes > 0)
		tide_add(&tide_new, now_usec, observed.highest_bytes);
	*tide = tide_new;
}

const char *tide_format(const struct tide *tide, char buf[static TIDE_TEXT_MAX])
{
	size_t used = 0;

	buf[0] = '\0';
	if (tide->since_usec == 0)
		return buf;
	used += (size_t)snprintf(buf, TIDE_TEXT_MAX, "%" PRIu64 " %" PRIu64, tide->since_usec, tide->day);
	for (unsigned i = 0; i < TIDE_DAYS; i++)
		used += (size_t)snprintf(buf + used, TIDE_TEXT_MAX - used, " %" PRIu64, tide->peak_bytes[i]);
	(void)snprintf(buf + used, TIDE_TEXT_MAX - used, " %" PRIu64 " %" PRIu64 " %" PRIu64, tide->lives,
		       tide->longest_usec[0], tide->longest_usec[1]);
	return buf;
}

#define NUMBERS_BEFORE (2 + TIDE_DAYS) /* in texts from before lives */
#define NUMBERS        (NUMBERS_BEFORE + 3)

bool tide_parse(const char *text, struct tide *ret)
{
	uint64_t number[NUMBERS] = {0};
	size_t n = 0;
	struct tide tide;

	*ret = (struct tide){0};
	if (!*text)
		return true;
	for (const char *at = text; at;) {
		size_t length = strcspn(at, " ");
		if (n == NUMBERS || quantity_parse_uint(at, length, &number[n++]) < 0)
			return false;
		at = at[length] ? at + length + 1 : NULL;
	}
	if (n != NUMBERS && n != NUMBERS_BEFORE)
		return false;
	tide = (struct tide){.since_usec = number[0],
			     .day = number[1],
			     .lives = number[NUMBERS_BEFORE],
			     .longest_usec = {number[NUMBERS_BEFORE + 1], number[NUMBERS_BEFORE + 2]}};
	memcpy(tide.peak_bytes, number + 2, sizeof tide.peak_bytes);
	if (tide.since_usec == 0 || tide.day > UINT64_MAX / USEC_PER_DAY || tide.lives > TIDE_LIVES)
		return false;
	for (unsigned i = 0; i < TIDE_DAYS; i++)
		if (tide.peak_bytes[i] > INT64_MAX)
			return false;
	*ret = tide;
	return true;
}
