/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <yaml.h>

#include "cgroups/quantity.h"
#include "oci/json.h"

struct yaml {
	struct document document; /* first */
	yaml_emitter_t emitter;
	bool is_open; /* a document was begun and not ended */
	int fault;    /* the first fault, a negative errno; 0: none */
};

static struct yaml *yaml_of(struct document *document)
{
	return (struct yaml *)document;
}

static void yaml_fail(struct yaml *yaml, int fault)
{
	if (yaml->fault == 0)
		yaml->fault = fault;
}

/* made: what the event's initializer returned. An initializer fails for want of memory, or because a text is
 * not UTF-8: fault says which. The emitter takes the event over, also if it fails. */
static void yaml_emit(struct yaml *yaml, yaml_event_t *event, int made, int fault)
{
	if (!made)
		yaml_fail(yaml, fault);
	else if (yaml->fault != 0)
		yaml_event_delete(event);
	else if (!yaml_emitter_emit(&yaml->emitter, event))
		yaml_fail(yaml, yaml->emitter.error == YAML_MEMORY_ERROR ? -ENOMEM : -EIO);
}

static bool is_word_of_yaml(const char *text)
{
	/* YAML 1.1's booleans and null (yaml.org/type); 1.2's are among them. */
	static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

/* Whether the text is a string without quotes. Numbers and dates begin with a digit or a sign. */
static bool is_plain(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";

	return *text && strchr(letters, *text) && text[strspn(text, others)] == '\0' &&
	       !is_word_of_yaml(text);
}

static bool is_utf8(const char *text)
{
	for (size_t length; *text; text += length)
		if ((length = json_utf8_length(text)) == 0)
			return false;
	return true;
}

static void yaml_scalar(struct yaml *yaml, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	int made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
						(int)strlen(text), 1, 1, style);
	yaml_emit(yaml, &event, made, made || is_utf8(text) ? -ENOMEM : -EILSEQ);
}

static void yaml_end_document(struct yaml *yaml)
{
	yaml_event_t event;

	if (yaml->is_open)
		yaml_emit(yaml, &event, yaml_document_end_event_initialize(&event, 1), -ENOMEM);
	yaml->is_open = false;
}

static void yaml_next(struct document *document)
{
	struct yaml *yaml = yaml_of(document);
	yaml_event_t event;

	yaml_end_document(yaml);
	/* Writes "---" before all documents but the first. */
	yaml_emit(yaml, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), -ENOMEM);
	yaml->is_open = true;
}

static void yaml_begin(struct document *document, bool is_map, bool is_short)
{
	yaml_event_t event;
	int made;

	if (is_map)
		made = yaml_mapping_start_event_initialize(
			&event, NULL, NULL, 1, is_short ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE);
	else
		made = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
							    is_short ? YAML_FLOW_SEQUENCE_STYLE
								     : YAML_BLOCK_SEQUENCE_STYLE);
	yaml_emit(yaml_of(document), &event, made, -ENOMEM);
}

static void yaml_end(struct document *document, bool is_map)
{
	yaml_event_t event;

	int made = is_map ? yaml_mapping_end_event_initialize(&event)
			  : yaml_sequence_end_event_initialize(&event);
	yaml_emit(yaml_of(document), &event, made, -ENOMEM);
}

static void yaml_text(struct document *document, const char *text)
{
	yaml_scalar(yaml_of(document), text,
		    is_plain(text) ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

/* Without quotes: "256Mi" is a string by all rules, and a number is a quantity as well. */
static void yaml_amount(struct document *document, uint64_t bytes, bool is_exact)
{
	char text[QUANTITY_MAX];

	if (!is_exact)
		(void)quantity_format_bytes(bytes, text);
	else if (bytes % MIB == 0 && bytes > 0)
		(void)snprintf(text, sizeof text, "%" PRIu64 "Mi", bytes / MIB);
	else
		(void)snprintf(text, sizeof text, "%" PRIu64, bytes);
	yaml_scalar(yaml_of(document), text, YAML_PLAIN_SCALAR_STYLE);
}

static void yaml_duration(struct document *document, const char *key, uint64_t usec)
{
	char text[QUANTITY_MAX];

	yaml_text(document, key);
	yaml_scalar(yaml_of(document), quantity_format_duration(usec, text), YAML_PLAIN_SCALAR_STYLE);
}

static void yaml_truth(struct document *document, bool value)
{
	yaml_scalar(yaml_of(document), value ? "true" : "false", YAML_PLAIN_SCALAR_STYLE);
}

static int yaml_finish(struct document *document)
{
	struct yaml *yaml = yaml_of(document);
	yaml_event_t event;

	yaml_end_document(yaml);
	yaml_emit(yaml, &event, yaml_stream_end_event_initialize(&event), -ENOMEM);
	int fault = yaml->fault;
	yaml_emitter_delete(&yaml->emitter);
	free(yaml);
	return fault;
}

int yaml_new(FILE *stream, struct document **ret)
{
	static const struct document_form form = {
		.next = yaml_next,
		.key = yaml_text,
		.begin = yaml_begin,
		.end = yaml_end,
		.text = yaml_text,
		.amount = yaml_amount,
		.duration = yaml_duration,
		.truth = yaml_truth,
		.finish = yaml_finish,
	};
	yaml_event_t event;

	struct yaml *yaml = calloc(1, sizeof *yaml);
	if (!yaml)
		return -ENOMEM;
	if (!yaml_emitter_initialize(&yaml->emitter)) {
		free(yaml);
		return -ENOMEM;
	}
	yaml->document = (struct document){.form = &form, .stream = stream};
	yaml_emitter_set_output_file(&yaml->emitter, stream);
	yaml_emitter_set_unicode(&yaml->emitter, 1);
	yaml_emitter_set_width(&yaml->emitter, -1);
	yaml_emit(yaml, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), -ENOMEM);
	*ret = &yaml->document;
	return 0;
}
