/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/annotations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static char faults[4096];

static void on_fault(const char *key, const char *why, void *data)
{
	size_t used = strlen(faults);
	assert_ptr_equal(data, faults);
	snprintf(faults + used, sizeof faults - used, "%s: %s\n", key, why);
}

/* Of the container "app", whose pod has these annotations. */
static struct annotations read_annotations(const char *members)
{
	static char text[65536];
	struct config config;
	struct annotations annotations;
	struct error err;

	snprintf(text, sizeof text,
		 "{\"annotations\":{\"io.kubernetes.container.name\":\"app\",\"io.kubernetes.pod.name\":"
		 "\"p\"%s}}",
		 members);
	assert_int_equal(config_read(text, strlen(text), &config, &err), 0);
	faults[0] = '\0';
	annotations_read(text, &config, &annotations, on_fault, faults);
	return annotations;
}

static void pod_without_them_asks_for_nothing(void **state)
{
	(void)state;
	struct annotations a = read_annotations("");
	assert_string_equal(a.mode, "");
	assert_string_equal(a.workload, "");
	assert_true(a.limit_bytes == 0 && a.request_bytes == 0);
	assert_string_equal(faults, "");
}

static void all_three_are_read(void **state)
{
	(void)state;
	struct annotations a = read_annotations(
		",\"tidemark.dev/mode\":\"observ\\u0065\",\"tidemark.dev/workload\":\"shop-2.eu\","
		"\"tidemark.dev/overrides\":\"{\\\"sidecar\\\": {\\\"limit\\\": \\\"1Gi\\\"}, "
		"\\\"app\\\": {\\\"request\\\": \\\"256Mi\\\", \\\"limit\\\": \\\"512Mi\\\"}}\"");
	assert_string_equal(faults, "");
	assert_string_equal(a.mode, "observe");
	assert_string_equal(a.workload, "shop-2.eu");
	assert_true(a.request_bytes == 256 * MIB);
	assert_true(a.limit_bytes == 512 * MIB);
}

static void other_containers_overrides_are_passed_over(void **state)
{
	(void)state;
	struct annotations a = read_annotations(
		",\"tidemark.dev/overrides\":\"{\\\"sidecar\\\": {\\\"limit\\\": \\\"1Gi\\\"}}\"");
	assert_true(a.limit_bytes == 0);
	assert_string_equal(faults, "");
}

static void bad_overrides_are_told_and_not_taken(void **state)
{
	static const char *const bad[] = {
		"",
		"512Mi",
		"{",
		"[]",
		"{\\\"app\\\": \\\"512Mi\\\"}",
		"{\\\"app\\\": {\\\"limit\\\": 512}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"much\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"-1\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"0\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"99999999Ti\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"9223372036854775808\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"1e3\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\" 512Mi\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"512Mi \\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"0x10000000\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"inf\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"51\\\\u00002Mi\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"512Mi\\\"}} {}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"1Mi\\\", \\\"request\\\": \\\"2Mi\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"1Mi\\\"}, \\\"app\\\": {\\\"limit\\\": \\\"2Mi\\\"}}",
		"{\\\"app\\\": {\\\"limit\\\": \\\"1Mi\\\", \\\"request\\\": \\\"lots\\\"}}",
	};
	char members[512];
	(void)state;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(members, sizeof members, ",\"tidemark.dev/overrides\":\"%s\"", bad[i]);
		struct annotations a = read_annotations(members);
		assert_true(a.limit_bytes == 0 && a.request_bytes == 0);
		if (i == 0)
			continue; /* empty: nothing asked for */
		assert_int_equal(strncmp(faults, "tidemark.dev/overrides: ", 24), 0);
		assert_ptr_equal(strchr(faults, '\n'), faults + strlen(faults) - 1);
	}
}

/* The container's name is part of a path to json_read(), and must mean its own key there and no other. */
static void name_of_the_container_is_no_path(void **state)
{
	static const struct {
		const char *name, *overrides;
	} cases[] = {
		{"a>b", "{\\\"a\\\": {\\\"b\\\": {\\\"limit\\\": \\\"1Gi\\\"}}}"},
		{"a>b", "{\\\"a>b\\\": {\\\"limit\\\": \\\"1Gi\\\"}}"},
		{"", "{\\\"\\\": {\\\"limit\\\": \\\"1Gi\\\"}}"},
		{"\\u00e4", "{\\\"\u00e4\\\": {\\\"limit\\\": \\\"1Gi\\\"}}"},
		{"a\\\"", "{\\\"a\\\\\\\"\\\": {\\\"limit\\\": \\\"1Gi\\\"}}"},
	};
	char text[512];
	struct config config;
	struct annotations a;
	struct error err;
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(text, sizeof text,
			 "{\"annotations\":{\"io.kubernetes.container.name\":\"%s\","
			 "\"tidemark.dev/overrides\":\"%s\"}}",
			 cases[i].name, cases[i].overrides);
		assert_int_equal(config_read(text, strlen(text), &config, &err), 0);
		faults[0] = '\0';
		annotations_read(text, &config, &a, on_fault, faults);
		assert_true(a.limit_bytes == 0);
		assert_non_null(strstr(faults, "tidemark.dev/overrides: the container has no name"));
	}
}

static void one_bad_annotation_does_not_spoil_the_others(void **state)
{
	char members[33000];
	(void)state;

	snprintf(members, sizeof members,
		 ",\"tidemark.dev/mode\":7,\"tidemark.dev/workload\":\"../kube-system/dns\","
		 "\"tidemark.dev/overrides\":\"{\\\"app\\\":{\\\"limit\\\":\\\"64Mi\\\"}}\"");
	struct annotations a = read_annotations(members);
	assert_true(a.limit_bytes == 64 * MIB);
	assert_string_equal(a.mode, "");
	assert_string_equal(a.workload, "");
	assert_non_null(strstr(faults, "tidemark.dev/mode: "));
	assert_non_null(strstr(faults, "tidemark.dev/workload: not a name"));

	snprintf(members, sizeof members,
		 ",\"tidemark.dev/mode\":\"%032000d\",\"tidemark.dev/workload\":\"w\"", 7);
	a = read_annotations(members);
	assert_string_equal(a.mode, "");
	assert_string_equal(a.workload, "w");
	assert_non_null(strstr(faults, "tidemark.dev/mode: longer than"));
}

static void names_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"-a", "a-", ".a",   "a/b",  "A",    "a_b",   "a b",
					  "..", "ä",  "a..b", "a.-b", "a-.b", "a%2Fb", "a\\nb"};
	char members[512];
	(void)state;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(members, sizeof members, ",\"tidemark.dev/workload\":\"%s\"", bad[i]);
		assert_string_equal(read_annotations(members).workload, "");
		assert_true(faults[0] != '\0');
	}
	/* One more than Kubernetes has, and one more than we have room for. */
	for (int length = 253; length <= 256; length++) {
		snprintf(members, sizeof members, ",\"tidemark.dev/workload\":\"%0*d\"", length, 7);
		assert_int_equal(strlen(read_annotations(members).workload), length == 253 ? 253 : 0);
		assert_true((faults[0] != '\0') == (length > 253));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pod_without_them_asks_for_nothing),
		cmocka_unit_test(all_three_are_read),
		cmocka_unit_test(other_containers_overrides_are_passed_over),
		cmocka_unit_test(bad_overrides_are_told_and_not_taken),
		cmocka_unit_test(name_of_the_container_is_no_path),
		cmocka_unit_test(one_bad_annotation_does_not_spoil_the_others),
		cmocka_unit_test(names_that_are_none_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
