/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "cgroups/cleanup.h"
#include "oci/json.h"
#include "shim/report/exposition.h"

/* The input is an Accept header, and a label's value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exposition out;
	size_t length;

	cleanup_free char *input = malloc(size + 1);
	if (!input)
		return 0;
	memcpy(input, data, size);
	input[size] = '\0';

	enum exposition_format format = exposition_negotiate(input);
	ENSURE(format == EXPOSITION_PROMETHEUS || format == EXPOSITION_OPENMETRICS);
	/* It must have been named. */
	ENSURE(format == EXPOSITION_PROMETHEUS || strcasestr(input, "application/openmetrics-text"));

	exposition_begin(&out, EXPOSITION_PROMETHEUS);
	exposition_sample(&out, "x", "");
	exposition_label(&out, "l", input);
	exposition_uint(&out, 1);
	cleanup_free char *text = NULL;
	if (exposition_end(&out, &text, &length) < 0)
		return 0;
	ENSURE(strlen(text) == length && strncmp(text, "x{l=\"", 5) == 0);
	/* One line, all UTF-8, and the only quote that is not escaped ends the label. */
	const char *at = text + 5;
	for (; *at && *at != '"'; at += json_utf8_length(at)) {
		ENSURE(*at != '\n' && json_utf8_length(at) > 0);
		if (*at == '\\') {
			at++;
			ENSURE(*at == '\\' || *at == '"' || *at == 'n');
		}
	}
	ENSURE(strcmp(at, "\"} 1\n") == 0);
	return 0;
}
