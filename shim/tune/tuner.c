/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/tuner.h"

#include <stddef.h>

#include "shim/tune/policy.h"

static const struct policy *const policies[] = {
	[POLICY_PERCENTILE] = &policy_percentile,
	[POLICY_ADAPTIVE] = &policy_adaptive,
};

const char *const tuner_outcome_names[] = {
	[TUNER_NO_SAMPLES] = "no-samples", [TUNER_SAME] = "same",       [TUNER_HYSTERESIS] = "hysteresis",
	[TUNER_COOLDOWN] = "cooldown",     [TUNER_CHANGED] = "changed", NULL,
};

static struct amount limit_fit(const struct tuner_settings *settings, const struct policy *policy,
			       struct amount limit)
{
	return amount_fit(limit, settings->round_bytes / policy->round_divisor, settings->limit_min_bytes,
			  settings->limit_max_bytes);
}

uint64_t tuner_round_bytes(const struct tuner_settings *settings)
{
	return settings->round_bytes / policies[settings->policy]->round_divisor;
}

static bool differs(const struct tuner_settings *settings, const struct policy *policy, uint64_t old_bytes,
		    uint64_t new_bytes)
{
	uint64_t difference = new_bytes > old_bytes ? new_bytes - old_bytes : old_bytes - new_bytes;
	double ratio = settings->hysteresis_ratio * policy->hysteresis_share;
	return (policy->hysteresis_bytes && difference > settings->hysteresis_bytes) ||
	       (double)difference > (double)old_bytes * ratio;
}

/* Forgets the last kill after oom_hold_usec. */
static void oom_decay(const struct tuner_settings *settings, uint64_t now_usec,
		      struct recommendation *standing)
{
	if (standing->oom_usec > now_usec)
		standing->oom_usec = now_usec;
	if (now_usec - standing->oom_usec >= settings->oom_hold_usec)
		standing->oom_limit_bytes = standing->oom_floor_bytes = standing->oom_peak_bytes =
			standing->oom_row = 0;
}

static void warmup_update(const struct tuner_settings *settings, const struct observed *observed,
			  uint64_t now_usec, struct recommendation *standing)
{
	if (standing->warmup_since_usec == 0)
		standing->warmup_since_usec = observed->since_usec;
	if (standing->warmup_since_usec > now_usec)
		standing->warmup_since_usec = now_usec;

	uint64_t fresh = observed->fresh_samples;
	if (fresh == 0 && observed->since_usec >= standing->warmup_since_usec)
		fresh = observed->samples;
	else if (fresh == 0 && observed->samples > standing->warmup_samples)
		fresh = observed->samples - standing->warmup_samples;

	if (fresh >= settings->warmup_samples &&
	    now_usec - standing->warmup_since_usec >= settings->warmup_usec)
		standing->warm = true;
}

static void recommendation_set(struct recommendation *standing, struct amount request, struct amount limit,
			       uint64_t now_usec)
{
	standing->request_bytes = request.bytes;
	standing->request_term = request.term;
	standing->limit_bytes = limit.bytes;
	standing->limit_term = limit.term;
	standing->revision++;
	standing->changed_usec = now_usec;
}

static void recommendation_see(struct recommendation *standing, const struct recommendation *seen)
{
	standing->seen_avg_bytes = seen->seen_avg_bytes;
	standing->seen_p95_bytes = seen->seen_p95_bytes;
	standing->seen_max_bytes = seen->seen_max_bytes;
	standing->seen_highest_bytes = seen->seen_highest_bytes;
	standing->seen_history_usec = seen->seen_history_usec;
	standing->seen_records = seen->seen_records;
	standing->seen_margin_bytes = seen->seen_margin_bytes;
	standing->seen_life_usec = seen->seen_life_usec;
}

enum tuner_outcome tuner_recommend(const struct tuner_settings *settings, const struct observed *observed,
				   const struct recommendation *previous, uint64_t now_usec,
				   struct recommendation *ret)
{
	const struct policy *policy = policies[settings->policy];
	struct recommendation seen = {
		.seen_avg_bytes = observed->avg_bytes,
		.seen_p95_bytes = observed->p95_bytes,
		.seen_max_bytes = observed->max_bytes,
	};

	*ret = *previous;
	oom_decay(settings, now_usec, ret);
	if (observed->samples == 0)
		return TUNER_NO_SAMPLES;
	warmup_update(settings, observed, now_usec, ret);

	/* The standing numbers are a floor while there is too little to go by: with a new image
	 * (warmup_samples > 0: not the first warm-up), or after a time with nothing in the window. The first
	 * minutes of a program tell nothing about its day. */
	bool thin = observed->samples < settings->warmup_samples ||
		    observed->until_usec - observed->since_usec < settings->warmup_usec;
	bool keep = ret->warm ? thin : ret->warmup_samples > 0;

	struct amount request = policy->request(settings, observed);
	if (keep)
		request = amount_or(request, ret->request_bytes, ret->request_term);
	request = request_fit(settings, policy, request);

	struct amount limit = policy->limit(settings, observed, request.bytes, &seen);
	limit = amount_or(limit, ret->oom_floor_bytes, TERM_OOM);
	limit = amount_or(limit, observed->ratchet_floor_bytes, TERM_RATCHET);
	if (keep)
		limit = amount_or(limit, ret->limit_bytes, ret->limit_term);
	limit = limit_fit(settings, policy, limit);

	if (request.bytes > limit.bytes)
		request = (struct amount){limit.bytes, TERM_MAX};

	/* A limit that is known to be too low would kill, or starve a program that sizes itself by it. Its
	 * raise waits for nothing. */
	uint64_t least_bytes = policy->least(settings, observed);
	if (least_bytes < observed->ratchet_floor_bytes)
		least_bytes = observed->ratchet_floor_bytes;
	bool outgrown = least_bytes > ret->limit_bytes && limit.bytes > ret->limit_bytes;

	if (ret->limit_bytes > 0 && !outgrown) {
		if (request.bytes == ret->request_bytes && limit.bytes == ret->limit_bytes)
			return TUNER_SAME;
		if (!differs(settings, policy, ret->request_bytes, request.bytes) &&
		    !differs(settings, policy, ret->limit_bytes, limit.bytes))
			return TUNER_HYSTERESIS;
		if (ret->changed_usec <= now_usec && now_usec - ret->changed_usec < settings->cooldown_usec)
			return TUNER_COOLDOWN;
	}
	recommendation_set(ret, request, limit, now_usec);
	recommendation_see(ret, &seen);
	return TUNER_CHANGED;
}

/* The factor of the step after this many kills in a row. */
static uint64_t oom_steps(uint64_t row)
{
	return row < 2 ? 1 : row < 3 ? 2 : 4;
}

/* Kills at the same limit, or at an older and lower one, are no loop. */
static uint64_t oom_row(const struct tuner_settings *settings, const struct recommendation *standing,
			uint64_t limit_bytes, uint64_t now_usec)
{
	if (standing->oom_limit_bytes == 0 || now_usec - standing->oom_usec > settings->oom_loop_usec)
		return 1;
	return limit_bytes > standing->oom_limit_bytes ? standing->oom_row + 1 : standing->oom_row;
}

void tuner_learn_oom(const struct tuner_settings *settings, const struct recommendation *previous,
		     uint64_t limit_bytes, uint64_t peak_bytes, uint64_t now_usec, struct recommendation *ret)
{
	*ret = *previous;
	ret->oom_kills++;
	if (limit_bytes == 0 || limit_bytes == UINT64_MAX)
		return;

	oom_decay(settings, now_usec, ret);
	uint64_t row = oom_row(settings, ret, limit_bytes, now_usec);
	uint64_t step_bytes = bytes_scale(limit_bytes, settings->oom_factor) - limit_bytes;
	if (step_bytes < settings->oom_bytes)
		step_bytes = settings->oom_bytes;
	uint64_t floor_bytes = bytes_add(limit_bytes, bytes_scale(step_bytes, (double)oom_steps(row)));
	if (floor_bytes >= ret->oom_floor_bytes) {
		ret->oom_limit_bytes = limit_bytes;
		ret->oom_floor_bytes = floor_bytes;
		ret->oom_peak_bytes = peak_bytes;
		ret->oom_row = row;
	}
	ret->oom_usec = now_usec;

	struct amount limit = {ret->limit_bytes, ret->limit_term};
	limit = limit_fit(settings, policies[settings->policy],
			  amount_or(limit, ret->oom_floor_bytes, TERM_OOM));
	if (limit.bytes <= ret->limit_bytes)
		return;

	/* The first kill of a workload without a recommendation: the least request. */
	struct amount request = {ret->request_bytes, ret->request_term};
	if (request.bytes == 0)
		request = (struct amount){settings->request_min_bytes, TERM_MIN};
	if (request.bytes > limit.bytes)
		request = (struct amount){limit.bytes, TERM_MAX};
	recommendation_set(ret, request, limit, now_usec);
}

void tuner_restart_warmup(const struct recommendation *previous, const struct observed *observed,
			  uint64_t now_usec, struct recommendation *ret)
{
	*ret = *previous;
	ret->warm = false;
	ret->warmup_since_usec = now_usec;
	ret->warmup_samples = observed->samples;
}
