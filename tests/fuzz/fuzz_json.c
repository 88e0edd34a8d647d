/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "oci/json.h"

struct element {
	char id[16];
	int64_t change;
};

struct sample {
	struct element *elements;
	size_t n_elements;
	char name[32], deep[16], other[16];
	uint64_t natural, skipped;
	int64_t integer;
	bool flag;
	int word;
	struct json_span value, braces;
};

static const char *const words[] = {"none", "some", "all", NULL};

static const struct json_field element_fields[] = {
	JSON_FIELD("id", JSON_STRING, struct element, id),
	JSON_FIELD_UNLESS("change", JSON_INT, struct element, change, (uint64_t)INT64_MIN),
};
static const struct json_objects element_rows = {
	.fields = element_fields,
	.n_fields = 2,
	.size = sizeof(struct element),
	.count_offset = offsetof(struct sample, n_elements),
	.max = 20,
};

static const struct json_field fields[] = {
	JSON_FIELD("name", JSON_STRING, struct sample, name),
	JSON_FIELD("natural", JSON_UINT, struct sample, natural),
	JSON_FIELD("integer", JSON_INT, struct sample, integer),
	JSON_FIELD("flag", JSON_BOOL, struct sample, flag),
	JSON_FIELD_ENUM("word", struct sample, word, words),
	JSON_FIELD("value", JSON_VALUE, struct sample, value),
	JSON_FIELD("a", JSON_BRACES, struct sample, braces),
	JSON_FIELD("a>b>deep", JSON_STRING, struct sample, deep),
	JSON_FIELD_UNLESS("a>b>skipped", JSON_UINT, struct sample, skipped, 7),
	JSON_FIELD_UNLESS("a>other", JSON_STRING, struct sample, other, 0),
	JSON_FIELD_NESTED("a>elements", JSON_OBJECTS, struct sample, elements, &element_rows),
};

#define FIELDS_COUNT (sizeof fields / sizeof *fields)

/* Written and read again, a struct stays the same, but for bytes that were not UTF-8 and what is not written.
 */
static void check_round_trip(const struct sample *first)
{
	char text[2][4096];
	size_t length[2];
	struct sample second = {.skipped = 7}, third = {.skipped = 7};
	struct error err;

	ENSURE(json_write(fields, FIELDS_COUNT, first, text[0], sizeof text[0], &length[0], &err) == 0);
	ENSURE(length[0] == strlen(text[0]) && text[0][length[0] - 1] == '\n');
	int r = json_read(text[0], length[0], fields, FIELDS_COUNT, &second, &err);
	/* U+FFFD is longer than the byte that it stands for. */
	if (r < 0) {
		ENSURE(strstr(text[0], "\\ufffd"));
		free(second.elements);
		return;
	}
	ENSURE(second.n_elements == first->n_elements);
	for (size_t i = 0; i < first->n_elements; i++)
		ENSURE(second.elements[i].change == first->elements[i].change &&
		       (strstr(text[0], "\\ufffd") ||
			strcmp(second.elements[i].id, first->elements[i].id) == 0));
	ENSURE(second.natural == first->natural && second.integer == first->integer &&
	       second.flag == first->flag);
	ENSURE(second.word == first->word && second.skipped == first->skipped);
	if (!strstr(text[0], "\\ufffd"))
		ENSURE(strcmp(second.name, first->name) == 0 && strcmp(second.deep, first->deep) == 0 &&
		       strcmp(second.other, first->other) == 0);
	ENSURE(json_write(fields, FIELDS_COUNT, &second, text[1], sizeof text[1], &length[1], &err) == 0);
	ENSURE(json_read(text[1], length[1], fields, FIELDS_COUNT, &third, &err) == 0);

	/* A buffer that is too small is told, whatever its size. */
	for (size_t size = 0; size <= length[0]; size += 7) {
		size_t untouched = 12345;
		cleanup_free char *small = malloc(size > 0 ? size : 1);
		ENSURE(!small ||
		       json_write(fields, FIELDS_COUNT, first, small, size, &untouched, &err) == -ENOBUFS);
		ENSURE(untouched == 12345);
	}
	free(second.elements);
	free(third.elements);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sample sample = {.skipped = 7};
	struct error err = {0};
	/* json_read() needs no NUL behind the text. */
	int r = json_read((const char *)data, size, fields, FIELDS_COUNT, &sample, &err);

	ENSURE(r == 0 || (r == -EBADMSG && err.text[0]));
	if (r == 0) {
		ENSURE(sample.value.at + sample.value.length <= size);
		check_round_trip(&sample);
	}
	free(sample.elements);
	return 0;
}
