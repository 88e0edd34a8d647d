/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end: creations, where all goes well. test_faults.c and test_bundle.c have the
 * rest. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "tests/wrapper/wrapped.h"

static struct outcome outcome;

static void enforced_limit_is_written_and_nothing_else(void **state)
{
	const struct node *node = *state;
	struct record record;

	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_TUNED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.id, ID);
	assert_string_equal(record.identity.namespace, "shop");
	assert_string_equal(record.identity.owner, "web");
	assert_int_equal(record.identity.kind, OWNER_DEPLOYMENT);
	assert_string_equal(record.identity.container, "nginx");
	assert_string_equal(record.pod_name, "web-5d4f8c7b9d-x2k4z");
	assert_string_equal(record.pod_uid, "0f3c1b9e");
	assert_string_equal(record.sandbox_id, "aabbcc");
	assert_false(record.is_sandbox);
	assert_string_equal(record.runtime, "crun");
	assert_string_equal(record.bundle, node->bundle);
	assert_string_equal(record.pid_file, node->pid_file);
	assert_int_equal(record.oom_score_adj, 985);
	assert_int_equal(record.mode, MODE_ENFORCE);
	assert_int_equal(record.source, SOURCE_ENFORCED);
	assert_string_equal(record.reason, "enforced");
	assert_string_equal(record.fault, "");
	assert_int_equal(record.declared_bytes, GIB);
	assert_int_equal(record.recommended_bytes, 800 * MIB);
	assert_int_equal(record.limit_bytes, 800 * MIB);
	assert_true(record.created_usec > 1600000000 * USEC_PER_SEC);
}

static void runtime_sees_the_edited_file(void **state)
{
	const struct node *node = *state;

	run(node, NULL, CREATE(node), &outcome);
	assert_non_null(strstr(outcome.report, "<<" CONFIG_TUNED ">>"));
}

static void run_and_restore_are_creations_too(void **state)
{
	const struct node *node = *state;

	run(node, NULL, ARGS("run", "--bundle", node->bundle, ID), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_TUNED);

	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	run(node, NULL,
	    ARGS("restore", "--bundle", node->bundle, "--detach", "--image-path", "i", "--work-path",
		 node->bundle, ID),
	    &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_TUNED);
}

static void observe_mode_changes_no_byte_and_leaves_a_record(void **state)
{
	const struct node *node = *state;
	struct record record;

	node_configure(node, "observe", "");
	run_both(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.mode, MODE_OBSERVE);
	assert_string_equal(record.reason, "observed");
	assert_int_equal(record.recommended_bytes, 800 * MIB);
	assert_int_equal(record.limit_bytes, GIB);
}

static void switched_off_node_is_left_alone(void **state)
{
	const struct node *node = *state;
	struct record record;

	node_configure(node, "off", "");
	run_both(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), -ENOENT);
	assert_int_equal(faccessat(node->fixture.root_fd, "run/tidemark/containers", F_OK, 0), -1);
}

static void program_that_sizes_itself_is_named_in_the_record(void **state)
{
	static const char config[] =
		"{\"process\":{\"args\":[\"/usr/bin/java\",\"-jar\",\"a.jar\"],\"env\":[\"A=1\"]}}";
	const struct node *node = *state;
	struct record record;

	node_write(node, "bundle/config.json", config);
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.sizes, "jvm");

	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	run(node, NULL, CREATE(node), &outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.sizes, "");
}

static void pod_can_switch_itself_off(void **state)
{
	static const char config[] = CONFIG(DECLARED, DECLARED, ",\"tidemark.dev/mode\":\"off\"");
	const struct node *node = *state;
	struct record record;

	node_write(node, "bundle/config.json", config);
	run_both(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, config);
	assert_int_equal(node_record(node, ID, &record), -ENOENT);
	run_both(node, NULL, ARGS("start", ID), &outcome);
	assert_silent(&outcome);
}

static void pod_can_ask_to_be_observed_only(void **state)
{
	static const char config[] = CONFIG(DECLARED, DECLARED, ",\"tidemark.dev/mode\":\"observe\"");
	const struct node *node = *state;
	struct record record;

	node_write(node, "bundle/config.json", config);
	run_both(node, NULL, CREATE(node), &outcome);
	assert_config(node, config);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.mode, MODE_OBSERVE);
}

static void pod_cannot_ask_for_more_than_the_node_does(void **state)
{
	static const char config[] = CONFIG(DECLARED, DECLARED, ",\"tidemark.dev/mode\":\"enforce\"");
	const struct node *node = *state;

	node_configure(node, "observe", "");
	node_write(node, "bundle/config.json", config);
	run_both(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, config);
}

static void override_is_applied_within_the_guards(void **state)
{
	const struct node *node = *state;
	struct record record;

	/* 900Mi is less than 30 % away from what was applied last; 100Mi is not, and 8Gi is more than declared. */
	static const struct {
		const char *config;
		uint64_t limit_bytes;
		const char *reason;
	} cases[] = {
		{CONFIG(DECLARED, DECLARED, OVERRIDES("900Mi")), UINT64_C(900) << 20, "override"},
		{CONFIG(DECLARED, DECLARED, OVERRIDES("100Mi")), 0, "override+max-change"},
		{CONFIG(DECLARED, DECLARED, OVERRIDES("8Gi")), UINT64_C(1) << 30,
		 "override+max-change+declared"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		node_write(node, "bundle/config.json", cases[i].config);
		run(node, NULL, CREATE(node), &outcome);
		assert_silent(&outcome);
		assert_int_equal(node_record(node, ID, &record), 0);
		assert_int_equal(record.source, SOURCE_OVERRIDE);
		if (cases[i].limit_bytes > 0)
			assert_int_equal(record.limit_bytes, cases[i].limit_bytes);
		assert_true(strncmp(record.reason, cases[i].reason, strlen("override")) == 0);
	}
}

static void bad_override_is_ignored_with_one_line(void **state)
{
	const struct node *node = *state;
	struct record record;

	node_write(node, "bundle/config.json", CONFIG(DECLARED, DECLARED, OVERRIDES("lots")));
	run(node, NULL, CREATE(node), &outcome);
	assert_logged(&outcome, "its annotation tidemark.dev/overrides is ignored: limit lots is no size");
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.source, SOURCE_ENFORCED);
}

/* Whatever stands in a value, it is one line of printable text that the log gets. */
static void hostile_value_is_told_in_one_clean_line(void **state)
{
	const struct node *node = *state;

	node_write(node, "bundle/config.json",
		   CONFIG(DECLARED, DECLARED, ",\"tidemark.dev/mode\":\"a\\n\\u001b[2J\\u009b\""));
	run(node, NULL, CREATE(node), &outcome);
	assert_logged(&outcome,
		      "its annotation tidemark.dev/mode is ignored: a??[2J?? is not off, observe or enforce");
	node_write(node, "bundle/config.json",
		   CONFIG(DECLARED, DECLARED, ",\"tidemark.dev/mode\":\"observe \""));
	run(node, NULL, CREATE(node), &outcome);
	assert_logged(&outcome, "its annotation tidemark.dev/mode is ignored: observe  is not");
	assert_config(node, CONFIG(TUNED, TUNED, ",\"tidemark.dev/mode\":\"observe \""));
	node_write(node, "bundle/config.json",
		   CONFIG(DECLARED, DECLARED, ",\"tidemark.dev/mode\":\"observe observe observe\""));
	run(node, NULL, CREATE(node), &outcome);
	assert_logged(&outcome,
		      "its annotation tidemark.dev/mode is ignored: its value is longer than 15 bytes");
}

/* In a sandbox's config.json an author's annotations stand last: the type says "container" here, and all
 * the names may be another's. A key that only a sandbox has betrays it. */
static void forged_sandbox_is_not_tuned(void **state)
{
	const struct node *node = *state;
	struct record record;

	node_write(
		node, "bundle/config.json",
		CONFIG(DECLARED, DECLARED, ",\"io.kubernetes.cri-o.KubeName\":\"web\"" OVERRIDES("900Mi")));
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_true(record.is_sandbox);
	assert_string_equal(record.reason, "declared");
	assert_int_equal(record.override_bytes, 0);
}

static void annotations_that_are_not_allowed_have_no_effect(void **state)
{
	const struct node *node = *state;
	struct record record;

	node_configure(node, "enforce", "[annotations]\nallow = none\n");
	node_write(node, "bundle/config.json",
		   CONFIG(DECLARED, DECLARED,
			  OVERRIDES("900Mi") ",\"tidemark.dev/mode\":\"off\",\"tidemark.dev/"
					     "workload\":\"other\""));
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.source, SOURCE_ENFORCED);
	assert_string_not_equal(record.identity.owner, "other");
}

static void author_can_name_the_workload_within_the_namespace(void **state)
{
	const struct node *node = *state;
	struct record record, plain;

	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	run(node, NULL, CREATE(node), &outcome);
	assert_int_equal(node_record(node, ID, &plain), 0);
	node_write(node, "bundle/config.json",
		   CONFIG(DECLARED, DECLARED, ",\"tidemark.dev/workload\":\"other\""));
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.identity.owner, "other");
	assert_int_equal(record.identity.kind, OWNER_UNKNOWN);
	assert_string_equal(record.identity.namespace, plain.identity.namespace);
}

static void namespace_has_its_own_mode(void **state)
{
	const struct node *node = *state;
	struct record record;

	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	run(node, NULL, CREATE(node), &outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.mode, MODE_ENFORCE);
	char more[256];
	snprintf(more, sizeof more,
		 "[namespace \"%.1s*\"]\nmode = observe\n[namespace \"nobody\"]\nmode = off\n",
		 record.identity.namespace);
	node_configure(node, "enforce", more);
	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.mode, MODE_OBSERVE);
	assert_config(node, CONFIG_DECLARED);
}

/* By the same name when it is created as when it is resized. */
static void outside_of_kubernetes_the_namespace_is_a_dash(void **state)
{
	static const char config[] =
		"{\"annotations\":{\"io.kubernetes.pod.namespace\":\"shop\"},\"linux\":{\"resources\":"
		"{\"memory\":{\"limit\":" DECLARED "}}}}";
	const struct node *node = *state;
	struct record record;

	node_configure(node, "enforce",
		       "[namespace \"-\"]\nmode = observe\n[namespace \"shop\"]\nmode = off\n");
	node_write(node, "bundle/config.json", config);
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.mode, MODE_OBSERVE);
}

static void nothing_is_said_where_the_namespace_is_off(void **state)
{
	static const char config[] =
		CONFIG(DECLARED, DECLARED, ",\"tidemark.dev/mode\":\"of\"" OVERRIDES("lots"));
	const struct node *node = *state;
	struct record record;

	node_configure(node, "enforce", "[namespace \"shop\"]\nmode = off\n");
	node_write(node, "bundle/config.json", config);
	run_both(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, config);
	assert_int_equal(node_record(node, ID, &record), -ENOENT);
}

static void profile_of_another_image_is_not_applied(void **state)
{
	const struct node *node = *state;
	struct limits limits = node_limits();
	struct record record;

	strcpy(limits.image_ref, "old");
	node_publish(node, &limits);
	node_write(node, "bundle/config.json",
		   CONFIG(DECLARED, DECLARED, ",\"io.kubernetes.cri-o.ImageRef\":\"new\""));
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.reason, "observed");
	assert_int_equal(record.limit_bytes, record.declared_bytes);

	node_write(node, "bundle/config.json",
		   CONFIG(DECLARED, DECLARED, ",\"io.kubernetes.cri-o.ImageRef\":\"old\""));
	run(node, NULL, CREATE(node), &outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.reason, "enforced");
}

static void pod_that_declares_more_than_before_is_given_it(void **state)
{
	const struct node *node = *state;
	struct limits limits = node_limits();
	struct record record;

	limits.declared_bytes = GIB - 1;
	node_publish(node, &limits);
	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.reason, "observed");
}

static void unlimited_container_is_given_no_limit(void **state)
{
	static const char *const configs[] = {CONFIG("-1", "-1", ""), CONFIG("0", "0", "")};
	const struct node *node = *state;

	struct limits limits = node_limits();
	limits.declared_bytes = DECISION_UNLIMITED;
	node_publish(node, &limits);
	for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
		const char *config = configs[i];
		struct record record;
		node_write(node, "bundle/config.json", config);
		run_both(node, NULL, CREATE(node), &outcome);
		assert_silent(&outcome);
		assert_config(node, config);
		assert_int_equal(node_record(node, ID, &record), 0);
		assert_true(record.limit_bytes == DECISION_UNLIMITED);
		assert_string_equal(record.reason, "enforced+unlimited");
	}
}

static void bundle_can_be_the_working_directory(void **state)
{
	const struct node *node = *state;
	const struct way way = {.cwd = "bundle"};
	struct record record;

	run(node, &way, ARGS("create", "--pid-file", "pidfile", ID), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_TUNED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.bundle, node->bundle);
	assert_string_equal(record.pid_file, node->pid_file); /* `start` comes from another directory */
}

static void path_that_is_too_long_for_the_record_is_not_cut(void **state)
{
	const struct node *node = *state;
	struct record record;
	char pid_file[1024] = "/";

	memset(pid_file + 1, 'p', 800);
	run(node, NULL, ARGS("create", "--bundle", node->bundle, "--pid-file", pid_file, ID), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.pid_file, "");
}

static void bundle_can_be_a_symbolic_link(void **state)
{
	const struct node *node = *state;
	char link[512];

	snprintf(link, sizeof link, "%s/link", node->fixture.path);
	assert_int_equal(symlink("bundle", link), 0);
	run(node, NULL, ARGS("create", "--bundle", link, ID), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_TUNED);
}

static void mode_of_the_file_is_kept(void **state)
{
	const struct node *node = *state;
	struct stat st;

	assert_int_equal(fchmodat(node->fixture.root_fd, "bundle/config.json", 0640, 0), 0);
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(fstatat(node->fixture.root_fd, "bundle/config.json", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void other_runtime_is_taken_by_the_programs_name(void **state)
{
	struct node *node = *state;
	struct record record;

	unlink(node->program);
	snprintf(node->program, sizeof node->program, "%s/tidemark-runc", node->fixture.path);
	assert_int_equal(symlink(node->wrapper, node->program), 0);
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.runtime, "runc");
}

static void plain_name_takes_the_runtime_of_the_settings(void **state)
{
	struct node *node = *state;
	struct record record;

	unlink(node->program);
	snprintf(node->program, sizeof node->program, "%s/tidemark", node->fixture.path);
	assert_int_equal(symlink(node->wrapper, node->program), 0);
	node_configure(node, "enforce", "default = runc\n");
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.runtime, "runc");
}

static void second_creation_remembers_what_was_declared(void **state)
{
	const struct node *node = *state;
	struct record record;
	char value[64], config[512];

	run(node, NULL, CREATE(node), &outcome);
	snprintf(config, sizeof config, "%s/config.json", node->bundle);
	NEED(getxattr(config, "trusted.tidemark.declared", value, sizeof value) > 0, "no trusted attributes");
	struct limits limits = node_limits();
	limits.applied_bytes = 800 * MIB;
	limits.recommendation.limit_bytes = limits.enforced_limit_bytes = 960 * MIB;
	node_publish(node, &limits);
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG("1006632960", "1006632960", ""));
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.declared_bytes, GIB);

	/* Nor is it kept from what it declares when we step back. */
	node_configure(node, "observe", "");
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_DECLARED);
}

static void limit_that_cannot_be_taken_out_again_harms_nobody(void **state)
{
	const struct node *node = *state;
	struct record record;
	char value[64], config[512];

	struct limits limits = node_limits();
	limits.declared_bytes = DECISION_UNLIMITED;
	node_publish(node, &limits);
	node_configure(node, "enforce", "[guards]\nlimit_unlimited = yes\n");
	node_write(node, "bundle/config.json", CONFIG("-1", "-1", ""));
	run(node, NULL, CREATE(node), &outcome);
	assert_config(node, CONFIG(TUNED, "-1", ""));
	snprintf(config, sizeof config, "%s/config.json", node->bundle);
	NEED(getxattr(config, "trusted.tidemark.declared", value, sizeof value) > 0, "no trusted attributes");

	node_configure(node, "enforce", "");
	run_both(node, NULL, CREATE(node), &outcome);
	assert_int_equal(outcome.status, 0);
	assert_config(node, CONFIG(TUNED, "-1", ""));
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.limit_bytes, 800 * MIB);
	assert_true(record.declared_bytes == DECISION_UNLIMITED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(enforced_limit_is_written_and_nothing_else),
		NODE_TEST(runtime_sees_the_edited_file),
		NODE_TEST(run_and_restore_are_creations_too),
		NODE_TEST(observe_mode_changes_no_byte_and_leaves_a_record),
		NODE_TEST(switched_off_node_is_left_alone),
		NODE_TEST(program_that_sizes_itself_is_named_in_the_record),
		NODE_TEST(pod_can_switch_itself_off),
		NODE_TEST(pod_can_ask_to_be_observed_only),
		NODE_TEST(pod_cannot_ask_for_more_than_the_node_does),
		NODE_TEST(override_is_applied_within_the_guards),
		NODE_TEST(bad_override_is_ignored_with_one_line),
		NODE_TEST(hostile_value_is_told_in_one_clean_line),
		NODE_TEST(forged_sandbox_is_not_tuned),
		NODE_TEST(annotations_that_are_not_allowed_have_no_effect),
		NODE_TEST(author_can_name_the_workload_within_the_namespace),
		NODE_TEST(namespace_has_its_own_mode),
		NODE_TEST(outside_of_kubernetes_the_namespace_is_a_dash),
		NODE_TEST(nothing_is_said_where_the_namespace_is_off),
		NODE_TEST(profile_of_another_image_is_not_applied),
		NODE_TEST(pod_that_declares_more_than_before_is_given_it),
		NODE_TEST(unlimited_container_is_given_no_limit),
		NODE_TEST(bundle_can_be_the_working_directory),
		NODE_TEST(path_that_is_too_long_for_the_record_is_not_cut),
		NODE_TEST(bundle_can_be_a_symbolic_link),
		NODE_TEST(mode_of_the_file_is_kept),
		NODE_TEST(other_runtime_is_taken_by_the_programs_name),
		NODE_TEST(plain_name_takes_the_runtime_of_the_settings),
		NODE_TEST(second_creation_remembers_what_was_declared),
		NODE_TEST(limit_that_cannot_be_taken_out_again_harms_nobody),
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
