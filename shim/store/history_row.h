/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The rows of the history. Times are microseconds of CLOCK_REALTIME, sizes are bytes. */

#include <stdint.h>

#define HISTORY_FILE "tidemark.db"

/* One life of a container, under the limit of its creation. 0: not known. */
struct history_run {
	const char *container_id, *runtime;
	int64_t workload_id;
	uint64_t created_usec, started_usec, ended_usec;
	uint64_t declared_bytes, limit_bytes;
	const char *reason;      /* why this limit: "enforced+max-change" */
	uint64_t prestart_bytes; /* peak before the program started */

	/* Observed until the end: the working set, and memory.peak. */
	uint64_t samples, avg_bytes, p95_bytes, max_bytes;
	uint64_t peak_bytes;
	uint64_t oom_kills;
};

/* In the order in which events of one moment are shown: a cause before its effect. */
enum history_kind {
	HISTORY_CREATION,
	HISTORY_RESIZE,
	HISTORY_KILL,
	HISTORY_RECOMMENDATION,
	HISTORY_EXIT,
};
extern const char *const history_kind_names[]; /* NULL-ended, in the order of the enum */

/* The audit: what was decided or recommended, when, and from which numbers. Numbers that are compared
 * or drawn have a member (and a column) each. The rest, above all factors and guards, differs from
 * policy to policy. It is a sentence, as `explain` would have said at that moment, under the settings
 * of that moment. */
struct history_decision {
	uint64_t at_usec;
	int64_t workload_id;
	int event;                /* a creation, a resize or a recommendation */
	const char *container_id; /* NULL: a recommendation, which is no container's */
	uint64_t declared_bytes;
	uint64_t request_bytes, limit_bytes;
	uint64_t recommended_bytes, oom_floor_bytes;
	uint64_t samples, avg_bytes, p95_bytes, max_bytes; /* of the working set, over the long window */
	const char *reason;                                /* "enforced+max-change", "p95" */
	const char *why;                                   /* the sentence */
};

/* An OOM kill in a container. */
struct history_kill {
	uint64_t at_usec;
	int64_t workload_id;
	const char *container_id;
	const char *cause;      /* enum oom_cause: "own" */
	uint64_t limit_bytes;   /* the container's memory.max at the kill; 0: another limit was hit */
	uint64_t peak_bytes;    /* memory.peak, as far as it was read */
	uint64_t learned_bytes; /* the least limit from now on; 0: nothing was learned */
};

/* Anything that happened to a workload. 0 or NULL: not known, or not a member of this kind of event. */
struct history_event {
	uint64_t at_usec;
	int event;                              /* enum history_kind */
	const char *container_id;               /* NULL: a recommendation */
	uint64_t declared_bytes, request_bytes; /* UINT64_MAX: none */
	uint64_t limit_bytes;                   /* given, recommended, or hit by a kill; UINT64_MAX: none */
	uint64_t recommended_bytes, oom_floor_bytes;
	uint64_t samples, avg_bytes, p95_bytes, max_bytes;
	uint64_t prestart_bytes, peak_bytes, oom_kills, lasted_usec; /* of a run */
	const char *reason;                                          /* of a kill: its cause */
	const char *why; /* of a creation: only if its decision differed from the one before */
};
