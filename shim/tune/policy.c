/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/policy.h"

uint64_t bytes_scale(uint64_t bytes, double factor)
{
	double product = (double)bytes * factor;
	return product >= 0x1p64 ? UINT64_MAX : (uint64_t)product;
}

uint64_t bytes_add(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

struct amount amount_or(struct amount amount, uint64_t bytes, int term)
{
	return bytes > amount.bytes ? (struct amount){bytes, term} : amount;
}

struct amount amount_fit(struct amount amount, uint64_t round_bytes, uint64_t min_bytes, uint64_t max_bytes)
{
	uint64_t over = round_bytes ? amount.bytes % round_bytes : 0;
	if (over > 0)
		amount.bytes = bytes_add(amount.bytes, round_bytes - over);
	amount = amount_or(amount, min_bytes, TERM_MIN);
	return amount.bytes > max_bytes ? (struct amount){max_bytes, TERM_MAX} : amount;
}

struct amount request_fit(const struct tuner_settings *settings, const struct policy *policy,
			  struct amount request)
{
	return amount_fit(request, settings->round_bytes / policy->round_divisor, settings->request_min_bytes,
			  settings->request_max_bytes);
}
