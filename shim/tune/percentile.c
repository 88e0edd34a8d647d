/* SPDX-License-Identifier: Apache-2.0 */

/* The policy `percentile`: the window's own figures, each times a factor. */

#include "shim/tune/policy.h"

static struct amount percentile_request(const struct tuner_settings *settings,
					const struct observed *observed)
{
	struct amount request = {bytes_scale(observed->p95_bytes, settings->request_p95_factor), TERM_P95};
	return amount_or(request, bytes_scale(observed->avg_bytes, settings->request_avg_factor), TERM_AVG);
}

static struct amount percentile_limit(const struct tuner_settings *settings, const struct observed *observed,
				      uint64_t request_bytes, struct recommendation *seen)
{
	(void)seen;
	struct amount limit = {bytes_scale(observed->max_bytes, settings->limit_max_factor), TERM_PEAK};
	limit = amount_or(limit, bytes_scale(request_bytes, settings->limit_request_factor), TERM_REQUEST);
	/* Not below the request: limit_request_factor may be below 1, and a window may lack its peaks. */
	return amount_or(limit, request_bytes, TERM_REQUEST);
}

static uint64_t percentile_least(const struct tuner_settings *settings, const struct observed *observed)
{
	(void)settings;
	return observed->max_bytes;
}

const struct policy policy_percentile = {
	.name = "percentile",
	.request = percentile_request,
	.limit = percentile_limit,
	.least = percentile_least,
	.round_divisor = 1,
	.hysteresis_share = 1,
	.hysteresis_bytes = true,
};
