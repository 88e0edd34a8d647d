/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/report/overhead.h"

#define ENDS(text) (strnlen(text, sizeof(text)) < sizeof(text))

/* All that was read can be written, and is read again. */
static void check_written(const struct overhead *overhead)
{
	struct overhead again;
	struct error err;
	char *text, buf[64];
	size_t length;

	FILE *stream = open_memstream(&text, &length);
	ENSURE(stream);
	struct json_out out = json_out_stream(stream, buf, sizeof buf);
	json_out_open(&out, NULL, '{');
	json_out_uint(&out, "v", overhead->version);
	overhead_out_handler(&out, "node", &overhead->node);
	json_out_open(&out, "handlers", '[');
	for (size_t i = 0; i < overhead->n_handlers; i++)
		overhead_out_handler(&out, NULL, &overhead->handlers[i]);
	json_out_close(&out);
	json_out_open(&out, "sandboxes", '[');
	for (size_t i = 0; i < overhead->n_sandboxes; i++)
		overhead_out_sandbox(&out, &overhead->sandboxes[i]);
	json_out_close(&out);
	json_out_close(&out);
	json_out_finish(&out);
	ENSURE(fclose(stream) == 0 && !out.overflow);

	ENSURE(overhead_parse(text, length, &again, &err) == 0);
	ENSURE(memcmp(&again.node, &overhead->node, sizeof again.node) == 0);
	ENSURE(again.n_handlers == overhead->n_handlers && again.n_sandboxes == overhead->n_sandboxes);
	for (size_t i = 0; i < again.n_handlers; i++)
		ENSURE(memcmp(&again.handlers[i], &overhead->handlers[i], sizeof *again.handlers) == 0);
	for (size_t i = 0; i < again.n_sandboxes; i++) {
		const struct overhead_sandbox *one = &again.sandboxes[i], *two = &overhead->sandboxes[i];
		ENSURE(strcmp(one->id, two->id) == 0 && strcmp(one->fault, two->fault) == 0);
		ENSURE(one->n_containers == two->n_containers && one->overhead_bytes == two->overhead_bytes);
		for (size_t c = 0; c < one->n_containers; c++)
			ENSURE(memcmp(&one->containers[c], &two->containers[c], sizeof *one->containers) ==
			       0);
	}
	overhead_free(&again);
	free(text);
}

static void check_sandbox(const struct overhead_sandbox *sandbox, struct overhead_parts *sum)
{
	struct overhead_parts parts;

	ENSURE(ENDS(sandbox->id) && ENDS(sandbox->handler) && ENDS(sandbox->pod) && ENDS(sandbox->fault));
	overhead_parts_of(sandbox, &parts);
	overhead_parts_add(sum, &parts);
}

/* The input is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct overhead overhead = {.version = 77};
	struct overhead_parts sum = {0};
	struct error err = {0};

	int r = overhead_parse((const char *)data, size, &overhead, &err);
	if (r < 0) {
		ENSURE((r == -EBADMSG || r == -ENOTSUP) && err.text[0] && overhead.version == 77);
		return 0;
	}
	ENSURE(r == 0 && overhead.version == OVERHEAD_VERSION);
	for (size_t i = 0; i < overhead.n_sandboxes; i++)
		check_sandbox(&overhead.sandboxes[i], &sum);
	check_written(&overhead);
	overhead_free(&overhead);
	return 0;
}
