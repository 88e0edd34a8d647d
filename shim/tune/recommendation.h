/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What tuner and policies speak of: the settings, what was observed of a workload, and what is recommended for it.
 * Bytes of working set and microseconds of CLOCK_REALTIME. */

#include <stdbool.h>
#include <stdint.h>

enum tuner_policy {
	POLICY_PERCENTILE,
	POLICY_ADAPTIVE,
};
extern const char *const tuner_policy_names[]; /* NULL-ended, in the order of the enum */

/* How the policy adaptive weighs containers over their limit against memory that nobody uses. */
enum adaptive_margin {
	MARGIN_NORMAL,
	MARGIN_TIGHT,
};
extern const char *const adaptive_margin_names[]; /* NULL-ended, in the order of the enum */

/* The constants of the policies, all settings of [tuner]. */
struct tuner_settings {
	int policy;          /* enum tuner_policy */
	int adaptive_margin; /* enum adaptive_margin */
	double request_p95_factor, request_avg_factor;
	uint64_t request_min_bytes, request_max_bytes;
	double limit_max_factor, limit_request_factor;
	uint64_t limit_min_bytes, limit_max_bytes;
	uint64_t round_bytes;

	double hysteresis_ratio;
	uint64_t hysteresis_bytes;
	uint64_t cooldown_usec;

	double oom_factor;
	uint64_t oom_bytes;
	uint64_t
		oom_loop_usec; /* within which a kill at the limit that was raised after another is one of a loop */
	uint64_t oom_hold_usec; /* how long a limit that a container died at keeps later ones above it */

	uint64_t ratchet_hold_usec; /* how long a program's limit is kept that seemed to size itself by it */

	uint64_t warmup_samples, warmup_usec;
};

/* What a window says of a workload. */
struct observed {
	uint64_t samples;
	uint64_t since_usec, until_usec; /* of the first and the last sample; 0 without samples */
	uint64_t avg_bytes, p95_bytes, max_bytes;

	/* What tide_observe() tells of the last 14 days; 0: not known. */
	uint64_t highest_bytes; /* the highest working set */
	uint64_t history_usec; /* how much of them was measured, in days, of which today's is not whole yet */
	uint64_t records;      /* days that brought a peak above all before */
	uint64_t life_usec;    /* how long its containers live: the longest of the last day or two */

	/* What ratchet_floor() tells: no limit below it is recommended. 0: nothing is known against one. */
	uint64_t ratchet_floor_bytes;

	/* Of the samples, those since recommendation.warmup_since_usec, which a window that slides would else
	 * hide: window_samples(). 0: not counted, and until the window has slid past the beginning of the
	 * warm-up only what exceeds recommendation.warmup_samples is known to be new. */
	uint64_t fresh_samples;
};

/* The term of the formula that a number came from. */
enum tuner_term {
	TERM_NONE,
	TERM_P95,     /* request: p95 × factor */
	TERM_AVG,     /* request: avg × factor */
	TERM_PEAK,    /* limit: max × factor */
	TERM_REQUEST, /* limit: request × factor */
	TERM_OOM,     /* limit: raised from the one that a container died at */
	TERM_HIGHEST, /* limit: the highest peak of 14 days × factor */
	TERM_MARGIN,  /* limit: p95, or max, and the margin that fits its size and history */
	TERM_COLD,    /* limit: as the policy percentile has it, for want of history */
	TERM_MIN,     /* raised to the smallest that is allowed */
	TERM_MAX,     /* lowered to the largest that is allowed */
	TERM_RATCHET, /* limit: kept, as the use follows it */
};
extern const char *const tuner_term_names[]; /* NULL-ended, in the order of the enum */

/* A workload's standing recommendation; all zero for a workload that is new. */
struct recommendation {
	uint64_t request_bytes, limit_bytes; /* 0: none yet */
	int request_term, limit_term;        /* enum tuner_term */
	uint64_t revision;                   /* counts the changes, from 1 */
	uint64_t changed_usec;               /* of the last change */
	/* What was observed when it was made, so that its numbers can be explained later. */
	uint64_t seen_avg_bytes, seen_p95_bytes, seen_max_bytes;
	uint64_t seen_highest_bytes, seen_history_usec, seen_records; /* policy adaptive; else 0 */
	uint64_t seen_margin_bytes;                                   /* what its size and history ask for */
	uint64_t seen_life_usec;                                      /* as it was counted; 0: as 24 h */

	/* Warm-up: nothing is enforced until this image has been seen for long enough; then it is warm until the
	 * next image. */
	uint64_t warmup_since_usec, warmup_samples; /* samples counted before it began */
	bool warm;

	/* The last kill that counts: the memory.max that it died at, and the least limit since. */
	uint64_t oom_limit_bytes, oom_floor_bytes, oom_usec;
	uint64_t oom_peak_bytes; /* memory.peak then, 0: not known */
	uint64_t oom_row;   /* kills in a row, each at a higher limit than the one before: a crash loop */
	uint64_t oom_kills; /* of all time */
};
