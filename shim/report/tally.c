/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/tally.h"

#include <string.h>

const uint64_t histogram_bounds_usec[HISTOGRAM_BOUNDS_COUNT] = {
	100, 500, 1000, 5000, 10000, 50000, 100000, 500000, 2500000, 10500000,
};

void histogram_add(struct histogram *histogram, uint64_t usec)
{
	size_t i = 0;

	while (i < HISTOGRAM_BOUNDS_COUNT && usec > histogram_bounds_usec[i])
		i++;
	histogram->counts[i]++;
	histogram->sum_usec += usec;
}

void tally_decision(struct tally *tally, int source, const char *reason)
{
	if (source >= 0 && source <= SOURCE_DECLARED)
		tally->decisions[source]++;
	/* The first word is the source, never a guard, even if a guard had the same name. */
	for (const char *at = strchr(reason, '+'); at; at = strchr(at, '+')) {
		size_t length = strcspn(++at, "+");
		for (size_t i = 0; i < GUARDS_COUNT; i++)
			if (strlen(guard_names[i]) == length && memcmp(guard_names[i], at, length) == 0)
				tally->guards[i]++;
	}
}
