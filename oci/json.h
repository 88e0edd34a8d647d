/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON in and out. Reading goes through libyajl's callbacks; json.c is the only file that knows it.
 *
 * A document is read into a struct, and a struct written as a document, by one table of fields. Integers
 * never pass through a double, and what the table does not name is skipped unread, so a document from a
 * newer version of its writer can still be understood. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

/* Deeper documents are refused: the deepest config.json that a container manager writes has 8 levels. */
#define JSON_DEPTH_MAX 48

/* So many rows a table has at most. */
#define JSON_FIELDS_MAX 64

/* Bytes of the text: [at, at + length). An absent span has length 0. */
struct json_span {
	size_t at, length;
};

enum json_kind {
	JSON_STRING, /* char[size]: decoded, with a NUL */
	JSON_UINT,   /* uint64_t */
	JSON_INT,    /* int64_t */
	JSON_BOOL,   /* bool */
	JSON_ENUM,   /* int, written as its name in names[], a NULL-ended list; an unknown name is an error */
	JSON_VALUE,  /* struct json_span: where any value lies in the text. Read only. */
	JSON_BRACES, /* struct json_span: where an object lies, "{" to "}". Read only; not an object: an error */
	/* Of both: a null has length 0, as what is absent has, but a place: at is never 0 then. */
};

struct json_field {
	/* The keys from the top, joined by '>': "linux>resources>memory>limit"; "" is the top itself. Rows that
	 * share an object stand side by side, or it would be written twice. */
	const char *path;
	enum json_kind kind;
	size_t offset; /* of the member in the struct */
	size_t size;   /* of the member */
	const char *const *names;
	/* What is left out when written: an empty string, or a number equal to skip_value. */
	bool skip;
	uint64_t skip_value;
};

#define JSON_FIELD(path, kind, type, member)                                                       \
	{                                                                                          \
		path, kind, offsetof(type, member), sizeof(((type *)NULL)->member), NULL, false, 0 \
	}
#define JSON_FIELD_UNLESS(path, kind, type, member, value)                                            \
	{                                                                                             \
		path, kind, offsetof(type, member), sizeof(((type *)NULL)->member), NULL, true, value \
	}
#define JSON_FIELD_ENUM(path, type, member, names)                                                       \
	{                                                                                                \
		path, JSON_ENUM, offsetof(type, member), sizeof(((type *)NULL)->member), names, false, 0 \
	}

/* Sets the members that the text has; the others keep what they hold. null counts as absent.
 * Errors (negative errno): -EBADMSG not JSON, not UTF-8, deeper than JSON_DEPTH_MAX, a field of the wrong
 * type, or one of the objects around it, a string too long for its member, a number out of range, a
 * field's key (or one of the objects around it) given twice, or a top level that is no object. *object may then
 * be half filled. */
int json_read(const char *text, size_t length, const struct json_field *fields, size_t n_fields, void *object,
	      struct error *err);

/* Calls visit with each element of an array, until it returns non-zero, which is passed on. span is a JSON_VALUE's
 * that json_read() has found in this text; one that is absent or null has no elements. -EBADMSG: it is no array. */
int json_each(const char *text, struct json_span span,
	      int (*visit)(const char *element, size_t length, void *data), void *data, struct error *err);

/* The length of the UTF-8 sequence that text begins with, or 0 if it is none (RFC 3629). */
size_t json_utf8_length(const char *text);

/* Text that grows in a buffer of fixed size; one that was too small is told at the end, once. */
struct json_out {
	char *buf;
	size_t size, length;
	bool overflow;
};

/* The length of the UTF-8 sequence that begins here, or 0 if there is none (RFC 3629). */
size_t json_utf8_length(const char *text);

void json_out_raw(struct json_out *out, const char *text);
void json_out_string(struct json_out *out, const char *text);
void json_out_uint(struct json_out *out, uint64_t value);

/* Writes the struct as one object, a line, with a newline at its end. A string that is not UTF-8 is
 * written with U+FFFD for what is not. Returns 0 with *ret_length set, or -ENOBUFS. */
int json_write(const struct json_field *fields, size_t n_fields, const void *object, char *buf, size_t size,
	       size_t *ret_length, struct error *err);
