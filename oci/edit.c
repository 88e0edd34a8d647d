/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/edit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/memory.h"

#define PAGE UINT64_C(4096)

/* Rounds down to whole pages, as the kernel does. Never to 0, which means something else. */
static uint64_t scale(uint64_t bytes, uint64_t numerator, uint64_t denominator)
{
	__extension__ typedef unsigned __int128 wide;
	wide scaled = (wide)bytes * numerator / denominator;
	if (scaled >= MEMORY_LIMIT_NONE)
		scaled = MEMORY_LIMIT_NONE - 1;
	if (scaled < PAGE)
		return bytes > 0 ? PAGE : 0;
	return (uint64_t)scaled & ~(PAGE - 1);
}

/* Inserts a change; changes stay in the order of the text. */
static void edit_add(struct edit *edit, struct json_span span, const char *text)
{
	size_t i = edit->n_changes++;
	for (; i > 0 && edit->change[i - 1].span.at > span.at; i--)
		edit->change[i] = edit->change[i - 1];
	edit->change[i].span = span;
	(void)snprintf(edit->change[i].text, sizeof edit->change[i].text, "%s", text);
}

static void number_text(uint64_t number, bool quoted, char *buf, size_t size)
{
	if (number == RESOURCES_UNLIMITED)
		(void)snprintf(buf, size, "\"max\"");
	else
		(void)snprintf(buf, size, quoted ? "\"%" PRIu64 "\"" : "%" PRIu64, number);
}

static void edit_set_number(struct edit *edit, struct json_span span, uint64_t number, bool quoted)
{
	char text[32];
	number_text(number, quoted, text, sizeof text);
	edit_add(edit, span, text);
}

/* null: length 0, at > 0. Absent: both 0. */
static bool span_is_null(struct json_span span)
{
	return span.length == 0 && span.at > 0;
}

static struct json_span span_of_null(struct json_span span)
{
	return (struct json_span){span.at, sizeof "null" - 1};
}

/* Members to insert into an object: "\"limit\":5,\"swap\":7". */
struct members {
	char text[192];
};

static void members_add(struct members *members, const char *key, const char *before, const char *value,
			const char *after)
{
	size_t used = strlen(members->text);
	(void)snprintf(members->text + used, sizeof members->text - used, "%s\"%s\":%s%s%s",
		       used > 0 ? "," : "", key, before, value, after);
}

/* Inserts the members into the object, or replaces a null by them. If the object is absent, the members in
 * braces become a member of the object around it: a key must not come twice. */
static void edit_insert(const char *text, struct json_span braces, const char *key,
			const struct members *members, struct members *around, struct edit *edit)
{
	char insertion[sizeof edit->change[0].text];

	if (!members->text[0])
		return;
	if (span_is_null(braces)) {
		(void)snprintf(insertion, sizeof insertion, "{%s}", members->text);
		edit_add(edit, span_of_null(braces), insertion);
	} else if (braces.length > 0) {
		const size_t at = braces.at + 1;
		/* White space as the parser accepts it: '\v' and '\f' are not JSON's. */
		const char *next = text + at + strspn(text + at, " \t\r\n\v\f");
		(void)snprintf(insertion, sizeof insertion, "%s%s", members->text, *next == '}' ? "" : ",");
		edit_add(edit, (struct json_span){at, 0}, insertion);
	} else {
		members_add(around, key, "{", members->text, "}");
	}
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
	/* Runtimes refuse this too, in their own words. A limit of ours must not make it valid. */
	if (old_limit == RESOURCES_UNLIMITED)
		return error_set(err, EBADMSG, "memory swap has a limit, but memory has none");
	if (swap < old_limit)
		return error_set(err, EBADMSG, "memory swap is below the memory limit");
	if (new_limit >= MEMORY_LIMIT_NONE || swap - old_limit >= MEMORY_LIMIT_NONE - new_limit)
		return error_set(err, EBADMSG, "memory swap is out of range");
	edit_set_number(edit, resources->swap, new_limit + (swap - old_limit), false);
	return 0;
}

/* Moves the declared limit. If there is none, adds one to the members of memory. */
static int edit_limit(const char *text, const struct resources *resources, uint64_t limit_bytes,
		      struct members *memory, struct edit *edit, struct error *err)
{
	const uint64_t declared = resources->limit_bytes;
	uint64_t old_limit;
	char number[32];

	int r = resources_parse_number(text, resources->limit, "memory limit", &old_limit, err);
	if (r < 0)
		return r;

	uint64_t new_limit = limit_bytes;
	if (old_limit != declared && old_limit != RESOURCES_UNLIMITED && declared != RESOURCES_UNLIMITED)
		new_limit = scale(old_limit, limit_bytes, declared);

	if (resources->limit.length > 0) {
		edit_set_number(edit, resources->limit, new_limit, false);
	} else if (resources->unified_max.length == 0) {
		if (span_is_null(resources->limit)) {
			edit_set_number(edit, span_of_null(resources->limit), limit_bytes, false);
		} else {
			number_text(limit_bytes, false, number, sizeof number);
			members_add(memory, "limit", "", number, "");
		}
	}
	if (resources->unified_max.length > 0)
		edit_set_number(edit, resources->unified_max, limit_bytes, true);
	return edit_swap(text, resources, old_limit, new_limit, edit, err);
}

/* One key of unified before the edit. */
struct unified_value {
	bool is_there;  /* present in the text */
	bool is_ours;   /* we wrote it, whether it is still there or not */
	uint64_t bytes; /* RESOURCES_UNLIMITED: "max" or absent */
};

static int unified_read(const char *text, const struct resources *resources, const struct unified_mark *mark,
			struct unified_value values[static UNIFIED_KEYS], struct error *err)
{
	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++) {
		const struct json_span span = resources->unified_key[key];
		struct unified_value *value = &values[key];
		char name[32];

		(void)snprintf(name, sizeof name, "unified %s", unified_names[key]);
		/* A memory.low that is not understood is no error: it is not ours, and does not move. */
		int r = resources_parse_number(text, span, name, &value->bytes, err);
		if (r < 0 && key != UNIFIED_LOW)
			return r;
		value->is_there = span.length > 0;
		value->is_ours = (mark->keys & (UINT64_C(1) << key)) &&
				 (!value->is_there || (r == 0 && value->bytes == mark->bytes[key]));
	}
	return 0;
}

static void unified_write(const struct resources *resources, enum unified_key key,
			  const struct unified_value *old, uint64_t bytes, struct members *members,
			  struct edit *edit)
{
	const struct json_span span = resources->unified_key[key];
	char number[32];

	edit->mark.bytes[key] = bytes;
	number_text(bytes, true, number, sizeof number);
	if (span_is_null(span))
		edit_add(edit, span_of_null(span), number);
	else if (!old->is_there)
		members_add(members, unified_names[key], "", number, "");
	else if (bytes != old->bytes)
		edit_add(edit, span, number);
}

/* Writes our value over our old one, or where there was none. */
static void unified_write_ours(const struct resources *resources, enum unified_key key,
			       const struct unified_value *old, uint64_t bytes, struct members *members,
			       struct edit *edit)
{
	edit->mark.keys |= UINT64_C(1) << key;
	unified_write(resources, key, old, bytes, members, edit);
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Runtimes write memory.reservation to memory.low. */
static bool has_reservation(const char *text, const struct resources *resources)
{
	uint64_t bytes;
	return resources_parse_number(text, resources->reservation, "memory reservation", &bytes, NULL) < 0 ||
	       bytes != RESOURCES_UNLIMITED;
}

static int edit_unified(const char *text, const struct resources *resources, const struct edit_wish *wish,
			struct members *members, struct edit *edit, struct error *err)
{
	const uint64_t declared = resources->limit_bytes, limit = wish->limit_bytes;
	struct unified_value old[UNIFIED_KEYS] = {0};

	int r = unified_read(text, resources, &wish->mark, old, err);
	if (r < 0)
		return r;

	/* The pod's own values first: memory.high moves, and memory.min is kept at or below it. */
	const struct unified_value *high = &old[UNIFIED_HIGH], *min = &old[UNIFIED_MIN];
	const bool own_high = high->is_there && !high->is_ours, own_min = min->is_there && !min->is_ours;
	uint64_t high_bytes = RESOURCES_UNLIMITED, min_bytes = 0;
	if (own_high) {
		high_bytes = high->bytes;
		if (high_bytes != RESOURCES_UNLIMITED && declared != RESOURCES_UNLIMITED && limit != declared)
			high_bytes = scale(high_bytes, limit, declared);
		unified_write(resources, UNIFIED_HIGH, high, high_bytes, members, edit);
	}
	if (own_min) {
		const bool lowered =
			wish->mark.min_before_bytes > 0 && min->bytes == wish->mark.bytes[UNIFIED_MIN];
		const uint64_t before = lowered ? wish->mark.min_before_bytes : min->bytes;
		min_bytes = before;
		if (lowered || limit != declared)
			min_bytes = min_of(before, min_of(limit, high_bytes));
		unified_write(resources, UNIFIED_MIN, min, min_bytes, members, edit);
		edit->mark.min_before_bytes = min_bytes < before ? before : 0;
	}

	/* Then ours. A memory.high at or below memory.min would slow nobody down. */
	if (!own_high) {
		const uint64_t wanted = wish->unified_bytes[UNIFIED_HIGH];
		if (wanted > min_bytes)
			high_bytes = wanted;
		if (high_bytes != RESOURCES_UNLIMITED || high->is_ours)
			unified_write_ours(resources, UNIFIED_HIGH, high, high_bytes, members, edit);
	}
	for (enum unified_key key = UNIFIED_LOW; key <= UNIFIED_MIN; key++) {
		uint64_t wanted = min_of(wish->unified_bytes[key], min_of(limit, high_bytes));
		if (key == UNIFIED_LOW && has_reservation(text, resources))
			wanted = 0;
		if ((!old[key].is_there || old[key].is_ours) && (wanted > 0 || old[key].is_ours))
			unified_write_ours(resources, key, &old[key], wanted, members, edit);
	}
	return 0;
}

int edit_memory(const char *text, const struct resources *resources, const struct edit_wish *wish,
		struct edit *ret, struct error *err)
{
	struct edit edit = {0};
	struct members memory = {""}, unified = {""}, inner = {""}, outer = {""}, homeless = {""};
	const bool moves = wish->limit_bytes != resources->limit_bytes;
	bool protects = wish->mark.keys != 0 || wish->mark.min_before_bytes > 0;

	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++)
		protects = protects || wish->unified_bytes[key] > 0;
	int r = moves ? edit_limit(text, resources, wish->limit_bytes, &memory, &edit, err) : 0;
	if (r == 0 && (moves || protects))
		r = edit_unified(text, resources, wish, &unified, &edit, err);
	if (r < 0)
		return r;

	edit_insert(text, resources->memory, "memory", &memory, &inner, &edit);
	edit_insert(text, resources->unified, "unified", &unified, &inner, &edit);
	edit_insert(text, resources->braces, "resources", &inner, &outer, &edit);
	edit_insert(text, resources->linux_braces, "linux", &outer, &homeless, &edit);
	if (homeless.text[0])
		return error_set(err, EBADMSG, "there is no linux object to put a memory limit into");
	*ret = edit;
	return 0;
}

int edit_annotation(const char *text, const struct config *config, const char *key, struct json_span span,
		    const char *value, struct edit *ret, struct error *err)
{
	struct edit edit = {0};
	struct members members = {""}, homeless = {""};
	char quoted[64];

	if ((size_t)snprintf(quoted, sizeof quoted, "\"%s\"", value) >= sizeof quoted)
		return error_set(err, ENAMETOOLONG, "the value %.40s… is too long", value);
	if (config->annotations.length == 0 && !span_is_null(config->annotations))
		return error_set(err, EBADMSG, "there are no annotations to put %s into", key);
	if (span_is_null(span))
		edit_add(&edit, span_of_null(span), quoted);
	else if (span.length > 0)
		edit_add(&edit, span, quoted);
	else
		members_add(&members, key, "", quoted, "");
	edit_insert(text, config->annotations, "annotations", &members, &homeless, &edit);
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
