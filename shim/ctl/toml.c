/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/ctl/toml.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX 16

struct walk {
	const char *at, *end;
	unsigned line;
	char names[1024]; /* the entry's parts, each with a NUL */
	size_t used;
	struct toml_entry entry;
	struct error *err;
};

static int refuse(const struct walk *walk, const char *what)
{
	return error_set(walk->err, EINVAL, "line %u: %s", walk->line, what);
}

static bool is_at(const struct walk *walk, const char *text)
{
	size_t length = strlen(text);
	return (size_t)(walk->end - walk->at) >= length && memcmp(walk->at, text, length) == 0;
}

static bool take(struct walk *walk, const char *text)
{
	if (!is_at(walk, text))
		return false;
	walk->at += strlen(text);
	return true;
}

static void skip_blanks(struct walk *walk)
{
	while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\t'))
		walk->at++;
}

static void skip_comment(struct walk *walk)
{
	if (is_at(walk, "#"))
		while (walk->at < walk->end && *walk->at != '\n')
			walk->at++;
}

static bool take_line_end(struct walk *walk)
{
	if (!take(walk, "\r\n") && !take(walk, "\n"))
		return false;
	walk->line++;
	return true;
}

/* Only blanks and a comment may follow on this line. */
static int end_line(struct walk *walk)
{
	skip_blanks(walk);
	skip_comment(walk);
	if (walk->at == walk->end || take_line_end(walk))
		return 0;
	return refuse(walk, "something follows what should end the line");
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-';
}

static int take_part(struct walk *walk)
{
	const char quote = walk->at < walk->end && (*walk->at == '"' || *walk->at == '\'') ? *walk->at : '\0';
	struct toml_entry *entry = &walk->entry;

	if (entry->n_parts == TOML_PARTS_MAX)
		return refuse(walk, "a name has too many parts");
	if (quote)
		walk->at++;
	const char *from = walk->at;
	while (walk->at < walk->end &&
	       (quote ? *walk->at != quote && (unsigned char)*walk->at >= 0x20 && *walk->at != '\\'
		      : is_bare(*walk->at)))
		walk->at++;
	size_t length = (size_t)(walk->at - from);
	if (quote ? walk->at == walk->end || *walk->at++ != quote : length == 0)
		return refuse(walk, "no name that is understood");
	if (length >= sizeof walk->names - walk->used)
		return refuse(walk, "a name is too long");
	entry->part[entry->n_parts++] = memcpy(walk->names + walk->used, from, length);
	walk->used += length;
	walk->names[walk->used++] = '\0';
	return 0;
}

static int take_name(struct walk *walk)
{
	do {
		skip_blanks(walk);
		int r = take_part(walk);
		if (r < 0)
			return r;
		skip_blanks(walk);
	} while (take(walk, "."));
	return 0;
}

static int skip_string(struct walk *walk)
{
	const char quote = *walk->at;
	const char three[] = {quote, quote, quote, '\0'}, one[] = {quote, '\0'};
	const bool is_long = take(walk, three);

	if (!is_long)
		walk->at++;
	for (;;) {
		if (walk->at == walk->end || (!is_long && *walk->at == '\n'))
			return refuse(walk, "a string does not end");
		if (take(walk, is_long ? three : one))
			break;
		if (quote == '"' && *walk->at == '\\' && ++walk->at == walk->end)
			continue;
		if (*walk->at++ == '\n')
			walk->line++;
	}
	/* A string in three quotes may end with up to two quotes of its own. */
	for (int i = 0; is_long && i < 2 && take(walk, one); i++)
		;
	return 0;
}

static int skip_value(struct walk *walk)
{
	char closing[DEPTH_MAX];
	size_t depth = 0;
	int r;

	for (; walk->at < walk->end; walk->at++) {
		const char c = *walk->at;
		if (c == '#' || c == '\n' || is_at(walk, "\r\n")) {
			if (depth == 0)
				break;
			skip_comment(walk);
			if (walk->at == walk->end)
				break;
			walk->line += *walk->at == '\n';
		} else if (c == '"' || c == '\'') {
			if ((r = skip_string(walk)) < 0)
				return r;
			walk->at--;
		} else if (c == '[' || c == '{') {
			if (depth == DEPTH_MAX)
				return refuse(walk, "brackets are too deep");
			closing[depth++] = c == '[' ? ']' : '}';
		} else if ((c == ']' || c == '}') && (depth == 0 || closing[--depth] != c)) {
			return refuse(walk, "a bracket closes nothing");
		}
	}
	return depth > 0 ? refuse(walk, "a bracket is not closed") : 0;
}

static int take_entry(struct walk *walk)
{
	struct toml_entry *entry = &walk->entry;
	int r = take_name(walk);

	if (r < 0)
		return r;
	if (!take(walk, "="))
		return refuse(walk, "no = after a key");
	skip_blanks(walk);
	entry->value = walk->at;
	entry->line = walk->line;
	if ((r = skip_value(walk)) < 0)
		return r;
	const char *to = walk->at;
	while (to > entry->value && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	entry->length = (size_t)(to - entry->value);
	if (entry->length == 0)
		return refuse(walk, "a key has no value");
	return end_line(walk);
}

int toml_walk(const char *text, size_t length,
	      int (*on_entry)(const struct toml_entry *entry, void *data, struct error *err), void *data,
	      struct error *err)
{
	struct walk walk = {.at = text, .end = text + length, .line = 1, .err = err};
	size_t table_used = 0, table_parts = 0;
	bool in_array = false;
	int r;

	while (walk.at < walk.end) {
		skip_blanks(&walk);
		if (walk.at == walk.end || *walk.at == '#' || *walk.at == '\n' || is_at(&walk, "\r\n")) {
			if ((r = end_line(&walk)) < 0)
				return r;
			continue;
		}
		const bool is_table = take(&walk, "[");
		if (is_table) {
			in_array = take(&walk, "[");
			walk.used = walk.entry.n_parts = 0;
			if ((r = take_name(&walk)) < 0)
				return r;
			if (!take(&walk, in_array ? "]]" : "]"))
				return refuse(&walk, "a table's name does not end");
			table_used = walk.used;
			table_parts = walk.entry.n_parts;
			r = end_line(&walk);
		} else {
			walk.used = table_used;
			walk.entry.n_parts = table_parts;
			r = take_entry(&walk);
			if (r == 0 && !in_array)
				r = on_entry(&walk.entry, data, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int toml_string(const char *value, size_t length, char *ret, size_t size)
{
	if (length < 2 || (value[0] != '"' && value[0] != '\'') || value[length - 1] != value[0] ||
	    length - 2 >= size)
		return -EINVAL;
	for (size_t i = 1; i < length - 1; i++)
		if (value[i] == value[0] || value[i] == '\\' || (unsigned char)value[i] < 0x20)
			return -EINVAL;
	memcpy(ret, value + 1, length - 2);
	ret[length - 2] = '\0';
	return 0;
}
