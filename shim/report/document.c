/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/document.h"

#include <errno.h>
#include <inttypes.h>

#include "oci/json.h"
#include "shim/report/explain.h"

/* ---- JSON ---- */

static void json_separate(struct document *document)
{
	if (!document->has_key && (document->filled & 1))
		(void)fputs(",", document->stream);
	document->has_key = false;
	document->filled |= 1;
}

static void json_string(struct document *document, const char *text)
{
	char buf[6 * EXPLAIN_MAX + 3]; /* six bytes at most stand for one */
	struct json_out out = {buf, sizeof buf, 0, false};

	json_out_string(&out, text);
	(void)fputs(buf, document->stream);
}

static void json_next(struct document *document)
{
	(void)document; /* the stream is an array, of which it is an element */
}

static void json_key(struct document *document, const char *key)
{
	json_separate(document);
	json_string(document, key);
	(void)fputs(":", document->stream);
	document->has_key = true;
}

static void json_begin(struct document *document, bool is_map, bool is_short)
{
	(void)is_short;
	json_separate(document);
	(void)fputs(is_map ? "{" : "[", document->stream);
	document->filled <<= 1;
}

static void json_end(struct document *document, bool is_map)
{
	(void)fputs(is_map ? "}" : "]", document->stream);
	document->filled >>= 1;
}

static void json_text(struct document *document, const char *text)
{
	json_separate(document);
	json_string(document, text);
}

static void json_amount(struct document *document, uint64_t bytes, bool is_exact)
{
	(void)is_exact;
	json_separate(document);
	(void)fprintf(document->stream, "%" PRIu64, bytes);
}

static void json_duration(struct document *document, const char *key, uint64_t usec)
{
	json_separate(document);
	(void)fprintf(document->stream, "\"%s_usec\":%" PRIu64, key, usec);
}

static void json_truth(struct document *document, bool value)
{
	json_separate(document);
	(void)fputs(value ? "true" : "false", document->stream);
}

static int json_finish(struct document *document)
{
	(void)fputs("]\n", document->stream);
	return ferror(document->stream) ? -EIO : 0;
}

void document_json(FILE *stream, struct document *ret)
{
	static const struct document_form form = {
		.next = json_next,
		.key = json_key,
		.begin = json_begin,
		.end = json_end,
		.text = json_text,
		.amount = json_amount,
		.duration = json_duration,
		.truth = json_truth,
		.finish = json_finish,
	};

	*ret = (struct document){.form = &form, .stream = stream};
	(void)fputs("[", stream);
}

/* ---- Any form ---- */

static void put_key(struct document *document, const char *key)
{
	if (key)
		document->form->key(document, key);
}

void document_next(struct document *document)
{
	document->form->next(document);
	document->form->begin(document, true, false);
}

void document_map(struct document *document, const char *key, bool is_short)
{
	put_key(document, key);
	document->form->begin(document, true, is_short);
}

void document_end_map(struct document *document)
{
	document->form->end(document, true);
}

void document_list(struct document *document, const char *key, bool is_short)
{
	put_key(document, key);
	document->form->begin(document, false, is_short);
}

void document_end_list(struct document *document)
{
	document->form->end(document, false);
}

void document_text(struct document *document, const char *key, const char *text)
{
	put_key(document, key);
	document->form->text(document, text);
}

void document_amount(struct document *document, const char *key, uint64_t bytes, bool is_exact)
{
	put_key(document, key);
	document->form->amount(document, bytes, is_exact);
}

void document_truth(struct document *document, const char *key, bool value)
{
	put_key(document, key);
	document->form->truth(document, value);
}

void document_duration(struct document *document, const char *key, uint64_t usec)
{
	document->form->duration(document, key, usec);
}

int document_finish(struct document *document)
{
	return document->form->finish(document);
}
