/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/directory.h"

#include <errno.h>
#include <string.h>

#include "cgroups/capacity.h"
#include "cgroups/cleanup.h"
#include "cgroups/memory.h"

/* The input is memory.stat, memory.events, memory.max or meminfo. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct memory before = {
		.current_bytes = 1, .peak_bytes = 2, .anon_bytes = 3, .kernel_bytes = 4};
	const struct memory_events no_events = {5, 6, 7, 8};
	struct memory memory = before;
	struct memory_events events = no_events;
	uint64_t bytes = 9;
	cleanup_free char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';

	int stat = memory_parse_stat(text, &memory);
	ENSURE(stat == 0 || (stat == -EBADMSG && memcmp(&memory, &before, sizeof memory) == 0));
	ENSURE(memory.current_bytes == before.current_bytes && memory.peak_bytes == before.peak_bytes);
	memory.current_bytes = memory.file_bytes;
	ENSURE(memory_working_set(&memory) <= memory.current_bytes);

	/* Both are rows of the same form. */
	ENSURE(memory_parse_events(text, &events) == stat);
	ENSURE(stat == 0 || memcmp(&events, &no_events, sizeof events) == 0);

	int r = memory_parse_bytes(text, &bytes);
	ENSURE(r == 0 || (r == -EBADMSG && bytes == 9));
	bytes = 9;
	struct error err = {0};
	directory_put("meminfo", data, size);
	r = capacity_read(directory_open(), &bytes, &err);
	ENSURE(r == 0 ? bytes > 0 && bytes <= INT64_MAX : (r == -EBADMSG || r == -E2BIG) && bytes == 9);
	return 0;
}
