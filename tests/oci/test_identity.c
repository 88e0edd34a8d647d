/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/identity.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/document.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define X10 "xxxxxxxxxx"
#define X40 X10 X10 X10 X10

/* The labels that a controller sets on its pods; all but one are empty, as a rule. */
struct labels {
	const char *template_hash, *revision_hash, *statefulset_pod, *job;
	const char *knative_service, *knative_configuration;
};

static void set_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

static struct pod_labels set_labels(const struct labels *labels)
{
	struct pod_labels set = {0};

	set_text(set.pod_template_hash, sizeof set.pod_template_hash, labels->template_hash);
	set_text(set.controller_revision_hash, sizeof set.controller_revision_hash, labels->revision_hash);
	set_text(set.statefulset_pod_name, sizeof set.statefulset_pod_name, labels->statefulset_pod);
	set_text(set.job_name, sizeof set.job_name, labels->job);
	set_text(set.knative_service, sizeof set.knative_service, labels->knative_service);
	set_text(set.knative_configuration, sizeof set.knative_configuration, labels->knative_configuration);
	return set;
}

static void assert_owner(const char *pod_name, const struct labels *labels, const char *expected)
{
	struct pod_labels set = {0};
	char owner[CONFIG_NAME_SIZE];

	if (labels)
		set = set_labels(labels);
	(void)identity_owner(pod_name, labels ? &set : NULL, owner);
	if (strcmp(owner, expected) != 0)
		fail_msg("%s: owner %s, not %s", pod_name, owner, expected);
}

struct owner_case {
	const char *pod_name;
	struct labels labels;
	const char *owner;
};

static void assert_owners(const struct owner_case *cases, size_t n_cases)
{
	for (size_t i = 0; i < n_cases; i++)
		assert_owner(cases[i].pod_name, &cases[i].labels, cases[i].owner);
}

static void labels_say_how_a_pod_was_named(void **state)
{
	static const struct owner_case cases[] = {
		{"web-6d4b75cb6d-hwpqx", {.template_hash = "6d4b75cb6d"}, "web"},
		{"web-api-v2-79f8-hwpqx", {.template_hash = "79f8"}, "web-api-v2"},
		{"node-exporter-x7k2p", {.revision_hash = "5d9c7b8f6"}, "node-exporter"},
		/* A DaemonSet whose own name looks like a Deployment's ReplicaSet: nothing of it is taken
		   away. */
		{"proxy-6d4b75cb6d-x7k2p", {.revision_hash = "5d9c7b8f6"}, "proxy-6d4b75cb6d"},
		{"pg-0", {.revision_hash = "pg-77c6d4b9f8", .statefulset_pod = "pg-0"}, "pg"},
		{"pg-bcdfg-12",
		 {.revision_hash = "pg-77c6d4b9f8", .statefulset_pod = "pg-bcdfg-12"},
		 "pg-bcdfg"},
		{"pg-0", {.revision_hash = "pg-77c6d4b9f8"}, "pg"},
		{"import-x7k2p", {.job = "import"}, "import"},
		{"import-3-x7k2p", {.job = "import"}, "import"}, /* an indexed Job */
		{"backup-28912345-x7k2p", {.job = "backup-28912345"}, "backup"},
		{"backup-1734740700-x7k2p",
		 {.job = "backup-1734740700"},
		 "backup"}, /* before Kubernetes 1.21 */
		{"import-2024-x7k2p", {.job = "import-2024"}, "import-2024"},
	};
	(void)state;
	assert_owners(cases, COUNT(cases));
}

static void without_labels_the_shape_decides(void **state)
{
	static const struct owner_case cases[] = {
		{"web-6d4b75cb6d-hwpqx", {0}, "web"},
		{"web-api-v2-79f85b6-hwpqx", {0}, "web-api-v2"},
		{"node-exporter-x7k2p", {0}, "node-exporter"},
		{"pg-0", {0}, "pg"},
		{"pg-12345", {0}, "pg"},
		{"pg-123456", {0}, "pg-123456"},
		{"import-x7k2p", {0}, "import"},
		{"backup-28912345-x7k2p", {0}, "backup"},
		{"backup-1734740700-x7k2p", {0}, "backup"},
		{"backup-2891234-x7k2p", {0}, "backup-2891234"},
		/* Letters that no template hash has: the name of a DaemonSet. */
		{"fluent-bwrkrs-x7k2p", {0}, "fluent-bwrkrs"},
		{"busybox", {0}, "busybox"},
		{"my-pod", {0}, "my-pod"},
		{"debug-shell", {0}, "debug-shell"}, /* 5 letters, but with vowels */
		{"x", {0}, "x"},
		{"-", {0}, "-"},
		{"-x7k2p", {0}, "-x7k2p"},
		{"a-", {0}, "a-"},
	};
	(void)state;

	assert_owners(cases, COUNT(cases));
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_owner(cases[i].pod_name, NULL, cases[i].owner);
}

/* Kubernetes cuts "<name>-" to 58 characters and puts 5 behind. */
static void a_base_that_was_cut_still_has_one_owner(void **state)
{
	static const struct owner_case cases[] = {
		/* Deployments of 46, 47, 50, 56, 57 and 60 characters: ever less of "-6d4b75cb6d-" is left.
		 */
		{X40 "xxxxxx-6d4b75cb6d-hwpqx", {.template_hash = "6d4b75cb6d"}, X40 "xxxxxx"},
		{X40 "xxxxxxx-6d4b75cb6dhwpqx", {.template_hash = "6d4b75cb6d"}, X40 "xxxxxxx"},
		{X40 X10 "-6d4b75chwpqx", {.template_hash = "6d4b75cb6d"}, X40 X10},
		{X40 X10 "xxxxxx-6hwpqx", {.template_hash = "6d4b75cb6d"}, X40 X10 "xxxxxx"},
		{X40 X10 "xxxxxxx-hwpqx", {.template_hash = "6d4b75cb6d"}, X40 X10 "xxxxxxx"},
		{X40 X10 "xxxxxxxxhwpqx", {.template_hash = "6d4b75cb6d"}, X40 X10 "xxxxxxxx"},
		/* DaemonSets of 57 and 60. */
		{X40 X10 "xxxxxxx-hwpqx", {.revision_hash = "5d9c7b8f6"}, X40 X10 "xxxxxxx"},
		{X40 X10 "xxxxxxxxhwpqx", {.revision_hash = "5d9c7b8f6"}, X40 X10 "xxxxxxxx"},
		/* A CronJob of 52, the longest there may be; Jobs of 58 and 63. */
		{X40 X10 "xx-28912hwpqx", {.job = X40 X10 "xx-28912345"}, X40 X10 "xx"},
		{X40 X10 "xxxxxxxxhwpqx", {.job = X40 X10 "xxxxxxxx"}, X40 X10 "xxxxxxxx"},
		{X40 X10 "xxxxxxxxhwpqx", {.job = X40 X10 "xxxxxxxxyyyyy"}, X40 X10 "xxxxxxxx"},
	};
	(void)state;

	assert_owners(cases, COUNT(cases));
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(strlen(cases[i].pod_name), 63);
		assert_owner(cases[i].pod_name, NULL, cases[i].owner);
	}
}

static void a_long_name_of_a_persons_choice_stays(void **state)
{
	(void)state;
	/* 63 characters, but the last five are none that are drawn. */
	assert_owner(X40 X10 "xxxxxxxxhello", NULL, X40 X10 "xxxxxxxxhello");
	/* Not as long as a base that was cut makes it. */
	assert_owner(X40 X10 "xxxxxxxhwpqx", NULL, X40 X10 "xxxxxxxhwpqx");
}

static void a_forged_label_does_not_count(void **state)
{
	static const struct owner_case cases[] = {
		{"web-6d4b75cb6d-hwpqx", {.template_hash = "ffffffffff"}, "web"},
		{"web-6d4b75cb6d-hwpqx", {.statefulset_pod = "other-0"}, "web"},
		{"web-6d4b75cb6d-hwpqx", {.job = "other"}, "web"},
		{"web-6d4b75cb6d-hwpqx", {.job = "we"}, "web"},
		{"web-6d4b75cb6d-hwpqx", {.job = "web-6d4b75cb6d-hwpqx"}, "web"},
		{"web-6d4b75cb6d-hwpqx", {.job = "web-6d4b75cb6d-hwpqx-and-more"}, "web"},
		{"busybox", {.revision_hash = "5d9c7b8f6"}, "busybox"},
		{"busybox", {.template_hash = "busybox"}, "busybox"},
		{"bcdfg-hwpqx", {.template_hash = "bcdfg"}, "bcdfg"},
		{"-bcdfg-hwpqx", {.template_hash = "bcdfg"}, "-bcdfg"},
	};
	(void)state;
	assert_owners(cases, COUNT(cases));
}

struct kind_case {
	const char *pod_name;
	struct labels labels;
	int kind, by_shape; /* with the labels, and where none could be read */
};

static void the_labels_tell_the_kind_of_the_owner(void **state)
{
	static const struct kind_case cases[] = {
		{"web-6d4b75cb6d-hwpqx", {.template_hash = "6d4b75cb6d"}, OWNER_DEPLOYMENT, OWNER_DEPLOYMENT},
		{"node-exporter-x7k2p", {.revision_hash = "5d9c7b8f6"}, OWNER_DAEMONSET, OWNER_UNKNOWN},
		{"proxy-6d4b75cb6d-x7k2p", {.revision_hash = "5d9c7b8f6"}, OWNER_DAEMONSET, OWNER_DEPLOYMENT},
		{"pg-0",
		 {.revision_hash = "pg-77c6d", .statefulset_pod = "pg-0"},
		 OWNER_STATEFULSET,
		 OWNER_STATEFULSET},
		{"pg-0", {.revision_hash = "pg-77c6d"}, OWNER_STATEFULSET, OWNER_STATEFULSET},
		{"import-x7k2p", {.job = "import"}, OWNER_JOB, OWNER_UNKNOWN},
		{"import-2024-x7k2p", {.job = "import-2024"}, OWNER_JOB, OWNER_UNKNOWN},
		{"backup-28912345-x7k2p", {.job = "backup-28912345"}, OWNER_CRONJOB, OWNER_CRONJOB},
		{X40 X10 "xx-28912hwpqx", {.job = X40 X10 "xx-28912345"}, OWNER_CRONJOB, OWNER_CRONJOB},
		/* Of these names only the beginning is known. */
		{X40 X10 "xxxxxxxxhwpqx", {.job = X40 X10 "xxxxxxxxyyyyy"}, OWNER_UNKNOWN, OWNER_UNKNOWN},
		{X40 X10 "xxxxxxxxhwpqx", {.template_hash = "6d4b75cb6d"}, OWNER_UNKNOWN, OWNER_UNKNOWN},
		{X40 X10 "xxxxxxxxhwpqx", {.revision_hash = "5d9c7b8f6"}, OWNER_UNKNOWN, OWNER_UNKNOWN},
		{X40 X10 "xxxxxxxhwpqx", {.revision_hash = "5d9c7b8f6"}, OWNER_POD, OWNER_POD},
		{X40 X10 "xxxxxxx-hwpqx", {.revision_hash = "5d9c7b8f6"}, OWNER_DAEMONSET, OWNER_UNKNOWN},
		{X40 X10 "xxxxxx-6hwpqx",
		 {.template_hash = "6d4b75cb6d"},
		 OWNER_DEPLOYMENT,
		 OWNER_DEPLOYMENT},
		{"busybox", {0}, OWNER_POD, OWNER_POD},
		/* No controller whose pods are named so put its label there: another one's (a ReplicaSet's
		   alone, Argo Rollouts'). */
		{"web-6d4b75cb6d-hwpqx", {0}, OWNER_UNKNOWN, OWNER_DEPLOYMENT},
		{"pg-0", {0}, OWNER_UNKNOWN, OWNER_STATEFULSET},
		{"web-x7k2p", {0}, OWNER_UNKNOWN, OWNER_UNKNOWN},
		/* Forged. */
		{"web-6d4b75cb6d-hwpqx", {.template_hash = "ffffffffff"}, OWNER_UNKNOWN, OWNER_DEPLOYMENT},
		{"web-6d4b75cb6d-hwpqx", {.statefulset_pod = "other-0"}, OWNER_UNKNOWN, OWNER_DEPLOYMENT},
		{"busybox", {.template_hash = "busybox"}, OWNER_POD, OWNER_POD},
		/* Knative: with a Service, or a Configuration alone. */
		{"hello-00001-deployment-6d4b75cb6d-hwpqx",
		 {.template_hash = "6d4b75cb6d",
		  .knative_service = "hello",
		  .knative_configuration = "hello"},
		 OWNER_KNATIVE_SERVICE,
		 OWNER_DEPLOYMENT},
		{"hello-00001-deployment-6d4b75cb6d-hwpqx",
		 {.template_hash = "6d4b75cb6d", .knative_configuration = "hello"},
		 OWNER_UNKNOWN,
		 OWNER_DEPLOYMENT},
		{"pg-0",
		 {.statefulset_pod = "pg-0", .knative_service = "hello"},
		 OWNER_STATEFULSET,
		 OWNER_STATEFULSET},
	};
	char owner[CONFIG_NAME_SIZE];
	(void)state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct pod_labels labels = set_labels(&cases[i].labels);
		int kind = identity_owner(cases[i].pod_name, &labels, owner);
		int by_shape = identity_owner(cases[i].pod_name, NULL, owner);
		if (kind != cases[i].kind || by_shape != cases[i].by_shape)
			fail_msg("%s (%zu): %s, by shape %s", cases[i].pod_name, i, owner_kind_names[kind],
				 owner_kind_names[by_shape]);
	}
	assert_null(owner_kind_names[OWNER_KINDS_COUNT]);
}

static void a_knative_service_is_kept_apart_from_its_revision(void **state)
{
	static const struct labels known = {
		.template_hash = "6d4b75cb6d", .knative_service = "hello", .knative_configuration = "hello"};
	const struct config config = {.pod_namespace = "fn",
				      .pod_name = "hello-00001-deployment-6d4b75cb6d-hwpqx",
				      .container_name = "user-container"};
	struct pod_labels labels = set_labels(&known);
	struct identity identity;
	(void)state;

	assert_true(identity_of(&config, &labels, NULL, NULL, &identity));
	assert_string_equal(identity.owner, "hello-00001-deployment");
	assert_string_equal(identity.service, "hello");
	/* Of no revision's Deployment. */
	labels.pod_template_hash[0] = '\0';
	assert_true(identity_of(&config, &labels, NULL, NULL, &identity));
	assert_int_equal(identity.kind, OWNER_UNKNOWN);
	assert_string_equal(identity.service, "");
}

static void what_is_known_beside_the_names_is_no_part_of_the_identity(void **state)
{
	const struct identity one = {"n", "o", "c", OWNER_JOB, "s"}, other = {"n", "o", "c", OWNER_POD, ""};
	(void)state;

	assert_int_equal(identity_compare(&one, &other), 0);
}

static void a_pod_of_crio_is_its_workload(void **state)
{
	struct config config;
	struct identity identity;
	struct error err;
	size_t length;
	char text[IDENTITY_TEXT_MAX];
	(void)state;

	char *document = document_load("container-web.json", &length);
	assert_int_equal(config_read(document, length, &config, &err), 0);
	free(document);
	assert_true(identity_of(&config, NULL, "some-id", "some-name", &identity));
	assert_string_equal(identity.owner, "web");
	assert_string_equal(identity.namespace, config.pod_namespace);
	assert_string_equal(identity.container, config.container_name);
	assert_int_equal(identity.kind, OWNER_DEPLOYMENT);
	identity_text(&identity, text);
	assert_non_null(strstr(text, "/web/"));
}

static void outside_kubernetes_the_managers_name_counts(void **state)
{
	static const char drawn[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct config config = {.image_name = "docker.io/library/busybox:latest"};
	struct identity identity;
	(void)state;

	assert_true(identity_of(&config, NULL, "mine", "name", &identity)); /* ctr run … mine */
	assert_string_equal(identity.namespace, "-");
	assert_string_equal(identity.owner, "mine");
	assert_string_equal(identity.container, "mine");
	assert_int_equal(identity.kind, OWNER_UNKNOWN);
	assert_true(identity_of(&config, NULL, drawn, "web", &identity)); /* podman run --name web */
	assert_string_equal(identity.owner, "web");
	assert_true(identity_of(&config, NULL, drawn, NULL, &identity));
	assert_string_equal(identity.owner, config.image_name);
	assert_true(identity_of(&config, NULL, NULL, "", &identity));
	assert_string_equal(identity.owner, config.image_name);
	config.image_name[0] = '\0';
	strcpy(identity.owner, "kept");
	assert_false(identity_of(&config, NULL, drawn, NULL, &identity));
	assert_string_equal(identity.owner, "kept");
}

static void a_pod_that_lacks_a_name_is_none(void **state)
{
	struct config config = {.pod_namespace = "default", .pod_name = "web-0"};
	struct identity identity;
	(void)state;

	assert_true(identity_of(&config, NULL, "mine", NULL, &identity));
	assert_string_equal(identity.namespace, "-");
	assert_string_equal(identity.owner, "mine");
}

static void the_longest_name_fits(void **state)
{
	struct config config = {.container_name = "c", .pod_namespace = "n"};
	struct identity identity;
	(void)state;

	memset(config.pod_name, 'x', CONFIG_NAME_SIZE - 1);
	assert_true(identity_of(&config, NULL, NULL, NULL, &identity));
	assert_string_equal(identity.owner, config.pod_name);
	memset(config.image_name, 'y', sizeof config.image_name - 1);
	config.pod_name[0] = '\0';
	assert_true(identity_of(&config, NULL, NULL, NULL, &identity));
	assert_int_equal(strlen(identity.owner), CONFIG_NAME_SIZE - 1);
}

static void assert_path(const char *namespace, const char *owner, const char *container, const char *expected)
{
	struct identity identity;
	char path[1024];

	set_text(identity.namespace, sizeof identity.namespace, namespace);
	set_text(identity.owner, sizeof identity.owner, owner);
	set_text(identity.container, sizeof identity.container, container);
	assert_int_equal(identity_path(&identity, path, sizeof path), 0);
	assert_string_equal(path, expected);
}

static void a_path_never_leaves_its_directory(void **state)
{
	(void)state;
	assert_path("default", "web", "app", "default/web/app");
	assert_path("-", "docker.io/library/busybox:latest", "Web_1",
		    "-/docker.io%2Flibrary%2Fbusybox%3Alatest/Web_1");
	assert_path("..", ".", ".hidden", "%2E./%2E/%2Ehidden");
	assert_path("../../etc", "a/..", "a..b", "%2E.%2F..%2Fetc/a%2F../a..b");
	assert_path("%2E.", "%", "100%", "%252E./%25/100%25");
	assert_path("\xc3\xa4", " ", "\n\x7f\xff", "%C3%A4/%20/%0A%7F%FF");
	assert_path("a b", "a\\b", "\"'*?$~", "a%20b/a%5Cb/%22%27%2A%3F%24%7E");
}

static void no_two_names_meet(void **state)
{
	static const char *const names[] = {"a",  "A",    "a%",  "%",     "%25", "%2525", ".",   "%2E",
					    "..", "%2E.", "a/b", "a%2Fb", "a_b", "a-b",   "\xff"};
	(void)state;

	for (size_t i = 0; i < COUNT(names); i++)
		for (size_t j = 0; j < i; j++) {
			struct identity one = {.namespace = "n", .container = "c"}, two = one;
			char path[2][256];
			set_text(one.owner, sizeof one.owner, names[i]);
			set_text(two.owner, sizeof two.owner, names[j]);
			assert_int_equal(identity_path(&one, path[0], sizeof path[0]), 0);
			assert_int_equal(identity_path(&two, path[1], sizeof path[1]), 0);
			assert_string_not_equal(path[0], path[1]);
		}
}

static void a_name_that_is_empty_or_too_long_has_no_path(void **state)
{
	struct identity identity = {.namespace = "n", .owner = "o"};
	char path[1024];
	(void)state;

	assert_int_equal(identity_path(&identity, path, sizeof path), -EINVAL);
	/* With ".json", and its temporary's dot, process id and ending, a file's name has 255 bytes at most.
	 */
	memset(identity.container, 'c', 237);
	assert_int_equal(identity_path(&identity, path, sizeof path), 0);
	assert_true(strlen(strrchr(path, '/') + 1) + strlen("..json.4194304.tmp") <= 255);
	identity.container[237] = 'c';
	assert_int_equal(identity_path(&identity, path, sizeof path), -ENAMETOOLONG);
	memset(identity.container, 0, sizeof identity.container);
	memset(identity.container, '/', 80);
	assert_int_equal(identity_path(&identity, path, sizeof path), -ENAMETOOLONG);
}

static void a_path_is_never_cut(void **state)
{
	static const struct identity identity = {.namespace = "a%", .owner = "b", .container = "c/"};
	static const char expected[] = "a%25/b/c%2F";
	(void)state;

	for (size_t size = 0; size <= sizeof expected; size++) {
		char *path = malloc(size + 1);
		int r = identity_path(&identity, path, size);
		assert_int_equal(r, size < sizeof expected ? -ENAMETOOLONG : 0);
		if (r == 0)
			assert_string_equal(path, expected);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_say_how_a_pod_was_named),
		cmocka_unit_test(without_labels_the_shape_decides),
		cmocka_unit_test(a_base_that_was_cut_still_has_one_owner),
		cmocka_unit_test(a_long_name_of_a_persons_choice_stays),
		cmocka_unit_test(a_forged_label_does_not_count),
		cmocka_unit_test(the_labels_tell_the_kind_of_the_owner),
		cmocka_unit_test(a_knative_service_is_kept_apart_from_its_revision),
		cmocka_unit_test(what_is_known_beside_the_names_is_no_part_of_the_identity),
		cmocka_unit_test(a_pod_of_crio_is_its_workload),
		cmocka_unit_test(outside_kubernetes_the_managers_name_counts),
		cmocka_unit_test(a_pod_that_lacks_a_name_is_none),
		cmocka_unit_test(the_longest_name_fits),
		cmocka_unit_test(a_path_never_leaves_its_directory),
		cmocka_unit_test(no_two_names_meet),
		cmocka_unit_test(a_name_that_is_empty_or_too_long_has_no_path),
		cmocka_unit_test(a_path_is_never_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
