/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a container gets below its limit, by the settings of [enforce]: memory that is protected from reclaim,
 * and a line above which it is slowed down. Pure. All sizes in bytes. */

#include <stdint.h>

#include "oci/config.h"

/* The file that the request is written to. */
enum protect_request {
	PROTECT_NONE,
	PROTECT_LOW, /* memory.low: reclaimed only when nothing unprotected is left */
	PROTECT_MIN, /* memory.min: never reclaimed */
};
extern const char *const protect_names[]; /* NULL-ended, in the order of the enum */

struct protect_settings {
	int request;       /* enum protect_request */
	double high_ratio; /* the part of the way from request to limit; 0: no memory.high */
};

struct protection {
	uint64_t request_bytes;       /* the request that the protection is made from; 0: not known */
	uint64_t bytes[UNIFIED_KEYS]; /* by enum unified_key; 0: not set */
};

/* limit_bytes: UINT64_MAX for none. request_bytes: 0 for not known. memory.high is computed as in the
 * kubelet's MemoryQoS (Kubernetes KEP-2570): request + ratio × (limit - request), rounded down to a page.
 * There is no memory.high if this is not above the request, or without a limit. */
void protect_make(const struct protect_settings *settings, uint64_t limit_bytes, uint64_t request_bytes,
		  struct protection *ret);
