/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A stream of documents, written as it is told: maps, lists, texts and amounts. What that looks like is the
 * form's: JSON is here, YAML in yaml.h. A fault in writing is kept until document_finish(). */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "oci/json.h"

struct document;

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
	/* Of the form JSON alone. Once begun, the document stays where it is: json points to buf. */
	struct json_out json;
	char buf[JSON_STREAM_SIZE];
};

/* JSON: one array of all documents, amounts in bytes, times in microseconds under the key with "_usec". */
void document_json(FILE *stream, struct document *ret);

/* The next document of the stream begins, a map. It is ended by document_end_map(). */
void document_next(struct document *document);

/* A map or list under this key, or, with the key NULL, in a list. is_short: on one line, where the form has
 * such. */
void document_map(struct document *document, const char *key, bool is_short);
void document_end_map(struct document *document);
void document_list(struct document *document, const char *key, bool is_short);
void document_end_list(struct document *document);

/* The same for what is no map nor list. is_exact: not rounded for people to read, where the form would. */
void document_text(struct document *document, const char *key, const char *text);
void document_amount(struct document *document, const char *key, uint64_t bytes, bool is_exact);
void document_truth(struct document *document, const char *key, bool value);
void document_duration(struct document *document, const char *key, uint64_t usec); /* in a map only */

/* Ends the stream, and frees what the form has allocated. Returns 0, or -errno where something went wrong. */
int document_finish(struct document *document);
