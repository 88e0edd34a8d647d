/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is right for a workload, from what was observed of it. Pure: no clock, no file, no log; the same
 * input always gives the same recommendation. Bytes of working set and microseconds of CLOCK_REALTIME. */

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

/* What came of tuner_recommend(). */
enum tuner_outcome {
	TUNER_NO_SAMPLES, /* nothing to go by: previous stays */
	TUNER_SAME,       /* the numbers are those that stand */
	TUNER_HYSTERESIS, /* the difference is too small to be worth a change */
	TUNER_COOLDOWN,   /* too soon after the last change */
	TUNER_CHANGED,
};
extern const char *const tuner_outcome_names[];

/* The policy `percentile`:
 *     request = max(p95 × 1.20, avg × 1.50), up to the next 16Mi, within [64Mi, 4Gi]
 *     limit   = max(max × 1.10, request × 1.50, the OOM floor), up to the next 16Mi, within [128Mi, 8Gi]
 * The policy `adaptive`, after d days of history of which r brought a new peak:
 *     request = p95 × 1.20, but not above the limit, up to the next 4Mi, within [64Mi, 4Gi]
 *     limit   = max(highest × 1.10, p95 + √(1408Mi × max × (r + 1) / (d + 1) × u × ⁴√(life / 24 h)), the OOM floor),
 *               up to the next 4Mi, within [128Mi, 8Gi]; for the first 6 h what percentile would have it,
 *               if that is not max × 1.10
 *     u       = (max / avg - 1) / 0.1, within [0.5, 2]
 *     life    = life_usec within [1 h, 24 h], 24 h where it is not known
 * (tight: u within [0.1, 2], 64Mi for 1408Mi, max for p95, life 24 h, but not above normal, and nothing of the
 * first 6 h)
 * then hysteresis (adaptive: three quarters of it, and no bytes) and cooldown against what stands; one of the two
 * numbers that differs enough replaces both. A limit that has been outgrown, by a working set that was above it (adaptive:
 * that came within 5 % of it), or that is below the ratchet's floor, is raised at once.
 * While a changed image warms up, what stood before it is a floor. The request is lowered to a limit that the
 * node's maximum has pushed below it. A time in previous that is ahead of now (the clock was set back) delays
 * nothing for longer than it would have from now. *ret (which may be previous) always becomes valid; warm and
 * the OOM floor are brought up to date whatever the outcome. */
enum tuner_outcome tuner_recommend(const struct tuner_settings *settings, const struct observed *observed,
				   const struct recommendation *previous, uint64_t now_usec,
				   struct recommendation *ret);

/* What the policy in force rounds to. */
uint64_t tuner_round_bytes(const struct tuner_settings *settings);

/* For explanations: the factor and the scale of a margin of the policy adaptive. */
double adaptive_highest_factor(int margin);
uint64_t adaptive_scale_bytes(int margin);
/* What the margin is put on. */
uint64_t adaptive_base_bytes(int margin, uint64_t p95_bytes, uint64_t max_bytes);
double adaptive_restlessness(int margin, uint64_t avg_bytes, uint64_t max_bytes);

/* A container of the workload was OOM-killed in its own cgroup, at this memory.max, having had this memory.peak. Breaks
 * hysteresis and cooldown: limit becomes at least max(limit_bytes × 1.2, limit_bytes + 100Mi), within the node's
 * clamps, the request at most the limit. In a crash loop, where what was raised was not enough within oom_loop_usec,
 * the step is doubled, and doubled again: a program that needs 1Gi is not to be killed eight times on its way up
 * from 128Mi. Idempotent for one limit, but that each call counts in oom_kills. A kill at no limit (0 or UINT64_MAX:
 * the node ran out) is counted and teaches nothing. */
void tuner_learn_oom(const struct tuner_settings *settings, const struct recommendation *previous,
		     uint64_t limit_bytes, uint64_t peak_bytes, uint64_t now_usec,
		     struct recommendation *ret);
/* How many times as large the step is after this many kills in a row. */
uint64_t tuner_oom_steps(uint64_t row);

/* The image changed: warm-up begins anew. */
void tuner_restart_warmup(const struct recommendation *previous, const struct observed *observed,
			  uint64_t now_usec, struct recommendation *ret);
