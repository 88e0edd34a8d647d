/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/document.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define WITH_MEMORY(memory) "{\"linux\":{\"resources\":{\"memory\":" memory "}}}"
#define WITH_LIMIT(limit)   WITH_MEMORY("{\"limit\":" limit "}")
#define WITH_MAX(max)       "{\"linux\":{\"resources\":{\"unified\":{\"memory.max\":" max "}}}}"

static void assert_limit(const char *text, uint64_t limit_bytes)
{
	struct config config;
	struct error err = {0};

	if (config_read(text, strlen(text), &config, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_true(config.resources.limit_bytes == limit_bytes);
}

static void assert_refused(const char *text, const char *why)
{
	struct config config = {.pod_uid = "kept"};
	struct error err = {0};

	assert_int_equal(config_read(text, strlen(text), &config, &err), -EBADMSG);
	assert_int_equal(err.code, EBADMSG);
	if (!strstr(err.text, why))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, err.text, why);
	assert_string_equal(config.pod_uid, "kept");
}

static void assert_span(const char *text, struct json_span span, const char *expected)
{
	assert_int_equal(span.length, strlen(expected));
	assert_memory_equal(text + span.at, expected, span.length);
}

static void a_container_of_crio_is_understood(void **state)
{
	struct config config;
	struct error err;
	size_t length;
	(void)state;

	char *text = document_load("container-web.json", &length);
	assert_int_equal(config_read(text, length, &config, &err), 0);
	assert_string_equal(config.pod_name, "web-6d4b75cb6d-hwpqx");
	assert_string_equal(config.container_type, "container");
	assert_int_equal(strlen(config.sandbox_id), 64);
	assert_true(config.pod_namespace[0] && config.container_name[0] && config.pod_uid[0] &&
		    config.image_ref[0]);
	assert_int_equal(config.oom_score_adj, 999);
	assert_int_equal(config.resources.limit_bytes, 64 << 20);
	assert_span(text, config.resources.limit, "67108864");
	assert_false(config_is_sandbox(&config));
	free(text);
}

static void every_fixture_is_understood(void **state)
{
	static const struct {
		const char *name;
		bool is_sandbox;
	} cases[] = {
		{"container-web.json", false},  {"container-short-cni.json", false},
		{"container-runc.json", false}, {"sandbox-spoofed.json", true},
		{"sandbox-vm.json", true},
	};
	(void)state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config config;
		struct error err = {0};
		size_t length;
		char *text = document_load(cases[i].name, &length);
		assert_int_equal(config_read(text, length, &config, &err), 0);
		assert_int_equal(config_is_sandbox(&config), cases[i].is_sandbox);
		free(text);
	}
}

static void every_cut_of_a_document_is_refused(void **state)
{
	struct config config;
	struct error err;
	size_t length;
	(void)state;

	char *text = document_load("container-web.json", &length);
	while (length > 0 && text[length - 1] != '}')
		length--;
	for (size_t cut = 0; cut < length; cut += cut < length - 200 ? 37 : 1) {
		assert_int_equal(config_read(text, cut, &config, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "not JSON, or cut off, near byte"));
	}
	free(text);
}

/* Where no kubelet writes it, a pod's author may. */
static void the_role_is_one_of_the_kubelets_words_or_not_known(void **state)
{
	static const struct {
		const char *value;
		int role;
	} cases[] = {
		{"\"container\"", ROLE_CONTAINER},
		{"\"init\"", ROLE_INIT},
		{"\"ephemeral\"", ROLE_EPHEMERAL},
		{"\"Init\"", ROLE_UNKNOWN},
		{"\"\"", ROLE_UNKNOWN},
		{"\"unknown\"", ROLE_UNKNOWN},
		{"\"a role that would not fit into any buffer that one would have for it\"", ROLE_UNKNOWN},
		{"null", ROLE_UNKNOWN},
		{"[1]", ROLE_UNKNOWN},
		{"{\"init\":1}", ROLE_UNKNOWN},
	};
	(void)state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[256];
		struct config config;
		struct error err;
		snprintf(text, sizeof text, "{\"annotations\":{\"io.kubernetes.container.type\":%s}}",
			 cases[i].value);
		assert_int_equal(config_read(text, strlen(text), &config, &err), 0);
		assert_int_equal(config.role, cases[i].role);
	}
}

static void no_limit_has_many_words(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"linux\":{}}",
		"{\"linux\":null}",
		"{\"linux\":{\"resources\":null}}",
		"{\"linux\":{\"resources\":{}}}",
		WITH_MEMORY("null"),
		WITH_MEMORY("{}"),
		WITH_LIMIT("null"),
		WITH_LIMIT("0"),
		WITH_LIMIT("-1"),
		WITH_MAX("\"max\""),
		"{\"linux\":{\"resources\":{\"unified\":null}}}",
		/* As cgroup v1 shows it, with pages of 4 KiB and of 64 KiB. */
		WITH_LIMIT("9223372036854771712"),
		WITH_LIMIT("9223372036854710272"),
		WITH_LIMIT("9223372036854775807"),
		WITH_MAX("\"9223372036854771712\""),
		WITH_MAX("\"18446744073709551615\""),
	};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_limit(texts[i], RESOURCES_UNLIMITED);
}

static void a_limit_is_read_to_the_last_byte(void **state)
{
	(void)state;
	assert_limit(WITH_LIMIT("1"), 1);
	assert_limit(WITH_LIMIT("67108864"), 67108864);
	assert_limit(WITH_LIMIT("9007199254740993"), UINT64_C(9007199254740993)); /* no double holds it */
	assert_limit(WITH_LIMIT("9223372036854710271"), UINT64_C(9223372036854710271));
	assert_limit(WITH_MAX("\"67108864\""), 67108864);
}

static void unified_is_read_as_the_kernel_does(void **state)
{
	(void)state;
	assert_limit(WITH_MAX("\"400M\""), 400 * MIB);
	assert_limit(WITH_MAX("\"400m\""), 400 * MIB);
	assert_limit(WITH_MAX("\" 2G\""), 2 * GIB);
	assert_limit(WITH_MAX("\"0x1000\""), 4096);
	assert_limit(WITH_MAX("\"8E\""), RESOURCES_UNLIMITED);
}

static void unified_wins(void **state)
{
	(void)state;
	assert_limit(
		"{\"linux\":{\"resources\":{\"memory\":{\"limit\":5},\"unified\":{\"memory.max\":\"7\"}}}}",
		7);
	assert_limit(
		"{\"linux\":{\"resources\":{\"unified\":{\"memory.max\":\"7\"},\"memory\":{\"limit\":5}}}}",
		7);
	assert_limit(
		"{\"linux\":{\"resources\":{\"memory\":{\"limit\":5},\"unified\":{\"memory.max\":\"max\"}}}}",
		RESOURCES_UNLIMITED);
	assert_limit(
		"{\"linux\":{\"resources\":{\"memory\":{\"limit\":5},\"unified\":{\"memory.low\":\"7\"}}}}",
		5);
}

static void a_limit_that_is_no_size_is_refused(void **state)
{
	(void)state;
	assert_refused(WITH_LIMIT("-2"), "memory limit is no size in bytes: -2");
	assert_refused(WITH_LIMIT("-9223372036854775808"), "memory limit is no size in bytes");
	assert_refused(WITH_LIMIT("9223372036854775808"),
		       "memory limit is no size in bytes: 9223372036854775808");
	assert_refused(WITH_LIMIT("99999999999999999999999999999999999999999999999999"),
		       "memory limit is no size in bytes");
	assert_refused(WITH_LIMIT("67108864.0"), "memory limit is no size in bytes: 67108864.0");
	assert_refused(WITH_LIMIT("6.7e7"), "memory limit is no size in bytes: 6.7e7");
	assert_refused(WITH_LIMIT("1E9"), "memory limit is no size in bytes: 1E9");
	assert_refused(WITH_LIMIT("\"67108864\""), "memory limit is not a whole number");
	assert_refused(WITH_LIMIT("true"), "memory limit is no size in bytes: true");
	assert_refused(WITH_LIMIT("{}"), "memory limit is no size in bytes");
	assert_refused(WITH_LIMIT("[5]"), "memory limit is no size in bytes");
	assert_refused(WITH_MAX("5"), "unified memory.max is not a string");
	assert_refused(WITH_MAX("\"64Mi\""), "unified memory.max is no size in bytes: \"64Mi\"");
	assert_refused(WITH_MAX("\"-1\""), "unified memory.max is no size in bytes");
	assert_refused(WITH_MAX("\"M\""), "unified memory.max is no size in bytes");
	assert_refused(WITH_MAX("\"16E\""), "unified memory.max is no size in bytes");
	assert_refused(WITH_MAX("\"1.5G\""), "unified memory.max is no size in bytes");
	assert_refused(WITH_MAX("\"\""), "unified memory.max is no size in bytes");
	assert_refused(WITH_MAX("\"0\""), "unified memory.max is 0");
}

static void a_wrong_type_is_refused(void **state)
{
	(void)state;
	assert_refused("{\"linux\":[]}", "linux is not an object");
	assert_refused("{\"linux\":{\"resources\":\"x\"}}", "linux>resources is not an object");
	assert_refused(WITH_MEMORY("5"), "linux>resources>memory is not an object");
	assert_refused("{\"annotations\":[]}", "annotations is not an object");
	assert_refused("{\"annotations\":{\"io.kubernetes.pod.name\":5}}",
		       "annotations>io.kubernetes.pod.name is not a string");
	assert_refused("{\"process\":{\"oomScoreAdj\":\"5\"}}", "process>oomScoreAdj is not a whole number");
	assert_refused("{\"process\":7}", "process is not an object");
	assert_refused("[]", "the top level is no object");
	assert_refused("", "not JSON");
}

static void a_duplicate_key_is_refused(void **state)
{
	(void)state;
	/* Readers differ in which of the two they take. */
	assert_refused(WITH_MEMORY("{\"limit\":5,\"limit\":6}"),
		       "the key linux>resources>memory>limit is given twice");
	assert_refused(WITH_MEMORY("{\"limit\":null,\"limit\":6}"), "given twice");
	assert_refused(WITH_MEMORY("{\"limit\":5,\"l\\u0069mit\":6}"), "given twice");
	assert_refused(WITH_MEMORY("{},\"memory\":{}"), "the key linux>resources>memory is given twice");
	assert_refused("{\"linux\":{},\"linux\":{}}", "the key linux is given twice");
	assert_refused("{\"annotations\":{},\"annotations\":{\"io.kubernetes.pod.name\":\"x\"}}",
		       "the key annotations is given twice");
	assert_refused(
		"{\"annotations\":{\"io.kubernetes.pod.name\":\"x\",\"io.kubernetes.pod.name\":\"y\"}}",
		"given twice");
}

static void a_document_that_is_not_utf8_is_refused(void **state)
{
	(void)state;
	assert_refused("{\"annotations\":{\"x\":\"\xff\xfe\"}}", "not JSON");
}

static void nesting_beyond_reason_is_refused(void **state)
{
	char text[100001];
	(void)state;

	memset(text, '[', sizeof text - 1);
	memcpy(text, "{\"x\":", 5);
	text[sizeof text - 1] = '\0';
	assert_refused(text, "nested deeper than 48 levels");
}

static void names_longer_than_kubernetes_has_are_refused(void **state)
{
	char text[512];
	struct config config;
	struct error err;
	(void)state;

	snprintf(text, sizeof text, "{\"annotations\":{\"io.kubernetes.pod.name\":\"%0255d\"}}", 7);
	assert_int_equal(config_read(text, strlen(text), &config, &err), 0);
	snprintf(text, sizeof text, "{\"annotations\":{\"io.kubernetes.pod.name\":\"%0256d\"}}", 7);
	assert_refused(text, "annotations>io.kubernetes.pod.name is longer than 255 bytes");
}

static void labels_of_a_sandbox_are_found(void **state)
{
	static const char text[] =
		"{\"annotations\":{\"x\":\"{\\\"pod-template-hash\\\":\\\"forged\\\"}\",\"y\\\\\":\"pod-"
		"template-hash\","
		"\"pod-template-hash\" : \"6d4b75cb6d\",\"controller-revision-hash\":\"pg-77c6d\",\n"
		"\"statefulset.kubernetes.io/pod-name\":\"pg-0\",\"batch.kubernetes.io/job-name\":\"job\","
		"\"serving.knative.dev/service\":\"hello\",\"serving.knative.dev/configuration\":\"world\","
		"\"io.kubernetes.cri-o.ContainerType\":\"sandbox\"}}";
	struct pod_labels labels;
	(void)state;

	pod_labels_find(text, strlen(text), &labels);
	assert_string_equal(labels.pod_template_hash, "6d4b75cb6d");
	assert_string_equal(labels.controller_revision_hash, "pg-77c6d");
	assert_string_equal(labels.statefulset_pod_name, "pg-0");
	assert_string_equal(labels.job_name, "job");
	assert_string_equal(labels.knative_service, "hello");
	assert_string_equal(labels.knative_configuration, "world");
}

static void labels_that_are_cut_off_or_no_plain_strings_are_passed_over(void **state)
{
	static const char *const texts[] = {
		"",
		"\"",
		"\"pod-template-hash",
		"\"pod-template-hash\"",
		"\"pod-template-hash\":",
		"\"pod-template-hash\":\"",
		"\"pod-template-hash\":\"abc",
		"\"pod-template-hash\":\"a\\u0062c\"",
		"\"pod-template-hash\":7",
		"\"pod-template-hash\",\"x\"",
		("\"pod-template-hash\":"
		 "\"0123456789012345678901234567890123456789012345678901234567890123456789\""),
	};
	struct pod_labels labels;
	(void)state;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		pod_labels_find(texts[i], strlen(texts[i]), &labels);
		assert_string_equal(labels.pod_template_hash, "");
	}
}

static void label_is_found_wherever_it_lies(void **state)
{
	static const char *const keys[] = {
		"pod-template-hash",
		"controller-revision-hash",
		"statefulset.kubernetes.io/pod-name",
		"batch.kubernetes.io/job-name",
		"serving.knative.dev/service",
		"serving.knative.dev/configuration",
	};
	/* Parts of keys, so that a search comes near many times. */
	static const char filler[] =
		"\"pod-template-has\",\"revision-hash\",\"pod-name\",\"knative.dev/serv\",";
	(void)state;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		for (size_t before = 0; before < sizeof filler; before++) {
			char text[256];
			struct pod_labels labels;
			int length = snprintf(text, sizeof text, "%.*s\"%s\":\"value\"", (int)before, filler,
					      keys[i]);
			const char *const found[] = {
				labels.pod_template_hash,    labels.controller_revision_hash,
				labels.statefulset_pod_name, labels.job_name,
				labels.knative_service,      labels.knative_configuration,
			};

			pod_labels_find(text, (size_t)length, &labels);
			for (size_t j = 0; j < sizeof keys / sizeof *keys; j++)
				assert_string_equal(found[j], i == j ? "value" : "");
		}
}

static void resources_stand_on_their_own(void **state)
{
	static const char text[] = "\n {\"memory\":{\"limit\":100663296,\"swap\":100663297},\"cpu\":{},"
				   "\"unified\":{\"memory.high\":\"5\"}} \n";
	struct resources resources;
	struct error err;
	(void)state;

	assert_int_equal(resources_read(text, strlen(text), &resources, &err), 0);
	assert_int_equal(resources.limit_bytes, 100663296);
	assert_span(text, resources.limit, "100663296");
	assert_span(text, resources.swap, "100663297");
	assert_span(text, resources.unified_key[UNIFIED_HIGH], "\"5\"");
	assert_int_equal(resources.braces.at, 2);
	assert_int_equal(resources.braces.length, strlen(text) - 4);
	assert_int_equal(resources.linux_braces.length, 0);
}

static void an_update_of_the_cpu_has_no_limit(void **state)
{
	static const char text[] = "{\"memory\":{},\"cpu\":{\"shares\":2}}";
	struct resources resources;
	struct error err;
	(void)state;

	assert_int_equal(resources_read(text, strlen(text), &resources, &err), 0);
	assert_int_equal(resources.limit.length, 0);
	assert_true(resources.limit_bytes == RESOURCES_UNLIMITED);
	assert_int_equal(resources_read("[]", 2, &resources, &err), -EBADMSG);
	assert_int_equal(resources_read("", 0, &resources, &err), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_of_crio_is_understood),
		cmocka_unit_test(every_fixture_is_understood),
		cmocka_unit_test(every_cut_of_a_document_is_refused),
		cmocka_unit_test(the_role_is_one_of_the_kubelets_words_or_not_known),
		cmocka_unit_test(no_limit_has_many_words),
		cmocka_unit_test(a_limit_is_read_to_the_last_byte),
		cmocka_unit_test(unified_is_read_as_the_kernel_does),
		cmocka_unit_test(unified_wins),
		cmocka_unit_test(a_limit_that_is_no_size_is_refused),
		cmocka_unit_test(a_wrong_type_is_refused),
		cmocka_unit_test(a_duplicate_key_is_refused),
		cmocka_unit_test(a_document_that_is_not_utf8_is_refused),
		cmocka_unit_test(nesting_beyond_reason_is_refused),
		cmocka_unit_test(names_longer_than_kubernetes_has_are_refused),
		cmocka_unit_test(labels_of_a_sandbox_are_found),
		cmocka_unit_test(labels_that_are_cut_off_or_no_plain_strings_are_passed_over),
		cmocka_unit_test(label_is_found_wherever_it_lies),
		cmocka_unit_test(resources_stand_on_their_own),
		cmocka_unit_test(an_update_of_the_cpu_has_no_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
