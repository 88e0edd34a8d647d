/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/edit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE UINT64_C(4096)

/* Rounded down to whole pages, as the kernel would; but not to 0, which would mean something else. */
static uint64_t scale(uint64_t bytes, uint64_t numerator, uint64_t denominator)
{
	__extension__ typedef unsigned __int128 wide;
	wide scaled = (wide)bytes * numerator / denominator;
	if (scaled > INT64_MAX)
		scaled = INT64_MAX;
	if (scaled < PAGE)
		return bytes > 0 ? PAGE : 0;
	return (uint64_t)scaled & ~(PAGE - 1);
}

/* Keeps the changes in the order of the text. */
static void edit_add(struct edit *edit, struct json_span span, const char *text)
{
	size_t i = edit->n_changes++;
	for (; i > 0 && edit->change[i - 1].span.at > span.at; i--)
		edit->change[i] = edit->change[i - 1];
	edit->change[i].span = span;
	(void)snprintf(edit->change[i].text, sizeof edit->change[i].text, "%s", text);
}

static void edit_set_number(struct edit *edit, struct json_span span, uint64_t number, bool quoted)
{
	char text[32];
	(void)snprintf(text, sizeof text, quoted ? "\"%" PRIu64 "\"" : "%" PRIu64, number);
	edit_add(edit, span, text);
}

/* What stands for a value that the text does not have, or has as null: a length of 0, but a place. */
static bool span_is_null(struct json_span span)
{
	return span.length == 0 && span.at > 0;
}

static struct json_span span_of_null(struct json_span span)
{
	return (struct json_span){span.at, sizeof "null" - 1};
}

/* Puts a limit in where there is none: into the innermost object that is there, or in place of a null. A key
 * must not come twice. */
static int edit_insert_limit(const char *text, const struct resources *resources, uint64_t limit_bytes,
			     struct edit *edit, struct error *err)
{
	const struct {
		struct json_span braces;
		const char *before, *after;
	} places[] = {
		{resources->memory, "\"limit\":", ""},
		{resources->braces, "\"memory\":{\"limit\":", "}"},
		{resources->linux_braces, "\"resources\":{\"memory\":{\"limit\":", "}}"},
	};

	if (span_is_null(resources->limit)) {
		edit_set_number(edit, span_of_null(resources->limit), limit_bytes, false);
		return 0;
	}
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const struct json_span braces = places[i].braces;
		const bool is_null = span_is_null(braces);
		if (braces.length == 0 && !is_null)
			continue;

		size_t at = braces.at + 1;
		/* The white space is the parser's, which knows two more than JSON. */
		const char *next = text + at + strspn(text + at, " \t\r\n\v\f");
		const char *end = is_null ? "}" : ",";
		if (!is_null && *next == '}')
			end = "";
		char insertion[64];
		(void)snprintf(insertion, sizeof insertion, "%s%s%" PRIu64 "%s%s", is_null ? "{" : "",
			       places[i].before, limit_bytes, places[i].after, end);
		edit_add(edit, is_null ? span_of_null(braces) : (struct json_span){at, 0}, insertion);
		return 0;
	}
	return error_set(err, EBADMSG, "there is no linux object to put a memory limit into");
}

static int edit_swap(const char *text, const struct resources *resources, uint64_t old_limit,
		     uint64_t new_limit, struct edit *edit, struct error *err)
{
	uint64_t swap;

	int r = resources_parse_number(text, resources->swap, "memory swap", &swap, err);
	if (r < 0)
		return r;
	if (swap == RESOURCES_UNLIMITED)
		return 0;
	/* Which the runtimes refuse as well, in their own words: a limit of ours must not make sense of it.
	 */
	if (old_limit == RESOURCES_UNLIMITED)
		return error_set(err, EBADMSG, "memory swap has a limit, but memory has none");
	if (swap < old_limit)
		return error_set(err, EBADMSG, "memory swap is below the memory limit");
	if (swap - old_limit > INT64_MAX - new_limit)
		return error_set(err, EBADMSG, "memory swap is out of range");
	edit_set_number(edit, resources->swap, new_limit + (swap - old_limit), false);
	return 0;
}

int edit_limit(const char *text, const struct resources *resources, uint64_t limit_bytes, struct edit *ret,
	       struct error *err)
{
	struct edit edit = {0};
	uint64_t old_limit, high;

	int r = resources_parse_number(text, resources->limit, "memory limit", &old_limit, err);
	if (r < 0)
		return r;

	const uint64_t declared = resources->limit_bytes;
	uint64_t new_limit = limit_bytes;
	if (old_limit != declared && old_limit != RESOURCES_UNLIMITED && declared != RESOURCES_UNLIMITED)
		new_limit = scale(old_limit, limit_bytes, declared);

	if (resources->limit.length > 0)
		edit_set_number(&edit, resources->limit, new_limit, false);
	else if (resources->unified_max.length == 0)
		r = edit_insert_limit(text, resources, limit_bytes, &edit, err);
	if (r < 0)
		return r;

	r = edit_swap(text, resources, old_limit, new_limit, &edit, err);
	if (r < 0)
		return r;

	if (resources->unified_max.length > 0)
		edit_set_number(&edit, resources->unified_max, limit_bytes, true);

	r = resources_parse_number(text, resources->unified_high, "unified memory.high", &high, err);
	if (r < 0)
		return r;
	if (high != RESOURCES_UNLIMITED && declared != RESOURCES_UNLIMITED)
		edit_set_number(&edit, resources->unified_high, scale(high, limit_bytes, declared), true);

	*ret = edit;
	return 0;
}

int edit_apply(const char *text, size_t length, const struct edit *edit, char **ret_text, size_t *ret_length,
	       struct error *err)
{
	char *result = malloc(length + EDIT_CHANGES_MAX * sizeof edit->change[0].text + 1);
	if (!result)
		return error_errno(err, ENOMEM, "cannot edit");

	size_t from = 0, to = 0;
	for (size_t i = 0; i < edit->n_changes; i++) {
		const struct json_span *span = &edit->change[i].span;
		size_t inserted = strlen(edit->change[i].text);
		memcpy(result + to, text + from, span->at - from);
		to += span->at - from;
		memcpy(result + to, edit->change[i].text, inserted);
		to += inserted;
		from = span->at + span->length;
	}
	memcpy(result + to, text + from, length - from);
	to += length - from;
	result[to] = '\0';
	*ret_text = result;
	*ret_length = to;
	return 0;
}
