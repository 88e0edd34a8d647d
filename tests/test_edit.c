/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/edit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/document.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define MIB64  "67108864"
#define MIB128 "134217728"
#define LIMIT  (UINT64_C(128) << 20) /* what the tests ask for */

static int edit_text(const char *text, size_t length, uint64_t limit_bytes, char **ret_text,
		     size_t *ret_length, struct error *err)
{
	struct config config;
	struct edit edit;

	assert_int_equal(config_read(text, length, &config, err), 0);
	int r = edit_limit(text, &config.resources, limit_bytes, &edit, err);
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
	assert_refused(IN_RESOURCES("\"memory\":{\"limit\":5,\"swap\":9223372036854775807}"),
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
	assert_refused(IN_RESOURCES("\"memory\":{\"limit\":5},\"unified\":{\"memory.high\":\"64M\"}"),
		       "unified memory.high is no size in bytes: \"64M\"");
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
		assert_int_equal(edit_limit(cases[i].before, &resources, LIMIT, &edit, &err), 0);
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
		assert_int_equal(edit_text(texts[i], strlen(texts[i]), INT64_MAX, &edited, &length, &err), 0);
		assert_int_equal(config_read(edited, length, &config, &err), 0);
		assert_true(config.resources.limit_bytes == INT64_MAX);
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
	assert_int_equal(edit_limit(text, &config.resources, LIMIT, &edit, &err), -EBADMSG);
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
		cmocka_unit_test(an_update_is_edited_alike),
		cmocka_unit_test(the_largest_limit_fits_everywhere),
		cmocka_unit_test(a_refused_edit_leaves_its_result_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
