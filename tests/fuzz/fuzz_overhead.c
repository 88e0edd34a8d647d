/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "shim/report/overhead.h"

#define ENDS(text) (strnlen(text, sizeof(text)) < sizeof(text))

static void check_sandbox(const struct overhead_sandbox *sandbox, struct overhead_parts *sum)
{
	char text[OVERHEAD_TEXT_MAX];
	struct overhead_parts parts;
	size_t length;

	ENSURE(ENDS(sandbox->id) && ENDS(sandbox->handler) && ENDS(sandbox->pod) && ENDS(sandbox->fault));
	ENSURE(overhead_format_sandbox(sandbox, text, &length) == 0 && text[length - 2] == '}');
	for (size_t i = 0; i < sandbox->n_containers; i++)
		ENSURE(overhead_format_container(&sandbox->containers[i], text, &length) == 0);
	overhead_parts_of(sandbox, &parts);
	overhead_parts_add(sum, &parts);
}

/* The input is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct overhead overhead = {.version = 77};
	struct overhead_parts sum = {0};
	struct error err = {0};
	char text[OVERHEAD_TEXT_MAX];
	size_t length;

	int r = overhead_parse((const char *)data, size, &overhead, &err);
	if (r < 0) {
		ENSURE((r == -EBADMSG || r == -ENOTSUP) && err.text[0] && overhead.version == 77);
		return 0;
	}
	ENSURE(r == 0 && overhead.version == OVERHEAD_VERSION);
	for (size_t i = 0; i < overhead.n_handlers; i++)
		ENSURE(overhead_format_handler(&overhead.handlers[i], text, &length) == 0);
	for (size_t i = 0; i < overhead.n_sandboxes; i++)
		check_sandbox(&overhead.sandboxes[i], &sum);
	overhead_free(&overhead);
	return 0;
}
