/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "oci/vm.h"

/* The text with its annotation set says so, and nothing else of it changes. */
static void check_size(const char *text, size_t length, const struct config *config, enum vm_size size)
{
	const uint64_t wanted_bytes = 300 * MIB;
	cleanup_free char *edited = NULL;
	size_t edited_length;
	struct config after;
	struct edit edit;
	struct error err = {0};
	uint64_t bytes = 0, other_before = 0, other_after = 0;
	const enum vm_size other =
		size == VM_SIZE_SANDBOX_MEMORY ? VM_SIZE_DEFAULT_MEMORY : VM_SIZE_SANDBOX_MEMORY;

	int r = vm_size_of(text, config, size, &bytes, &err);
	ENSURE(r == 0 || (r == -EBADMSG && err.text[0] && bytes == 0));
	ENSURE(bytes <= INT64_MAX);
	r = vm_edit_size(text, config, size, wanted_bytes, &edit, &err);
	if (r < 0) {
		ENSURE(r == -EBADMSG && err.text[0]);
		return;
	}
	ENSURE(edit.n_changes == 1);
	ENSURE(edit_apply(text, length, &edit, &edited, &edited_length, &err) == 0);
	ENSURE(config_read(edited, edited_length, &after, &err) == 0);
	ENSURE(vm_size_of(edited, &after, size, &bytes, &err) == 0 && bytes == wanted_bytes);
	(void)vm_size_of(text, config, other, &other_before, &err);
	(void)vm_size_of(edited, &after, other, &other_after, &err);
	ENSURE(other_before == other_after);
	/* All else is there, before and behind. */
	const struct json_span span = edit.change[0].span;
	const size_t rest = length - span.at - span.length;
	ENSURE(memcmp(edited, text, span.at) == 0);
	ENSURE(memcmp(edited + edited_length - rest, text + length - rest, rest) == 0);
	ENSURE(edited_length == length - span.length + strlen(edit.change[0].text));
}

/* The input is a config.json. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	cleanup_free char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (config_read(text, size, &config, NULL) < 0)
		return 0;
	ENSURE(vm_declared_of(text, &config) <= INT64_MAX && vm_overhead_of(text, &config) <= INT64_MAX);
	check_size(text, size, &config, VM_SIZE_SANDBOX_MEMORY);
	check_size(text, size, &config, VM_SIZE_DEFAULT_MEMORY);
	return 0;
}
