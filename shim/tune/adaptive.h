/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers of the policy adaptive, for explanations; docs/TUNING.md explains them. margin: enum
 * adaptive_margin. */

#include <stdint.h>

/* The limit is at least the highest peak times this factor. */
double adaptive_highest_factor(int margin);

/* The margin is √(scale × max), times what history, restlessness and life make of it. */
uint64_t adaptive_scale_bytes(int margin);

/* The figure that the margin is added to: p95 or max. */
uint64_t adaptive_base_bytes(int margin, uint64_t p95_bytes, uint64_t max_bytes);

/* How far max stands above avg, as a multiple of an ordinary tenth, within the margin's range. */
double adaptive_restlessness(int margin, uint64_t avg_bytes, uint64_t max_bytes);
