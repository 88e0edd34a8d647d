/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/reference.h"

#include "cgroups/quantity.h"

#define MARGIN 1.15

#define VPA_QUANTILE     0.9
#define VPA_FIRST_BUCKET 1e7
#define VPA_GROWTH       1.05

uint64_t reference_krr(const uint64_t peaks_bytes[static TIDE_DAYS])
{
	uint64_t highest = 0;
	for (unsigned age = 0; age < TIDE_DAYS; age++)
		if (peaks_bytes[age] > highest)
			highest = peaks_bytes[age];
	uint64_t limit = (uint64_t)((double)highest * MARGIN);
	return (limit + MIB - 1) / MIB * MIB;
}

/* The end of the bucket that holds the size, since VPA rounds up. */
static double vpa_bucket_end(uint64_t bytes)
{
	double end = VPA_FIRST_BUCKET, width = VPA_FIRST_BUCKET;
	while (end <= (double)bytes) {
		width *= VPA_GROWTH;
		end += width;
	}
	return end;
}

uint64_t reference_vpa(const uint64_t peaks_bytes[static TIDE_DAYS])
{
	double total = 0, weight = 1;
	for (unsigned age = 0; age < TIDE_DAYS; age++, weight /= 2)
		total += peaks_bytes[age] > 0 ? weight : 0;

	/* The least peak at which it and all lower ones weigh enough. */
	uint64_t least = 0;
	for (unsigned candidate = 0; candidate < TIDE_DAYS; candidate++) {
		double below = 0;
		weight = 1;
		for (unsigned age = 0; age < TIDE_DAYS; age++, weight /= 2)
			if (peaks_bytes[age] > 0 && peaks_bytes[age] <= peaks_bytes[candidate])
				below += weight;
		if (below >= VPA_QUANTILE * total && (least == 0 || peaks_bytes[candidate] < least))
			least = peaks_bytes[candidate];
	}
	return least > 0 ? (uint64_t)(vpa_bucket_end(least) * MARGIN) : 0;
}
