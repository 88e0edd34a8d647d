/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Counts since the daemon's start: its messages, decisions and OOM kills, and the duration and delay
 * of its ticks. */

#include <stddef.h>
#include <stdint.h>

#include "shim/report/journal.h"
#include "shim/tune/decision.h"

/* Room for the causes of an OOM kill: enum oom_cause. */
#define TALLY_CAUSES_MAX 8

/* Durations. Each is counted once, at the first bound that it does not exceed. */
#define HISTOGRAM_BOUNDS_COUNT 10
extern const uint64_t histogram_bounds_usec[HISTOGRAM_BOUNDS_COUNT];
struct histogram {
	uint64_t counts[HISTOGRAM_BOUNDS_COUNT + 1]; /* the last: above all bounds */
	uint64_t sum_usec;
};
void histogram_add(struct histogram *histogram, uint64_t usec);

struct tally {
	uint64_t events[EVENTS_COUNT];
	uint64_t decisions[SOURCE_DECLARED + 1]; /* by enum decision_source */
	uint64_t guards[GUARDS_COUNT];           /* decisions that the guard moved */
	uint64_t kills[TALLY_CAUSES_MAX];        /* by enum oom_cause */

	uint64_t pressures; /* readings out of turn, because the kernel reported pressure */

	struct histogram tick;  /* how long a tick took */
	struct histogram delay; /* how late a tick began */
};

/* Counts a decision, and the guards that its reason (decision_reason()) names. */
void tally_decision(struct tally *tally, int source, const char *reason);
