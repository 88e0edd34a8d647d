/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/edit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/memory.h"
#include "tests/document.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define MIB64  "67108864"
#define MIB128 "134217728"
#define LIMIT  (UINT64_C(128) << 20) /* what the tests ask for */

static int edit_text(const char *text, size_t length, uint64_t limit_bytes, char **ret_text,
		     size_t *ret_length, struct error *err)
{
	const struct edit_wish wish = {.limit_bytes = limit_bytes};
	struct config config;
	struct edit edit;

	assert_int_equal(config_read(text, length, &config, err), 0);
	int r = edit_memory(text, &config.resources, &wish, &edit, err);
	return r < 0 ? r : edit_apply(text, length, &edit, ret_text, ret_length, err);
}

/* inside stands for "resources": what its text is before and after LIMIT was asked for. */
static void assert_edit(const char *before, const char *after)
{
	char *edited;
	size_t length;
	struct config config;
	struct error err = {0};

	if (edit_text(before, strlen(before), LIMIT, &edited, &length, &err) < 0)
		fail_msg("%s: %s", before, err.text);
	assert_string_equal(edited, after);
	assert_int_equal(length, strlen(after));
	assert_int_equal(config_read(edited, length, &config, &err), 0);
	assert_true(config.resources.limit_bytes == LIMIT);
	free(edited);
}

static void assert_refused(const char *text, const char *why)
{
	char *edited;
	size_t length;
	struct error err = {0};

	assert_int_equal(edit_text(text, strlen(text), LIMIT, &edited, &length, &err), -EBADMSG);
	if (!strstr(err.text, why))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, err.text, why);
}

#define IN_RESOURCES(text) "{\"linux\":{\"resources\":{" text "}}}"

static void the_limit_is_all_that_changes(void **state)
{
	(void)state;
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 "}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "}"));
	/* Unknown keys, their order, white space, escapes, big numbers and floats: not one byte of them. */
	assert_edit("\n{\t\"z\" : 123456789012345678901234567890 , \"\\u0061\\/\" "
		    ":\"\\ud834\\udd1e\\/\\u00e9\",\"f\": 1.0E+2,\r\n"
		    "\"linux\" :{ \"x\":[ ], "
		    "\"resources\":{\"memory\":{\"reservation\":9007199254740993,\"limit\" : " MIB64
		    " , \"disableOOMKiller\" :false}} ,\"a\":-0 } , \"x\":1,\"x\":2}\n\n",
		    "\n{\t\"z\" : 123456789012345678901234567890 , \"\\u0061\\/\" "
		    ":\"\\ud834\\udd1e\\/\\u00e9\",\"f\": 1.0E+2,\r\n"
		    "\"linux\" :{ \"x\":[ ], "
		    "\"resources\":{\"memory\":{\"reservation\":9007199254740993,\"limit\" : " MIB128
		    " , \"disableOOMKiller\" :false}} ,\"a\":-0 } , \"x\":1,\"x\":2}\n\n");
}

static void every_fixture_changes_in_its_limit_alone(void **state)
{
	static const char *const names[] = {"container-web.json", "container-short-cni.json",
					    "container-runc.json"};
	(void)state;

	for (size_t i = 0; i < COUNT(names); i++) {
		char *edited, *back;
		size_t length, edited_length, back_length;
		struct error err;
		char *text = document_load(names[i], &length);
		assert_int_equal(edit_text(text, length, LIMIT, &edited, &edited_length, &err), 0);
		assert_int_equal(edited_length, length + 2); /* limit and swap have a digit more each */
		assert_non_null(strstr(edited, "\"limit\": " MIB128));
		assert_int_equal(
			edit_text(edited, edited_length, UINT64_C(64) << 20, &back, &back_length, &err), 0);
		assert_int_equal(back_length, length);
		assert_memory_equal(back, text, length);
		free(back);
		free(edited);
		free(text);
	}
}

static void swap_keeps_its_distance(void **state)
{
	(void)state;
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 ",\"swap\":" MIB64 "}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 ",\"swap\":" MIB128 "}"));
	assert_edit(IN_RESOURCES("\"memory\":{\"swap\":67108964,\"limit\":" MIB64 "}"),
		    IN_RESOURCES("\"memory\":{\"swap\":134217828,\"limit\":" MIB128 "}"));
	/* No limit on swap stays none. */
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 ",\"swap\":-1}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 ",\"swap\":-1}"));
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 ",\"swap\":0}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 ",\"swap\":0}"));
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 ",\"swap\":null}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 ",\"swap\":null}"));
}

static void swap_that_makes_no_sense_is_refused(void **state)
{
	(void)state;
	assert_refused(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 ",\"swap\":"
				    "5}"),
		       "memory swap is below the memory limit");
	assert_refused(IN_RESOURCES("\"memory\":{\"swap\":" MIB64 "}"), "memory has none");
	assert_refused(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 ",\"swap\":-2}"),
		       "memory swap is no size in bytes: -2");
	assert_refused(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 ",\"swap\":1.5}"),
		       "memory swap is no size in bytes: 1.5");
	assert_refused(IN_RESOURCES("\"memory\":{\"limit\":5,\"swap\":9223372036854710271}"),
		       "memory swap is out of range");
}

static void unified_moves_in_proportion(void **state)
{
	(void)state;
	assert_edit(IN_RESOURCES("\"unified\":{\"memory.max\":\"" MIB64
				 "\",\"memory.high\":\"50331648\",\"memory.min\":\"4096\"}"),
		    IN_RESOURCES("\"unified\":{\"memory.max\":\"" MIB128
				 "\",\"memory.high\":\"100663296\",\"memory.min\":\"4096\"}"));
	/* memory.high alone, as MemoryQoS sets it. */
	assert_edit(
		IN_RESOURCES("\"unified\":{\"memory.high\":\"50331648\"},\"memory\":{\"limit\":" MIB64 "}"),
		IN_RESOURCES("\"unified\":{\"memory.high\":\"100663296\"},\"memory\":{\"limit\":" MIB128
			     "}"));
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 "},\"unified\":{\"memory.high\":\"max\"}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "},\"unified\":{\"memory.high\":\"max\"}"));
}

static void a_memory_max_that_wins_is_what_changes(void **state)
{
	(void)state;
	/* memory.max is half of memory.limit, and stays so. */
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":" MIB128 ",\"swap\":" MIB128
				 "},\"unified\":{\"memory.max\":\"" MIB64 "\"}"),
		    IN_RESOURCES("\"memory\":{\"limit\":268435456,\"swap\":268435456},\"unified\":{\"memory."
				 "max\":\"" MIB128 "\"}"));
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 "},\"unified\":{\"memory.max\":\"max\"}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "},\"unified\":{\"memory.max\":\"" MIB128
				 "\"}"));
}

static void a_small_amount_never_becomes_none(void **state)
{
	(void)state;
	/* In memory.limit a 0 would be no limit, in memory.high a standstill. */
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":1},\"unified\":{\"memory.max\":\"1073741824\"}"),
		    IN_RESOURCES("\"memory\":{\"limit\":4096},\"unified\":{\"memory.max\":\"" MIB128 "\"}"));
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":1073741824},\"unified\":{\"memory.high\":\"10\"}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "},\"unified\":{\"memory.high\":\"4096\"}"));
}

static void a_memory_high_that_cannot_move_is_refused(void **state)
{
	(void)state;
	assert_refused(IN_RESOURCES("\"memory\":{\"limit\":5},\"unified\":{\"memory.high\":\"64Mi\"}"),
		       "unified memory.high is no size in bytes: \"64Mi\"");
}

static void a_limit_is_put_in_where_there_is_none(void **state)
{
	(void)state;
	assert_edit(IN_RESOURCES("\"memory\":{}"), IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "}"));
	assert_edit(IN_RESOURCES("\"memory\":{ }"), IN_RESOURCES("\"memory\":{\"limit\":" MIB128 " }"));
	assert_edit(IN_RESOURCES("\"memory\":{\n \"reservation\":5}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 ",\n \"reservation\":5}"));
	assert_edit(IN_RESOURCES("\"cpu\":{}"), IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "},\"cpu\":{}"));
	assert_edit(IN_RESOURCES(""), IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "}"));
	assert_edit("{\"linux\":{\"x\":1}}",
		    "{\"linux\":{\"resources\":{\"memory\":{\"limit\":" MIB128 "}},\"x\":1}}");
	assert_edit("{\"linux\":{}}", "{\"linux\":{\"resources\":{\"memory\":{\"limit\":" MIB128 "}}}}");
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":-1}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "}"));
	assert_edit(IN_RESOURCES("\"memory\":{\"limit\":0}"),
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "}"));
}

static void a_null_makes_room_so_that_no_key_comes_twice(void **state)
{
	(void)state;
	assert_edit(IN_RESOURCES("\"memory\":{\"x\":1,\"limit\": null }"),
		    IN_RESOURCES("\"memory\":{\"x\":1,\"limit\": " MIB128 " }"));
	assert_edit(IN_RESOURCES("\"memory\":null"), IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "}"));
	assert_edit("{\"linux\":{\"x\":1,\"resources\":null}}",
		    "{\"linux\":{\"x\":1,\"resources\":{\"memory\":{\"limit\":" MIB128 "}}}}");
}

static void a_document_without_linux_is_refused(void **state)
{
	(void)state;
	assert_refused("{}", "there is no linux object");
	assert_refused("{\"vm\":{}}", "there is no linux object");
}

/* The text after an edit with these wishes, freed by the caller; and the mark that is left. */
static char *edit_wish(const char *text, const struct edit_wish *wish, struct unified_mark *ret_mark)
{
	struct config config;
	struct edit edit;
	struct error err = {0};
	char *edited;
	size_t length;

	assert_int_equal(config_read(text, strlen(text), &config, &err), 0);
	struct edit_wish whole = *wish;
	if (whole.limit_bytes == 0)
		whole.limit_bytes = config.resources.limit_bytes;
	if (edit_memory(text, &config.resources, &whole, &edit, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_int_equal(edit_apply(text, strlen(text), &edit, &edited, &length, &err), 0);
	assert_int_equal(config_read(edited, length, &config, &err), 0);
	*ret_mark = edit.mark;
	return edited;
}

static void assert_wish(const char *before, const struct edit_wish *wish, const char *after)
{
	struct unified_mark mark;
	char *edited = edit_wish(before, wish, &mark);
	assert_string_equal(edited, after);
	free(edited);
}

#define LOW  "\"memory.low\":\"1048576\""
#define MIN  "\"memory.min\":\"2097152\""
#define HIGH "\"memory.high\":\"33554432\""
static const struct edit_wish all_three = {.unified_bytes = {1 << 20, 2 << 20, 32 << 20}};
static const struct edit_wish low_alone = {.unified_bytes = {[UNIFIED_LOW] = 1 << 20}};

static void protection_is_put_in_where_there_is_none(void **state)
{
	static const char *const cases[][2] = {
		{IN_RESOURCES("\"unified\":{}"), IN_RESOURCES("\"unified\":{" HIGH "," LOW "," MIN "}")},
		{IN_RESOURCES("\"unified\":{ \"x\":\"1\"}"),
		 IN_RESOURCES("\"unified\":{" HIGH "," LOW "," MIN ", \"x\":\"1\"}")},
		{IN_RESOURCES("\"unified\": null "),
		 IN_RESOURCES("\"unified\": {" HIGH "," LOW "," MIN "} ")},
		{IN_RESOURCES("\"unified\":{\"memory.low\" : null,\"memory.high\":null}"),
		 IN_RESOURCES("\"unified\":{" MIN ",\"memory.low\" : \"1048576\"," HIGH "}")},
		{IN_RESOURCES("\"memory\":{}"),
		 IN_RESOURCES("\"unified\":{" HIGH "," LOW "," MIN "},\"memory\":{}")},
		{IN_RESOURCES(""), IN_RESOURCES("\"unified\":{" HIGH "," LOW "," MIN "}")},
		{"{\"linux\":{\"x\":1}}",
		 "{\"linux\":{\"resources\":{\"unified\":{" HIGH "," LOW "," MIN "}},\"x\":1}}"},
		{"{\"linux\":{\"resources\":null}}",
		 "{\"linux\":{\"resources\":{\"unified\":{" HIGH "," LOW "," MIN "}}}}"},
		{"{\"linux\":null}", "{\"linux\":{\"resources\":{\"unified\":{" HIGH "," LOW "," MIN "}}}}"},
	};
	(void)state;

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_wish(cases[i][0], &all_three, cases[i][1]);
}

static void a_limit_and_protection_share_the_objects_that_are_missing(void **state)
{
	const struct edit_wish wish = {.limit_bytes = LIMIT, .unified_bytes = {[UNIFIED_LOW] = 1 << 20}};
	(void)state;

	assert_wish("{\"linux\":{}}", &wish,
		    "{\"linux\":{\"resources\":{\"memory\":{\"limit\":" MIB128 "},\"unified\":{" LOW "}}}}");
	assert_wish(IN_RESOURCES("\"cpu\":{}"), &wish,
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "},\"unified\":{" LOW "},\"cpu\":{}"));
	assert_wish(IN_RESOURCES("\"unified\":{},\"memory\":null"), &wish,
		    IN_RESOURCES("\"unified\":{" LOW "},\"memory\":{\"limit\":" MIB128 "}"));
	assert_wish(IN_RESOURCES("\"unified\":{\"x\":\"\"}"), &wish,
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "},\"unified\":{" LOW ",\"x\":\"\"}"));
}

static void what_a_person_has_put_there_stays(void **state)
{
	static const char *const texts[] = {
		IN_RESOURCES("\"unified\":{\"memory.low\":\"5\"}"),
		IN_RESOURCES("\"unified\":{\"memory.low\":\"0\"}"),
		IN_RESOURCES("\"unified\":{\"memory.low\":\"64M\"}"),
		IN_RESOURCES("\"unified\":{\"memory.low\":\"max\"}"),
		IN_RESOURCES("\"memory\":{\"reservation\":4096}"), /* runtimes write it to memory.low */
	};
	const struct edit_wish high_alone = {.unified_bytes = {[UNIFIED_HIGH] = 32 << 20}};
	(void)state;

	for (size_t i = 0; i < COUNT(texts); i++)
		assert_wish(texts[i], &low_alone, texts[i]);
	assert_wish(IN_RESOURCES("\"unified\":{\"memory.high\":\"max\"}"), &high_alone,
		    IN_RESOURCES("\"unified\":{\"memory.high\":\"max\"}"));
	assert_wish(IN_RESOURCES("\"unified\":{\"memory.min\":\"0\"}"), &all_three,
		    IN_RESOURCES("\"unified\":{" HIGH "," LOW ",\"memory.min\":\"0\"}"));
	/* What is no reservation is none. */
	assert_wish(IN_RESOURCES("\"memory\":{\"reservation\":0}"), &low_alone,
		    IN_RESOURCES("\"unified\":{" LOW "},\"memory\":{\"reservation\":0}"));
}

static void protection_is_held_below_the_limit_and_memory_high(void **state)
{
	const struct edit_wish wish = {.unified_bytes = {UINT64_C(1) << 40, UINT64_C(1) << 40, 0}};
	(void)state;

	assert_wish(IN_RESOURCES("\"memory\":{\"limit\":" MIB64 "}"), &wish,
		    IN_RESOURCES("\"unified\":{\"memory.low\":\"" MIB64 "\",\"memory.min\":\"" MIB64
				 "\"},\"memory\":{\"limit\":" MIB64 "}"));
	assert_wish(IN_RESOURCES("\"unified\":{\"memory.high\":\"8192\"}"), &wish,
		    IN_RESOURCES("\"unified\":{\"memory.low\":\"8192\",\"memory.min\":\"8192\","
				 "\"memory.high\":\"8192\"}"));
}

/* kubelet's memory.min is what the pod requests. */
static void memory_min_never_ends_up_above_the_limit_or_memory_high(void **state)
{
	const struct edit_wish less = {.limit_bytes = UINT64_C(64) << 20};
	const struct edit_wish more = {.limit_bytes = UINT64_C(256) << 20};
	(void)state;

	assert_wish(
		IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "},\"unified\":{\"memory.min\":\"" MIB128 "\"}"),
		&less,
		IN_RESOURCES("\"memory\":{\"limit\":" MIB64 "},\"unified\":{\"memory.min\":\"" MIB64 "\"}"));
	assert_wish(IN_RESOURCES("\"memory\":{\"limit\":" MIB128
				 "},\"unified\":{\"memory.min\":\"83886080\",\"memory.high\":\"100663296\"}"),
		    &less,
		    IN_RESOURCES("\"memory\":{\"limit\":" MIB64
				 "},\"unified\":{\"memory.min\":\"50331648\",\"memory.high\":\"50331648\"}"));
	assert_wish(
		IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "},\"unified\":{\"memory.min\":\"max\"}"), &less,
		IN_RESOURCES("\"memory\":{\"limit\":" MIB64 "},\"unified\":{\"memory.min\":\"" MIB64 "\"}"));
	/* It is an amount, not a share. */
	assert_wish(IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "},\"unified\":{\"memory.min\":\"4096\"}"),
		    &more,
		    IN_RESOURCES("\"memory\":{\"limit\":268435456},\"unified\":{\"memory.min\":\"4096\"}"));
	/* While the limit stays, it is none of ours. */
	assert_wish(
		IN_RESOURCES("\"memory\":{\"limit\":" MIB64 "},\"unified\":{\"memory.min\":\"" MIB128 "\"}"),
		&low_alone,
		IN_RESOURCES("\"memory\":{\"limit\":" MIB64 "},\"unified\":{" LOW ",\"memory.min\":\"" MIB128
			     "\"}"));
	assert_refused(IN_RESOURCES("\"memory\":{\"limit\":5},\"unified\":{\"memory.min\":\"64Mi\"}"),
		       "unified memory.min is no size in bytes: \"64Mi\"");
}

static void memory_high_is_not_set_below_a_memory_min(void **state)
{
	const struct edit_wish wish = {.unified_bytes = {[UNIFIED_HIGH] = 32 << 20}};
	(void)state;

	assert_wish(IN_RESOURCES("\"unified\":{\"memory.min\":\"33554432\"}"), &wish,
		    IN_RESOURCES("\"unified\":{\"memory.min\":\"33554432\"}"));
	assert_wish(IN_RESOURCES("\"unified\":{\"memory.min\":\"33550336\"}"), &wish,
		    IN_RESOURCES("\"unified\":{" HIGH ",\"memory.min\":\"33550336\"}"));
}

static void nothing_that_need_not_move_is_looked_at(void **state)
{
	static const char text[] =
		IN_RESOURCES("\"memory\":{\"limit\":9,\"swap\":5},\"unified\":{\"memory.high\":"
			     "\"x\",\"memory.min\":\"y\"}");
	(void)state;
	assert_wish(text, &(struct edit_wish){.limit_bytes = 9}, text);
}

/* A bundle that is created from again and again. */
static void what_is_ours_is_replaced_or_taken_back(void **state)
{
	static const char before[] = IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "}");
	struct edit_wish wish = all_three;
	struct unified_mark mark;
	(void)state;

	char *first = edit_wish(before, &wish, &wish.mark);
	assert_int_equal(wish.mark.keys, 7);
	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++)
		wish.unified_bytes[key] *= 2;
	char *second = edit_wish(first, &wish, &wish.mark);
	assert_string_equal(
		second, IN_RESOURCES("\"unified\":{\"memory.high\":\"" MIB64 "\",\"memory.low\":\"2097152\","
				     "\"memory.min\":\"4194304\"},\"memory\":{\"limit\":" MIB128 "}"));
	memset(wish.unified_bytes, 0, sizeof wish.unified_bytes);
	char *third = edit_wish(second, &wish, &wish.mark);
	assert_string_equal(third, IN_RESOURCES("\"unified\":{\"memory.high\":\"max\",\"memory.low\":\"0\","
						"\"memory.min\":\"0\"},\"memory\":{\"limit\":" MIB128 "}"));
	memcpy(wish.unified_bytes, all_three.unified_bytes, sizeof wish.unified_bytes);
	char *fourth = edit_wish(third, &wish, &wish.mark);
	assert_string_equal(fourth, first);
	/* What somebody has changed since is not ours any more. */
	static const char changed[] = IN_RESOURCES("\"unified\":{\"memory.low\":\"4096\"}");
	memset(wish.unified_bytes, 0, sizeof wish.unified_bytes);
	wish.mark.keys = 1 << UNIFIED_LOW;
	char *fifth = edit_wish(changed, &wish, &mark);
	assert_string_equal(fifth, changed);
	assert_int_equal(mark.keys, 0);
	free(first);
	free(second);
	free(third);
	free(fourth);
	free(fifth);
}

static void a_memory_min_that_we_lowered_comes_back(void **state)
{
	static const char before[] =
		IN_RESOURCES("\"memory\":{\"limit\":" MIB128 "},\"unified\":{\"memory.min\":\"100663296\"}");
	struct edit_wish wish = {.limit_bytes = UINT64_C(64) << 20};
	(void)state;

	char *first = edit_wish(before, &wish, &wish.mark);
	assert_int_equal(wish.mark.keys, 0);
	assert_int_equal(wish.mark.min_before_bytes, 100663296);
	/* Down once more: what it was is not forgotten. */
	wish.limit_bytes = UINT64_C(32) << 20;
	char *second = edit_wish(first, &wish, &wish.mark);
	assert_non_null(strstr(second, "\"memory.min\":\"33554432\""));
	wish.limit_bytes = LIMIT;
	char *third = edit_wish(second, &wish, &wish.mark);
	assert_string_equal(third, before);
	assert_int_equal(wish.mark.min_before_bytes, 0);
	free(first);
	free(second);
	free(third);
}

/* Of a container that runs, in whose cgroup it is. */
static void what_is_ours_and_not_in_the_text_is_taken_back_there(void **state)
{
	static const char text[] = "{\"memory\":{\"limit\":" MIB128 "}}";
	const struct edit_wish wish = {
		.limit_bytes = LIMIT,
		.mark = {.keys = 1 << UNIFIED_LOW | 1 << UNIFIED_HIGH, .bytes = {5, 0, 6}},
	};
	struct resources resources;
	struct edit edit;
	struct error err;
	char *edited;
	size_t length;
	(void)state;

	assert_int_equal(resources_read(text, strlen(text), &resources, &err), 0);
	assert_int_equal(edit_memory(text, &resources, &wish, &edit, &err), 0);
	assert_int_equal(edit_apply(text, strlen(text), &edit, &edited, &length, &err), 0);
	assert_string_equal(edited, "{\"unified\":{\"memory.high\":\"max\",\"memory.low\":\"0\"},"
				    "\"memory\":{\"limit\":" MIB128 "}}");
	free(edited);
}

static void the_largest_insertion_fits(void **state)
{
	const struct edit_wish wish = {.limit_bytes = INT64_MAX,
				       .unified_bytes = {INT64_MAX, INT64_MAX, INT64_MAX}};
	(void)state;
	assert_wish("{\"linux\":{\"x\":1}}", &wish,
		    "{\"linux\":{\"resources\":{\"memory\":{\"limit\":9223372036854775807},\"unified\":{"
		    "\"memory.high\":\"9223372036854775807\",\"memory.low\":\"9223372036854775807\","
		    "\"memory.min\":\"9223372036854775807\"}},\"x\":1}}");
}

static void an_update_is_edited_alike(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{"{\"memory\":{\"limit\":" MIB64 ",\"swap\":" MIB64 "},\"cpu\":{}}",
		 "{\"memory\":{\"limit\":" MIB128 ",\"swap\":" MIB128 "},\"cpu\":{}}"},
		{" {}\n", " {\"memory\":{\"limit\":" MIB128 "}}\n"},
		{"\f\v{\v}", "\f\v{\"memory\":{\"limit\":" MIB128 "}\v}"}, /* white space to yajl */
		{"{\"memory\":null}", "{\"memory\":{\"limit\":" MIB128 "}}"},
	};
	(void)state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct resources resources;
		struct edit edit;
		struct error err;
		char *edited;
		size_t length, before = strlen(cases[i].before);
		assert_int_equal(resources_read(cases[i].before, before, &resources, &err), 0);
		const struct edit_wish wish = {.limit_bytes = LIMIT};
		assert_int_equal(edit_memory(cases[i].before, &resources, &wish, &edit, &err), 0);
		assert_int_equal(edit_apply(cases[i].before, before, &edit, &edited, &length, &err), 0);
		assert_string_equal(edited, cases[i].after);
		free(edited);
	}
}

static void the_largest_limit_fits_everywhere(void **state)
{
	static const char *const texts[] = {
		"{\"linux\":{\"x\":1}}",
		IN_RESOURCES("\"x\":1"),
		IN_RESOURCES("\"memory\":{\"limit\":1},\"unified\":{\"memory.max\":\"2\",\"memory.high\":"
			     "\"9223372036854775807\"}"),
	};
	(void)state;

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct config config;
		struct error err;
		char *edited;
		size_t length;
		assert_int_equal(
			edit_text(texts[i], strlen(texts[i]), MEMORY_LIMIT_NONE - 1, &edited, &length, &err),
			0);
		assert_int_equal(config_read(edited, length, &config, &err), 0);
		assert_true(config.resources.limit_bytes == MEMORY_LIMIT_NONE - 1);
		free(edited);
	}
}

static void a_refused_edit_leaves_its_result_alone(void **state)
{
	static const char text[] = IN_RESOURCES("\"memory\":{\"limit\":9,\"swap\":5}");
	struct config config;
	struct edit edit = {.n_changes = 77};
	struct error err;
	(void)state;

	assert_int_equal(config_read(text, strlen(text), &config, &err), 0);
	const struct edit_wish wish = {.limit_bytes = LIMIT};
	assert_int_equal(edit_memory(text, &config.resources, &wish, &edit, &err), -EBADMSG);
	assert_int_equal(edit.n_changes, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limit_is_all_that_changes),
		cmocka_unit_test(every_fixture_changes_in_its_limit_alone),
		cmocka_unit_test(swap_keeps_its_distance),
		cmocka_unit_test(swap_that_makes_no_sense_is_refused),
		cmocka_unit_test(unified_moves_in_proportion),
		cmocka_unit_test(a_memory_max_that_wins_is_what_changes),
		cmocka_unit_test(a_small_amount_never_becomes_none),
		cmocka_unit_test(a_memory_high_that_cannot_move_is_refused),
		cmocka_unit_test(a_limit_is_put_in_where_there_is_none),
		cmocka_unit_test(a_null_makes_room_so_that_no_key_comes_twice),
		cmocka_unit_test(a_document_without_linux_is_refused),
		cmocka_unit_test(protection_is_put_in_where_there_is_none),
		cmocka_unit_test(a_limit_and_protection_share_the_objects_that_are_missing),
		cmocka_unit_test(what_a_person_has_put_there_stays),
		cmocka_unit_test(protection_is_held_below_the_limit_and_memory_high),
		cmocka_unit_test(memory_min_never_ends_up_above_the_limit_or_memory_high),
		cmocka_unit_test(memory_high_is_not_set_below_a_memory_min),
		cmocka_unit_test(nothing_that_need_not_move_is_looked_at),
		cmocka_unit_test(what_is_ours_is_replaced_or_taken_back),
		cmocka_unit_test(a_memory_min_that_we_lowered_comes_back),
		cmocka_unit_test(what_is_ours_and_not_in_the_text_is_taken_back_there),
		cmocka_unit_test(the_largest_insertion_fits),
		cmocka_unit_test(an_update_is_edited_alike),
		cmocka_unit_test(the_largest_limit_fits_everywhere),
		cmocka_unit_test(a_refused_edit_leaves_its_result_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
