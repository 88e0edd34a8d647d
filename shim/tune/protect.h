/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a container is given below its limit, by the settings of [enforce]: memory that is kept from reclaim,
 * and a line above which it is slowed down. Pure. Bytes throughout. */

#include <stdint.h>

#include "oci/config.h"

/* Where the request is written to. */
enum protect_request {
	PROTECT_NONE,
	PROTECT_LOW, /* memory.low: reclaimed only when nothing unprotected is left */
	PROTECT_MIN, /* memory.min: never reclaimed */
};
extern const char *const protect_names[]; /* NULL-ended, in the order of the enum */

struct protect_settings {
	int request;       /* enum protect_request */
	double high_ratio; /* of the way from the request to the limit; 0: no memory.high */
};

struct protection {
	uint64_t request_bytes;       /* what it is made from; 0: not known */
	uint64_t bytes[UNIFIED_KEYS]; /* by enum unified_key; 0: not set */
};

/* limit_bytes: UINT64_MAX for none. request_bytes: 0 where it is not known. memory.high is what the kubelet's
 * MemoryQoS makes of these (Kubernetes KEP-2570): request + ratio × (limit - request), down to a whole page,
 * but only if that is above the request; with no limit, none. */
void protect_make(const struct protect_settings *settings, uint64_t limit_bytes, uint64_t request_bytes,
		  struct protection *ret);
