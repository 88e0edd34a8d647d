/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a policy tells tuner.c. tuner.c does what all policies share: clamps, hysteresis, cooldown, OOM kills,
 * warm-up. Pure. Sizes in bytes. */

#include "shim/tune/recommendation.h"

/* A number on its way to a recommendation, and the term that it came from. */
struct amount {
	uint64_t bytes;
	int term; /* enum tuner_term */
};

struct policy {
	const char *name;

	/* The request that the observation asks for, not yet rounded or clamped. */
	struct amount (*request)(const struct tuner_settings *settings, const struct observed *observed);

	/* The limit for this request, which is already rounded and clamped. The limit's parts go into *seen,
	 * for explanations later. */
	struct amount (*limit)(const struct tuner_settings *settings, const struct observed *observed,
			       uint64_t request_bytes, struct recommendation *seen);

	/* A standing limit below this is raised at once, without hysteresis. */
	uint64_t (*least)(const struct tuner_settings *settings, const struct observed *observed);

	/* The policy's parts of the settings round and hysteresis. */
	unsigned round_divisor;
	double hysteresis_share;
	bool hysteresis_bytes; /* a difference in bytes is enough, too */
};

extern const struct policy policy_percentile, policy_adaptive;

/* The larger of the two, with its term; amount if both are equal. */
struct amount amount_or(struct amount amount, uint64_t bytes, int term);

/* bytes × factor, rounded down, at most UINT64_MAX. Rounding down matters: 1.2 is no binary fraction, so that
 * 80Mi × 1.2 could be a hair above 96Mi and be rounded up to the next multiple. */
uint64_t bytes_scale(uint64_t bytes, double factor);
/* a + b, at most UINT64_MAX. */
uint64_t bytes_add(uint64_t a, uint64_t b);

/* Rounds up to the next multiple of round_bytes, then clamps to [min_bytes, max_bytes]. max_bytes wins over
 * min_bytes. */
struct amount amount_fit(struct amount amount, uint64_t round_bytes, uint64_t min_bytes, uint64_t max_bytes);

/* Rounds up to the policy's part of the setting round, then clamps to the settings' range for requests. */
struct amount request_fit(const struct tuner_settings *settings, const struct policy *policy,
			  struct amount request);
