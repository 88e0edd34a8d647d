/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shim/ctl/toml.h"

static char seen[2048];

/* "table/key=value@line;" */
static int see(const struct toml_entry *entry, void *data, struct error *err)
{
	size_t used = strlen(seen);

	(void)err;
	for (size_t i = 0; i < entry->n_parts; i++)
		used += (size_t)snprintf(seen + used, sizeof seen - used, "%s%s", i > 0 ? "/" : "",
					 entry->part[i]);
	(void)snprintf(seen + used, sizeof seen - used, "=%.*s@%u;", (int)entry->length, entry->value,
		       entry->line);
	return data ? *(int *)data : 0;
}

static void assert_walk(const char *text, const char *expected)
{
	struct error err = {0};

	seen[0] = '\0';
	if (toml_walk(text, strlen(text), see, NULL, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_string_equal(seen, expected);
}

static void keys_have_their_tables_names(void **state)
{
	(void)state;
	assert_walk("", "");
	assert_walk("a = 1\n[b]\nc=2\n[ d . \"e.f\" ] # x\ng-h.'i j' = true\n[k]\r\nl = 3\r\n",
		    "a=1@1;b/c=2@3;d/e.f/g-h/i j=true@5;k/l=3@7;");
}

static void values_are_as_they_are_written(void **state)
{
	(void)state;
	assert_walk("a = \"# [x] \\\" \" \t# no\nb = 'c\\'\n", "a=\"# [x] \\\" \"@1;b='c\\'@2;");
	assert_walk("a = [ # one ]\n \"]\", [ 1, ], # two\n]\nb = 1\n",
		    "a=[ # one ]\n \"]\", [ 1, ], # two\n]@1;b=1@4;");
	assert_walk("a = {\"b\" = \"}\", c = [ '{' ]}", "a={\"b\" = \"}\", c = [ '{' ]}@1;");
	assert_walk("a = \"\"\"x\n[t]\n\\\"\"\" b = 1\n\"\"\"\"\"\nc = '''\n'''\nd = \"\"\n",
		    "a=\"\"\"x\n[t]\n\\\"\"\" b = 1\n\"\"\"\"\"@1;c='''\n'''@5;d=\"\"@7;");
}

static void arrays_of_tables_are_passed_over(void **state)
{
	(void)state;
	assert_walk("[[a]]\nb = 1\n[c]\nd = 2\n[[ a . b ]]\ne = 3\n", "c/d=2@4;");
}

static void what_is_not_understood_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} cases[] = {
		{"a", 1},
		{"a =", 1},
		{"\n= 1", 2},
		{"a = 1\n\nb = \"x\ny\"", 3},
		{"a = [\n1,\n", 3},
		{"a = [ 1 }", 1},
		{"a = ]", 1},
		{"a = [[[[[[[[[[[[[[[[[", 1},
		{"[a", 1},
		{"[a]b = 1", 1},
		{"[[a]\nb = 1", 1},
		{"[]", 1},
		{"[a..b]", 1},
		{"\"a\\u0041\" = 1", 1},
		{"\"a = 1", 1},
		{"a b = 1", 1},
		{"a = \"\"\"x\n\n", 3},
		{"a = \"x\\", 1},
		{"a.b.c.d.e.f.g.h.i = 1", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error err = {0};
		char line[32];
		(void)snprintf(line, sizeof line, "line %u: ", cases[i].line);
		if (toml_walk(cases[i].text, strlen(cases[i].text), see, NULL, &err) != -EINVAL)
			fail_msg("%s is not refused", cases[i].text);
		if (strncmp(err.text, line, strlen(line)) != 0)
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

static void long_names_are_refused(void **state)
{
	char text[1200];
	struct error err;

	(void)state;
	memset(text, 'a', sizeof text);
	memcpy(text + sizeof text - 5, " = 1", 5);
	assert_int_equal(toml_walk(text, sizeof text - 1, see, NULL, &err), -EINVAL);
}

static void walk_ends_where_it_is_told_to(void **state)
{
	int stop = -EBUSY;

	(void)state;
	seen[0] = '\0';
	assert_int_equal(toml_walk("a = 1\nb = 2", 11, see, &stop, NULL), -EBUSY);
	assert_string_equal(seen, "a=1@1;");
}

static void plain_strings_are_read(void **state)
{
	char text[8];

	(void)state;
	assert_int_equal(toml_string("\"/a b\"", 6, text, sizeof text), 0);
	assert_string_equal(text, "/a b");
	assert_int_equal(toml_string("''", 2, text, sizeof text), 0);
	assert_string_equal(text, "");
	assert_int_equal(toml_string("\"", 1, text, sizeof text), -EINVAL);
	assert_int_equal(toml_string("\"a'", 3, text, sizeof text), -EINVAL);
	assert_int_equal(toml_string("true", 4, text, sizeof text), -EINVAL);
	assert_int_equal(toml_string("\"a\\n\"", 5, text, sizeof text), -EINVAL);
	assert_int_equal(toml_string("\"\"\"a\"\"\"", 7, text, sizeof text), -EINVAL);
	assert_int_equal(toml_string("\"1234567\"", 9, text, sizeof text), 0);
	assert_int_equal(toml_string("\"12345678\"", 10, text, sizeof text), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_their_tables_names),
		cmocka_unit_test(values_are_as_they_are_written),
		cmocka_unit_test(arrays_of_tables_are_passed_over),
		cmocka_unit_test(what_is_not_understood_is_refused_with_its_line),
		cmocka_unit_test(long_names_are_refused),
		cmocka_unit_test(walk_ends_where_it_is_told_to),
		cmocka_unit_test(plain_strings_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
