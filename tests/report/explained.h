/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A workload to explain. */

#include <string.h>

#include "cgroups/quantity.h"
#include "shim/report/explain.h"

#define T0 (UINT64_C(1800000000) * USEC_PER_SEC)

/* The limits that the default settings give for 100 readings around 100Mi, of a container with a limit of
 * 512Mi. */
static inline struct limits make_limits(void)
{
	return (struct limits){
		.version = LIMITS_VERSION,
		.identity = {"shop", "web", "nginx"},
		.recommendation = {.request_bytes = 128 * MIB,
				   .limit_bytes = 192 * MIB,
				   .request_term = TERM_P95,
				   .limit_term = TERM_REQUEST,
				   .revision = 1,
				   .changed_usec = T0,
				   .seen_avg_bytes = 80 * MIB,
				   .seen_p95_bytes = 102 * MIB,
				   .seen_max_bytes = 103 * MIB,
				   .warmup_since_usec = T0},
		.observed = {.samples = 100,
			     .fresh_samples = 40,
			     .since_usec = T0,
			     .until_usec = T0 + 2 * USEC_PER_HOUR,
			     .avg_bytes = 81 * MIB,
			     .p95_bytes = 104 * MIB,
			     .max_bytes = 105 * MIB},
		.declared_bytes = 512 * MIB,
		.applied_bytes = 512 * MIB,
	};
}

static inline struct record make_record(int source, const char *reason)
{
	struct record record = {
		.version = RECORD_VERSION,
		.mode = MODE_ENFORCE,
		.source = source,
		.declared_bytes = 512 * MIB,
		.recommended_bytes = 192 * MIB,
		.limit_bytes = 358 * MIB,
	};
	strcpy(record.id, "c1");
	strcpy(record.reason, reason);
	return record;
}

static inline struct settings make_settings(void)
{
	struct settings settings;
	settings_default(&settings);
	settings.mode = MODE_ENFORCE;
	return settings;
}
