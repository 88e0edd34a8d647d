/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON in and out. json.c is the only file that knows libyajl, whose callbacks read documents.
 *
 * One table of fields reads a document into a struct, or writes the struct as a document. Integers never pass
 * through a double. Members that the table does not name are skipped: a document from a newer writer is still
 * understood. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

/* Levels: deeper documents are refused. The deepest config.json that a container manager writes has 8. */
#define JSON_DEPTH_MAX 48

/* The most rows that a table can have. */
#define JSON_FIELDS_MAX 64

/* The bytes [at, at + length) of the text. An absent span has length 0. */
struct json_span {
	size_t at, length;
};

enum json_kind {
	JSON_STRING, /* char[size]: decoded, with a NUL */
	JSON_UINT,   /* uint64_t */
	JSON_INT,    /* int64_t */
	JSON_BOOL,   /* bool */
	JSON_ENUM,   /* int: an index into names[], a NULL-ended list; any other name is an error */
	/* The places of values in the text, as struct json_span; they are only read. null: length 0, at > 0.
	 * Absent: both 0. */
	JSON_VALUE,  /* any value */
	JSON_BRACES, /* an object, "{" to "}"; any other value is an error */
};

struct json_field {
	/* The keys from the top, joined by '>': "linux>resources>memory>limit". "" is the top itself. For
	 * writing, rows of one object stand side by side: an object is closed when a row of another one
	 * follows. */
	const char *path;
	enum json_kind kind;
	size_t offset; /* of the member in the struct */
	size_t size;   /* of the member */
	const char *const *names;
	/* If skip: an empty string, or a number or bool equal to skip_value, is not written. */
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

/* Sets the members that the text has; the others stay as they are. null counts as absent (spans: see above).
 *
 * Returns 0, or -EBADMSG with the reason in *err: not JSON; not UTF-8; deeper than JSON_DEPTH_MAX; the top
 * level is no object; a field, or an object around it, has the wrong type or comes twice; a string too long
 * for its member; a number out of range. -EINVAL: a table of more than JSON_FIELDS_MAX rows. -ENOMEM. After an
 * error *object may be half filled. */
int json_read(const char *text, size_t length, const struct json_field *fields, size_t n_fields, void *object,
	      struct error *err);

/* Calls visit with each element of an array until visit returns non-zero, and returns this value, else 0.
 * span: a JSON_VALUE that json_read() found in this text; an absent or null one has no elements. -EBADMSG: no
 * array. */
int json_each(const char *text, struct json_span span,
	      int (*visit)(const char *element, size_t length, void *data), void *data, struct error *err);

/* The length of the UTF-8 sequence that text begins with, or 0 if it is none (RFC 3629). */
size_t json_utf8_length(const char *text);

/* Text that grows in a buffer of fixed size. overflow is set when something did not fit; check it once, at
 * the end. */
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

/* Writes the struct as one object on one line, with a newline at its end. U+FFFD replaces bytes that are not
 * UTF-8. Returns 0 with *ret_length set, or -ENOBUFS. */
int json_write(const struct json_field *fields, size_t n_fields, const void *object, char *buf, size_t size,
	       size_t *ret_length, struct error *err);
