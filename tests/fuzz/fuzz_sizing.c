/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "oci/sizing.h"

/* The input is the text of two arrays, args and env, with a line's end between them; and a command line. It lies in a
 * block of its own, so that a sanitizer sees every byte that is read beyond it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size > 0 ? size : 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	const char *end = memchr(text, '\n', size);
	size_t length = end ? (size_t)(end - text) : size;
	struct json_span args = {0, length}, env = {length, size - length}, all = {0, size}, none = {0};

	enum sizing both = sizing_of_config(text, args, env);
	ENSURE(sizing_of_name(sizing_names[both]) == both);
	ENSURE(sizing_of_config(text, none, none) == SIZING_UNKNOWN);
	/* What one of them tells is not lost with the other, but to a heap of a given size. */
	if (sizing_of_config(text, args, none) != SIZING_UNKNOWN ||
	    sizing_of_config(text, none, env) != SIZING_UNKNOWN)
		ENSURE(both != SIZING_UNKNOWN);
	if (!memmem(text, size, "java", 4) && !memmem(text, size, "-X", 2))
		ENSURE(both != SIZING_JVM && both != SIZING_FIXED);
	if (!memmem(text, size, "MEMLIMIT=", 9))
		ENSURE(both != SIZING_GO && sizing_of_config(text, none, all) != SIZING_GO);
	enum sizing command = sizing_of_command(text, size);
	ENSURE(command != SIZING_GO);
	if (command != SIZING_UNKNOWN)
		ENSURE(memmem(text, size, "java", 4));
	free(text);
	return 0;
}
