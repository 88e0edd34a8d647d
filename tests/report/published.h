/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon publishes of a workload whose p95 is 180Mi: for tests of what is advised by it. */

#include "cgroups/quantity.h"
#include "shim/store/limits.h"

/* The time at which its measurements begin. */
#define T0 (UINT64_C(1800000000) * USEC_PER_SEC)

static inline struct limits published(void)
{
	return (struct limits){
		.role = ROLE_CONTAINER,
		.recommendation = {.request_bytes = 224 * MIB,
				   .limit_bytes = 336 * MIB,
				   .request_term = TERM_P95,
				   .limit_term = TERM_REQUEST,
				   .seen_p95_bytes = 180 * MIB,
				   .warm = true},
		.enforced_request_bytes = 224 * MIB,
		.enforced_limit_bytes = 336 * MIB,
		.observed = {.samples = 100,
			     .since_usec = T0,
			     .until_usec = T0 + 6 * USEC_PER_HOUR,
			     .avg_bytes = 110 * MIB,
			     .p95_bytes = 180 * MIB,
			     .max_bytes = 210 * MIB},
		.declared_bytes = 512 * MIB,
	};
}
