/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/vm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cgroups/file.h"
#include "cgroups/quantity.h"
#include "tests/fixture.h"

#define MEMORY_KEY  "io.kubernetes.cri.sandbox-memory"
#define DEFAULT_KEY "io.katacontainers.config.hypervisor.default_memory"

static void read_config(const char *text, struct config *ret)
{
	struct error err = {0};
	if (config_read(text, strlen(text), ret, &err) < 0)
		fail_msg("%s", err.text);
}

/* The text with its annotation set. */
static char *edited(const char *text, enum vm_size size, uint64_t bytes)
{
	struct config config;
	struct edit edit;
	struct error err = {0};
	char *result;
	size_t length;

	read_config(text, &config);
	if (vm_edit_size(text, &config, size, bytes, &edit, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(edit_apply(text, strlen(text), &edit, &result, &length, &err), 0);
	assert_int_equal(strlen(result), length);
	return result;
}

static void assert_edited(const char *text, enum vm_size size, uint64_t bytes, const char *expected)
{
	char *result = edited(text, size, bytes);
	assert_string_equal(result, expected);
	free(result);
}

static void what_crio_says_of_the_pod_is_read(void **state)
{
	char path[512], *text;
	size_t length;
	struct config config;
	(void)state;

	snprintf(path, sizeof path, "%s/sandbox-vm.json", getenv("TIDEMARK_FIXTURES"));
	assert_int_equal(file_load_at(AT_FDCWD, path, 1 << 20, &text, &length, NULL), 0);
	read_config(text, &config);
	assert_int_equal(vm_declared_of(text, &config), 64 * MIB);
	assert_int_equal(vm_overhead_of(text, &config), 0); /* "{}" */
	free(text);
}

static void both_keys_of_the_overhead_are_known_and_the_newer_wins(void **state)
{
	static const char old[] =
		"{\"annotations\":{\"io.kubernetes.cri-o.PodLinuxOverhead\":"
		"\"{\\\"cpu_period\\\":1,\\\"memory_limit_in_bytes\\\":167772160}\","
		"\"io.kubernetes.cri-o.PodLinuxResources\":\"{\\\"memory_limit_in_bytes\\\":5}\"}}";
	static const char both[] = "{\"annotations\":{\"io.kubernetes.cri-o.PodLinuxOverhead\":"
				   "\"{\\\"memory_limit_in_bytes\\\":1}\",\"pod-linux-overhead.crio.io\":"
				   "\"{\\\"memory_limit_in_bytes\\\":2}\"}}";
	struct config config;
	(void)state;

	read_config(old, &config);
	assert_int_equal(vm_overhead_of(old, &config), 160 * MIB);
	assert_int_equal(vm_declared_of(old, &config), 5);
	read_config(both, &config);
	assert_int_equal(vm_overhead_of(both, &config), 2);
	assert_int_equal(vm_declared_of(both, &config), 0);
}

static void overhead_that_is_not_understood_is_none(void **state)
{
	static const char *const values[] = {
		"7",
		"\"\"",
		"\"much\"",
		"\"[]\"",
		"\"{\\\"memory_limit_in_bytes\\\":-1}\"",
		"\"{\\\"memory_limit_in_bytes\\\":9223372036854775808}\"",
		"\"{\\\"memory_limit_in_bytes\\\":\\\"1\\\"}\"",
		"\"{\\\"memory_limit_in_bytes\\\":1\"",
		"{}",
		"null",
	};
	char text[256];
	struct config config;
	(void)state;

	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		snprintf(text, sizeof text, "{\"annotations\":{\"pod-linux-overhead.crio.io\":%s}}",
			 values[i]);
		read_config(text, &config);
		assert_int_equal(vm_overhead_of(text, &config), 0);
	}
}

static void size_that_is_there_is_read(void **state)
{
	static const char text[] =
		"{\"annotations\":{\"" MEMORY_KEY "\":\"1048577\",\"" DEFAULT_KEY "\":\"512\"}}";
	struct config config;
	uint64_t bytes;
	(void)state;

	read_config(text, &config);
	assert_int_equal(vm_size_of(text, &config, VM_SIZE_SANDBOX_MEMORY, &bytes, NULL), 0);
	assert_int_equal(bytes, 1048577);
	assert_int_equal(vm_size_of(text, &config, VM_SIZE_DEFAULT_MEMORY, &bytes, NULL), 0);
	assert_int_equal(bytes, 512 * MIB);
	read_config("{\"annotations\":{}}", &config);
	assert_int_equal(vm_size_of("{\"annotations\":{}}", &config, VM_SIZE_DEFAULT_MEMORY, &bytes, NULL),
			 0);
	assert_int_equal(bytes, 0);
}

static void size_that_is_no_amount_is_told(void **state)
{
	static const char *const values[] = {"\"\"",
					     "\"1Gi\"",
					     "\"-1\"",
					     "512",
					     "true",
					     "\"1e9\"",
					     "\" 512\"",
					     "\"9223372036854775807\"",
					     "\"99999999999999999999\""};
	char text[256];
	struct config config;
	struct error err;
	uint64_t bytes = 7;
	(void)state;

	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		snprintf(text, sizeof text, "{\"annotations\":{\"" DEFAULT_KEY "\":%s}}", values[i]);
		read_config(text, &config);
		assert_int_equal(vm_size_of(text, &config, VM_SIZE_DEFAULT_MEMORY, &bytes, &err), -EBADMSG);
		assert_string_equal(err.text, DEFAULT_KEY " is no amount");
		assert_int_equal(bytes, 7);
	}
}

static void annotation_is_set_and_nothing_else_changes(void **state)
{
	(void)state;
	assert_edited("{ \"annotations\" : {\"a\":\"1\" } ,\"x\":[1.0]}", VM_SIZE_SANDBOX_MEMORY, 12345,
		      "{ \"annotations\" : {\"" MEMORY_KEY "\":\"12345\",\"a\":\"1\" } ,\"x\":[1.0]}");
	assert_edited("{\"annotations\":{ }}", VM_SIZE_DEFAULT_MEMORY, 300 * MIB,
		      "{\"annotations\":{\"" DEFAULT_KEY "\":\"300\" }}");
	assert_edited("{\"annotations\":{\"b\":\"\",\"" MEMORY_KEY "\": \"9\\u0030\" ,\"a\":\"\"}}",
		      VM_SIZE_SANDBOX_MEMORY, 7,
		      "{\"annotations\":{\"b\":\"\",\"" MEMORY_KEY "\": \"7\" ,\"a\":\"\"}}");
	assert_edited("{\"annotations\":{\"" MEMORY_KEY "\":null}}", VM_SIZE_SANDBOX_MEMORY, 7,
		      "{\"annotations\":{\"" MEMORY_KEY "\":\"7\"}}");
	assert_edited("{\"annotations\":null,\"x\":1}", VM_SIZE_SANDBOX_MEMORY, 7,
		      "{\"annotations\":{\"" MEMORY_KEY "\":\"7\"},\"x\":1}");
}

static void size_is_rounded_up_to_the_annotations_unit(void **state)
{
	(void)state;
	assert_edited("{\"annotations\":{}}", VM_SIZE_DEFAULT_MEMORY, 300 * MIB + 1,
		      "{\"annotations\":{\"" DEFAULT_KEY "\":\"301\"}}");
	assert_edited("{\"annotations\":{}}", VM_SIZE_SANDBOX_MEMORY, UINT64_MAX,
		      "{\"annotations\":{\"" MEMORY_KEY "\":\"18446744073709551615\"}}");
}

static void sandbox_without_annotations_cannot_be_sized(void **state)
{
	struct config config;
	struct edit edit;
	struct error err;
	(void)state;

	read_config("{}", &config);
	assert_int_equal(vm_edit_size("{}", &config, VM_SIZE_SANDBOX_MEMORY, 7, &edit, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "there are no annotations to put " MEMORY_KEY " into"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_crio_says_of_the_pod_is_read),
		cmocka_unit_test(both_keys_of_the_overhead_are_known_and_the_newer_wins),
		cmocka_unit_test(overhead_that_is_not_understood_is_none),
		cmocka_unit_test(size_that_is_there_is_read),
		cmocka_unit_test(size_that_is_no_amount_is_told),
		cmocka_unit_test(annotation_is_set_and_nothing_else_changes),
		cmocka_unit_test(size_is_rounded_up_to_the_annotations_unit),
		cmocka_unit_test(sandbox_without_annotations_cannot_be_sized),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
