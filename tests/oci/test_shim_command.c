/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct command parse(const char *const *args)
{
	const char *argv[24] = {"containerd-shim-tidemark-kata-v2"};
	int argc = 1;

	for (; args[argc - 1]; argc++)
		argv[argc] = args[argc - 1];
	return shim_command_parse(argc, (char *const *)argv);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void assert_parsed(struct command command, enum verb verb, const char *id, const char *bundle)
{
	assert_int_equal(command.verb, verb);
	assert_string_equal(command.id ? command.id : "(none)", id ? id : "(none)");
	assert_string_equal(command.bundle ? command.bundle : "(none)", bundle ? bundle : "(none)");
	assert_null(command.pid_file);
	assert_null(command.resources);
	assert_false(command.force);
}

static void start_is_read_as_its_callers_write_it(void **state)
{
	(void)state;
	/* CRI-O; the address is empty, and --address= comes so from others. */
	assert_parsed(PARSE("-namespace", "default", "-address", "", "-publish-binary", "/usr/bin/crio",
			    "-id", "abc", "-debug", "start"),
		      VERB_SHIM_START, "abc", NULL);
	/* containerd 1.7 */
	assert_parsed(PARSE("-namespace", "k8s.io", "-address", "/run/containerd/containerd.sock",
			    "-publish-binary", "/usr/bin/containerd", "-id", "abc", "start"),
		      VERB_SHIM_START, "abc", NULL);
	assert_parsed(PARSE("--namespace=n", "--id=abc", "--bundle", "/b", "start"), VERB_SHIM_START, "abc",
		      "/b");
	assert_parsed(PARSE("-debug=true", "-id", "abc", "--", "start"), VERB_SHIM_START, "abc", NULL);
	/* What follows the verb is nobody's. */
	assert_parsed(PARSE("-id", "abc", "start", "-id", "other", "delete"), VERB_SHIM_START, "abc", NULL);
}

static void delete_tells_the_bundle(void **state)
{
	(void)state;
	assert_parsed(PARSE("-namespace", "n", "-address", "a", "-publish-binary", "p", "-id", "abc",
			    "-bundle", "/b/abc", "delete"),
		      VERB_SHIM_DELETE, "abc", "/b/abc");
	assert_parsed(PARSE("-id", "abc", "-bundle=", "delete"), VERB_SHIM_DELETE, "abc", NULL);
}

static void the_last_of_a_flag_holds_as_in_go(void **state)
{
	(void)state;
	assert_parsed(PARSE("-id", "a", "--id", "b", "-bundle", "/c", "-bundle=/d", "start"), VERB_SHIM_START,
		      "b", "/d");
}

static void value_may_look_like_a_flag_or_a_verb(void **state)
{
	(void)state;
	assert_parsed(PARSE("-id", "start", "-namespace", "-debug", "delete"), VERB_SHIM_DELETE, "start",
		      NULL);
	assert_parsed(PARSE("-id=-v", "-socket", "--", "start"), VERB_SHIM_START, "-v", NULL);
}

static void what_is_not_understood_is_passed_through(void **state)
{
	(void)state;
	const struct command commands[] = {
		PARSE(NULL),
		PARSE("start"),
		PARSE("delete"),
		PARSE("-id", "", "start"),
		PARSE("-id", "abc"),
		/* The daemon that a shim makes of itself. */
		PARSE("-namespace", "default", "-id", "abc", "-address", "/a", "-publish-binary", "/p",
		      "-socket", "s"),
		PARSE("-id", "abc", "serve"),
		PARSE("-id", "abc", "Start"),
		PARSE("-id", "abc", "", "start"),
		PARSE("-id", "abc", "-", "start"),
		PARSE("-v"),
		PARSE("--version"),
		PARSE("-info"),
		PARSE("-info", "-id", "abc", "start"),
		PARSE("-id", "abc", "-h", "start"),
		PARSE("-id", "abc", "--help", "start"),
		/* A flag of after our time: whether it takes a value cannot be told. */
		PARSE("-id", "abc", "-sandboxer", "start"),
		PARSE("-id", "abc", "---debug", "start"),
		PARSE("-id", "abc", "-=x", "start"),
		PARSE("-idabc", "start"),
		PARSE("start", "-id", "abc"),
		PARSE("-id"),
		PARSE("-id", "abc", "-bundle"),
	};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		assert_parsed(commands[i], VERB_OTHER, NULL, NULL);
	assert_parsed(shim_command_parse(0, (char *const[]){NULL}), VERB_OTHER, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_is_read_as_its_callers_write_it),
		cmocka_unit_test(delete_tells_the_bundle),
		cmocka_unit_test(the_last_of_a_flag_holds_as_in_go),
		cmocka_unit_test(value_may_look_like_a_flag_or_a_verb),
		cmocka_unit_test(what_is_not_understood_is_passed_through),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
