/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon has said since its start, counted where it is said, and how its ticks went. */

#include <stddef.h>
#include <stdint.h>

#include "shim/report/journal.h"
#include "shim/tune/decision.h"

/* Room for the causes of an OOM kill: enum oom_cause. */
#define TALLY_CAUSES_MAX 8

/* Durations, by the first bound that they are not above. */
#define HISTOGRAM_BOUNDS_COUNT 10
extern const uint64_t histogram_bounds_usec[HISTOGRAM_BOUNDS_COUNT];
struct histogram {
	uint64_t counts[HISTOGRAM_BOUNDS_COUNT + 1]; /* the last: above all */
	uint64_t sum_usec;
};
void histogram_add(struct histogram *histogram, uint64_t usec);

struct tally {
	uint64_t events[EVENTS_COUNT];
	uint64_t decisions[SOURCE_DECLARED + 1]; /* by enum decision_source */
	uint64_t guards[GUARDS_COUNT];           /* decisions that each of them moved */
	uint64_t kills[TALLY_CAUSES_MAX];

	uint64_t pressures; /* readings at once, since the kernel told of pressure */

	struct histogram tick;  /* how long one took */
	struct histogram delay; /* how late one began */
};

/* reason: as decision_reason() has it. */
void tally_decision(struct tally *tally, int source, const char *reason);
