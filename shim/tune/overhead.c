/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/overhead.h"

#include <stdlib.h>
#include <string.h>

#include "cgroups/quantity.h"

#define ROUND_BYTES (10 * MIB)
#define FLOOR_RATIO 1.25
#define HIGH_SHARE  0.95

/* a - b, bounded to int64_t. */
static int64_t difference(uint64_t a, uint64_t b)
{
	if (a >= b)
		return a - b > INT64_MAX ? INT64_MAX : (int64_t)(a - b);
	return b - a > INT64_MAX ? INT64_MIN : -(int64_t)(b - a);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

void overhead_add_use(struct overhead_guest *guest, uint64_t used_bytes, uint64_t at_usec)
{
	guest->used_bytes = sum(guest->used_bytes, used_bytes);
	if (guest->first_usec == 0 || at_usec < guest->first_usec)
		guest->first_usec = at_usec;
	if (at_usec > guest->last_usec)
		guest->last_usec = at_usec;
}

void overhead_add_unknown(struct overhead_guest *guest)
{
	guest->is_unknown = true;
}

void overhead_split(const struct overhead_host *host, const struct overhead_guest *guest,
		    uint64_t apart_max_usec, struct overhead_split *ret)
{
	struct overhead_split split = {0};

	if (guest->first_usec > 0) {
		uint64_t first = apart(host->at_usec, guest->first_usec),
			 last = apart(host->at_usec, guest->last_usec);
		split.apart_usec = first > last ? first : last;
	}
	if (!guest->is_unknown && split.apart_usec <= apart_max_usec) {
		split.is_known = true;
		split.used_bytes = guest->used_bytes;
		split.overhead_bytes = difference(host->charge_bytes, guest->used_bytes);
		split.unused_is_known = host->ram_bytes != OVERHEAD_UNKNOWN;
		if (split.unused_is_known)
			split.unused_bytes = difference(host->ram_bytes, guest->used_bytes);
	}
	*ret = split;
}

int64_t overhead_fixed(uint64_t charge_bytes, uint64_t droppable_bytes, uint64_t most_used_bytes)
{
	return difference(charge_bytes, sum(droppable_bytes, most_used_bytes));
}

/* ---- Over the pods of a handler ---- */

static int compare(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

int64_t overhead_quantile(const int64_t values[], size_t n, double q)
{
	int64_t sorted[OVERHEAD_PODS_MAX];

	if (n > OVERHEAD_PODS_MAX)
		n = OVERHEAD_PODS_MAX;
	memcpy(sorted, values, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, compare);
	size_t rank = 1;
	while (rank < n && (double)rank < q * (double)n)
		rank++;
	return sorted[rank - 1];
}

static uint64_t round_up(uint64_t bytes, uint64_t step)
{
	uint64_t rest = bytes % step;
	return rest == 0 ? bytes : sum(bytes - rest, step);
}

uint64_t overhead_recommend(const int64_t fixed_bytes[], size_t n)
{
	int64_t high = n > 0 ? overhead_quantile(fixed_bytes, n, HIGH_SHARE) : 0;
	return high > 0 ? round_up((uint64_t)high, ROUND_BYTES) : 0;
}

uint64_t overhead_floor(const uint64_t boot_bytes[], size_t n, uint64_t least_bytes)
{
	int64_t known[OVERHEAD_PODS_MAX];
	size_t n_known = 0;

	for (size_t i = 0; i < n && n_known < OVERHEAD_PODS_MAX; i++)
		if (boot_bytes[i] > 0)
			known[n_known++] = difference(boot_bytes[i], 0);
	if (n_known == 0)
		return least_bytes;
	double high = (double)overhead_quantile(known, n_known, HIGH_SHARE) * FLOOR_RATIO;
	uint64_t bytes = high < (double)INT64_MAX ? round_up((uint64_t)high, MIB) : INT64_MAX;
	return bytes > least_bytes ? bytes : least_bytes;
}

/* ---- Against what is declared ---- */

enum overhead_fit overhead_judge(int64_t most_fixed_bytes, uint64_t declared_bytes, double waste_ratio,
				 bool settled)
{
	const int64_t spare =
		difference(declared_bytes, most_fixed_bytes > 0 ? (uint64_t)most_fixed_bytes : 0);

	if (spare < 0)
		return OVERHEAD_TOO_SMALL;
	if (settled && (double)spare > waste_ratio * (double)declared_bytes)
		return OVERHEAD_WASTEFUL;
	return OVERHEAD_FITS;
}
