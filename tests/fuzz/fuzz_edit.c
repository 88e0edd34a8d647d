/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/memory.h"
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

static struct edit_wish wish_of(const struct resources *before, size_t i)
{
	static const uint64_t limits[] = {1, 4096, UINT64_C(64) << 20, UINT64_C(3) << 40,
					  MEMORY_LIMIT_NONE - 1};
	static const uint64_t wanted[][UNIFIED_KEYS] = {
		{0, 0, 0},
		{UINT64_C(64) << 20, 0, UINT64_C(96) << 20},
		{0, MEMORY_LIMIT_NONE - 1, 4096},
		{8192, 4096, MEMORY_LIMIT_NONE - 1},
	};
	const size_t n_limits = sizeof limits / sizeof *limits, n_wanted = sizeof wanted / sizeof *wanted;
	struct edit_wish wish = {0};

	if (i >= (n_limits + 1) * n_wanted)
		return wish; /* there are no more */
	wish.limit_bytes = i / n_wanted < n_limits ? limits[i / n_wanted] : before->limit_bytes;
	memcpy(wish.unified_bytes, wanted[i % n_wanted], sizeof wish.unified_bytes);
	return wish;
}

static bool is_there(const struct resources *resources, enum unified_key key)
{
	return resources->unified_key[key].length > 0;
}

static void check_same(const char *text, struct json_span span, const char *edited,
		       struct json_span edited_span)
{
	ENSURE(span.length == edited_span.length &&
	       memcmp(text + span.at, edited + edited_span.at, span.length) == 0);
}

/* Of memory.low, memory.min and memory.high the text's own stay, and ours are what was asked for, within what
 * holds. */
static void check_unified(const char *text, const struct resources *before, const char *edited,
			  const struct resources *after, const struct edit_wish *wish,
			  const struct unified_mark *mark)
{
	const bool moves = wish->limit_bytes != before->limit_bytes;
	const uint64_t high = number_of(edited, after->unified_key[UNIFIED_HIGH]);

	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++) {
		const struct json_span span = after->unified_key[key];
		const uint64_t wanted = wish->unified_bytes[key];
		if (!(mark->keys & (UINT64_C(1) << key))) {
			ENSURE(is_there(before, key) == is_there(after, key));
			if (key == UNIFIED_LOW || !moves)
				check_same(text, before->unified_key[key], edited, span);
		} else {
			ENSURE(!is_there(before, key) && is_there(after, key) && wanted > 0);
			ENSURE(number_of(edited, span) == mark->bytes[key]);
			if (key == UNIFIED_HIGH)
				ENSURE(mark->bytes[key] == wanted);
			else
				ENSURE(mark->bytes[key] <= wanted && mark->bytes[key] <= wish->limit_bytes &&
				       mark->bytes[key] <= high);
		}
	}
	if (moves && is_there(after, UNIFIED_MIN)) {
		const uint64_t min = number_of(edited, after->unified_key[UNIFIED_MIN]);
		ENSURE(min <= wish->limit_bytes && min <= high);
	}
}

/* What we put in is taken back when it is not asked for any more, and leaves what the text had of its own. */
static void check_way_back(const char *text, const struct resources *before, const char *edited,
			   size_t edited_length, bool whole, const struct resources *after,
			   const struct unified_mark *mark)
{
	const struct edit_wish wish = {.limit_bytes = before->limit_bytes, .mark = *mark};
	cleanup_free char *back = NULL;
	size_t back_length;
	struct resources resources;
	struct edit edit;
	struct error err;

	if (before->limit_bytes == RESOURCES_UNLIMITED && after->limit_bytes != RESOURCES_UNLIMITED)
		return;
	if (edit_memory(edited, after, &wish, &edit, &err) < 0)
		return; /* swap can be out of range on its way back */
	ENSURE(edit_apply(edited, edited_length, &edit, &back, &back_length, &err) == 0);
	ENSURE(read_resources(back, back_length, whole, &resources) == 0);
	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++)
		if (mark->keys & (UINT64_C(1) << key))
			ENSURE(number_of(back, resources.unified_key[key]) ==
			       (key == UNIFIED_HIGH ? RESOURCES_UNLIMITED : 0));
	if (mark->min_before_bytes > 0 && !is_there(&resources, UNIFIED_HIGH)) {
		uint64_t min = number_of(text, before->unified_key[UNIFIED_MIN]);
		ENSURE(number_of(back, resources.unified_key[UNIFIED_MIN]) ==
		       (min < wish.limit_bytes ? min : wish.limit_bytes));
	}
}

static void check_edit(const char *text, size_t length, bool whole, const struct resources *before,
		       const struct edit_wish *wish)
{
	cleanup_free char *edited = NULL;
	size_t edited_length;
	struct resources after;
	struct edit edit, again;
	struct error err = {0};

	int r = edit_memory(text, before, wish, &edit, &err);
	if (r < 0) {
		ENSURE(r == -EBADMSG && err.text[0] != '\0');
		return;
	}
	if (edit.n_changes == 0)
		return; /* then nothing of the text needs to be understood */
	ENSURE(edit_apply(text, length, &edit, &edited, &edited_length, &err) == 0);
	ENSURE(edited[edited_length] == '\0');
	ENSURE(read_resources(edited, edited_length, whole, &after) == 0);
	ENSURE(after.limit_bytes == wish->limit_bytes);
	check_all_else_stayed(text, length, edited, edited_length, &edit);
	check_unified(text, before, edited, &after, wish, &edit.mark);
	check_way_back(text, before, edited, edited_length, whole, &after, &edit.mark);

	/* What is edited already does not change any more. */
	struct edit_wish same = *wish;
	same.mark = edit.mark;
	ENSURE(edit_memory(edited, &after, &same, &again, &err) == 0);
	ENSURE(again.n_changes == 0 && again.mark.keys == edit.mark.keys);
	if (wish->limit_bytes == before->limit_bytes)
		return;

	const uint64_t old_limit = number_of(text, before->limit), old_swap = number_of(text, before->swap);
	const uint64_t new_limit = number_of(edited, after.limit), new_swap = number_of(edited, after.swap);
	if (old_limit == RESOURCES_UNLIMITED || old_swap == RESOURCES_UNLIMITED)
		ENSURE(new_swap == old_swap);
	else
		ENSURE(new_swap - new_limit == old_swap - old_limit);
	/* No word for "none" may come out where there was an amount. */
	if (old_limit != RESOURCES_UNLIMITED)
		ENSURE(new_limit != RESOURCES_UNLIMITED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (int whole = 0; whole < 2; whole++) {
		struct resources resources;
		if (read_resources(text, size, whole, &resources) < 0)
			continue;
		struct edit_wish wish;
		for (size_t i = 0; (wish = wish_of(&resources, i)).limit_bytes > 0; i++)
			check_edit(text, size, whole, &resources, &wish);
	}
	return 0;
}
