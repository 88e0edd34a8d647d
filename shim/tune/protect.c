/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/protect.h"

#include <stddef.h>

#define PAGE UINT64_C(4096)

const char *const protect_names[] = {"none", "low", "min", NULL};

static uint64_t page_down(uint64_t bytes)
{
	return bytes / PAGE * PAGE;
}

void protect_make(const struct protect_settings *settings, uint64_t limit_bytes, uint64_t request_bytes,
		  struct protection *ret)
{
	/* The container cannot use more than its limit, so more cannot be protected. */
	const uint64_t request = request_bytes < limit_bytes ? request_bytes : limit_bytes;

	*ret = (struct protection){.request_bytes = request_bytes};
	ret->bytes[UNIFIED_LOW] = settings->request == PROTECT_LOW ? page_down(request) : 0;
	ret->bytes[UNIFIED_MIN] = settings->request == PROTECT_MIN ? page_down(request) : 0;
	if (settings->high_ratio <= 0 || limit_bytes == UINT64_MAX)
		return;
	const uint64_t room = limit_bytes - request;
	const double share = settings->high_ratio * (double)room;
	/* The product may be a little above room, since a double rounds. */
	const uint64_t high = page_down(request + (share < (double)room ? (uint64_t)share : room));
	if (high > request)
		ret->bytes[UNIFIED_HIGH] = high;
}
