/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A stream of documents, written piece by piece: maps, lists, texts and amounts. A form says what a piece
 * looks like: JSON is here, YAML in yaml.h. document_finish() reports a fault in writing; the other
 * functions do not. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "oci/json.h"

struct document;

/* How a form writes each piece. */
struct document_form {
	void (*next)(struct document *document);
	void (*key)(struct document *document, const char *key);
	void (*begin)(struct document *document, bool is_map, bool is_short);
	void (*end)(struct document *document, bool is_map);
	void (*text)(struct document *document, const char *text);
	void (*amount)(struct document *document, uint64_t bytes, bool is_exact);
	void (*duration)(struct document *document, const char *key, uint64_t usec);
	void (*truth)(struct document *document, bool value);
	int (*finish)(struct document *document);
};

struct document {
	const struct document_form *form;
	FILE *stream; /* borrowed */
	/* JSON only. The struct must not move once it is begun: json points to buf. */
	struct json_out json;
	char buf[JSON_STREAM_SIZE];
};

/* Begins a stream in JSON: one array of all documents. Amounts are in bytes. Durations are in microseconds,
 * and "_usec" is appended to their keys. */
void document_json(FILE *stream, struct document *ret);

/* Begins the next document, which is a map: document_end_map() ends it. */
void document_next(struct document *document);

/* Begin and end a map or a list. key NULL: it is an element of a list. is_short: on one line, if the form
 * can do so. */
void document_map(struct document *document, const char *key, bool is_short);
void document_end_map(struct document *document);
void document_list(struct document *document, const char *key, bool is_short);
void document_end_list(struct document *document);

/* Write one value. key NULL: it is an element of a list. is_exact: a form must not round it for people. */
void document_text(struct document *document, const char *key, const char *text);
void document_amount(struct document *document, const char *key, uint64_t bytes, bool is_exact);
void document_truth(struct document *document, const char *key, bool value);
void document_duration(struct document *document, const char *key, uint64_t usec); /* in a map only */

/* Ends the stream, and frees what the form has allocated. Returns 0, or -errno if anything went wrong
 * since the beginning. */
int document_finish(struct document *document);
