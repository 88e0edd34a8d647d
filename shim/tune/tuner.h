/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is right for a workload, from what was observed of it. Pure: no clock, no file, no log; the same
 * input always gives the same recommendation. Bytes of working set and microseconds of CLOCK_REALTIME. */

#include <stdint.h>

#include "shim/tune/recommendation.h"

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
