/* SPDX-License-Identifier: Apache-2.0 */

/* The policy `adaptive`: a margin over what the last day used, and at least a little above the highest peak
 * of 14 days. The margin grows more slowly than the size, shrinks with each quiet day, and is smaller for
 * containers that do not live long. docs/TUNING.md has the reasons and figures for each constant here. */

#include "shim/tune/adaptive.h"

#include "cgroups/quantity.h"
#include "shim/tune/policy.h"

static const struct weight {
	/* The size at which an ordinary container's margin on its first day equals its size. */
	uint64_t scale_bytes;
	bool over_max; /* the margin is put on max, else on p95 */
	/* The least restlessness: how far a flat container's margin may shrink. See
	 * adaptive_restlessness(). */
	double flat;
	bool life; /* a short life makes the margin smaller */
	/* The limit is at least the highest peak times this factor. */
	double highest_factor;
	bool cold; /* for the first COLD_USEC percentile's limit applies */
} weights[] = {
	[MARGIN_NORMAL] = {1408 * MIB, false, 0.5, true, 1.10, true},
	[MARGIN_TIGHT] = {64 * MIB, true, 0.1, false, 1.10, false},
};

/* Before, a flat workload cannot be told from one whose day has not begun. */
#define COLD_USEC (6 * USEC_PER_HOUR)

/* The margin is at most this many times the mean. Small containers would otherwise get a multiple of what
 * they use. And peaks far above the mean have already shown what the container can reach. */
#define MARGIN_MOST 2

/* In no trace does a life longer than a day need more. Containers that lived for minutes may be followed by
 * one that stays, hence the least. */
#define LIFE_MOST_USEC  USEC_PER_DAY
#define LIFE_LEAST_USEC USEC_PER_HOUR

#define ORDINARY_RISE 0.1
#define RESTLESS_MOST 2

/* The square root, rounded down, one binary digit at a time. The wrapper shares this file and has no libm. */
static uint64_t root(uint64_t square)
{
	uint64_t result = 0, bit = square > 0 ? UINT64_C(1) << (63 - __builtin_clzll(square)) / 2 * 2 : 0;
	for (; bit > 0; bit >>= 2) {
		if (square >= result + bit) {
			square -= result + bit;
			result = (result >> 1) + bit;
		} else {
			result >>= 1;
		}
	}
	return result;
}

/* What moved before will move again. A flat container grows less often, but then by as much. */
double adaptive_restlessness(int margin_setting, uint64_t avg_bytes, uint64_t max_bytes)
{
	double rise = avg_bytes > 0 ? (double)max_bytes / (double)avg_bytes - 1 : 0;
	double weight = rise / ORDINARY_RISE, least = weights[margin_setting].flat;
	if (weight < least)
		return least;
	return weight > RESTLESS_MOST ? RESTLESS_MOST : weight;
}

uint64_t adaptive_base_bytes(int margin_setting, uint64_t p95_bytes, uint64_t max_bytes)
{
	return weights[margin_setting].over_max ? max_bytes : p95_bytes;
}

static uint64_t life(int setting, const struct observed *observed)
{
	uint64_t usec = observed->life_usec;
	if (usec == 0 || usec > LIFE_MOST_USEC || !weights[setting].life)
		return LIFE_MOST_USEC;
	return usec > LIFE_LEAST_USEC ? usec : LIFE_LEAST_USEC;
}

/* 2^18 times the fourth root: only the ratio of two results means anything. */
static double fourth_root(uint64_t usec)
{
	return (double)root(root(usec << 24) << 24);
}

/* √(scale × max × (r + 1) / (d + 1) × restlessness × ⁴√(life / 24 h)), computed in KiB. d: days of history;
 * r: days of them with a new peak. The chance that the next day brings one is (r + 1) / (d + 1), by Laplace's
 * rule of succession. A life of an hour needs less than a life of a day, but far from a 24th: most growth
 * comes early. */
static uint64_t margin(int setting, const struct observed *observed)
{
	double days = (double)observed->history_usec / (double)USEC_PER_DAY;
	double chance = ((double)observed->records + 1) / (days + 1);
	double square =
		(double)(weights[setting].scale_bytes / KIB) * ((double)observed->max_bytes / (double)KIB);

	if (chance > 1)
		chance = 1;
	square *= chance * adaptive_restlessness(setting, observed->avg_bytes, observed->max_bytes);
	uint64_t life_usec = life(setting, observed);
	if (life_usec < LIFE_MOST_USEC)
		square *= fourth_root(life_usec) / fourth_root(LIFE_MOST_USEC);
	uint64_t bytes = square < 0x1p63 ? root((uint64_t)square) * KIB : UINT64_MAX;
	uint64_t most = bytes_scale(observed->avg_bytes, MARGIN_MOST);
	return bytes < most ? bytes : most;
}

static uint64_t reach(int setting, const struct observed *observed)
{
	return bytes_add(adaptive_base_bytes(setting, observed->p95_bytes, observed->max_bytes),
			 margin(setting, observed));
}

static uint64_t highest(const struct observed *observed)
{
	/* The window may be longer than 14 days, and may be there without a tide. */
	return observed->highest_bytes > observed->max_bytes ? observed->highest_bytes : observed->max_bytes;
}

static struct amount adaptive_request(const struct tuner_settings *settings, const struct observed *observed)
{
	return (struct amount){bytes_scale(observed->p95_bytes, settings->request_p95_factor), TERM_P95};
}

/* The limit that percentile would recommend, to the byte. */
static struct amount cold(const struct tuner_settings *settings, const struct observed *observed,
			  struct recommendation *seen)
{
	struct amount request =
		request_fit(settings, &policy_percentile, policy_percentile.request(settings, observed));
	struct amount limit = policy_percentile.limit(settings, observed, request.bytes, seen);
	uint64_t over = settings->round_bytes ? limit.bytes % settings->round_bytes : 0;
	if (over > 0)
		limit.bytes = bytes_add(limit.bytes, settings->round_bytes - over);
	return limit;
}

static struct amount adaptive_limit(const struct tuner_settings *settings, const struct observed *observed,
				    uint64_t request_bytes, struct recommendation *seen)
{
	const struct weight *own = &weights[settings->adaptive_margin];

	(void)request_bytes;
	seen->seen_highest_bytes = highest(observed);
	/* For peaks far above p95, a small margin over max may be more than a large one over p95: normal is
	 * the most. */
	uint64_t base_bytes =
		adaptive_base_bytes(settings->adaptive_margin, observed->p95_bytes, observed->max_bytes);
	uint64_t reach_bytes = reach(settings->adaptive_margin, observed),
		 most_bytes = reach(MARGIN_NORMAL, observed);
	if (reach_bytes > most_bytes)
		reach_bytes = most_bytes;
	seen->seen_margin_bytes = reach_bytes > base_bytes ? reach_bytes - base_bytes : 0;
	seen->seen_history_usec = observed->history_usec;
	seen->seen_records = observed->records;
	seen->seen_life_usec = own->life ? life(settings->adaptive_margin, observed) : 0;

	struct amount limit = {bytes_scale(seen->seen_highest_bytes, own->highest_factor), TERM_HIGHEST};
	if (own->cold && observed->history_usec <= COLD_USEC) {
		struct amount known = cold(settings, observed, seen);
		limit = amount_or(limit, known.bytes, TERM_COLD);
		/* If percentile's limit is max × its factor, only the peaks counted: the margin applies as
		 * well. */
		if (known.term != TERM_PEAK)
			return limit;
	}
	return amount_or(limit, reach_bytes, TERM_MARGIN);
}

/* The middle between the highest peak and the least limit above it. */
static uint64_t adaptive_least(const struct tuner_settings *settings, const struct observed *observed)
{
	double factor = weights[settings->adaptive_margin].highest_factor;
	return bytes_scale(highest(observed), 1 + (factor - 1) / 2);
}

double adaptive_highest_factor(int margin_setting)
{
	return weights[margin_setting].highest_factor;
}

uint64_t adaptive_scale_bytes(int margin_setting)
{
	return weights[margin_setting].scale_bytes;
}

const struct policy policy_adaptive = {
	.name = "adaptive",
	.request = adaptive_request,
	.limit = adaptive_limit,
	.least = adaptive_least,
	/* The limit is close to what is used, so that a coarse step would be a good part of the margin. A
	 * difference of 64Mi would change a large container's limit every few hours, since its margin shrinks
	 * day by day. */
	.round_divisor = 4,
	.hysteresis_share = 0.75,
	.hysteresis_bytes = false,
};
