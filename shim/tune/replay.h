/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Policies judged on a trace, in simulated time, with the daemon's very window, tide and tuner. Pure. Bytes, and
 * microseconds since wherever the trace begins.
 *
 * Each series is one workload. A container of it is created at the multiples of every_usec since its first sample,
 * the first one excepted, of which nothing is known yet. What stands recommended then, from samples before the
 * creation only, is the container's limit until the next creation. A limit that is exceeded counts once for the
 * period, is then raised as after an OOM kill, and the container goes on. Periods without a sample are not judged.
 *
 * The recommendation itself is judged: warm-up and the guards of a creation, which the wrapper would apply, are
 * left out. The daemon looks at a workload every minute; here it is looked at when a container is created. How long
 * containers live is learned as it goes: each has lived for every_usec when the next one is created.
 *
 * Cold starts are judged apart: as if the first creation of the workload were after so much history, for one
 * period; no container has ended then. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/tune/trace.h"
#include "shim/tune/tuner.h"

enum replay_policy {
	REPLAY_PERCENTILE,
	REPLAY_ADAPTIVE,
	REPLAY_TIGHT, /* adaptive with its margin tight */
	REPLAY_KRR,
	REPLAY_VPA,
	REPLAY_HINDSIGHT, /* the peak of the period itself: what nobody can know */
	REPLAY_POLICIES,
};
extern const char *const replay_policy_names[]; /* NULL-ended, in the order of the enum */

#define REPLAY_COLD_STARTS 4
extern const uint64_t replay_cold_usec[REPLAY_COLD_STARTS];

struct replay_settings {
	struct tuner_settings tuner; /* its policy and margin aside */
	uint64_t slot_usec, span_usec;
	uint64_t every_usec;
};

/* Sums over periods. */
struct replay_score {
	uint64_t periods, over;
	uint64_t changes;             /* limits more than 1 MiB away from the one before */
	double limit_bytes;           /* at the creation */
	double mean_bytes, max_bytes; /* used in the period */
	double days;
};

struct replay_result {
	struct replay_score standing, cold[REPLAY_COLD_STARTS];
};

struct replay;

/* on_limit, which may be NULL, is told of each limit: not of cold starts, and not of hindsight's. */
typedef void replay_limit(void *data, const char *series, uint64_t creation_usec, enum replay_policy policy,
			  uint64_t limit_bytes);

/* Returns NULL without memory. */
struct replay *replay_new(const struct replay_settings *settings, replay_limit *on_limit, void *data);
void replay_free(struct replay *replay);

/* The samples of one series in the order of their times; the series in any order, or mixed. Returns 0, -EINVAL for
 * a sample that is older than the one before it, or -ENOMEM. */
int replay_add(struct replay *replay, const struct trace_sample *sample);

/* Judges what is still open, and tells. Nothing can be added any more. */
void replay_finish(struct replay *replay, struct replay_result ret[static REPLAY_POLICIES]);

uint64_t replay_samples(const struct replay *replay);
size_t replay_series(const struct replay *replay);
/* Of all windows and tides together, at the end. */
size_t replay_memory(const struct replay *replay);
