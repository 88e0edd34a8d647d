/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end, where all goes well. test_wrapper_faults has the rest. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/wrapper/wrapped.h"

#include <sys/xattr.h>

static struct outcome outcome;

/* ---- What is passed through ---- */

static void command_that_is_not_ours_is_passed_through(void **state)
{
	const struct node *node = *state;
	const char *const *commands[] = {
		ARGS("--version"),
		ARGS("features"),
		ARGS("state", ID),
		ARGS("--root=/run/crun", "--systemd-cgroup", "kill", ID, "15"),
		ARGS("--root=/run/crun", "exec", "--pid-file", "p", "--process", "f", "--detach", ID),
		ARGS("exec", ID, "create", "--bundle", node->bundle, "x"),
		ARGS("checkpoint", "--help"),
		ARGS("create", "--help"),
		ARGS("create", "--bundle", node->bundle),
		ARGS("create", "--bundle", node->bundle, "--config", "other.json", ID),
		ARGS("create", "--bundle", node->bundle, ID, "another"),
		ARGS("delete", "--regex", ".*"),
		ARGS("frobnicate", "--bundle", node->bundle, ID),
		ARGS("-"),
		ARGS(""),
		ARGS(NULL),
	};

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		run_both(node, NULL, commands[i], &outcome);
		assert_silent(&outcome);
		assert_config(node, CONFIG_DECLARED);
	}
}

static void exit_code_and_output_are_the_runtimes(void **state)
{
	const struct way way = {
		.env = {"PROBE_EXIT=42", "PROBE_STDOUT={\"ok\": \xff}", "PROBE_STDERR=no\nway\t"}};

	run_both(*state, &way, ARGS("state", ID), &outcome);
	assert_int_equal(WEXITSTATUS(outcome.status), 42);
	assert_string_equal(outcome.out, "{\"ok\": \xff}");
	assert_string_equal(outcome.err, "no\nway\t");

	node_configure(*state, "observe", "");
	run_both(*state, &way, CREATE((const struct node *)*state), &outcome);
}

static void set_up_as_conmon_does(void)
{
	sigset_t mask;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	umask(0);
	/* A socket that is meant for the runtime (--preserve-fds). */
	dup3(1, 7, 0);
}

static void runtime_inherits_all_that_was_meant_for_it(void **state)
{
	const struct node *node = *state;
	const struct way way = {.in_child = set_up_as_conmon_does,
				.env = {"_OCI_STARTPIPE=4", "EMPTY=", "=odd"}};
	char pdeathsig[64];

	node_configure(node, "observe", "");
	run_both(node, &way, CREATE(node), &outcome);
	snprintf(pdeathsig, sizeof pdeathsig, "pdeathsig: %d\n", SIGKILL);
	assert_non_null(strstr(outcome.report, pdeathsig));
	assert_non_null(strstr(outcome.report, "fd: 7\n"));
	assert_null(strstr(outcome.report, "fd: 3\n"));
	assert_non_null(strstr(outcome.report, "env: =odd\n"));

	/* Where something is done, too. */
	node_configure(node, "enforce", "");
	run(node, &way, CREATE(node), &outcome);
	assert_config(node, CONFIG_TUNED);
	assert_non_null(strstr(outcome.report, pdeathsig));
	assert_non_null(strstr(outcome.report, "fd: 7\n"));
	for (int fd = 3; fd < 64; fd++) {
		char line[16];
		snprintf(line, sizeof line, "fd: %d\n", fd);
		if (fd != 7)
			assert_null(strstr(outcome.report, line));
	}
}

static void close_the_standard_files(void)
{
	close(0);
	close(1);
	close(2);
}

static void closed_standard_files_stay_closed(void **state)
{
	const struct node *node = *state;
	const struct way way = {.in_child = close_the_standard_files};

	node_configure(node, "observe", "");
	run_both(node, &way, CREATE(node), &outcome);
	assert_null(strstr(outcome.report, "fd: 0\n"));
	run_both(node, &way, ARGS("start", ID), &outcome);
	run_both(node, &way, ARGS("delete", ID), &outcome);
}

static void ignore_too_large_files(void)
{
	signal(SIGXFSZ, SIG_IGN);
}

static void signal_that_was_ignored_stays_ignored(void **state)
{
	const struct node *node = *state;
	const struct way way = {.in_child = ignore_too_large_files};

	node_configure(node, "observe", "");
	run_both(node, &way, CREATE(node), &outcome);
}

static void real_runtime_answers_byte_for_byte_the_same(void **state)
{
	static const char *const crun = "/usr/bin/crun";
	const struct node *node = *state;
	const struct way way = {.runtime = crun, .cwd = "real"};
	static const char *const verbs[] = {"--version", "features", "spec",      "spec",
					    "list",      "--help",   "frobnicate"};
	char root[600];

	NEED(access(crun, X_OK) == 0, "crun is not installed");
	/* The node does not name its runtime: it is found. */
	node_write(node, "etc/tidemark/tidemark.conf", "[node]\nmode = enforce\n");
	fixture_parents(node->fixture.root_fd, "real/");
	snprintf(root, sizeof root, "--root=%s/crun", node->fixture.path);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		/* Both runs of "spec" find no config.json the first time, and one the second time. */
		if (i < 3)
			unlinkat(node->fixture.root_fd, "real/config.json", 0);
		static struct outcome without;
		struct way direct = way;
		direct.direct = true;
		run(node, &direct, ARGS(root, verbs[i]), &without);
		if (i == 2)
			unlinkat(node->fixture.root_fd, "real/config.json", 0);
		run(node, &way, ARGS(root, verbs[i]), &outcome);
		assert_same(&outcome, &without);
		assert_int_equal(outcome.n_logs, 0);
	}
	run_both(node, &way, ARGS(root, "state", "nosuch"), &outcome);
	assert_true(outcome.status != 0);
	run_both(node, &way, ARGS(root, "delete", "nosuch"), &outcome);
	run_both(node, &way, ARGS(root, "start", "nosuch"), &outcome);
	run_both(node, &way, ARGS(root, "create", "--bundle", "/nonexistent", "nosuch"), &outcome);
}

/* ---- Creation ---- */

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

/* What the container of our pod asks for. */
#define OVERRIDES(limit) ",\"tidemark.dev/overrides\":\"{\\\"nginx\\\":{\\\"limit\\\":\\\"" limit "\\\"}}\""

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

/* In a sandbox's config.json an author's annotations stand last: the type says "container" here, and all the names
 * may be another's. A key that only a sandbox has betrays it. */
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

/* ---- Protection ---- */

#define PROTECTED(limit, unified, more)                                                                \
	"{\"annotations\":{\"io.kubernetes.pod.namespace\":\"shop\",\"io.kubernetes.pod.name\":\"web-" \
	"5d4f8c7b9d-x2k4z\"" more                                                                      \
	",\"io.kubernetes.container.name\":\"nginx\"},\"linux\":{\"resources\":{" unified              \
	"\"memory\":{\"limit\":" limit "}}}}"
#define UNIFIED(members) "\"unified\":{" members "},"
/* The request, 500Mi; and 500Mi and 90 % of the 300Mi above. */
#define LOW     "\"memory.low\":\"524288000\""
#define MIN     "\"memory.min\":\"524288000\""
#define HIGH    "\"memory.high\":\"807403520\""
#define PROTECT "[enforce]\nrequest = low\nhigh = 90 %\n"

static void assert_protected(const struct node *node, uint64_t low, uint64_t min, uint64_t high)
{
	struct record record;

	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.protect.bytes[UNIFIED_LOW], low);
	assert_int_equal(record.protect.bytes[UNIFIED_MIN], min);
	assert_int_equal(record.protect.bytes[UNIFIED_HIGH], high);
	assert_int_equal(record.protect.request_bytes > 0, low + min + high > 0);
}

/* With these settings and this config a creation makes that config. */
static void assert_creation(const struct node *node, const char *mode, const char *settings,
			    const char *before, const char *after)
{
	node_configure(node, mode, settings);
	node_write(node, "bundle/config.json", before);
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, after);
}

static void protection_is_written_where_the_node_asks_for_it(void **state)
{
	static const char declared[] = PROTECTED(DECLARED, "", "");
	const struct node *node = *state;

	assert_creation(node, "enforce", "", declared, PROTECTED(TUNED, "", ""));
	assert_protected(node, 0, 0, 0);
	assert_creation(node, "enforce", "[enforce]\nrequest = low\n", declared,
			PROTECTED(TUNED, UNIFIED(LOW), ""));
	assert_protected(node, 500 * MIB, 0, 0);
	assert_creation(node, "enforce", "[enforce]\nrequest = min\n", declared,
			PROTECTED(TUNED, UNIFIED(MIN), ""));
	assert_protected(node, 0, 500 * MIB, 0);
	assert_creation(node, "enforce", PROTECT, declared, PROTECTED(TUNED, UNIFIED(HIGH "," LOW), ""));
	assert_protected(node, 500 * MIB, 0, 770 * MIB);
	assert_creation(node, "enforce", "[enforce]\nrequest = min\n[namespace \"sh*\"]\nrequest = none\n",
			declared, PROTECTED(TUNED, "", ""));
}

static void protection_is_never_written_where_nothing_is_enforced(void **state)
{
	static const char declared[] = PROTECTED(DECLARED, "", ""),
			  observed[] = PROTECTED(DECLARED, "", ",\"tidemark.dev/mode\":\"observe\"");
	const struct node *node = *state;
	struct limits limits = node_limits();

	assert_creation(node, "observe", PROTECT, declared, declared);
	assert_creation(node, "enforce", PROTECT, observed, observed);
	assert_protected(node, 0, 0, 0);

	limits.enforced_limit_bytes = limits.enforced_request_bytes = 0; /* while it warms up */
	node_publish(node, &limits);
	assert_creation(node, "enforce", PROTECT, declared, declared);

	limits = node_limits();
	limits.declared_bytes = 512 * MIB; /* less than now */
	node_publish(node, &limits);
	assert_creation(node, "enforce", PROTECT, declared, declared);
	assert_protected(node, 0, 0, 0);
}

static void protection_holds_where_a_guard_leaves_the_limit_as_declared(void **state)
{
	const struct node *node = *state;
	struct limits limits = node_limits();

	limits.enforced_limit_bytes = 2 * GIB;
	limits.recommendation.limit_bytes = 2 * GIB;
	node_publish(node, &limits);
	assert_creation(node, "enforce", "[enforce]\nrequest = low\n", PROTECTED(DECLARED, "", ""),
			PROTECTED(DECLARED, UNIFIED(LOW), ""));
	assert_protected(node, 500 * MIB, 0, 0);

	/* No limit: no memory.high either. */
	limits = node_limits();
	limits.declared_bytes = DECISION_UNLIMITED;
	node_publish(node, &limits);
	assert_creation(node, "enforce", PROTECT, PROTECTED("-1", "", ""), PROTECTED("-1", UNIFIED(LOW), ""));
}

static void request_of_an_override_is_what_is_protected(void **state)
{
#define BOTH               \
	",\"tidemark.dev/" \
	"overrides\":\"{\\\"nginx\\\":{\\\"request\\\":\\\"256Mi\\\",\\\"limit\\\":\\\"900Mi\\\"}}\""
#define REQUEST ",\"tidemark.dev/overrides\":\"{\\\"nginx\\\":{\\\"request\\\":\\\"9Gi\\\"}}\""
	static const char low[] = "[enforce]\nrequest = low\n";
	const struct node *node = *state;

	assert_creation(node, "enforce", low, PROTECTED(DECLARED, "", BOTH),
			PROTECTED("943718400", UNIFIED("\"memory.low\":\"268435456\""), BOTH));
	/* Never more than the limit. */
	assert_creation(node, "enforce", low, PROTECTED(DECLARED, "", REQUEST),
			PROTECTED(TUNED, UNIFIED("\"memory.low\":\"" TUNED "\""), REQUEST));
	assert_creation(node, "enforce", low, PROTECTED(DECLARED, "", OVERRIDES("900Mi")),
			PROTECTED("943718400", UNIFIED(LOW), OVERRIDES("900Mi")));
	assert_creation(node, "enforce", "[enforce]\nrequest = low\n[annotations]\nallow = none\n",
			PROTECTED(DECLARED, "", BOTH), PROTECTED(TUNED, UNIFIED(LOW), BOTH));
}

static void what_kubelet_has_put_into_unified_stays(void **state)
{
	const struct node *node = *state;

	/* MemoryQoS, of a request of 400Mi: memory.high moves with the limit, memory.min stays. */
	assert_creation(node, "enforce", PROTECT,
			PROTECTED(DECLARED,
				  UNIFIED("\"memory.high\":\"1008306585\",\"memory.min\":\"419430400\""), ""),
			PROTECTED(TUNED,
				  UNIFIED(LOW ",\"memory.high\":\"787738624\",\"memory.min\":\"419430400\""),
				  ""));
	assert_protected(node, 500 * MIB, 0, 0);
	/* Of a Guaranteed pod. */
	assert_creation(node, "enforce", "[enforce]\nrequest = min\nhigh = 0.9\n",
			PROTECTED(DECLARED, UNIFIED("\"memory.min\":\"" DECLARED "\""), ""),
			PROTECTED(TUNED, UNIFIED("\"memory.min\":\"" TUNED "\""), ""));
	assert_protected(node, 0, 0, 0);
}

static void protection_of_ours_is_not_taken_for_the_pods_own(void **state)
{
	const struct node *node = *state;
	char config[512];

	assert_creation(
		node, "enforce", PROTECT, PROTECTED(DECLARED, UNIFIED("\"memory.min\":\"900000000\""), ""),
		PROTECTED(TUNED, UNIFIED("\"memory.low\":\"524288000\",\"memory.min\":\"" TUNED "\""), ""));
	snprintf(config, sizeof config, "%s/config.json", node->bundle);
	NEED(getxattr(config, "trusted.tidemark.declared", NULL, 0) > 0, "no trusted attributes");

	struct limits limits = node_limits();
	limits.applied_bytes = 800 * MIB;
	limits.recommendation.limit_bytes = limits.enforced_limit_bytes = 960 * MIB;
	limits.enforced_request_bytes = 256 * MIB;
	node_publish(node, &limits);
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(
		node,
		PROTECTED("1006632960",
			  UNIFIED("\"memory.high\":\"932810752\",\"memory.low\":\"268435456\",\"memory.min\":"
				  "\"900000000\""),
			  ""));
	assert_protected(node, 256 * MIB, 0, 932810752);

	node_configure(node, "observe", PROTECT);
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(
		node,
		PROTECTED(
			DECLARED,
			UNIFIED("\"memory.high\":\"max\",\"memory.low\":\"0\",\"memory.min\":\"900000000\""),
			""));
	assert_protected(node, 0, 0, 0);
}

/* ---- One process, one execve ---- */

struct trace {
	size_t stops; /* at the beginning and the end of system calls */
	size_t executions, births;
};

/* Traces a creation from the wrapper's first instruction to its execve(), and kills it at the stop kill_at
 * (SIZE_MAX: never). */
static void trace_creation(const struct node *node, size_t kill_at, struct trace *ret)
{
	/* A leak sanitizer cannot work where we trace. */
	static const struct way usual = {.env = {"ASAN_OPTIONS=detect_leaks=0"}};
	int status, stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	*ret = (struct trace){0};
	pid_t pid = fork();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(123);
		raise(SIGSTOP);
		become(node, &usual, CREATE(node), stdin_fd);
	}
	close(stdin_fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL,
				PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK |
					PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL),
			 0);
	alarm(DEADLINE_MSEC / 1000);
	for (int signal = 0;; signal = 0) {
		assert_int_equal(ptrace(ret->executions == 2 ? PTRACE_CONT : PTRACE_SYSCALL, pid, NULL,
					(void *)(intptr_t)signal),
				 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			break;
		unsigned event = (unsigned)status >> 16;
		if (event == PTRACE_EVENT_EXEC) {
			ret->executions++;
		} else if (event != 0) {
			ret->births++;
		} else if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			signal = WSTOPSIG(status);
		} else if (ret->executions == 1 && ++ret->stops == kill_at) {
			kill(pid, SIGKILL);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			break;
		}
	}
	alarm(0);
	if (kill_at == SIZE_MAX)
		assert_int_equal(status, 0);
}

static void nothing_is_forked_and_the_runtime_executed_once(void **state)
{
	struct trace trace;

	trace_creation(*state, SIZE_MAX, &trace);
	assert_int_equal(trace.executions, 2); /* the wrapper itself, and the runtime */
	assert_int_equal(trace.births, 0);
	assert_config(*state, CONFIG_TUNED);
}

/* Temporary files are at most left: one that is no longer written to. */
static void assert_directory_holds(const struct node *node, const char *name, const char *file)
{
	size_t temporary = 0;
	int fd = openat(node->fixture.root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	DIR *dir = fdopendir(fd);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		size_t length = strlen(entry->d_name);
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, file) == 0)
			continue;
		assert_true(entry->d_name[0] == '.' && strcmp(entry->d_name + length - 4, ".tmp") == 0);
		temporary++;
	}
	closedir(dir);
	assert_true(temporary <= 1);
}

static void config_is_whole_whenever_the_wrapper_is_killed(void **state)
{
	const struct node *node = *state;
	static char config[65536];
	struct trace trace;
	size_t seen_old = 0, seen_new = 0;

	trace_creation(node, SIZE_MAX, &trace);
	const size_t stops = trace.stops;
	assert_true(stops > 20);
	for (size_t at = 1; at <= stops; at++) {
		struct record record;
		fixture_remove(node->fixture.root_fd, "bundle");
		fixture_remove(node->fixture.root_fd, "run/tidemark/containers");
		node_write(node, "bundle/config.json", CONFIG_DECLARED);

		trace_creation(node, at, &trace);
		assert_int_equal(trace.executions, 1);
		node_read(node, "bundle/config.json", config, sizeof config);
		if (strcmp(config, CONFIG_DECLARED) == 0)
			seen_old++;
		else if (strcmp(config, CONFIG_TUNED) == 0)
			seen_new++;
		else
			fail_msg("killed at stop %zu of %zu: <<%s>>", at, stops, config);
		assert_directory_holds(node, "bundle", "config.json");
		assert_directory_holds(node, "run/tidemark/containers", ID ".json");
		int r = node_record(node, ID, &record);
		assert_true(r == 0 || r == -ENOENT);
		/* A limit that nobody could account for is not set. */
		assert_true(r == 0 || strcmp(config, CONFIG_DECLARED) == 0);

		/* The next attempt, as a restarted engine makes it, is not hindered by what was left. */
		run(node, NULL, CREATE(node), &outcome);
		assert_silent(&outcome);
		assert_config(node, CONFIG_TUNED);
	}
	assert_true(seen_old > 0 && seen_new > 0);
}

static void many_creations_at_once_do_not_meet(void **state)
{
	const struct node *node = *state;
	static const struct way usual;
	enum { COUNT = 16 };
	pid_t pids[COUNT];

	for (int i = 0; i < COUNT; i++) {
		char name[64];
		snprintf(name, sizeof name, "bundle-%d/config.json", i);
		node_write(node, name, CONFIG_DECLARED);
	}
	for (int i = 0; i < COUNT; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char bundle[600], id[32];
			snprintf(bundle, sizeof bundle, "%s-%d", node->bundle, i);
			snprintf(id, sizeof id, "id-%d", i);
			become(node, &usual, ARGS("create", "--bundle", bundle, id),
			       open("/dev/null", O_RDONLY));
		}
	}
	for (int i = 0; i < COUNT; i++) {
		char name[64], text[65536];
		struct record record;
		assert_int_equal(await(pids[i]), 0);
		snprintf(name, sizeof name, "bundle-%d/config.json", i);
		node_read(node, name, text, sizeof text);
		assert_string_equal(text, CONFIG_TUNED);
		snprintf(name, sizeof name, "id-%d", i);
		assert_int_equal(node_record(node, name, &record), 0);
		assert_int_equal(record.limit_bytes, 800 * MIB);
	}
}

static void many_creations_in_one_bundle_leave_it_whole(void **state)
{
	const struct node *node = *state;
	static const struct way usual;
	enum { COUNT = 16 };
	pid_t pids[COUNT];

	for (int round = 0; round < 8; round++) {
		node_write(node, "bundle/config.json", CONFIG_DECLARED);
		for (int i = 0; i < COUNT; i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				become(node, &usual, CREATE(node), open("/dev/null", O_RDONLY));
		}
		for (int i = 0; i < COUNT; i++)
			assert_int_equal(await(pids[i]), 0);
		assert_config(node, CONFIG_TUNED);
	}
	assert_directory_holds(node, "bundle", "config.json");
}

/* ---- Start, update, delete ---- */

#define CGROUP "/kubepods.slice/crio-" ID ".scope/container"

#define CGROUP_FILES "kubepods.slice/crio-" ID ".scope/container/"

/* What is charged to the container now, in place of the kernel's word. */
static void container_charge(const char *bytes)
{
	int fd = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fixture_write(fd, CGROUP_FILES "memory.current", bytes);
	fixture_write(fd, CGROUP_FILES "memory.max", bytes);
	fixture_write(fd, CGROUP_FILES "memory.peak", "360448\n");
	fixture_write(fd, CGROUP_FILES "memory.stat",
		      "anon 4096\nfile 8192\nkernel 65536\ninactive_file 0\nshmem 0\n");
	close(fd);
}

/* A process that is in a cgroup named after the container, as its runtime leaves it after `create`. */
static void container_begin(struct node *node)
{
	char path[64], source[512], text[64];

	node->init = fork();
	if (node->init == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	node_write(node, "proc-cgroup", "1:name=systemd:/\n0::" CGROUP "\n");
	snprintf(source, sizeof source, "%s/proc-cgroup", node->fixture.path);
	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)node->init);
	assert_int_equal(mount(source, path, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, "size=1m"), 0);
	container_charge("131072\n");
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	snprintf(text, sizeof text, "%d", (int)node->init);
	node_write(node, "bundle/pidfile", text);
}

static void container_start(struct node *node)
{
	container_begin(node);
	run_both(node, NULL, ARGS("--root=/run/crun", "--systemd-cgroup", "start", ID), &outcome);
	assert_silent(&outcome);
}

static void start_records_what_is_charged_before_the_program_runs(void **state)
{
	struct node *node = *state;
	struct record record;
	struct stat st;

	NEED_MACHINE();
	container_start(node);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.pid, node->init);
	assert_string_equal(record.cgroup, CGROUP);
	assert_int_equal(stat("/sys/fs/cgroup" CGROUP, &st), 0);
	assert_int_equal(record.cgroup_id, st.st_ino);
	assert_int_equal(record.prestart.current_bytes, 131072);
	assert_int_equal(record.prestart.peak_bytes, 360448);
	assert_int_equal(record.prestart.anon_bytes, 4096);
	assert_int_equal(record.prestart.file_bytes, 8192);
	assert_int_equal(record.prestart.kernel_bytes, 65536);
	assert_true(record.started_usec >= record.created_usec);
	assert_int_equal(record.limit_bytes, 800 * MIB);
}

static void process_of_another_container_is_not_measured(void **state)
{
	struct node *node = *state;
	struct record record;

	NEED_MACHINE();
	container_begin(node);
	node_write(node, "proc-cgroup", "0::/system.slice/sshd.service\n");
	run_both(node, NULL, ARGS("start", ID), &outcome);
	assert_int_equal(outcome.status, 0);
	run(node, NULL, ARGS("start", ID), &outcome);
	assert_logged(&outcome, "which is not the container's");
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.cgroup, "");
	assert_true(record.started_usec > 0);
}

static void start_of_a_container_that_was_created_without_us_is_silent(void **state)
{
	const struct node *node = *state;

	run_both(node, NULL, ARGS("start", ID), &outcome);
	assert_silent(&outcome);
}

static void start_without_a_pid_file_says_so(void **state)
{
	const struct node *node = *state;
	struct record record;

	run(node, NULL, CREATE(node), &outcome);
	run(node, NULL, ARGS("start", ID), &outcome);
	assert_int_equal(outcome.status, 0);
	assert_logged(&outcome, "its pre-start footprint is not recorded");
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_true(record.started_usec > 0);

	static const char *const texts[] = {"",           "x",
					    "-1",         "0",
					    "2147483648", "99999999999999999999",
					    "1 2",        "0123456789012345678901234567890123456789"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		node_write(node, "bundle/pidfile", texts[i]);
		run(node, NULL, ARGS("start", ID), &outcome);
		assert_int_equal(outcome.status, 0);
		assert_string_equal(outcome.err, "");
		assert_logged(&outcome, "its pre-start footprint is not recorded");
	}
}

#define UPDATE(node)     ARGS("--root", "/run/crun", "update", "--resources", "-", ID)
#define RESOURCES(limit) "{\"memory\":{\"limit\":" limit ",\"swap\":" limit "},\"cpu\":{}}"

/* What the runtime read from its stdin. */
static void assert_resources(const char *text)
{
	char expected[1024];
	snprintf(expected, sizeof expected, "stdin: %zu bytes, ", strlen(text));
	assert_non_null(strstr(outcome.report, expected));
	snprintf(expected, sizeof expected, "<<%s>>", text);
	const char *content = strstr(outcome.report, "stdin: ");
	if (!strstr(content, expected))
		fail_msg("\"%s\" is not in \"%s\"", expected, content);
}

static void resize_by_stdin_is_decided_anew(void **state)
{
	struct node *node = *state;
	const struct way way = {.stdin_text = RESOURCES(DECLARED), .stdin_piped = true};
	struct record record;

	NEED_MACHINE();
	container_start(node);
	run(node, &way, UPDATE(node), &outcome);
	assert_silent(&outcome);
	assert_resources(RESOURCES(TUNED));
	assert_non_null(strstr(outcome.report, "argv: --resources\nargv: -\nargv: " ID "\n"));
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_true(record.updated_usec > 0);
	assert_int_equal(record.declared_bytes, GIB);
	assert_int_equal(record.limit_bytes, 800 * MIB);
	assert_string_equal(record.reason, "enforced");
	assert_string_equal(record.cgroup, CGROUP);
}

/* What the container's cgroup has, in place of the kernel's word. */
static void container_bounds(const char *low, const char *min, const char *high)
{
	int fd = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fixture_write(fd, CGROUP_FILES "memory.low", low);
	fixture_write(fd, CGROUP_FILES "memory.min", min);
	fixture_write(fd, CGROUP_FILES "memory.high", high);
	close(fd);
}

#define RESIZED(unified, limit) "{" unified "\"memory\":{\"limit\":" limit "}}"
#define SMALLER                 "629145600" /* 600Mi */

static void resize_moves_what_protects_the_container(void **state)
{
	struct node *node = *state;
	const struct way smaller = {.stdin_text = RESIZED("", SMALLER)};

	NEED_MACHINE();
	node_configure(node, "enforce", PROTECT);
	container_start(node);
	assert_protected(node, 500 * MIB, 0, 770 * MIB);
	container_bounds("524288000\n", "0\n", "807403520\n");
	run(node, &smaller, UPDATE(node), &outcome);
	assert_silent(&outcome);
	assert_resources(RESIZED(UNIFIED("\"memory.high\":\"618659840\"," LOW), SMALLER));
	assert_protected(node, 500 * MIB, 0, 590 * MIB);

	/* What is asked for in the same breath is the pod's own. */
	const struct way with = {
		.stdin_text = RESIZED(UNIFIED("\"memory.low\":\"5\",\"memory.high\":\"max\""), SMALLER)};
	container_bounds("524288000\n", "0\n", "618659840\n");
	run_both(node, &with, UPDATE(node), &outcome);
	assert_silent(&outcome);
	assert_protected(node, 0, 0, 0);
}

static void resize_leaves_what_is_not_ours_in_the_cgroup(void **state)
{
	struct node *node = *state;
	const struct way smaller = {.stdin_text = RESIZED("", SMALLER)};

	NEED_MACHINE();
	node_configure(node, "enforce", PROTECT);
	container_start(node);
	container_bounds("4096\n", "8192\n", "807403520\n");
	run(node, &smaller, UPDATE(node), &outcome);
	assert_silent(&outcome);
	assert_resources(RESIZED(UNIFIED("\"memory.high\":\"618659840\""), SMALLER));
	assert_protected(node, 0, 0, 590 * MIB);
}

static void resize_takes_back_what_is_not_enforced_any_more(void **state)
{
	struct node *node = *state;
	const struct way asked = {.stdin_text = RESIZED("", DECLARED)};

	NEED_MACHINE();
	node_configure(node, "enforce", PROTECT);
	container_start(node);
	container_bounds("524288000\n", "0\n", "807403520\n");
	node_configure(node, "observe", PROTECT);
	run(node, &asked, UPDATE(node), &outcome);
	assert_silent(&outcome);
	assert_resources(RESIZED(UNIFIED("\"memory.high\":\"max\",\"memory.low\":\"0\""), DECLARED));
	assert_protected(node, 0, 0, 0);
	container_bounds("0\n", "0\n", "max\n");
	run_both(node, &asked, UPDATE(node), &outcome);
	assert_silent(&outcome);
}

static void resize_never_sets_memory_high_below_what_is_in_use(void **state)
{
	struct node *node = *state;
	const struct way smaller = {.stdin_text = RESIZED("", SMALLER)};

	NEED_MACHINE();
	node_configure(node, "enforce", "[enforce]\nhigh = 0.9\n");
	container_start(node);
	container_bounds("0\n", "0\n", "max\n");
	container_charge("622854144\n"); /* 594Mi; 590Mi would be memory.high */
	run_both(node, &smaller, UPDATE(node), &outcome);
	assert_silent(&outcome);
	assert_protected(node, 0, 0, 0);
}

static void resize_that_fails_leaves_the_protection_on_record(void **state)
{
	struct node *node = *state;
	const struct way smaller = {.stdin_text = RESIZED("", SMALLER)};

	NEED_MACHINE();
	node_configure(node, "enforce", PROTECT);
	container_start(node); /* and its cgroup has no memory.low */
	run_both(node, &smaller, UPDATE(node), &outcome);
	assert_logged(&outcome, "is resized as asked: the cgroup " CGROUP " ");
	assert_protected(node, 500 * MIB, 0, 770 * MIB);
}

static void resize_goes_by_an_override_as_long_as_it_is_allowed(void **state)
{
	struct node *node = *state;
	const struct way way = {.stdin_text = RESOURCES(DECLARED)};
	struct record record;

	NEED_MACHINE();
	container_start(node);
	assert_int_equal(node_record(node, ID, &record), 0);
	record.override_bytes = 900 * MIB;
	int fd = node_open(node, "run/tidemark/containers");
	assert_int_equal(record_write(fd, &record, NULL), 0);
	close(fd);
	run(node, &way, UPDATE(node), &outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.reason, "override");
	assert_int_equal(record.limit_bytes, 900 * MIB);

	node_configure(node, "enforce", "[annotations]\nallow = mode workload\n");
	run(node, &way, UPDATE(node), &outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.reason, "enforced");
	assert_int_equal(record.limit_bytes, 800 * MIB);
}

static void resize_below_the_recommendation_is_done_as_asked(void **state)
{
	struct node *node = *state;
	const struct way way = {.stdin_text = RESOURCES("536870912")};
	struct record record;

	NEED_MACHINE();
	container_start(node);
	run_both(node, &way, UPDATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.declared_bytes, 512 * MIB);
	assert_int_equal(record.limit_bytes, 512 * MIB);
}

static void resize_leaves_room_for_what_is_in_use(void **state)
{
	struct node *node = *state;
	const struct way way = {.stdin_text = RESOURCES(DECLARED)};

	NEED_MACHINE();
	container_start(node);
	container_charge("996147200\n"); /* 950Mi */
	run(node, &way, UPDATE(node), &outcome);
	assert_silent(&outcome);
	assert_resources(RESOURCES("996147200"));
}

static void resize_by_a_file_is_handed_on_by_stdin(void **state)
{
	struct node *node = *state;
	char file[512], with_value[600], letter[600], text[512];

	NEED_MACHINE();
	container_start(node);
	node_write(node, "resources.json", RESOURCES(DECLARED));
	snprintf(file, sizeof file, "%s/resources.json", node->fixture.path);
	snprintf(with_value, sizeof with_value, "--resources=%s", file);
	snprintf(letter, sizeof letter, "-r%s", file);

	run(node, NULL, ARGS("update", "--resources", file, ID), &outcome);
	assert_silent(&outcome);
	assert_resources(RESOURCES(TUNED));
	assert_non_null(strstr(outcome.report, "argv: update\nargv: --resources\nargv: -\nargv: " ID "\n"));
	run(node, NULL, ARGS("update", with_value, ID), &outcome);
	assert_resources(RESOURCES(TUNED));
	assert_non_null(strstr(outcome.report, "argv: update\nargv: --resources=-\nargv: " ID "\n"));
	run(node, NULL, ARGS("update", letter, ID), &outcome);
	assert_resources(RESOURCES(TUNED));
	assert_non_null(strstr(outcome.report, "argv: update\nargv: -r-\nargv: " ID "\n"));
	run(node, NULL, ARGS("update", "-r", file, ID), &outcome);
	assert_resources(RESOURCES(TUNED));

	const struct way closed = {.in_child = close_the_standard_files};
	run(node, &closed, ARGS("update", "-r", file, ID), &outcome);
	assert_resources(RESOURCES(TUNED));

	node_read(node, "resources.json", text, sizeof text);
	assert_string_equal(text, RESOURCES(DECLARED));
}

static void resize_in_observe_mode_passes_byte_for_byte(void **state)
{
	struct node *node = *state;
	const struct way way = {.stdin_text = RESOURCES(DECLARED), .stdin_piped = true};
	struct record record;

	NEED_MACHINE();
	node_configure(node, "observe", "");
	container_start(node);
	run_both(node, &way, UPDATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_true(record.updated_usec > 0);
	assert_string_equal(record.reason, "observed");
}

static void node_that_has_stopped_enforcing_does_not_resize(void **state)
{
	struct node *node = *state;
	const struct way way = {.stdin_text = RESOURCES(DECLARED)};

	NEED_MACHINE();
	container_start(node);
	node_configure(node, "observe", "");
	run_both(node, &way, UPDATE(node), &outcome);
	assert_silent(&outcome);
}

static void update_of_other_resources_passes_byte_for_byte(void **state)
{
	static const char *const texts[] = {
		"{\"memory\":{},\"cpu\":{}}",
		"{\"memory\":{},\"cpu\":{\"shares\":512,\"quota\":5000, \"period\" : 10000}} \n",
		"{}",
		"{\"cpu\":{\"cpus\":\"0-1\"}}\n\n",
		"{\"memory\":{\"reservation\":1048576}}",
		"{\"unified\":{\"memory.low\":\"1048576\"}}",
	};
	struct node *node = *state;

	NEED_MACHINE();
	container_start(node);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const struct way way = {.stdin_text = texts[i], .stdin_piped = i % 2};
		run_both(node, &way, UPDATE(node), &outcome);
		assert_silent(&outcome);
		assert_resources(texts[i]);
	}
}

static void update_of_a_container_that_was_created_without_us_passes(void **state)
{
	const struct way way = {.stdin_text = RESOURCES(DECLARED), .stdin_piped = true};

	run_both(*state, &way, UPDATE(node), &outcome);
	assert_silent(&outcome);
}

static void update_by_hand_passes(void **state)
{
	struct node *node = *state;
	const struct way way = {.stdin_text = RESOURCES(DECLARED), .stdin_piped = true};

	NEED_MACHINE();
	container_start(node);
	run_both(node, &way, ARGS("update", "--memory", DECLARED, ID), &outcome);
	assert_silent(&outcome);
	run_both(node, &way, ARGS("update", "--pids-limit", "5", ID), &outcome);
	assert_silent(&outcome);
}

static void large_stdin_passes_byte_for_byte(void **state)
{
	enum { LENGTH = 5 << 20 };
	struct node *node = *state;
	char *text = malloc(LENGTH);
	const struct way way = {.stdin_text = text, .stdin_length = LENGTH, .stdin_piped = true};

	NEED_MACHINE();
	container_start(node);
	for (size_t i = 0; i < LENGTH; i++)
		text[i] = (char)(i * 2654435761u >> 13);
	run_both(node, &way, UPDATE(node), &outcome);
	free(text);
	assert_int_equal(outcome.status, 0);
	assert_string_equal(outcome.err, "");
	assert_logged(&outcome, "is resized as asked: the resources are larger than");
}

static void resources_that_cannot_be_read_pass_byte_for_byte(void **state)
{
	static const char *const texts[] = {"",
					    "nonsense",
					    "{\"memory\":{\"limit\":",
					    "[1]",
					    "{\"memory\":{\"limit\":-7}}",
					    "{\"memory\":{\"limit\":1e9}}",
					    "{\"memory\":{\"limit\":1,\"limit\":2}}",
					    "{\"x\":\"\xff\"}"};
	struct node *node = *state;

	NEED_MACHINE();
	container_start(node);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const struct way way = {.stdin_text = texts[i]};
		run_both(node, &way, UPDATE(node), &outcome);
		assert_string_equal(outcome.err, "");
		assert_logged(&outcome, "is resized as asked: ");
	}
	run_both(node, NULL, ARGS("update", "--resources", "/nonexistent", ID), &outcome);
	assert_logged(&outcome, "is resized as asked: cannot open /nonexistent");
	const struct way closed = {.in_child = close_the_standard_files};
	run_both(node, &closed, UPDATE(node), &outcome);
	assert_logged(&outcome, "is resized as asked: cannot read stdin");
}

static void container_whose_use_is_not_known_is_resized_as_asked(void **state)
{
	struct node *node = *state;
	const struct way way = {.stdin_text = RESOURCES(DECLARED)};
	struct record record;

	NEED_MACHINE();
	container_start(node);
	assert_int_equal(umount2("/sys/fs/cgroup", MNT_DETACH), 0);
	assert_int_equal(mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, "size=1m"), 0);
	run_both(node, &way, UPDATE(node), &outcome);
	assert_int_equal(outcome.status, 0);
	assert_logged(&outcome, "is resized as asked: cannot open the cgroup");
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.limit_bytes, GIB);
	assert_string_equal(record.reason, "declared");
}

static void delete_removes_the_record(void **state)
{
	const struct node *node = *state;
	struct record record;

	for (int force = 0; force <= 1; force++) {
		run(node, NULL, CREATE(node), &outcome);
		assert_int_equal(node_record(node, ID, &record), 0);
		run_both(node, NULL,
			 force ? ARGS("--root", "r", "delete", "--force", ID) : ARGS("delete", ID), &outcome);
		assert_silent(&outcome);
		assert_int_equal(node_record(node, ID, &record), -ENOENT);
		run(node, NULL, ARGS("delete", ID), &outcome); /* conmon and CRI-O do it twice */
		assert_silent(&outcome);
	}
}

static void delete_that_will_be_refused_keeps_the_record(void **state)
{
	struct node *node = *state;
	struct record record;

	NEED_MACHINE();
	container_start(node);
	run_both(node, NULL, ARGS("delete", ID), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	run_both(node, NULL, ARGS("delete", "--force", ID), &outcome);
	assert_int_equal(node_record(node, ID, &record), -ENOENT);
}

static void creation_that_will_be_refused_keeps_the_record(void **state)
{
	struct node *node = *state;
	struct record before, after;

	NEED_MACHINE();
	container_start(node);
	assert_int_equal(node_record(node, ID, &before), 0);
	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	run_both(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &after), 0);
	assert_int_equal(after.created_usec, before.created_usec);
	assert_int_equal(after.started_usec, before.started_usec);
	assert_int_equal(after.pid, before.pid);
	assert_string_equal(after.cgroup, before.cgroup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(command_that_is_not_ours_is_passed_through),
		NODE_TEST(exit_code_and_output_are_the_runtimes),
		NODE_TEST(runtime_inherits_all_that_was_meant_for_it),
		NODE_TEST(closed_standard_files_stay_closed),
		NODE_TEST(signal_that_was_ignored_stays_ignored),
		NODE_TEST(real_runtime_answers_byte_for_byte_the_same),
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
		NODE_TEST(protection_is_written_where_the_node_asks_for_it),
		NODE_TEST(protection_is_never_written_where_nothing_is_enforced),
		NODE_TEST(protection_holds_where_a_guard_leaves_the_limit_as_declared),
		NODE_TEST(request_of_an_override_is_what_is_protected),
		NODE_TEST(what_kubelet_has_put_into_unified_stays),
		NODE_TEST(protection_of_ours_is_not_taken_for_the_pods_own),
		NODE_TEST(nothing_is_forked_and_the_runtime_executed_once),
		NODE_TEST(config_is_whole_whenever_the_wrapper_is_killed),
		NODE_TEST(many_creations_at_once_do_not_meet),
		NODE_TEST(many_creations_in_one_bundle_leave_it_whole),
		NODE_TEST(start_records_what_is_charged_before_the_program_runs),
		NODE_TEST(process_of_another_container_is_not_measured),
		NODE_TEST(start_of_a_container_that_was_created_without_us_is_silent),
		NODE_TEST(start_without_a_pid_file_says_so),
		NODE_TEST(resize_by_stdin_is_decided_anew),
		NODE_TEST(resize_moves_what_protects_the_container),
		NODE_TEST(resize_leaves_what_is_not_ours_in_the_cgroup),
		NODE_TEST(resize_takes_back_what_is_not_enforced_any_more),
		NODE_TEST(resize_never_sets_memory_high_below_what_is_in_use),
		NODE_TEST(resize_that_fails_leaves_the_protection_on_record),
		NODE_TEST(resize_goes_by_an_override_as_long_as_it_is_allowed),
		NODE_TEST(resize_below_the_recommendation_is_done_as_asked),
		NODE_TEST(resize_leaves_room_for_what_is_in_use),
		NODE_TEST(resize_by_a_file_is_handed_on_by_stdin),
		NODE_TEST(resize_in_observe_mode_passes_byte_for_byte),
		NODE_TEST(node_that_has_stopped_enforcing_does_not_resize),
		NODE_TEST(update_of_other_resources_passes_byte_for_byte),
		NODE_TEST(update_of_a_container_that_was_created_without_us_passes),
		NODE_TEST(update_by_hand_passes),
		NODE_TEST(large_stdin_passes_byte_for_byte),
		NODE_TEST(resources_that_cannot_be_read_pass_byte_for_byte),
		NODE_TEST(container_whose_use_is_not_known_is_resized_as_asked),
		NODE_TEST(delete_removes_the_record),
		NODE_TEST(delete_that_will_be_refused_keeps_the_record),
		NODE_TEST(creation_that_will_be_refused_keeps_the_record),
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
