/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/document.h"

#include <errno.h>

/* ---- JSON ---- */

static void json_next(struct document *document)
{
	(void)document; /* nothing to write: a document is an element of the stream's array */
}

static void json_key(struct document *document, const char *key)
{
	json_out_key(&document->json, key);
}

static void json_begin(struct document *document, bool is_map, bool is_short)
{
	(void)is_short;
	json_out_open(&document->json, NULL, is_map ? '{' : '[');
}

static void json_end(struct document *document, bool is_map)
{
	(void)is_map;
	json_out_close(&document->json);
}

static void json_text(struct document *document, const char *text)
{
	json_out_string(&document->json, NULL, text);
}

static void json_amount(struct document *document, uint64_t bytes, bool is_exact)
{
	(void)is_exact;
	json_out_uint(&document->json, NULL, bytes);
}

static void json_duration(struct document *document, const char *key, uint64_t usec)
{
	char name[64];

	(void)snprintf(name, sizeof name, "%s_usec", key);
	json_out_uint(&document->json, name, usec);
}

static void json_truth(struct document *document, bool value)
{
	json_out_bool(&document->json, NULL, value);
}

static int json_finish(struct document *document)
{
	json_out_close(&document->json);
	json_out_newline(&document->json);
	json_out_finish(&document->json);
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
	ret->json = json_out_stream(stream, ret->buf, sizeof ret->buf);
	json_out_open(&ret->json, NULL, '[');
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
