/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/recommendation.h"

#include <stddef.h>

const char *const tuner_term_names[] = {
	[TERM_NONE] = "none",
	[TERM_P95] = "p95",
	[TERM_AVG] = "avg",
	[TERM_PEAK] = "peak",
	[TERM_REQUEST] = "request",
	[TERM_OOM] = "oom",
	[TERM_HIGHEST] = "highest",
	[TERM_MARGIN] = "margin",
	[TERM_COLD] = "cold",
	[TERM_MIN] = "min",
	[TERM_MAX] = "max",
	[TERM_RATCHET] = "ratchet",
	NULL,
};

const char *const tuner_policy_names[] = {
	[POLICY_PERCENTILE] = "percentile",
	[POLICY_ADAPTIVE] = "adaptive",
	NULL,
};

const char *const adaptive_margin_names[] = {
	[MARGIN_NORMAL] = "normal",
	[MARGIN_TIGHT] = "tight",
	NULL,
};
