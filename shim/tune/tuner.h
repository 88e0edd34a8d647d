/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The recommendation for a workload, from what was observed of it. Pure: no clock, no file, no log; the same
 * input always gives the same recommendation. Bytes of working set, and microseconds of CLOCK_REALTIME. */

#include <stdint.h>

#include "shim/tune/recommendation.h"

/* The results of tuner_recommend(). */
enum tuner_outcome {
	TUNER_NO_SAMPLES, /* nothing was observed: previous stays */
	TUNER_SAME,       /* the numbers are the standing ones */
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
 *     limit   = max(highest × 1.10, p95 + margin, the OOM floor), up to the next 4Mi, within [128Mi, 8Gi]
 *     margin  = √(1408Mi × max × (r + 1) / (d + 1) × u × ⁴√(life / 24 h)), at most 2 × avg
 *     u       = (max / avg - 1) / 0.1, within [0.5, 2]
 *     life    = life_usec within [1 h, 24 h], 24 h if not known
 * For the first 6 h percentile's limit takes the margin's place, unless that limit is max × 1.10. With the
 * margin tight, u is within [0.1, 2], 1408Mi is 64Mi, p95 is max and life is 24 h; the result is never above
 * the normal one, and the first 6 h are no exception. The ratchet's floor is a term of both limits, too.
 *
 * The new numbers then pass hysteresis (adaptive: three quarters of the ratio, and no bytes) and cooldown. If
 * one of the two differs enough from the standing one, both are replaced. A limit is raised at once if a
 * working set was above it (adaptive: came within 5 % of it), or if it is below the ratchet's floor.
 *
 * The standing numbers are a floor while a changed image warms up, and while the window holds less than a
 * warm-up's samples or time. The request is lowered to the limit if the node's maximum has pushed the limit
 * below it. A time in previous that is ahead of now (the clock was set back) delays nothing longer than one
 * that is now.
 *
 * *ret (which may be previous) always becomes valid. Its members oom_… are brought up to date whatever is
 * returned, and warm too, except with TUNER_NO_SAMPLES. */
enum tuner_outcome tuner_recommend(const struct tuner_settings *settings, const struct observed *observed,
				   const struct recommendation *previous, uint64_t now_usec,
				   struct recommendation *ret);

/* The multiple that the policy in force rounds to. */
uint64_t tuner_round_bytes(const struct tuner_settings *settings);

/* A container of the workload was OOM-killed in its own cgroup, at memory.max limit_bytes, with memory.peak
 * peak_bytes. No hysteresis or cooldown: the limit becomes at least max(limit_bytes × 1.2, limit_bytes +
 * 100Mi), within the node's clamps, and the request at most the limit. In a crash loop, where the raised
 * limit was exceeded within oom_loop_usec, the step is doubled, and then doubled again: a program that needs
 * 1Gi is not killed eight times on its way up from 128Mi. A second kill at the same limit changes neither
 * limit nor request. A kill without a limit (0 or UINT64_MAX: the node ran out) only counts in oom_kills. */
void tuner_learn_oom(const struct tuner_settings *settings, const struct recommendation *previous,
		     uint64_t limit_bytes, uint64_t peak_bytes, uint64_t now_usec,
		     struct recommendation *ret);

/* The image changed: warm-up begins anew. */
void tuner_restart_warmup(const struct recommendation *previous, const struct observed *observed,
			  uint64_t now_usec, struct recommendation *ret);
