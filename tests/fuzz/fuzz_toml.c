/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "shim/ctl/toml.h"

struct text {
	const char *at;
	size_t length;
	const char *last; /* the end of the value before */
	unsigned line;
};

static int on_entry(const struct toml_entry *entry, void *data, struct error *err)
{
	struct text *text = data;
	char buf[64];

	(void)err;
	ENSURE(entry->n_parts > 0 && entry->n_parts <= TOML_PARTS_MAX);
	for (size_t i = 0; i < entry->n_parts; i++)
		ENSURE(strlen(entry->part[i]) <= text->length);
	ENSURE(entry->value > text->last && entry->length > 0 && entry->line >= text->line);
	ENSURE(entry->value + entry->length <= text->at + text->length);
	text->last = entry->value + entry->length;
	text->line = entry->line;
	if (toml_string(entry->value, entry->length, buf, sizeof buf) == 0)
		ENSURE(strlen(buf) == entry->length - 2);
	return 0;
}

/* In a block of its own, so that a sanitizer sees every byte that is read beyond it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	struct text text = {copy, size, copy, 1};
	(void)toml_walk(copy, size, on_entry, &text, NULL);
	free(copy);
	return 0;
}
