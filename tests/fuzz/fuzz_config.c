/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "oci/annotations.h"
#include "oci/config.h"

static void check_span(const char *text, size_t length, struct json_span span, bool is_object)
{
	ENSURE(span.at <= length && span.length <= length - span.at);
	if (span.length == 0)
		ENSURE(span.at == 0 || memcmp(text + span.at, "null", 4) == 0);
	else if (is_object)
		ENSURE(text[span.at] == '{' && text[span.at + span.length - 1] == '}');
	else if (text[span.at] == '"')
		ENSURE(span.length >= 2 && text[span.at + span.length - 1] == '"');
}

static void check_resources(const char *text, size_t length, const struct resources *resources)
{
	check_span(text, length, resources->linux_braces, true);
	check_span(text, length, resources->braces, true);
	check_span(text, length, resources->memory, true);
	check_span(text, length, resources->unified, true);
	check_span(text, length, resources->limit, false);
	check_span(text, length, resources->swap, false);
	check_span(text, length, resources->unified_max, false);
	check_span(text, length, resources->reservation, false);
	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++)
		check_span(text, length, resources->unified_key[key], false);
	ENSURE(resources->limit_bytes > 0);
	ENSURE(resources->limit_bytes == RESOURCES_UNLIMITED || resources->limit_bytes <= INT64_MAX);
}

static void check_error(int result, const struct error *err)
{
	ENSURE(result == -EBADMSG && err->code == EBADMSG && err->text[0] != '\0');
}

static void on_annotation_fault(const char *key, const char *why, void *data)
{
	unsigned *told = data;
	unsigned bit = strcmp(key, ANNOTATION_MODE) == 0 ? 1 : strcmp(key, ANNOTATION_WORKLOAD) == 0 ? 2 : 4;

	ENSURE(why[0] && !(*told & bit)); /* each once */
	*told |= bit;
}

static void check_annotations(const char *text, const struct config *config)
{
	struct annotations annotations;
	unsigned told = 0;

	annotations_read(text, config, &annotations, on_annotation_fault, &told);
	ENSURE(memchr(annotations.mode, '\0', sizeof annotations.mode) &&
	       !((told & 1) && annotations.mode[0]));
	ENSURE(strlen(annotations.workload) <= 253 && !((told & 2) && annotations.workload[0]));
	ENSURE(!strchr(annotations.workload, '/') && annotations.workload[0] != '.');
	ENSURE(annotations.limit_bytes <= INT64_MAX && annotations.request_bytes <= INT64_MAX);
	ENSURE(annotations.limit_bytes == 0 || annotations.request_bytes <= annotations.limit_bytes);
	ENSURE(!(told & 4) || (annotations.limit_bytes == 0 && annotations.request_bytes == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	struct resources resources;
	struct error err = {0};
	cleanup_free char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';

	int r = config_read(text, size, &config, &err);
	if (r < 0)
		check_error(r, &err);
	else {
		check_resources(text, size, &config.resources);
		check_annotations(text, &config);
	}
	r = resources_read(text, size, &resources, &err);
	if (r < 0)
		check_error(r, &err);
	else
		check_resources(text, size, &resources);
	return 0;
}
