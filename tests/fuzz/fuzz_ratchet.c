/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "oci/sizing.h"
#include "shim/store/settings.h"
#include "shim/tune/ratchet.h"

/* What is written of a ratchet can be read again, and is the same. */
static void check_text(const struct ratchet *ratchet)
{
	char text[2][RATCHET_TEXT_MAX];
	struct ratchet again;

	ENSURE(strlen(ratchet_format(ratchet, text[0])) < RATCHET_TEXT_MAX);
	ENSURE(ratchet_parse(text[0], &again));
	ENSURE(strcmp(ratchet_format(&again, text[1]), text[0]) == 0);
	ENSURE(ratchet_floor(&again) == ratchet_floor(ratchet));
}

static void check_levels(const struct ratchet *ratchet)
{
	ENSURE(ratchet->to.limit_bytes == 0 || ratchet->to.limit_bytes < ratchet->from.limit_bytes);
	ENSURE(ratchet_drop(ratchet) >= 0 && ratchet_drop(ratchet) <= 1);
	if (ratchet->since_usec > 0)
		ENSURE(ratchet->to.limit_bytes > 0 && ratchet_floor(ratchet) == ratchet->top_bytes);
}

/* The input is the text of a ratchet; what follows its NUL are sights, three bytes each: limit, use, and whether an hour
 * has passed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[256];
	struct settings settings;
	struct ratchet ratchet;
	size_t length = strnlen((const char *)data, size);
	uint64_t now_usec = UINT64_C(1700000000000000);

	if (length >= sizeof text)
		return 0;
	memcpy(text, data, length);
	text[length] = '\0';
	settings_default(&settings);
	if (ratchet_parse(text, &ratchet))
		check_text(&ratchet);
	else
		ENSURE(ratchet.from.limit_bytes == 0 && ratchet.program == SIZING_UNKNOWN);
	for (size_t i = length + 1; i + 3 <= size; i += 3) {
		const struct ratchet_sight sight = {(uint64_t)data[i] << 24, (uint64_t)data[i + 1] << 24,
						    1000, now_usec};
		now_usec += (data[i + 2] & 1) * UINT64_C(3600000000);
		if (data[i + 2] & 2)
			ratchet_begin(&ratchet, sight.limit_bytes);
		if (data[i + 2] & 4)
			ratchet_restart(&ratchet);
		if (data[i + 2] & 8)
			ratchet.program = data[i] % (SIZING_GO + 1);
		(void)ratchet_observe(&ratchet, &settings.tuner, &sight, now_usec);
		check_levels(&ratchet);
		check_text(&ratchet);
	}
	return 0;
}
