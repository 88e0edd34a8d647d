/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "oci/stats.h"

/* With libFuzzer: as fuzz.h says, with build/oci/stats.pb-c.c and -Ibuild among the sources and -lprotobuf-c.
 */

static bool is_amount(uint64_t bytes)
{
	return bytes == GUEST_UNKNOWN || bytes <= UINT64_C(1) << 61; /* kernel memory is a sum of two */
}

/* The input is the data of a response. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest_stats stats, before;
	struct error err = {0};

	memset(&stats, 0xa5, sizeof stats);
	memcpy(&before, &stats, sizeof stats);
	int r = stats_response_parse(data, size, &stats, &err);
	if (r < 0) {
		ENSURE(r == -err.code && memcmp(&stats, &before, sizeof stats) == 0);
		ENSURE(r == -ENOENT || r == -ETIMEDOUT || r == -ENOSYS || r == -EREMOTEIO || r == -EBADMSG ||
		       r == -EPROTONOSUPPORT || r == -ENODATA);
		for (const char *c = err.text; *c; c++)
			ENSURE(*c >= ' ' && *c < 0x7f);
		return 0;
	}
	ENSURE(r == 0);
	ENSURE(stats.usage_bytes > 0 && stats.usage_bytes <= UINT64_C(1) << 60);
	ENSURE(is_amount(stats.limit_bytes) && is_amount(stats.anon_bytes) && is_amount(stats.file_bytes) &&
	       is_amount(stats.kernel_bytes) && is_amount(stats.inactive_file_bytes) &&
	       is_amount(stats.swap_bytes));
	/* What memory.stat has is told together. */
	ENSURE(stats.anon_bytes == GUEST_UNKNOWN ||
	       (stats.file_bytes != GUEST_UNKNOWN && stats.inactive_file_bytes != GUEST_UNKNOWN));
	return 0;
}
