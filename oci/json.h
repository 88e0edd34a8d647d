/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads JSON (json.c, the only file that knows libyajl) and writes JSON (json_write.c).
 *
 * One table of fields reads a document into a struct, or writes the struct as a document. Integers never pass
 * through a double. Members that the table does not name are skipped: a document from a newer writer is still
 * understood. Documents that are no struct are written value by value. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cgroups/error.h"

/* Levels: deeper documents are refused. The deepest config.json that a container manager writes has 8. */
#define JSON_DEPTH_MAX 48

/* The most rows that a table can have, and the most structs among them. */
#define JSON_FIELDS_MAX 64
#define JSON_NESTED_MAX 4

/* The most elements that all arrays of structs in a document can have together. */
#define JSON_ELEMENTS_MAX 65536

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
	/* With a table of their own, *objects: */
	JSON_OBJECT,  /* a struct */
	JSON_OBJECTS, /* an array of structs */
};

/* The table of a struct in a struct. The members from size on are for arrays only. */
struct json_objects {
	const struct json_field *fields;
	size_t n_fields;
	size_t size;         /* bytes of an element */
	size_t count_offset; /* where the struct with the array counts the elements, in a size_t */
	size_t max;          /* the most elements; a document with more is refused */
	/* true: the member is an array of max elements. false: the member is a pointer to
	 * memory of malloc(). */
	bool is_inline;
};

struct json_field {
	/* The keys from the top, joined by '>': "linux>resources>memory>limit". "" is the top itself. For
	 * writing, rows of one object stand side by side: an object is closed when a row of another one
	 * follows. */
	const char *path;
	enum json_kind kind;
	size_t offset; /* of the member in the struct */
	size_t size;   /* of the member */
	union {
		const char *const *names;
		const struct json_objects *objects;
	};
	/* If skip: an empty string, or a number or bool equal to skip_value, is not written. */
	bool skip;
	uint64_t skip_value;
};

#define JSON_FIELD(path, kind, type, member)                                                         \
	{                                                                                            \
		path, kind, offsetof(type, member), sizeof(((type *)NULL)->member), {NULL}, false, 0 \
	}
#define JSON_FIELD_UNLESS(path, kind, type, member, value)                                              \
	{                                                                                               \
		path, kind, offsetof(type, member), sizeof(((type *)NULL)->member), {NULL}, true, value \
	}
#define JSON_FIELD_ENUM(path, type, member, names)                                                         \
	{                                                                                                  \
		path, JSON_ENUM, offsetof(type, member), sizeof(((type *)NULL)->member), {names}, false, 0 \
	}
#define JSON_FIELD_NESTED(path, kind, type, member, rows)                                              \
	{                                                                                              \
		path, kind, offsetof(type, member), sizeof(((type *)NULL)->member), {.objects = rows}, \
			false, 0                                                                       \
	}

/* Sets the members that the text has; the others stay as they are. null counts as absent (spans: see above).
 * A struct in the struct, and each element of an array, is cleared first, and its numbers with a skip_value
 * are set to this value. Elements are added after those that are counted already. The caller frees an array
 * that is not inline, also after an error.
 *
 * Returns 0, or -EBADMSG with the reason in *err: not JSON; not UTF-8; deeper than JSON_DEPTH_MAX; the top
 * level is no object; a field, or an object around it, has the wrong type or comes twice; a string too long
 * for its member; a number out of range; too many elements. -EINVAL: a table of more than JSON_FIELDS_MAX
 * rows or JSON_NESTED_MAX structs. -ENOMEM. After an error *object may be half filled. */
int json_read(const char *text, size_t length, const struct json_field *fields, size_t n_fields, void *object,
	      struct error *err);

/* The length of the UTF-8 sequence that text begins with, or 0 if it is none (RFC 3629). */
size_t json_utf8_length(const char *text);

/* ---- Writing ---- */

/* JSON goes into a buffer of fixed size, begun as {.buf = …, .size = …}: overflow is set when something did
 * not fit; check it once, at the end. Or JSON goes through a buffer into a stream: json_out_stream(). */
struct json_out {
	char *buf;
	size_t size, length;
	bool overflow;
	FILE *stream;
	void (*flush)(struct json_out *out); /* NULL: a full buffer is an overflow */

	unsigned depth;          /* number of open objects and arrays, at most 63 */
	uint64_t filled, arrays; /* filled, bit n: level n has a member; arrays, bit n: level n is an array */
	bool is_begun;           /* the next value's key, or the comma before it, is written */
};

/* Writes to a stream. stream and buf are borrowed. size: at least 2 bytes, best JSON_STREAM_SIZE.
 * json_out_finish() passes the rest to the stream. Call ferror(3) on the stream for errors. */
#define JSON_STREAM_SIZE 4096
struct json_out json_out_stream(FILE *stream, char *buf, size_t size);
void json_out_finish(struct json_out *out);

/* Write brackets ('{' or '['), keys and values. Commas come by themselves. key: NULL in an array, at the top,
 * and after json_out_key(). In a string U+FFFD replaces bytes that are not UTF-8. */
void json_out_open(struct json_out *out, const char *key, char bracket);
void json_out_close(struct json_out *out);
void json_out_key(struct json_out *out, const char *key);
void json_out_string(struct json_out *out, const char *key, const char *text);
void json_out_uint(struct json_out *out, const char *key, uint64_t value);
void json_out_int(struct json_out *out, const char *key, int64_t value);
void json_out_bool(struct json_out *out, const char *key, bool value);
void json_out_value(struct json_out *out, const char *key,
		    const char *text); /* text is JSON: "null", "0.5" */

/* Write a struct by its table: as an object, or as members of the object that is open. */
void json_out_object(struct json_out *out, const char *key, const struct json_field *fields, size_t n_fields,
		     const void *object);
void json_out_members(struct json_out *out, const struct json_field *fields, size_t n_fields,
		      const void *object);

/* json_out_line(): the next value begins on a new line, after its comma. json_out_newline(): writes
 * a newline now. */
void json_out_line(struct json_out *out);
void json_out_newline(struct json_out *out);

/* Writes the struct as one object on one line, with a newline at its end. Returns 0 with *ret_length set, or
 * -ENOBUFS. */
int json_write(const struct json_field *fields, size_t n_fields, const void *object, char *buf, size_t size,
	       size_t *ret_length, struct error *err);
