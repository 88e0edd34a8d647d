/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the history holds, a struct a table. Times are microseconds of CLOCK_REALTIME, sizes bytes. */

#include <stdint.h>

#define HISTORY_FILE "tidemark.db"

/* One life of a container, under the limit that it was created with. Where not known, 0. */
struct history_run {
	const char *container_id, *runtime;
	int64_t workload_id;
	uint64_t created_usec, started_usec, ended_usec;
	uint64_t declared_bytes, limit_bytes;
	const char *reason;      /* of the limit: "enforced+max-change" */
	uint64_t prestart_bytes; /* peak before start */

	/* What was observed, until its end: the working set, and memory.peak. */
	uint64_t samples, avg_bytes, p95_bytes, max_bytes;
	uint64_t peak_bytes;
	uint64_t oom_kills;
};

/* In the order in which they follow from one another. */
enum history_kind {
	HISTORY_CREATION,
	HISTORY_RESIZE,
	HISTORY_KILL,
	HISTORY_RECOMMENDATION,
	HISTORY_EXIT,
};
extern const char *const history_kind_names[]; /* NULL-ended, in the order of the enum */

/* The audit: what was decided or recommended, when, and from what. The numbers that it came from have a member (and
 * a column) each where they are compared and drawn; what else is in it, factors and guards above all, is different
 * for each policy, so it stays a sentence, as `explain` would have said it at that moment, under the settings of
 * that moment. */
struct history_decision {
	uint64_t at_usec;
	int64_t workload_id;
	int event;                /* a creation, a resize or a recommendation */
	const char *container_id; /* NULL: no container's, a recommendation */
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
	uint64_t limit_bytes;   /* the memory.max that it died at; 0: another one than its own */
	uint64_t peak_bytes;    /* memory.peak, as far as it was read */
	uint64_t learned_bytes; /* no limit is to be below it from now on; 0: nothing was learned */
};

/* Anything that happened to a workload. 0, or NULL: not known, or it has none. */
struct history_event {
	uint64_t at_usec;
	int event;                              /* enum history_kind */
	const char *container_id;               /* NULL: of a recommendation */
	uint64_t declared_bytes, request_bytes; /* UINT64_MAX: none */
	uint64_t limit_bytes;                   /* given, recommended, or died at; UINT64_MAX: none */
	uint64_t recommended_bytes, oom_floor_bytes;
	uint64_t samples, avg_bytes, p95_bytes, max_bytes;
	uint64_t prestart_bytes, peak_bytes, oom_kills, lasted_usec; /* of a run */
	const char *reason;                                          /* of a kill: its cause */
	const char *why; /* of a creation: only where it was decided otherwise than before */
};
