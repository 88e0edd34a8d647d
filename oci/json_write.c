/* SPDX-License-Identifier: Apache-2.0 */

/* Writes JSON: see oci/json.h. */

#include "oci/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void json_out_bytes(struct json_out *out, const char *text, size_t length)
{
	while (length >= out->size - out->length) {
		if (!out->flush) {
			out->overflow = true;
			return;
		}
		const size_t part = out->size - out->length - 1;
		memcpy(out->buf + out->length, text, part);
		out->length += part;
		text += part;
		length -= part;
		out->flush(out);
	}
	memcpy(out->buf + out->length, text, length);
	out->length += length;
	out->buf[out->length] = '\0';
}

static void json_out_text(struct json_out *out, const char *text)
{
	json_out_bytes(out, text, strlen(text));
}

size_t json_utf8_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xC2 && s[0] <= 0xDF && (s[1] & 0xC0) == 0x80)
		return 2;
	if (s[0] >= 0xE0 && s[0] <= 0xEF && (s[1] & 0xC0) == 0x80 && (s[2] & 0xC0) == 0x80 &&
	    !(s[0] == 0xE0 && s[1] < 0xA0) && !(s[0] == 0xED && s[1] > 0x9F))
		return 3;
	if (s[0] >= 0xF0 && s[0] <= 0xF4 && (s[1] & 0xC0) == 0x80 && (s[2] & 0xC0) == 0x80 &&
	    (s[3] & 0xC0) == 0x80 && !(s[0] == 0xF0 && s[1] < 0x90) && !(s[0] == 0xF4 && s[1] > 0x8F))
		return 4;
	return 0;
}

static void json_out_quoted(struct json_out *out, const char *text)
{
	json_out_text(out, "\"");
	for (const unsigned char *s = (const unsigned char *)text; *s;) {
		size_t length = json_utf8_length((const char *)s);
		char escape[8];
		if (length == 0) {
			json_out_text(out, "\\ufffd");
			length = 1;
		} else if (*s == '"' || *s == '\\') {
			escape[0] = '\\';
			escape[1] = (char)*s;
			json_out_bytes(out, escape, 2);
		} else if (*s < 0x20) {
			(void)snprintf(escape, sizeof escape, "\\u%04x", *s);
			json_out_text(out, escape);
		} else {
			json_out_bytes(out, (const char *)s, length);
		}
		s += length;
	}
	json_out_text(out, "\"");
}

/* ---- Values, arrays and objects ---- */

/* Writes the comma before the next value or key, unless the comma or the key is written already. */
static void json_out_separate(struct json_out *out)
{
	const uint64_t level = UINT64_C(1) << out->depth;

	if (!out->is_begun && (out->filled & level))
		json_out_text(out, ",");
	out->filled |= level;
	out->is_begun = false;
}

static void json_out_key_bytes(struct json_out *out, const char *key, size_t length)
{
	json_out_separate(out);
	json_out_text(out, "\"");
	json_out_bytes(out, key, length);
	json_out_text(out, "\":");
	out->is_begun = true;
}

void json_out_key(struct json_out *out, const char *key)
{
	json_out_separate(out);
	json_out_quoted(out, key);
	json_out_text(out, ":");
	out->is_begun = true;
}

/* Writes the key and the comma before a value. */
static void json_out_begin(struct json_out *out, const char *key)
{
	if (key)
		json_out_key(out, key);
	json_out_separate(out);
}

void json_out_open(struct json_out *out, const char *key, char bracket)
{
	json_out_begin(out, key);
	json_out_bytes(out, &bracket, 1);
	out->depth++;
	const uint64_t level = UINT64_C(1) << out->depth;
	out->filled &= ~level;
	out->arrays = bracket == '[' ? out->arrays | level : out->arrays & ~level;
}

void json_out_close(struct json_out *out)
{
	json_out_text(out, out->arrays & UINT64_C(1) << out->depth ? "]" : "}");
	out->depth--;
}

void json_out_line(struct json_out *out)
{
	json_out_separate(out);
	json_out_text(out, "\n");
	out->is_begun = true;
}

void json_out_newline(struct json_out *out)
{
	json_out_text(out, "\n");
}

void json_out_value(struct json_out *out, const char *key, const char *text)
{
	json_out_begin(out, key);
	json_out_text(out, text);
}

void json_out_string(struct json_out *out, const char *key, const char *text)
{
	json_out_begin(out, key);
	json_out_quoted(out, text);
}

void json_out_uint(struct json_out *out, const char *key, uint64_t value)
{
	char digits[24];

	(void)snprintf(digits, sizeof digits, "%" PRIu64, value);
	json_out_value(out, key, digits);
}

void json_out_int(struct json_out *out, const char *key, int64_t value)
{
	char digits[24];

	(void)snprintf(digits, sizeof digits, "%" PRId64, value);
	json_out_value(out, key, digits);
}

void json_out_bool(struct json_out *out, const char *key, bool value)
{
	json_out_value(out, key, value ? "true" : "false");
}

/* ---- To a stream ---- */

static void json_out_hand_on(struct json_out *out)
{
	(void)fwrite(out->buf, 1, out->length, out->stream);
	out->length = 0;
}

struct json_out json_out_stream(FILE *stream, char *buf, size_t size)
{
	return (struct json_out){.buf = buf, .size = size, .stream = stream, .flush = json_out_hand_on};
}

void json_out_finish(struct json_out *out)
{
	json_out_hand_on(out);
}

/* ---- Tables ---- */

static bool json_is_skipped(const struct json_field *row, const char *member)
{
	uint64_t number;

	if (row->kind == JSON_VALUE || row->kind == JSON_BRACES)
		return true;
	if (!row->skip)
		return false;
	if (row->kind == JSON_STRING)
		return *member == '\0';
	if (row->kind == JSON_BOOL)
		return *(const bool *)member == (row->skip_value != 0);
	memcpy(&number, member, sizeof number);
	return number == row->skip_value;
}

static void json_out_objects(struct json_out *out, const struct json_field *row, const char *object)
{
	const struct json_objects *objects = row->objects;
	const char *element = object + row->offset;
	size_t count;

	memcpy(&count, object + objects->count_offset, sizeof count);
	if (!objects->is_inline)
		memcpy(&element, object + row->offset, sizeof element);
	json_out_open(out, NULL, '[');
	for (size_t i = 0; i < count; i++, element += objects->size)
		json_out_object(out, NULL, objects->fields, objects->n_fields, element);
	json_out_close(out);
}

static void json_out_member(struct json_out *out, const struct json_field *row, const char *object)
{
	const char *member = object + row->offset;
	int64_t integer;
	uint64_t natural;
	int index;

	switch (row->kind) {
	case JSON_STRING:
		json_out_string(out, NULL, member);
		break;
	case JSON_ENUM:
		memcpy(&index, member, sizeof index);
		json_out_string(out, NULL, row->names[index]);
		break;
	case JSON_BOOL:
		json_out_bool(out, NULL, *(const bool *)member);
		break;
	case JSON_INT:
		memcpy(&integer, member, sizeof integer);
		json_out_int(out, NULL, integer);
		break;
	case JSON_UINT:
		memcpy(&natural, member, sizeof natural);
		json_out_uint(out, NULL, natural);
		break;
	case JSON_OBJECT:
		json_out_object(out, NULL, row->objects->fields, row->objects->n_fields, member);
		break;
	case JSON_OBJECTS:
		json_out_objects(out, row, object);
		break;
	case JSON_VALUE:
	case JSON_BRACES:
		break;
	}
}

/* Closes the objects of the path last that are not in path, opens those of path, and writes its last key. */
static void json_out_path(struct json_out *out, const char *last, const char *path)
{
	/* The length of the objects that both share, "a>b>". */
	size_t shared = 0;
	for (size_t i = 0; last[i] && last[i] == path[i]; i++)
		if (path[i] == '>')
			shared = i + 1;

	for (const char *p = last + shared; (p = strchr(p, '>')); p++)
		json_out_close(out);
	const char *key = path + shared;
	for (const char *end; (end = strchr(key, '>')); key = end + 1) {
		json_out_key_bytes(out, key, (size_t)(end - key));
		json_out_open(out, NULL, '{');
	}
	json_out_key_bytes(out, key, strlen(key));
}

void json_out_members(struct json_out *out, const struct json_field *fields, size_t n_fields,
		      const void *object)
{
	const char *last = "";

	for (size_t i = 0; i < n_fields; i++) {
		if (json_is_skipped(&fields[i], (const char *)object + fields[i].offset))
			continue;
		json_out_path(out, last, fields[i].path);
		json_out_member(out, &fields[i], object);
		last = fields[i].path;
	}
	for (const char *p = last; (p = strchr(p, '>')); p++)
		json_out_close(out);
}

void json_out_object(struct json_out *out, const char *key, const struct json_field *fields, size_t n_fields,
		     const void *object)
{
	json_out_open(out, key, '{');
	json_out_members(out, fields, n_fields, object);
	json_out_close(out);
}

int json_write(const struct json_field *fields, size_t n_fields, const void *object, char *buf, size_t size,
	       size_t *ret_length, struct error *err)
{
	struct json_out out = {.buf = buf, .size = size};

	json_out_object(&out, NULL, fields, n_fields, object);
	json_out_newline(&out);
	if (out.overflow)
		return error_set(err, ENOBUFS, "the document does not fit in %zu bytes", size);
	*ret_length = out.length;
	return 0;
}
