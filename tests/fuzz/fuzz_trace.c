/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "shim/store/settings.h"
#include "shim/tune/replay.h"

/* The input is a trace, which is read and replayed up to its first fault. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace trace = {.name = "trace", .at = (const char *)data, .end = (const char *)data + size};
	struct replay_result results[REPLAY_POLICIES];
	struct settings settings;
	struct trace_sample sample;
	struct error err = {0};
	int r;

	settings_default(&settings);
	const struct replay_settings hourly = {settings.tuner, settings.sampling.slot_usec,
					       settings.sampling.long_window_usec, UINT64_C(3600000000)};
	struct replay *replay = replay_new(&hourly, NULL, NULL);
	ENSURE(replay);
	while ((r = trace_next(&trace, &sample, &err)) > 0) {
		ENSURE(sample.series_length > 0 && sample.series_length <= TRACE_SERIES_MAX);
		ENSURE(sample.series >= (const char *)data &&
		       sample.series + sample.series_length <= trace.end);
		ENSURE(sample.time_usec < TRACE_TIME_MAX_USEC && sample.bytes <= INT64_MAX);
		if (replay_add(replay, &sample) == -EINVAL)
			break;
	}
	ENSURE(r >= 0 || (r == -EINVAL && err.text[0] != '\0'));
	replay_finish(replay, results);
	for (int i = 0; i < REPLAY_POLICIES; i++)
		ENSURE(results[i].standing.over <= results[i].standing.periods);
	ENSURE(results[REPLAY_HINDSIGHT].standing.over == 0);
	replay_free(replay);
	return 0;
}
