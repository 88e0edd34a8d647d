/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers of the policy adaptive, for explanations. margin: enum adaptive_margin. */

#include <stdint.h>

/* The factor and the scale of a margin. */
double adaptive_highest_factor(int margin);
uint64_t adaptive_scale_bytes(int margin);
/* What the margin is put on. */
uint64_t adaptive_base_bytes(int margin, uint64_t p95_bytes, uint64_t max_bytes);
double adaptive_restlessness(int margin, uint64_t avg_bytes, uint64_t max_bytes);
