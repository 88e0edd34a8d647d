/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The terms of the tuner and its policies: settings, what was observed of a workload, and its recommendation.
 * Bytes of working set, and microseconds of CLOCK_REALTIME. */

#include <stdbool.h>
#include <stdint.h>

enum tuner_policy {
	POLICY_PERCENTILE,
	POLICY_ADAPTIVE,
};
extern const char *const tuner_policy_names[]; /* NULL-ended, in the order of the enum */

/* How the policy adaptive weighs containers above their limit against unused memory. */
enum adaptive_margin {
	MARGIN_NORMAL,
	MARGIN_TIGHT,
};
extern const char *const adaptive_margin_names[]; /* NULL-ended, in the order of the enum */

/* The constants of the policies: settings of [tuner]. */
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
	/* A kill within this time of the one before, at a higher limit, belongs to a crash loop. */
	uint64_t oom_loop_usec;
	/* How long later limits stay above one at which a container died. */
	uint64_t oom_hold_usec;

	/* How long the ratchet's floor holds for a program that is not known to size itself. */
	uint64_t ratchet_hold_usec;

	uint64_t warmup_samples, warmup_usec;
};

/* What was observed of a workload, from its window. */
struct observed {
	uint64_t samples;
	uint64_t since_usec, until_usec; /* time of the first and the last sample; 0: none */
	uint64_t avg_bytes, p95_bytes, max_bytes;

	/* From tide_observe(), of the last 14 days; 0: not known. */
	uint64_t highest_bytes; /* the highest working set */
	/* How much of the 14 days was measured: the days with a sample, of today the part that has passed. */
	uint64_t history_usec;
	uint64_t records; /* days with a peak more than 3 % above all before */
	/* How long the workload's containers live: the longest life of the last one to two days. */
	uint64_t life_usec;

	/* From ratchet_floor(): no limit below it is recommended. 0: no floor. */
	uint64_t ratchet_floor_bytes;

	/* The samples since recommendation.warmup_since_usec: window_samples(). A window that slides would
	 * otherwise hide them. 0: not counted. The new ones are then those beyond
	 * recommendation.warmup_samples, until the whole window is newer than the warm-up's beginning. */
	uint64_t fresh_samples;
};

/* The term of the formula that a number came from. */
enum tuner_term {
	TERM_NONE,
	TERM_P95,     /* request: p95 × factor */
	TERM_AVG,     /* request: avg × factor */
	TERM_PEAK,    /* limit: max × factor */
	TERM_REQUEST, /* limit: request × factor */
	TERM_OOM,     /* limit: above the one that a container died at */
	TERM_HIGHEST, /* limit: the highest peak of 14 days × factor */
	TERM_MARGIN,  /* limit: p95 or max, plus the margin */
	TERM_COLD,    /* limit: as the policy percentile, while history is short */
	TERM_MIN,     /* raised to the least allowed */
	TERM_MAX,     /* lowered to the most allowed */
	TERM_RATCHET, /* limit: kept, since the use follows it */
};
extern const char *const tuner_term_names[]; /* NULL-ended, in the order of the enum */

/* A workload's standing recommendation; all zero for a new workload. */
struct recommendation {
	uint64_t request_bytes, limit_bytes; /* 0: none yet */
	int request_term, limit_term;        /* enum tuner_term */
	uint64_t revision;                   /* counts the changes, from 1 */
	uint64_t changed_usec;               /* of the last change */
	/* What was observed when the numbers were made, to explain them later. */
	uint64_t seen_avg_bytes, seen_p95_bytes, seen_max_bytes;
	uint64_t seen_highest_bytes, seen_history_usec, seen_records; /* policy adaptive; else 0 */
	uint64_t seen_margin_bytes;                                   /* the margin */
	uint64_t seen_life_usec;                                      /* the life that was counted; 0: 24 h */

	/* Warm-up: nothing is enforced until this image has been seen for long enough. The workload is then
	 * warm until the image changes. */
	uint64_t warmup_since_usec, warmup_samples; /* samples when it began */
	bool warm;

	/* The last kill that counts: its memory.max, and the least limit since. */
	uint64_t oom_limit_bytes, oom_floor_bytes, oom_usec;
	uint64_t oom_peak_bytes; /* memory.peak at the kill; 0: not known */
	/* Kills in a row, each at a higher limit than the one before: a crash loop. */
	uint64_t oom_row;
	uint64_t oom_kills; /* all kills ever */
};
