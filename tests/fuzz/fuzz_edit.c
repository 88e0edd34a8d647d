/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "oci/edit.h"

static int read_resources(const char *text, size_t length, bool whole, struct resources *ret)
{
	struct config config;
	struct error err;

	if (!whole)
		return resources_read(text, length, ret, &err);
	int r = config_read(text, length, &config, &err);
	if (r == 0)
		*ret = config.resources;
	return r;
}

/* Takes the changes out of the edited text again, and holds what is left against the original. */
static void check_all_else_stayed(const char *text, size_t length, const char *edited, size_t edited_length,
				  const struct edit *edit)
{
	size_t from = 0, to = 0;

	for (size_t i = 0; i < edit->n_changes; i++) {
		const struct json_span span = edit->change[i].span;
		const char *change = edit->change[i].text;
		ENSURE(span.at >= from && span.at + span.length <= length);
		ENSURE(memcmp(text + from, edited + to, span.at - from) == 0);
		to += span.at - from;
		ENSURE(strncmp(edited + to, change, strlen(change)) == 0);
		to += strlen(change);
		from = span.at + span.length;
	}
	ENSURE(length - from == edited_length - to);
	ENSURE(memcmp(text + from, edited + to, length - from) == 0);
}

static uint64_t number_of(const char *text, struct json_span span)
{
	uint64_t number;
	struct error err;
	ENSURE(resources_parse_number(text, span, "number", &number, &err) == 0);
	return number;
}

static void check_edit(const char *text, size_t length, bool whole, const struct resources *before,
		       uint64_t limit_bytes)
{
	cleanup_free char *edited = NULL;
	size_t edited_length;
	struct resources after;
	struct edit edit, again;
	struct error err = {0};

	int r = edit_limit(text, before, limit_bytes, &edit, &err);
	if (r < 0) {
		ENSURE(r == -EBADMSG && err.text[0] != '\0');
		return;
	}
	ENSURE(edit_apply(text, length, &edit, &edited, &edited_length, &err) == 0);
	ENSURE(edited[edited_length] == '\0');
	ENSURE(read_resources(edited, edited_length, whole, &after) == 0);
	ENSURE(after.limit_bytes == limit_bytes);
	check_all_else_stayed(text, length, edited, edited_length, &edit);

	const uint64_t old_limit = number_of(text, before->limit), old_swap = number_of(text, before->swap);
	const uint64_t new_limit = number_of(edited, after.limit), new_swap = number_of(edited, after.swap);
	if (old_limit == RESOURCES_UNLIMITED || old_swap == RESOURCES_UNLIMITED)
		ENSURE(new_swap == old_swap);
	else
		ENSURE(new_swap - new_limit == old_swap - old_limit);
	/* No word for "none" may come out where there was an amount. */
	if (old_limit != RESOURCES_UNLIMITED)
		ENSURE(new_limit != RESOURCES_UNLIMITED);

	/* What is edited already does not change any more. */
	ENSURE(edit_limit(edited, &after, limit_bytes, &again, &err) == 0);
	for (size_t i = 0; i < again.n_changes; i++) {
		const struct json_span span = again.change[i].span;
		if (span.at != after.unified_high.at)
			ENSURE(strlen(again.change[i].text) == span.length &&
			       memcmp(edited + span.at, again.change[i].text, span.length) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t limits[] = {1, 4096, UINT64_C(64) << 20, UINT64_C(3) << 40, INT64_MAX};
	cleanup_free char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (int whole = 0; whole < 2; whole++) {
		struct resources resources;
		if (read_resources(text, size, whole, &resources) < 0)
			continue;
		for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
			check_edit(text, size, whole, &resources, limits[i]);
	}
	return 0;
}
