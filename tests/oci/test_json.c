/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct sample {
	char name[8], deep[16];
	uint64_t natural, skipped;
	int64_t integer;
	bool flag;
	int word;
	struct json_span value, braces, top;
};

static const char *const words[] = {"none", "some", NULL};

static const struct json_field fields[] = {
	JSON_FIELD("", JSON_BRACES, struct sample, top),
	JSON_FIELD("name", JSON_STRING, struct sample, name),
	JSON_FIELD("natural", JSON_UINT, struct sample, natural),
	JSON_FIELD("integer", JSON_INT, struct sample, integer),
	JSON_FIELD("flag", JSON_BOOL, struct sample, flag),
	JSON_FIELD_ENUM("word", struct sample, word, words),
	JSON_FIELD("value", JSON_VALUE, struct sample, value),
	JSON_FIELD("a", JSON_BRACES, struct sample, braces),
	JSON_FIELD("a>b>deep", JSON_STRING, struct sample, deep),
	JSON_FIELD_UNLESS("a>b>skipped", JSON_UINT, struct sample, skipped, 7),
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int read_text(const char *text, struct sample *ret, struct error *err)
{
	*ret = (struct sample){0};
	return json_read(text, strlen(text), fields, COUNT(fields), ret, err);
}

static void assert_refused(const char *text, const char *why)
{
	struct sample sample;
	struct error err = {0};

	assert_int_equal(read_text(text, &sample, &err), -EBADMSG);
	assert_int_equal(err.code, EBADMSG);
	if (!strstr(err.text, why))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, err.text, why);
}

static void a_document_fills_a_struct(void **state)
{
	struct sample s;
	struct error err;
	(void)state;

	assert_int_equal(
		read_text("{\"name\":\"x\",\"natural\":18446744073709551615,\"integer\":-9223372036854775808,"
			  "\"flag\":true,\"word\":\"some\",\"a\":{\"b\":{\"deep\":\"d\"}}}",
			  &s, &err),
		0);
	assert_string_equal(s.name, "x");
	assert_true(s.natural == UINT64_MAX);
	assert_true(s.integer == INT64_MIN);
	assert_true(s.flag);
	assert_int_equal(s.word, 1);
	assert_string_equal(s.deep, "d");
}

static void what_the_table_does_not_name_is_passed_over(void **state)
{
	struct sample s;
	struct error err;
	(void)state;

	assert_int_equal(
		read_text("{\"x\":1e999,\"y\":[{\"name\":\"no\"},[]],\"b\":{\"deep\":\"no\"},\"deep\":\"no\","
			  "\"x\":123456789012345678901234567890,\"a\":{\"name\":\"no\",\"b\":{\"b\":{"
			  "\"deep\":\"no\"}}}}",
			  &s, &err),
		0);
	assert_string_equal(s.name, "");
	assert_string_equal(s.deep, "");
}

static void what_is_absent_keeps_its_value(void **state)
{
	struct sample s = {.name = "old", .natural = 5};
	struct error err;
	const char text[] = "{\"name\":null,\"natural\":null,\"a\":null}";
	(void)state;

	assert_int_equal(json_read(text, strlen(text), fields, COUNT(fields), &s, &err), 0);
	assert_string_equal(s.name, "old");
	assert_int_equal(s.natural, 5);
}

static void a_key_is_compared_decoded(void **state)
{
	struct sample s;
	struct error err;
	(void)state;

	assert_int_equal(
		read_text("{\"\\u0061\":{\"\\u0062\":{\"d\\u0065ep\":\"\\ud834\\udd1e\\n\"}}}", &s, &err), 0);
	assert_string_equal(s.deep, "\xf0\x9d\x84\x9e\n");
}

static void a_key_that_looks_like_a_path_is_none(void **state)
{
	static const char *const texts[] = {
		"{\"a>b>deep\":\"no\"}",
		"{\"a>b\":{\"deep\":\"no\"}}",
		"{\"a\":{\"b>deep\":\"no\"}}",
		"{\"a\":{\"b\":{\"deep\\u0000\":\"no\"}}}",
		"{\"a\\u0000\\u0000\\u0000\\u0000\":{\"b\":{\"deep\":\"no\"}}}",
		"{\"a\":{\"b\":{\"dee\":\"no\",\"deeper\":\"no\",\"\":\"no\"}}}",
		"{\"\":{\"a\":{\"b\":{\"deep\":\"no\"}}}}",
	};
	struct sample s;
	struct error err;
	(void)state;

	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(read_text(texts[i], &s, &err), 0);
		assert_string_equal(s.deep, "");
	}
}

static void a_value_of_the_wrong_type_is_refused(void **state)
{
	(void)state;
	assert_refused("{\"name\":5}", "name is not a string");
	assert_refused("{\"name\":{}}", "name is not a string");
	assert_refused("{\"natural\":\"5\"}", "natural is not a whole number");
	assert_refused("{\"natural\":5.0}", "natural is not a whole number");
	assert_refused("{\"natural\":5e3}", "natural is not a whole number");
	assert_refused("{\"natural\":true}", "natural is not a whole number");
	assert_refused("{\"flag\":1}", "flag is not true or false");
	assert_refused("{\"word\":\"any\"}", "word is not a known name");
	assert_refused("{\"a\":[]}", "a is not an object");
	assert_refused("{\"a\":\"x\"}", "a is not an object");
	assert_refused("{\"a\":{\"b\":5}}", "a>b is not an object");
	assert_refused("{\"a\":{\"b\":[]}}", "a>b is not an object");
	assert_refused("{\"a\":{\"b\":false}}", "a>b is not an object");
}

static void a_number_out_of_range_is_refused(void **state)
{
	(void)state;
	assert_refused("{\"natural\":-1}", "natural is out of range: -1");
	assert_refused("{\"natural\":18446744073709551616}", "natural is out of range");
	assert_refused("{\"integer\":9223372036854775808}", "integer is out of range");
	assert_refused("{\"integer\":-9223372036854775809}", "integer is out of range");
}

static void a_string_that_does_not_fit_is_refused(void **state)
{
	struct sample s;
	struct error err;
	(void)state;

	assert_int_equal(read_text("{\"name\":\"1234567\"}", &s, &err), 0);
	assert_refused("{\"name\":\"12345678\"}", "name is longer than 7 bytes");
	assert_refused("{\"name\":\"a\\u0000b\"}", "name holds a NUL");
}

static void a_key_given_twice_is_refused(void **state)
{
	struct sample s;
	struct error err;
	(void)state;

	assert_refused("{\"name\":\"x\",\"name\":\"x\"}", "the key name is given twice");
	assert_refused("{\"name\":\"x\",\"n\\u0061me\":null}", "the key name is given twice");
	assert_refused("{\"name\":null,\"name\":\"x\"}", "the key name is given twice");
	assert_refused("{\"a\":{\"b\":{\"deep\":\"x\"},\"b\":{}}}", "the key a>b is given twice");
	assert_refused("{\"a\":{\"b\":{}},\"a\":{\"b\":{}}}", "the key a is given twice");
	assert_int_equal(read_text("{\"x\":1,\"x\":2,\"y\":{\"name\":1,\"name\":1}}", &s, &err), 0);
}

static void a_top_level_that_is_no_object_is_refused(void **state)
{
	static const char *const texts[] = {"5", "\"x\"", "null", "true", "[]", "[{\"name\":\"x\"}]"};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(texts[i], "the top level is no object");
}

static void what_is_not_json_is_refused(void **state)
{
	static const char *const texts[] = {"",
					    " ",
					    "{",
					    "{\"name\"",
					    "{\"name\":",
					    "{\"name\":\"x",
					    "{\"name\":\"x\"",
					    "{\"natural\":5",
					    "{} {}",
					    "{}x",
					    "{\"natural\":05}",
					    "{\"natural\":+5}",
					    "{'name':1}",
					    "{\"x\":NaN}",
					    "{/* */}",
					    "{\"x\":\"\\q\"}",
					    "{\"x\":\"\n\"}",
					    "{,}",
					    "\xef\xbb\xbf{}",
					    "{\"x\":tru}"};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(texts[i], "not JSON, or cut off");
}

static void what_is_not_utf8_is_refused(void **state)
{
	(void)state;
	assert_refused("{\"x\":\"\xff\"}", "not JSON");
	assert_refused("{\"x\":\"\xc3(\"}", "not JSON");
	assert_refused("{\"\x80\":1}", "not JSON");
}

static void every_cut_of_a_document_is_refused(void **state)
{
	static const char text[] = "{\"name\":\"x\\u00e9\",\"natural\":5,\"a\":{\"b\":{\"deep\":\"d\"}},"
				   "\"value\":[1,null,true]}";
	struct sample s;
	struct error err;
	(void)state;

	assert_int_equal(json_read(text, strlen(text), fields, COUNT(fields), &s, &err), 0);
	for (size_t length = 0; length < strlen(text); length++)
		assert_int_equal(json_read(text, length, fields, COUNT(fields), &s, &err), -EBADMSG);
}

static void nesting_has_a_bound(void **state)
{
	char text[2 * 100000 + 8];
	struct sample s;
	struct error err;
	(void)state;

	for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX; depth++) {
		char *at = text + sprintf(text, "{\"x\":");
		memset(at, '[', (size_t)depth);
		memset(at + depth, ']', (size_t)depth);
		strcpy(at + 2 * depth, "}");
		assert_int_equal(read_text(text, &s, &err), depth < JSON_DEPTH_MAX ? 0 : -EBADMSG);
	}
	assert_string_equal(err.text, "nested deeper than 48 levels");
	memset(text, '[', 100000);
	text[100000] = '\0';
	assert_int_equal(read_text(text, &s, &err), -EBADMSG);
	memcpy(text, "{\"x\":", 5);
	assert_int_equal(read_text(text, &s, &err), -EBADMSG);
	assert_string_equal(err.text, "nested deeper than 48 levels");
}

static void assert_span(const char *text, struct json_span span, const char *expected)
{
	assert_int_equal(span.length, strlen(expected));
	assert_memory_equal(text + span.at, expected, span.length);
}

static void a_span_is_where_the_value_lies(void **state)
{
	static const char *const values[] = {"5",
					     "-1.5e3",
					     "true",
					     "false",
					     "\"\"",
					     "\"a\\\\\"",
					     "\"\\\\\\\"\\\"\"",
					     "\"{\\\"x\\\":\\\\\\\\\\\"}\"",
					     "[1,[\"]\"],{}]",
					     "{ \"x\" : \"}\" }"};
	struct sample s;
	struct error err;
	(void)state;

	for (size_t i = 0; i < COUNT(values); i++) {
		char text[128];
		(void)sprintf(text, " {\"x\":\"\\\\\", \"value\" \t:\n %s , \"a\":{ } }\n", values[i]);
		assert_int_equal(read_text(text, &s, &err), 0);
		assert_span(text, s.value, values[i]);
		assert_span(text, s.braces, "{ }");
		assert_int_equal(s.top.at, 1);
		assert_int_equal(s.top.length, strlen(text) - 2);
	}
}

static void a_null_has_a_place_but_no_length(void **state)
{
	static const char text[] = "{\"value\": null,\"a\":null }";
	struct sample s;
	struct error err;
	(void)state;

	assert_int_equal(read_text(text, &s, &err), 0);
	assert_int_equal(s.value.length, 0);
	assert_int_equal(s.value.at, strstr(text, "null") - text);
	assert_int_equal(s.braces.length, 0);
	assert_int_equal(s.braces.at, strstr(text, "null }") - text);
}

static void a_struct_is_written_as_one_line(void **state)
{
	static const struct sample sample = {.name = "a\"\\\x01\x7f",
					     .deep = "d",
					     .natural = UINT64_MAX,
					     .integer = -5,
					     .flag = true,
					     .word = 1,
					     .skipped = 8};
	char text[512];
	size_t length;
	struct error err;
	(void)state;

	assert_int_equal(json_write(fields, COUNT(fields), &sample, text, sizeof text, &length, &err), 0);
	assert_string_equal(
		text, "{\"name\":\"a\\\"\\\\\\u0001\x7f\",\"natural\":18446744073709551615,\"integer\":-5,"
		      "\"flag\":true,\"word\":\"some\",\"a\":{\"b\":{\"deep\":\"d\","
		      "\"skipped\":8}}}\n");
	assert_int_equal(length, strlen(text));
}

static void what_is_written_can_be_read(void **state)
{
	struct sample sample = {.name = "x",
				.deep = "\xf0\x9d\x84\x9e\xe2\x82\xac\xc3\xa4",
				.skipped = 7,
				.integer = INT64_MIN},
		      s;
	char text[1024];
	size_t length;
	struct error err;
	(void)state;

	assert_int_equal(json_write(fields, COUNT(fields), &sample, text, sizeof text, &length, &err), 0);
	assert_null(strstr(text, "skipped"));
	assert_int_equal(read_text(text, &s, &err), 0);
	assert_string_equal(s.deep, sample.deep);
	assert_true(s.integer == INT64_MIN);
}

static void a_string_that_is_not_utf8_is_mended(void **state)
{
	static const char *const bad[] = {"\xff",     "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
					  "\xe2\x82", "\xc3"};
	char buf[128];
	(void)state;

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct json_out out = {.buf = buf, .size = sizeof buf};
		json_out_string(&out, NULL, bad[i]);
		assert_int_equal(strncmp(buf, "\"\\ufffd", 7), 0);
		for (const char *p = buf; *p; p++)
			assert_true((unsigned char)*p < 0x80);
	}
}

static void a_buffer_too_small_is_told(void **state)
{
	static const struct sample sample = {.name = "name", .deep = "deep", .skipped = 7};
	char text[256];
	size_t needed, length = 3;
	struct error err;
	(void)state;

	assert_int_equal(json_write(fields, COUNT(fields), &sample, text, sizeof text, &needed, &err), 0);
	for (size_t size = 0; size <= needed; size++) {
		char *small = malloc(size + 1);
		assert_int_equal(json_write(fields, COUNT(fields), &sample, small, size, &length, &err),
				 -ENOBUFS);
		free(small);
	}
	assert_int_equal(length, 3);
	assert_int_equal(json_write(fields, COUNT(fields), &sample, text, needed + 1, &length, &err), 0);
	assert_int_equal(length, needed);
}

static void a_table_has_room_for_64_rows(void **state)
{
	static struct json_field many[65];
	static const char text[] = "{\"x\":7}";
	uint64_t value = 0;
	struct error err;
	(void)state;

	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (struct json_field){
			.path = i == 63 ? "x" : "y", .kind = JSON_UINT, .size = sizeof value};
	assert_int_equal(json_read(text, strlen(text), many, 65, &value, &err), -EINVAL);
	assert_int_equal(json_read(text, strlen(text), many, 64, &value, &err), 0);
	assert_int_equal(value, 7);
}

/* ---- Structs in structs ---- */

struct leaf {
	char name[8];
	int64_t change;
	uint64_t amount;
};

struct branch {
	char name[8];
	struct leaf *leaves; /* grows */
	size_t n_leaves;
};

struct tree {
	uint64_t version;
	struct leaf root;
	struct leaf pair[2]; /* inline */
	size_t n_pair;
	struct branch *branches;
	size_t n_branches;
};

static const struct json_field leaf_fields[] = {
	JSON_FIELD("name", JSON_STRING, struct leaf, name),
	JSON_FIELD_UNLESS("change", JSON_INT, struct leaf, change, (uint64_t)INT64_MIN),
	JSON_FIELD_UNLESS("size>amount", JSON_UINT, struct leaf, amount, UINT64_MAX),
};
static const struct json_objects root_rows = {.fields = leaf_fields, .n_fields = COUNT(leaf_fields)};
static const struct json_objects pair_rows = {
	.fields = leaf_fields,
	.n_fields = COUNT(leaf_fields),
	.size = sizeof(struct leaf),
	.count_offset = offsetof(struct tree, n_pair),
	.max = 2,
	.is_inline = true,
};
static const struct json_objects leaf_rows = {
	.fields = leaf_fields,
	.n_fields = COUNT(leaf_fields),
	.size = sizeof(struct leaf),
	.count_offset = offsetof(struct branch, n_leaves),
	.max = 100000,
};
static const struct json_field branch_fields[] = {
	JSON_FIELD("name", JSON_STRING, struct branch, name),
	JSON_FIELD_NESTED("leaves", JSON_OBJECTS, struct branch, leaves, &leaf_rows),
};
static const struct json_objects branch_rows = {
	.fields = branch_fields,
	.n_fields = COUNT(branch_fields),
	.size = sizeof(struct branch),
	.count_offset = offsetof(struct tree, n_branches),
	.max = 3,
};
static const struct json_field tree_fields[] = {
	JSON_FIELD("v", JSON_UINT, struct tree, version),
	JSON_FIELD_NESTED("root", JSON_OBJECT, struct tree, root, &root_rows),
	JSON_FIELD_NESTED("in>pair", JSON_OBJECTS, struct tree, pair, &pair_rows),
	JSON_FIELD_NESTED("in>branches", JSON_OBJECTS, struct tree, branches, &branch_rows),
};

#define TREE                                                                                              \
	"{\"v\":1,\"root\":{\"name\":\"r\",\"change\":-9223372036854775807},\"in\":{\"pair\":[{\"name\":" \
	"\"p\",\"size\":{\"amount\":18446744073709551614}},{\"name\":\"\"}],\"branches\":["               \
	"{\"name\":\"b\",\"leaves\":[{\"name\":\"]}\\\"\",\"change\":-1},{\"name\":\"\\\\\",\"size\":{"   \
	"\"amount\":0}},"                                                                                 \
	"{\"name\":\"x\"}]},{\"name\":\"c\",\"leaves\":[]}]}}\n"

static int read_tree(const char *text, struct tree *ret, struct error *err)
{
	*ret = (struct tree){0};
	return json_read(text, strlen(text), tree_fields, COUNT(tree_fields), ret, err);
}

static void free_tree(struct tree *tree)
{
	for (size_t i = 0; i < tree->n_branches; i++)
		free(tree->branches[i].leaves);
	free(tree->branches);
}

static void structs_in_structs_are_read_and_written_by_one_table(void **state)
{
	struct tree tree;
	char text[512];
	size_t length;
	struct error err = {0};
	(void)state;

	if (read_tree(TREE, &tree, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(tree.root.name, "r");
	assert_true(tree.root.change == -INT64_MAX && tree.root.amount == UINT64_MAX);
	assert_int_equal(tree.n_pair, 2);
	assert_true(tree.pair[0].amount == UINT64_MAX - 1 && tree.pair[0].change == INT64_MIN);
	assert_int_equal(tree.n_branches, 2);
	assert_int_equal(tree.branches[0].n_leaves, 3);
	assert_string_equal(tree.branches[0].leaves[0].name, "]}\"");
	assert_int_equal(tree.branches[0].leaves[0].change, -1);
	assert_string_equal(tree.branches[0].leaves[1].name, "\\");
	assert_int_equal(tree.branches[0].leaves[1].amount, 0);
	assert_int_equal(tree.branches[1].n_leaves, 0);
	assert_null(tree.branches[1].leaves);

	assert_int_equal(json_write(tree_fields, COUNT(tree_fields), &tree, text, sizeof text, &length, &err),
			 0);
	assert_string_equal(text, TREE);
	for (size_t size = 0; size <= length; size++)
		assert_int_equal(
			json_write(tree_fields, COUNT(tree_fields), &tree, text, size, &length, &err),
			-ENOBUFS);
	free_tree(&tree);
}

static void structs_that_are_absent_or_null_are_what_is_left_out(void **state)
{
	static const char *const texts[] = {"{}", "{\"root\":null,\"in\":null}",
					    "{\"in\":{\"pair\":null,\"branches\":[ ]}}",
					    "{\"in\":{\"pair\":[],\"branches\":[ \n]}}"};
	struct tree tree;
	struct error err;
	(void)state;

	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(read_tree(texts[i], &tree, &err), 0);
		assert_string_equal(tree.root.name, "");
		assert_true(tree.root.change == INT64_MIN && tree.root.amount == UINT64_MAX);
		assert_int_equal(tree.n_pair, 0);
		assert_int_equal(tree.n_branches, 0);
	}
}

static void an_array_is_walked_element_by_element(void **state)
{
	static const char text[] =
		"{\"in\":{\"branches\":[ {\"x\":\"a,]\\\"[\",\"name\":\"1\"},{\"name\":\"2\",\"y\":[2,[3]]} ,"
		"\n{\"z\":{\"b\":[4,5],\"c\":\"}\"},\"leaves\":[{}, null],\"name\":\"3\"}] }}";
	struct tree tree;
	struct error err;
	(void)state;

	/* The null is no struct; what comes before it has been read. */
	assert_int_equal(read_tree(text, &tree, &err), -EBADMSG);
	assert_int_equal(tree.n_branches, 3);
	assert_string_equal(tree.branches[0].name, "1");
	assert_string_equal(tree.branches[1].name, "2");
	assert_string_equal(tree.branches[2].name, "3");
	assert_int_equal(tree.branches[2].n_leaves, 2);
	free_tree(&tree);
}

static void a_struct_of_the_wrong_kind_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"{\"root\":[]}", "root is not an object"},
		{"{\"root\":5}", "root is not an object"},
		{"{\"in\":{\"pair\":{}}}", "in>pair is not an array"},
		{"{\"in\":{\"pair\":\"[]\"}}", "in>pair is not an array"},
		{"{\"in\":{\"pair\":false}}", "in>pair is not an array"},
		{"{\"in\":{\"pair\":1}}", "in>pair is not an array"},
		{"{\"in\":{\"pair\":{\"a\":[]}}}", "in>pair is not an array"},
		{"{\"in\":{\"pair\":[[]]}}", "the top level is no object"},
		{"{\"in\":{\"pair\":[null]}}", "the top level is no object"},
		{"{\"in\":{\"pair\":[{\"change\":9223372036854775808}]}}", "change is out of range"},
		{"{\"in\":{\"pair\":[{},{},{}]}}", "more than 2 in>pair"},
		{"{\"in\":{\"branches\":[{},{},{},{}]}}", "more than 3 in>branches"},
		{"{\"in\":{\"branches\":[{\"leaves\":[{}]},{\"leaves\":[{},{\"name\":7}]}]}}",
		 "name is not a string"},
	};
	struct tree tree;
	struct error err;
	(void)state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(read_tree(cases[i].text, &tree, &err), -EBADMSG);
		if (!strstr(err.text, cases[i].why))
			fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].text, err.text, cases[i].why);
		free_tree(&tree);
	}
}

static void all_arrays_of_a_document_have_one_bound(void **state)
{
	const size_t each = JSON_ELEMENTS_MAX / 2 - 1; /* with the two branches: all that there may be */
	char *text = malloc(3 * JSON_ELEMENTS_MAX + 128);
	struct tree tree;
	struct error err;
	(void)state;

	for (size_t beyond = 0; beyond <= 1; beyond++) {
		char *at = text + sprintf(text, "{\"in\":{\"branches\":[");
		for (size_t branch = 0; branch < 2; branch++) {
			at += sprintf(at, "%s{\"leaves\":[{}", branch > 0 ? "," : "");
			for (size_t i = 1; i < each + branch * beyond; i++)
				at += sprintf(at, ",{}");
			at += sprintf(at, "]}");
		}
		(void)sprintf(at, "]}}");
		assert_int_equal(read_tree(text, &tree, &err), beyond ? -EBADMSG : 0);
		assert_int_equal(tree.branches[1].n_leaves, each);
		free_tree(&tree);
	}
	assert_string_equal(err.text, "more leaves than a document can have");
	free(text);
}

static void a_table_has_room_for_4_structs(void **state)
{
	struct json_field many[5];
	struct tree tree = {0};
	struct error err;
	(void)state;

	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (struct json_field)JSON_FIELD_NESTED("root", JSON_OBJECT, struct tree, root,
							       &root_rows);
	assert_int_equal(json_read("{}", 2, many, 5, &tree, &err), -EINVAL);
	assert_int_equal(json_read("{}", 2, many, 4, &tree, &err), 0);
}

/* ---- Value by value ---- */

#define VALUES                                                                                            \
	"{\"a\":[1,-2,\"\",null,[],{},[{\"k\\\"\":true}]],\n\"b\":-9223372036854775808,\"c\":0.5,\"d\":{" \
	"\"e\":"                                                                                          \
	"18446744073709551615},\"f\":[\n{},\n{}\n]}\n"

static void write_values(struct json_out *out)
{
	json_out_open(out, NULL, '{');
	json_out_open(out, "a", '[');
	json_out_uint(out, NULL, 1);
	json_out_int(out, NULL, -2);
	json_out_string(out, NULL, "");
	json_out_value(out, NULL, "null");
	json_out_open(out, NULL, '[');
	json_out_close(out);
	json_out_open(out, NULL, '{');
	json_out_close(out);
	json_out_open(out, NULL, '[');
	json_out_open(out, NULL, '{');
	json_out_bool(out, "k\"", true);
	json_out_close(out);
	json_out_close(out);
	json_out_close(out);
	json_out_line(out);
	json_out_int(out, "b", INT64_MIN);
	json_out_value(out, "c", "0.5");
	json_out_key(out, "d");
	json_out_open(out, NULL, '{');
	json_out_uint(out, "e", UINT64_MAX);
	json_out_close(out);
	json_out_open(out, "f", '[');
	for (int i = 0; i < 2; i++) {
		json_out_line(out);
		json_out_open(out, NULL, '{');
		json_out_close(out);
	}
	json_out_newline(out);
	json_out_close(out);
	json_out_close(out);
	json_out_newline(out);
}

static void commas_stand_between_values_alone(void **state)
{
	char buf[256];
	struct sample sample;
	struct error err;
	(void)state;

	struct json_out out = {.buf = buf, .size = sizeof buf};
	write_values(&out);
	assert_false(out.overflow);
	assert_string_equal(buf, VALUES);
	assert_int_equal(out.length, strlen(VALUES));
	/* It is JSON; only that "a" is no object here. */
	assert_refused(VALUES, "a is not an object");
	assert_int_equal(json_read(buf, out.length, fields, 1, &sample, &err), 0);

	for (size_t size = 0; size <= strlen(VALUES); size++) {
		char *small = malloc(size + 1);
		out = (struct json_out){.buf = small, .size = size};
		write_values(&out);
		assert_true(out.overflow && (out.length < size || size == 0));
		free(small);
	}
}

static void a_stream_takes_what_is_longer_than_its_buffer(void **state)
{
	static const size_t sizes[] = {2, 3, 7, 64, JSON_STREAM_SIZE};
	char text[JSON_STREAM_SIZE], *written;
	size_t length;
	(void)state;

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (size_t i = 0; i < COUNT(sizes); i++) {
		char *buf = malloc(sizes[i]);
		FILE *stream = open_memstream(&written, &length);
		struct json_out out = json_out_stream(stream, buf, sizes[i]);
		write_values(&out);
		json_out_string(&out, NULL, text);
		json_out_finish(&out);
		assert_int_equal(fclose(stream), 0);
		assert_false(out.overflow);
		assert_int_equal(length, strlen(VALUES) + strlen(",\"\"") + strlen(text));
		assert_memory_equal(written, VALUES ",\"x", strlen(VALUES ",\"x"));
		assert_string_equal(written + length - 3, "xx\"");
		free(written);
		free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_fills_a_struct),
		cmocka_unit_test(what_the_table_does_not_name_is_passed_over),
		cmocka_unit_test(what_is_absent_keeps_its_value),
		cmocka_unit_test(a_key_is_compared_decoded),
		cmocka_unit_test(a_key_that_looks_like_a_path_is_none),
		cmocka_unit_test(a_value_of_the_wrong_type_is_refused),
		cmocka_unit_test(a_number_out_of_range_is_refused),
		cmocka_unit_test(a_string_that_does_not_fit_is_refused),
		cmocka_unit_test(a_key_given_twice_is_refused),
		cmocka_unit_test(a_top_level_that_is_no_object_is_refused),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(what_is_not_utf8_is_refused),
		cmocka_unit_test(every_cut_of_a_document_is_refused),
		cmocka_unit_test(nesting_has_a_bound),
		cmocka_unit_test(a_span_is_where_the_value_lies),
		cmocka_unit_test(a_null_has_a_place_but_no_length),
		cmocka_unit_test(a_struct_is_written_as_one_line),
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(a_string_that_is_not_utf8_is_mended),
		cmocka_unit_test(a_buffer_too_small_is_told),
		cmocka_unit_test(a_table_has_room_for_64_rows),
		cmocka_unit_test(structs_in_structs_are_read_and_written_by_one_table),
		cmocka_unit_test(structs_that_are_absent_or_null_are_what_is_left_out),
		cmocka_unit_test(an_array_is_walked_element_by_element),
		cmocka_unit_test(a_struct_of_the_wrong_kind_is_refused),
		cmocka_unit_test(all_arrays_of_a_document_have_one_bound),
		cmocka_unit_test(a_table_has_room_for_4_structs),
		cmocka_unit_test(commas_stand_between_values_alone),
		cmocka_unit_test(a_stream_takes_what_is_longer_than_its_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
