/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Judges policies on a trace in simulated time, with the daemon's own window, tide and tuner. Pure. Bytes,
 * and microseconds since the trace's beginning.
 *
 * Each series is one workload. A container of it is created at every multiple of every_usec after the first
 * sample; not at the first sample, when nothing is known yet. Its limit is what is recommended at that
 * moment, from earlier samples only, and stays until the next creation. A limit that is exceeded counts once
 * in a period; the tuner then learns an OOM kill, and the container goes on. Periods without a sample are not
 * judged.
 *
 * The recommendation itself is judged. Warm-up and the guards of a creation, which the wrapper would apply,
 * are left out. The daemon looks at a workload every minute, the replay only at each creation. The life of
 * containers is learned on the way: each has lived for every_usec when the next is created.
 *
 * Cold starts are judged apart, one period each: as if the workload's first creation came after
 * replay_cold_usec[i] of history, when no container has ended yet. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/tune/trace.h"
#include "shim/tune/tuner.h"

enum replay_policy {
	REPLAY_PERCENTILE,
	REPLAY_ADAPTIVE,
	REPLAY_TIGHT, /* adaptive with the margin tight */
	REPLAY_KRR,
	REPLAY_VPA,
	REPLAY_HINDSIGHT, /* the period's own peak, which nobody can know before */
	REPLAY_POLICIES,
};
extern const char *const replay_policy_names[]; /* NULL-ended, in the order of the enum */

#define REPLAY_COLD_STARTS 4
extern const uint64_t replay_cold_usec[REPLAY_COLD_STARTS];

struct replay_settings {
	struct tuner_settings tuner; /* its policy and margin are not used */
	uint64_t slot_usec, span_usec;
	uint64_t every_usec;
};

/* Sums over periods. */
struct replay_score {
	uint64_t periods, over;
	uint64_t changes;             /* limits more than 1 MiB away from the last one */
	double limit_bytes;           /* at the creation */
	double mean_bytes, max_bytes; /* used in the period */
	double days;
};

struct replay_result {
	struct replay_score standing, cold[REPLAY_COLD_STARTS];
};

struct replay;

/* on_limit (may be NULL) is called with each limit, except those of cold starts and of hindsight. */
typedef void replay_limit(void *data, const char *series, uint64_t creation_usec, enum replay_policy policy,
			  uint64_t limit_bytes);

/* Returns NULL if there is no memory. */
struct replay *replay_new(const struct replay_settings *settings, replay_limit *on_limit, void *data);
void replay_free(struct replay *replay);

/* Adds a sample. The samples of one series come in the order of their times; series may be mixed. Returns 0,
 * -EINVAL if the sample is older than the series' last one, or -ENOMEM. */
int replay_add(struct replay *replay, const struct trace_sample *sample);

/* Judges the last periods and fills in the results. Nothing can be added afterwards. */
void replay_finish(struct replay *replay, struct replay_result ret[static REPLAY_POLICIES]);

/* The samples and the series added so far. */
uint64_t replay_samples(const struct replay *replay);
size_t replay_series(const struct replay *replay);
/* Bytes of all windows and tides together. */
size_t replay_memory(const struct replay *replay);
