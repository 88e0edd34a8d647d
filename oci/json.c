/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "cgroups/array.h"
#include "cgroups/quantity.h"

#define NO_FIELD SIZE_MAX

/* An open object or array, and the rows of the table that lie in it. In a set, bit i stands for row i. Only
 * these rows are compared with a key, so that most of a document costs nothing here. */
struct json_level {
	size_t prefix; /* length of the keys down to here, "linux>resources>" */
	uint64_t rows; /* rows whose paths begin with these keys */
	uint64_t seen; /* the rows whose key this object has had */
	uint64_t now;  /* the rows that the last key leads to */
	size_t end;    /* where this key ends in their paths */
	size_t field;  /* the row whose value this object or array is, or NO_FIELD */
};

struct json_reader {
	const char *text;
	yajl_handle parser;
	struct error *err;
	int result;

	struct json_level level[1 + JSON_DEPTH_MAX]; /* level[0] holds the document */
	unsigned depth;                              /* of open objects and arrays */

	const struct json_field *fields;
	size_t n_fields, path_length[JSON_FIELDS_MAX];
	char *object;

	struct json_span nested[JSON_NESTED_MAX]; /* spans of the rows that are structs, in their order */
	size_t *elements_left;                    /* how many more elements all arrays together may have */
};

static int json_fail(struct json_reader *reader, int result)
{
	reader->result = result;
	return 0; /* tells the parser to stop */
}

static struct json_level *json_level(struct json_reader *reader)
{
	return &reader->level[reader->depth];
}

/* Removes the lowest row from the set, and returns it. */
static size_t row_next(uint64_t *set)
{
	size_t row = (size_t)__builtin_ctzll(*set);
	*set &= *set - 1;
	return row;
}

/* Finds the row of the value that comes now, or NO_FIELD. A value that is no object, but has rows below it,
 * is an error. */
static int json_find(struct json_reader *reader, bool may_hold_rows, size_t *ret_field)
{
	const struct json_level *level = json_level(reader);

	*ret_field = NO_FIELD;
	for (uint64_t rest = level->now; rest != 0;) {
		size_t row = row_next(&rest);
		const char *path = reader->fields[row].path;
		if (path[level->end] == '\0')
			*ret_field = row;
		else if (!may_hold_rows && reader->depth == 0)
			return error_set(reader->err, EBADMSG, "the top level is no object");
		else if (!may_hold_rows)
			return error_set(reader->err, EBADMSG, "%.*s is not an object", (int)level->end,
					 path);
	}
	return 0;
}

static bool json_is_nested(const struct json_field *row)
{
	return row->kind == JSON_OBJECT || row->kind == JSON_OBJECTS;
}

/* Where to keep the span of this row. A struct is read from its span after the whole document. */
static char *json_span_of(struct json_reader *reader, size_t field)
{
	size_t before = 0;

	if (!json_is_nested(&reader->fields[field]))
		return reader->object + reader->fields[field].offset;
	for (size_t i = 0; i < field; i++)
		before += json_is_nested(&reader->fields[i]);
	return (char *)&reader->nested[before];
}

static void json_set_span(struct json_reader *reader, size_t field, size_t at, size_t end)
{
	struct json_span span = {at, end - at};
	memcpy(json_span_of(reader, field), &span, sizeof span);
}

static int json_wrong_type(struct json_reader *reader, size_t field)
{
	static const char *const expected[] = {
		[JSON_STRING] = "a string",    [JSON_UINT] = "a whole number", [JSON_INT] = "a whole number",
		[JSON_BOOL] = "true or false", [JSON_ENUM] = "a known name",   [JSON_VALUE] = "a value",
		[JSON_BRACES] = "an object",   [JSON_OBJECT] = "an object",    [JSON_OBJECTS] = "an array",
	};
	return error_set(reader->err, EBADMSG, "%s is not %s", reader->fields[field].path,
			 expected[reader->fields[field].kind]);
}

static int json_store_integer(struct json_reader *reader, size_t field, const char *digits, size_t length)
{
	const struct json_field *row = &reader->fields[field];
	bool negative = length > 0 && *digits == '-';
	uint64_t value;

	int r = quantity_parse_uint(digits + negative, length - negative, &value);
	if (r == -EINVAL)
		return json_wrong_type(reader, field);
	if (r < 0 || (row->kind == JSON_UINT && negative && value > 0) ||
	    (row->kind == JSON_INT && value > (uint64_t)INT64_MAX + negative))
		return error_set(reader->err, EBADMSG, "%s is out of range: %.*s", row->path,
				 length < 40 ? (int)length : 40, digits);
	if (row->kind == JSON_INT)
		value = negative ? 0 - value : value; /* int64_t is two's complement */
	memcpy(reader->object + row->offset, &value, sizeof value);
	return 0;
}

static int json_store_string(struct json_reader *reader, size_t field, const char *value, size_t length)
{
	const struct json_field *row = &reader->fields[field];
	if (row->kind == JSON_ENUM) {
		for (int i = 0; row->names[i]; i++)
			if (strlen(row->names[i]) == length && memcmp(row->names[i], value, length) == 0) {
				memcpy(reader->object + row->offset, &i, sizeof i);
				return 0;
			}
		return json_wrong_type(reader, field);
	}
	if (length >= row->size)
		return error_set(reader->err, EBADMSG, "%s is longer than %zu bytes", row->path,
				 row->size - 1);
	if (memchr(value, '\0', length))
		return error_set(reader->err, EBADMSG, "%s holds a NUL", row->path);
	memcpy(reader->object + row->offset, value, length);
	reader->object[row->offset + length] = '\0';
	return 0;
}

/* Where the token that the parser has just read ends in the text. */
static size_t json_token_end(const struct json_reader *reader)
{
	return yajl_get_bytes_consumed(reader->parser);
}

static int on_null(void *data)
{
	struct json_reader *reader = data;
	size_t field;

	int r = json_find(reader, reader->depth > 0, &field);
	if (r < 0)
		return json_fail(reader, r);
	if (field != NO_FIELD &&
	    (reader->fields[field].kind == JSON_VALUE || reader->fields[field].kind == JSON_BRACES ||
	     json_is_nested(&reader->fields[field]))) {
		size_t at = json_token_end(reader) - 4;
		json_set_span(reader, field, at, at);
	}
	return 1;
}

static int on_boolean(void *data, int value)
{
	struct json_reader *reader = data;
	size_t field;

	int r = json_find(reader, false, &field);
	if (r < 0)
		return json_fail(reader, r);
	if (field == NO_FIELD)
		return 1;
	if (reader->fields[field].kind == JSON_VALUE) {
		size_t end = json_token_end(reader);
		json_set_span(reader, field, end - (value ? 4 : 5), end);
	} else if (reader->fields[field].kind == JSON_BOOL) {
		bool flag = value != 0;
		memcpy(reader->object + reader->fields[field].offset, &flag, sizeof flag);
	} else {
		return json_fail(reader, json_wrong_type(reader, field));
	}
	return 1;
}

static int on_number(void *data, const char *digits, size_t length)
{
	struct json_reader *reader = data;
	size_t field;

	int r = json_find(reader, false, &field);
	if (r == 0 && field != NO_FIELD) {
		switch (reader->fields[field].kind) {
		case JSON_VALUE: {
			size_t end = json_token_end(reader);
			json_set_span(reader, field, end - length, end);
			break;
		}
		case JSON_UINT:
		case JSON_INT:
			r = json_store_integer(reader, field, digits, length);
			break;
		default:
			r = json_wrong_type(reader, field);
		}
	}
	return r < 0 ? json_fail(reader, r) : 1;
}

static int on_string(void *data, const unsigned char *value, size_t length)
{
	struct json_reader *reader = data;
	size_t field;

	if (json_level(reader)->now == 0)
		return 1; /* no row asks for it: most strings end here */
	int r = json_find(reader, false, &field);
	if (r == 0 && field != NO_FIELD) {
		const struct json_field *row = &reader->fields[field];
		if (row->kind == JSON_STRING || row->kind == JSON_ENUM) {
			r = json_store_string(reader, field, (const char *)value, length);
		} else if (row->kind == JSON_VALUE) {
			/* Goes back from the closing quote to the opening one. A quote inside the string is
			 * escaped: an odd number of backslashes stands before it. Before the opening quote
			 * the number is even. */
			size_t end = json_token_end(reader), at = end - 1;
			for (;;) {
				size_t backslashes = 0;
				at--;
				if (reader->text[at] != '"')
					continue;
				while (backslashes < at && reader->text[at - 1 - backslashes] == '\\')
					backslashes++;
				if (backslashes % 2 == 0)
					break;
			}
			json_set_span(reader, field, at, end);
		} else {
			r = json_wrong_type(reader, field);
		}
	}
	return r < 0 ? json_fail(reader, r) : 1;
}

static int json_open(struct json_reader *reader, bool is_array)
{
	size_t field;

	int r = json_find(reader, !is_array, &field);
	if (r < 0)
		return json_fail(reader, r);
	if (field != NO_FIELD) {
		enum json_kind kind = reader->fields[field].kind;
		const bool fits =
			is_array ? kind == JSON_OBJECTS : kind == JSON_BRACES || kind == JSON_OBJECT;
		if (kind != JSON_VALUE && !fits)
			return json_fail(reader, json_wrong_type(reader, field));
		json_set_span(reader, field, json_token_end(reader) - 1, json_token_end(reader));
	}
	if (reader->depth == JSON_DEPTH_MAX)
		return json_fail(reader, error_set(reader->err, EBADMSG, "nested deeper than %d levels",
						   JSON_DEPTH_MAX));

	const struct json_level *above = json_level(reader);
	uint64_t rows = above->now;
	if (field != NO_FIELD)
		rows &= ~(UINT64_C(1) << field);
	/* The prefix includes the '>' behind the key. No key leads to the top. */
	size_t prefix = reader->depth > 0 ? above->end + 1 : 0;
	reader->depth++;
	*json_level(reader) = (struct json_level){.prefix = prefix, .rows = rows, .field = field};
	return 1;
}

static int json_close(struct json_reader *reader)
{
	size_t field = json_level(reader)->field;

	reader->depth--;
	if (field != NO_FIELD) {
		struct json_span span;
		memcpy(&span, json_span_of(reader, field), sizeof span);
		json_set_span(reader, field, span.at, json_token_end(reader));
	}
	return 1;
}

static int on_start_map(void *data)
{
	return json_open(data, false);
}

static int on_start_array(void *data)
{
	return json_open(data, true);
}

static int on_end(void *data)
{
	return json_close(data);
}

static int on_map_key(void *data, const unsigned char *key, size_t length)
{
	struct json_reader *reader = data;
	struct json_level *level = json_level(reader);

	level->now = 0;
	if (level->rows == 0)
		return 1;
	level->end = level->prefix + length;
	for (uint64_t rest = level->rows; rest != 0;) {
		size_t row = row_next(&rest);
		const char *path = reader->fields[row].path;
		/* Keys often begin alike, but seldom have the same length: the length is compared first. */
		if (reader->path_length[row] < level->end ||
		    (path[level->end] != '\0' && path[level->end] != '>') ||
		    memcmp(path + level->prefix, key, length) != 0)
			continue;
		/* A key with a '>' in it is in no table. */
		if (level->now == 0 && memchr(key, '>', length))
			return 1;
		level->now |= UINT64_C(1) << row;
		if (level->seen & level->now)
			return json_fail(reader,
					 error_set(reader->err, EBADMSG, "the key %.*s is given twice",
						   (int)level->end, path));
	}
	level->seen |= level->now;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_map_key,
	.yajl_end_map = on_end,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end,
};

/* Stands before each piece of memory, and keeps it aligned. */
struct json_piece {
	_Alignas(max_align_t) size_t size; /* the piece's size */
	struct json_piece *next;           /* the next piece from malloc() */
};

/* Memory for yajl: some 500 bytes for one of our documents, and a little more for strings with escapes.
 * Pieces of the block are handed out in order, and taken back all at once at the end. malloc() serves only
 * what does not fit. yajl does not check for NULL: without memory, json_run() is left by a jump. */
struct json_memory {
	jmp_buf without_memory;
	struct json_piece *pieces; /* from malloc() */
	size_t used;               /* how much of block is handed out */
	struct json_piece block[8192 / sizeof(struct json_piece)];
};

static void *memory_alloc(void *context, size_t size)
{
	struct json_memory *memory = context;
	const size_t head = sizeof(struct json_piece), room = sizeof memory->block / head - memory->used;
	struct json_piece *piece;

	if (room > 0 && size <= (room - 1) * head) {
		piece = memory->block + memory->used;
		memory->used += 1 + (size + head - 1) / head;
	} else {
		piece = size <= SIZE_MAX - head ? malloc(head + size) : NULL;
		if (!piece)
			longjmp(memory->without_memory, 1);
		piece->next = memory->pieces;
		memory->pieces = piece;
	}
	piece->size = size;
	return piece + 1;
}

static void memory_free(void *context, void *memory)
{
	(void)context;
	(void)memory;
}

static void *memory_realloc(void *context, void *old, size_t size)
{
	void *grown = memory_alloc(context, size);

	if (old) {
		const size_t old_size = ((struct json_piece *)old - 1)->size;
		memcpy(grown, old, old_size < size ? old_size : size);
	}
	return grown;
}

static int json_run(struct json_reader *reader, size_t length, struct json_memory *memory)
{
	yajl_alloc_funcs functions = {memory_alloc, memory_realloc, memory_free, memory};

	if (setjmp(memory->without_memory) != 0)
		return error_errno(reader->err, ENOMEM, "cannot parse");
	reader->parser = yajl_alloc(&callbacks, &functions, reader);

	/* All rows lie in the document. The row "" is the document itself. */
	uint64_t all = reader->n_fields == 64 ? UINT64_MAX : (UINT64_C(1) << reader->n_fields) - 1;
	reader->level[0] = (struct json_level){.rows = all, .now = all, .field = NO_FIELD};

	yajl_status status = yajl_parse(reader->parser, (const unsigned char *)reader->text, length);
	size_t at = yajl_get_bytes_consumed(reader->parser);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(reader->parser);
	yajl_free(reader->parser);

	if (status == yajl_status_client_canceled)
		return reader->result;
	if (status != yajl_status_ok)
		return error_set(reader->err, EBADMSG, "not JSON, or cut off, near byte %zu", at);
	return 0;
}

static int json_parse(struct json_reader *reader, size_t length)
{
	struct json_memory memory;

	memory.used = 0; /* the block itself is not cleared */
	memory.pieces = NULL;
	int r = json_run(reader, length, &memory);
	for (struct json_piece *piece = memory.pieces, *next; piece; piece = next) {
		next = piece->next;
		free(piece);
	}
	return r;
}

/* ---- Structs in structs ---- */

/* The end of the value that begins at text: the ',' or the bracket after the value. The value was parsed
 * before, so it is whole. */
static const char *json_skip(const char *text)
{
	unsigned depth = 0;
	bool in_string = false;

	for (;; text++)
		if (in_string) {
			if (*text == '\\')
				text++;
			else
				in_string = *text != '"';
		} else if (*text == '"') {
			in_string = true;
		} else if (*text == '[' || *text == '{') {
			depth++;
		} else if (depth == 0 && (*text == ',' || *text == ']')) {
			return text;
		} else if (*text == ']' || *text == '}') {
			depth--;
		}
}

static int json_read_struct(const char *text, size_t length, const struct json_field *fields, size_t n_fields,
			    void *object, size_t *elements_left, struct error *err);

/* Sets numbers with a skip_value to this value, which is what a missing member means. */
static void json_default(const struct json_objects *objects, char *object)
{
	for (const struct json_field *row = objects->fields; row < objects->fields + objects->n_fields; row++)
		if (row->skip && (row->kind == JSON_UINT || row->kind == JSON_INT))
			memcpy(object + row->offset, &row->skip_value, sizeof row->skip_value);
}

/* Makes room for one more element. */
static char *json_array_grow(const struct json_objects *objects, char *member, size_t count)
{
	char *elements;

	if (objects->is_inline)
		return member;
	memcpy(&elements, member, sizeof elements);
	elements = array_grow(elements, count, objects->size);
	if (elements)
		memcpy(member, &elements, sizeof elements);
	return elements;
}

static int json_array_add(const struct json_reader *reader, const struct json_field *row, const char *text,
			  size_t length)
{
	const struct json_objects *objects = row->objects;
	size_t *count = (size_t *)(void *)(reader->object + objects->count_offset);

	if (*count == objects->max)
		return error_set(reader->err, EBADMSG, "more than %zu %s", objects->max, row->path);
	if (*reader->elements_left == 0)
		return error_set(reader->err, EBADMSG, "more %s than a document can have", row->path);
	char *elements = json_array_grow(objects, reader->object + row->offset, *count);
	if (!elements)
		return error_errno(reader->err, ENOMEM, "cannot keep %s", row->path);
	char *element = elements + *count * objects->size;
	memset(element, 0, objects->size);
	json_default(objects, element);
	/* Count the element before it is read: if this fails, the array is freed with what
	 * the element holds. */
	++*count;
	--*reader->elements_left;
	return json_read_struct(text, length, objects->fields, objects->n_fields, element,
				reader->elements_left, reader->err);
}

static int json_read_array(const struct json_reader *reader, const struct json_field *row,
			   struct json_span span)
{
	const char *at = reader->text + span.at + 1, *const last = at + span.length - 2; /* the bracket */

	at += strspn(at, " \t\n\r");
	while (at < last) {
		const char *end = json_skip(at);
		int r = json_array_add(reader, row, at, (size_t)(end - at));
		if (r < 0)
			return r;
		at = end + 1;
	}
	return 0;
}

static int json_read_nested(struct json_reader *reader)
{
	int r = 0;

	for (size_t i = 0; i < reader->n_fields && r == 0; i++) {
		const struct json_field *row = &reader->fields[i];
		struct json_span span;
		if (!json_is_nested(row))
			continue;
		memcpy(&span, json_span_of(reader, i), sizeof span);
		if (row->kind == JSON_OBJECTS) {
			r = span.length > 0 ? json_read_array(reader, row, span) : 0;
			continue;
		}
		memset(reader->object + row->offset, 0, row->size);
		json_default(row->objects, reader->object + row->offset);
		if (span.length > 0)
			r = json_read_struct(reader->text + span.at, span.length, row->objects->fields,
					     row->objects->n_fields, reader->object + row->offset,
					     reader->elements_left, reader->err);
	}
	return r;
}

static int json_read_struct(const char *text, size_t length, const struct json_field *fields, size_t n_fields,
			    void *object, size_t *elements_left, struct error *err)
{
	struct json_reader reader = {
		.text = text,
		.err = err,
		.fields = fields,
		.n_fields = n_fields,
		.object = object,
		.elements_left = elements_left,
	};
	size_t n_nested = 0;

	for (size_t i = 0; i < n_fields; i++)
		n_nested += json_is_nested(&fields[i]);
	if (n_fields > JSON_FIELDS_MAX || n_nested > JSON_NESTED_MAX)
		return error_set(err, EINVAL, "a table of more than %d fields, or %d structs",
				 JSON_FIELDS_MAX, JSON_NESTED_MAX);
	for (size_t i = 0; i < n_fields; i++)
		reader.path_length[i] = strlen(fields[i].path);
	int r = json_parse(&reader, length);
	return r < 0 || n_nested == 0 ? r : json_read_nested(&reader);
}

int json_read(const char *text, size_t length, const struct json_field *fields, size_t n_fields, void *object,
	      struct error *err)
{
	size_t elements_left = JSON_ELEMENTS_MAX;

	return json_read_struct(text, length, fields, n_fields, object, &elements_left, err);
}
