/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a policy is to tuner.c, which has all that they share: clamps, hysteresis, cooldown, OOM kills, warm-up.
 * Pure. Bytes. */

#include "shim/tune/recommendation.h"

/* A number on its way to a recommendation, with the term that it came from. */
struct amount {
	uint64_t bytes;
	int term; /* enum tuner_term */
};

struct policy {
	const char *name;

	/* What the observation asks for, not yet rounded nor clamped. */
	struct amount (*request)(const struct tuner_settings *settings, const struct observed *observed);

	/* The limit beside that request, once it has been rounded and clamped. What the limit is made of is put
	 * into *seen, to be explained later. */
	struct amount (*limit)(const struct tuner_settings *settings, const struct observed *observed,
			       uint64_t request_bytes, struct recommendation *seen);

	/* A limit that stands below this is raised at once, whatever the hysteresis. */
	uint64_t (*least)(const struct tuner_settings *settings, const struct observed *observed);

	/* Of the settings round and hysteresis. */
	unsigned round_divisor;
	double hysteresis_share;
	bool hysteresis_bytes; /* whether a difference of so many bytes is enough, too */
};

extern const struct policy policy_percentile, policy_adaptive;

struct amount amount_or(struct amount amount, uint64_t bytes, int term);

/* Cuts off what is below a byte: as 1.2 is no binary fraction, 80Mi × 1.2 could else pass 96Mi by a hair and
 * be rounded up to the next multiple. */
uint64_t bytes_scale(uint64_t bytes, double factor);
uint64_t bytes_add(uint64_t a, uint64_t b);

/* Up to the next multiple of round_bytes, then within [min, max]. max wins over min. */
struct amount amount_fit(struct amount amount, uint64_t round_bytes, uint64_t min_bytes, uint64_t max_bytes);

/* Up to the next multiple of the setting round, then within what a request may be. */
struct amount request_fit(const struct tuner_settings *settings, const struct policy *policy,
			  struct amount request);
