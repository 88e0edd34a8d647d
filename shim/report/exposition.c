/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/exposition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cgroups/cleanup.h"
#include "oci/json.h"

const char *const exposition_content_types[EXPOSITION_FORMATS_COUNT] = {
	[EXPOSITION_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
	[EXPOSITION_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

const char *const exposition_type_names[] = {"gauge", "counter", "info", "histogram"};

/* ---- Negotiation ---- */

struct media {
	const char *type;
	const char *version; /* the only version that we write; NULL: not checked */
	enum exposition_format format;
	int precision; /* a more precise name of a format outweighs others */
};

static const struct media media[] = {
	{"application/openmetrics-text", "1.0.0", EXPOSITION_OPENMETRICS, 3},
	{"text/plain", "0.0.4", EXPOSITION_PROMETHEUS, 3},
	{"text/*", NULL, EXPOSITION_PROMETHEUS, 2},
	{"*/*", NULL, EXPOSITION_PROMETHEUS, 1},
};

#define BLANKS " \t"

/* The weight in thousandths: "0.6" is 600. 0 if the text is no weight. */
static unsigned parse_weight(const char *text, size_t length)
{
	unsigned weight = 0, place = 1000;

	for (size_t i = 0; i < length && place > 0; i++) {
		if (i == 1 && text[i] == '.')
			continue;
		if (text[i] < '0' || text[i] > '9')
			return 0;
		weight += (unsigned)(text[i] - '0') * place;
		place /= 10;
	}
	return weight > 1000 ? 1000 : weight;
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

/* Cuts blanks and quotes off both ends. */
static void trim(const char **text, size_t *length)
{
	while (*length > 0 && strchr(BLANKS "\"", **text))
		(*text)++, (*length)--;
	while (*length > 0 && strchr(BLANKS "\"", (*text)[*length - 1]))
		(*length)--;
}

/* Takes one element of the list into account: "text/plain;version=0.0.4;q=0.5". */
static void weigh(const char *text, size_t length, int precision[static EXPOSITION_FORMATS_COUNT],
		  unsigned weight[static EXPOSITION_FORMATS_COUNT])
{
	const struct media *found = NULL;
	unsigned q = 1000;

	for (const char *end = text + length; text < end; text++) {
		const char *part = text;
		const char *semicolon = memchr(text, ';', (size_t)(end - text));
		text = semicolon ? semicolon : end;
		size_t n = (size_t)(text - part);
		trim(&part, &n);
		if (!found) {
			for (size_t i = 0; i < sizeof media / sizeof *media; i++)
				if (is_word(part, n, media[i].type))
					found = &media[i];
			if (!found)
				return;
			continue;
		}
		const char *equals = memchr(part, '=', n);
		if (!equals)
			continue;
		const char *value = equals + 1;
		size_t n_key = (size_t)(equals - part), n_value = n - n_key - 1;
		trim(&value, &n_value);
		if (is_word(part, n_key, "q"))
			q = parse_weight(value, n_value);
		else if (is_word(part, n_key, "version") && found->version &&
			 !is_word(value, n_value, found->version))
			return;
	}
	if (!found || found->precision < precision[found->format])
		return;
	if (found->precision > precision[found->format] || q > weight[found->format])
		weight[found->format] = q;
	precision[found->format] = found->precision;
}

enum exposition_format exposition_negotiate(const char *accept)
{
	int precision[EXPOSITION_FORMATS_COUNT] = {0};
	unsigned weight[EXPOSITION_FORMATS_COUNT] = {0};

	for (const char *at = accept; at && *at; at += *at == ',') {
		size_t length = strcspn(at, ",");
		weigh(at, length, precision, weight);
		at += length;
	}
	return weight[EXPOSITION_OPENMETRICS] > 0 &&
			       weight[EXPOSITION_OPENMETRICS] >= weight[EXPOSITION_PROMETHEUS]
		       ? EXPOSITION_OPENMETRICS
		       : EXPOSITION_PROMETHEUS;
}

/* ---- Text ---- */

void exposition_begin(struct exposition *out, enum exposition_format format)
{
	*out = (struct exposition){.format = format};
}

void exposition_free(struct exposition *out)
{
	free(out->text);
	out->text = NULL;
}

static void put(struct exposition *out, const char *text, size_t length)
{
	if (out->failed)
		return;
	if (out->size - out->length <= length) {
		size_t size = out->size ? 2 * out->size : 16384;
		while (size - out->length <= length)
			size *= 2;
		char *grown = realloc(out->text, size);
		if (!grown) {
			out->failed = true;
			return;
		}
		out->text = grown;
		out->size = size;
	}
	memcpy(out->text + out->length, text, length);
	out->length += length;
	out->text[out->length] = '\0';
}

static void put_text(struct exposition *out, const char *text)
{
	put(out, text, strlen(text));
}

void exposition_family(struct exposition *out, const char *name, enum exposition_type type, const char *unit,
		       const char *help)
{
	static const char *const suffixes[] = {
		[EXPOSITION_GAUGE] = "",
		[EXPOSITION_COUNTER] = "_total",
		[EXPOSITION_INFO] = "_info",
		[EXPOSITION_HISTOGRAM] = "",
	};
	const bool open = out->format == EXPOSITION_OPENMETRICS;
	/* In OpenMetrics the family's name has no suffix. */
	const size_t length = strlen(name) - (open ? strlen(suffixes[type]) : 0);
	const char *type_name =
		exposition_type_names[!open && type == EXPOSITION_INFO ? EXPOSITION_GAUGE : type];
	const struct {
		const char *key, *value;
	} lines[] = {{"HELP", help}, {"TYPE", type_name}, {"UNIT", unit}};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		if (i == 2 && (!open || !*unit))
			continue;
		put_text(out, "# ");
		put_text(out, lines[i].key);
		put_text(out, " ");
		put(out, name, length);
		put_text(out, " ");
		put_text(out, lines[i].value);
		put_text(out, "\n");
	}
}

void exposition_sample(struct exposition *out, const char *name, const char *suffix)
{
	out->labelled = false;
	put_text(out, name);
	put_text(out, suffix);
}

void exposition_label(struct exposition *out, const char *name, const char *value)
{
	put_text(out, out->labelled ? "," : "{");
	out->labelled = true;
	put_text(out, name);
	put_text(out, "=\"");
	for (const char *at = value; *at;) {
		/* ASCII that needs no escape is copied in one piece. */
		const char *plain = at;
		while ((unsigned char)(*at - 1) < 0x7F && *at != '"' && *at != '\\' && *at != '\n')
			at++;
		put(out, plain, (size_t)(at - plain));
		if (!*at)
			break;
		size_t length = json_utf8_length(at);
		if (*at == '\n')
			put_text(out, "\\n");
		else if (*at == '"')
			put_text(out, "\\\"");
		else if (*at == '\\')
			put_text(out, "\\\\");
		else if (length > 0)
			put(out, at, length);
		else
			put_text(out, "\xEF\xBF\xBD");
		at += length > 0 ? length : 1;
	}
	put_text(out, "\"");
}

void exposition_labels(struct exposition *out, const char *labels, size_t length)
{
	out->labelled = length > 0;
	put(out, labels, length);
}

/* Writes the value, and "}" before it if there are labels. decimals: so many of its digits are
 * behind the point. */
static void put_value(struct exposition *out, bool negative, uint64_t value, unsigned decimals)
{
	char text[32], *at = text + sizeof text;

	*--at = '\n';
	for (unsigned i = 0; value > 0 || i <= decimals; i++) {
		if (i > 0 && i == decimals)
			*--at = '.';
		*--at = (char)('0' + value % 10);
		value /= 10;
	}
	if (negative)
		*--at = '-';
	*--at = ' ';
	if (out->labelled)
		*--at = '}';
	put(out, at, (size_t)(text + sizeof text - at));
}

void exposition_uint(struct exposition *out, uint64_t value)
{
	put_value(out, false, value, 0);
}

void exposition_int(struct exposition *out, int64_t value)
{
	put_value(out, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value, 0);
}

void exposition_seconds(struct exposition *out, uint64_t usec)
{
	put_value(out, false, usec, 6);
}

int exposition_end(struct exposition *out, char **ret_text, size_t *ret_length)
{
	if (out->format == EXPOSITION_OPENMETRICS)
		put_text(out, "# EOF\n");
	if (out->failed || !out->text)
		return -ENOMEM;
	*ret_length = out->length;
	*ret_text = take_ptr(out->text);
	return 0;
}
