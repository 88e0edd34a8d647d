/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/runtime.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/fixture.h"

static void the_programs_name_says_the_runtime(void **state)
{
	(void)state;
	assert_string_equal(runtime_from_program("tidemark-crun"), "crun");
	assert_string_equal(runtime_from_program("/usr/bin/tidemark-runc"), "runc");
	assert_string_equal(runtime_from_program("./tidemark-a-b"), "a-b");
	assert_string_equal(runtime_from_program("/opt/tidemark-x/tidemark-crun"), "crun");
}

static void a_plain_name_says_none(void **state)
{
	static const char *const names[] = {
		"tidemark",        "/usr/bin/tidemark",    "tidemark-",      "tidemarkd",    "crun", "", "/",
		"/tidemark-crun/", "/opt/tidemark-crun/x", "xtidemark-crun", "Tidemark-crun"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_null(runtime_from_program(names[i]));
}

static void a_path_is_taken_as_it_is(void **state)
{
	char path[64];
	struct error err;
	(void)state;

	/* Whether it is there, execve() says. */
	assert_int_equal(runtime_find("crun", "/nowhere/crun", path, sizeof path, &err), 0);
	assert_string_equal(path, "/nowhere/crun");
}

static void a_name_is_looked_for_where_runtimes_are(void **state)
{
	char path[64];
	struct error err;
	(void)state;

	assert_int_equal(runtime_find("env", "", path, sizeof path, &err), 0);
	assert_int_equal(path[0], '/');
	assert_int_equal(access(path, X_OK), 0);
}

static void a_runtime_that_is_not_installed_is_named(void **state)
{
	char path[64];
	struct error err;
	(void)state;

	assert_int_equal(runtime_find("no-such-runtime", "", path, sizeof path, &err), -ENOENT);
	assert_non_null(strstr(err.text, "the runtime no-such-runtime is not installed"));
}

static void we_are_never_our_own_runtime(void **state)
{
	const struct fixture *fixture = *state;
	char self[512], link[1024], path[2048];
	struct error err;

	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	assert_true(n > 0);
	self[n] = '\0';
	assert_int_equal(runtime_find("crun", self, path, sizeof path, &err), -ELOOP);
	assert_non_null(strstr(err.text, "is tidemark itself"));
	assert_int_equal(symlinkat(self, fixture->root_fd, "crun"), 0);
	snprintf(link, sizeof link, "%s/crun", fixture->path);
	assert_int_equal(runtime_find("crun", link, path, sizeof path, &err), -ELOOP);
	/* By name as well: "/usr/bin/../../<self>" is found in the first of the directories. */
	snprintf(link, sizeof link, "../..%s", self);
	assert_int_equal(runtime_find(link, "", path, sizeof path, &err), -ELOOP);
	assert_non_null(strstr(err.text, "is tidemark itself"));
}

static void a_path_is_never_cut(void **state)
{
	char path[8] = "";
	struct error err;
	(void)state;

	assert_int_equal(runtime_find("crun", "/1234567", path, sizeof path, &err), -ENAMETOOLONG);
	assert_int_equal(runtime_find("crun", "/123456", path, sizeof path, &err), 0);
	assert_int_equal(runtime_find("a-name-that-does-not-fit", "", path, sizeof path, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_programs_name_says_the_runtime),
		cmocka_unit_test(a_plain_name_says_none),
		cmocka_unit_test(a_path_is_taken_as_it_is),
		cmocka_unit_test(a_name_is_looked_for_where_runtimes_are),
		cmocka_unit_test(a_runtime_that_is_not_installed_is_named),
		FIXTURE_TEST(we_are_never_our_own_runtime),
		cmocka_unit_test(a_path_is_never_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
