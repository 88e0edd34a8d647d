/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 40

/* The program's name is added in front. */
static struct command parse(char *const arguments[])
{
	char *argv[ARGUMENTS_MAX + 2] = {(char *)"tidemark"};
	int argc = 1;
	for (; arguments[argc - 1]; argc++)
		argv[argc] = arguments[argc - 1];
	return command_parse(argc, argv);
}

#define PARSE(...) parse((char *const[]){__VA_ARGS__, NULL})

static void assert_text(const char *value, const char *expected)
{
	if (expected) {
		assert_non_null(value);
		assert_string_equal(value, expected);
	} else {
		assert_null(value);
	}
}

static void assert_command(struct command command, enum verb verb, const char *id, const char *bundle,
			   const char *pid_file)
{
	assert_int_equal(command.verb, verb);
	assert_text(command.id, id);
	assert_text(command.bundle, bundle);
	assert_text(command.pid_file, pid_file);
}

#define assert_other(...) assert_command(PARSE(__VA_ARGS__), VERB_OTHER, NULL, NULL, NULL)

static void conmon_creates(void **state)
{
	(void)state;
	assert_command(PARSE("--systemd-cgroup", "--root=/run/crun", "create", "--bundle", "/b", "--pid-file",
			     "/b/pidfile", "ID"),
		       VERB_CREATE, "ID", "/b", "/b/pidfile");
	assert_command(PARSE("--systemd-cgroup", "--root=/run/crun", "create", "--bundle", "/b", "--pid-file",
			     "/b/pidfile", "--no-pivot", "--no-new-keyring", "--preserve-fds", "3",
			     "--console-socket", "/s", "ID"),
		       VERB_CREATE, "ID", "/b", "/b/pidfile");
}

static void conmon_restores(void **state)
{
	(void)state;
	assert_command(PARSE("--systemd-cgroup", "--root=/run/runc", "restore", "--bundle", "/b",
			     "--pid-file", "/b/pidfile", "--detach", "--image-path", "/i", "--work-path",
			     "/b", "--lsm-profile=selinux:x:y", "ID"),
		       VERB_RESTORE, "ID", "/b", "/b/pidfile");
	assert_command(PARSE("restore", "--tcp-established", "--ext-unix-sk", "--shell-job", "--file-locks",
			     "--auto-dedup", "--lazy-pages", "--manage-cgroups-mode", "soft", "--empty-ns",
			     "network", "--lsm-mount-context", "c", "-d", "ID"),
		       VERB_RESTORE, "ID", NULL, NULL);
}

static void conmon_rs_creates(void **state)
{
	(void)state;
	/* The global flags of CRI-O come after those of conmon-rs, a second time. */
	assert_command(PARSE("--root=/run/crun", "--systemd-cgroup", "--root=/run/crun", "--systemd-cgroup",
			     "create", "--bundle", "/b", "--pid-file", "/b/pidfile", "--console-socket=/s",
			     "ID"),
		       VERB_CREATE, "ID", "/b", "/b/pidfile");
}

static void podman_creates(void **state)
{
	(void)state;
	assert_command(PARSE("--systemd-cgroup", "create", "--bundle", "/b", "--pid-file", "/p", "ID"),
		       VERB_CREATE, "ID", "/b", "/p");
	assert_command(PARSE("start", "ID"), VERB_START, "ID", NULL, NULL);
	assert_true(PARSE("delete", "--force", "ID").force);
}

static void the_shim_of_containerd_creates(void **state)
{
	(void)state;
	assert_command(PARSE("--root", "/run/containerd/runc/default", "--log", "/b/log.json", "--log-format",
			     "json", "--systemd-cgroup", "create", "--bundle", "/b", "--pid-file",
			     "/b/init.pid", "ID"),
		       VERB_CREATE, "ID", "/b", "/b/init.pid");
}

static void crio_calls_directly(void **state)
{
	(void)state;
	assert_command(PARSE("--root", "/r", "--systemd-cgroup", "start", "ID"), VERB_START, "ID", NULL,
		       NULL);
	struct command command = PARSE("--root", "/r", "--systemd-cgroup", "delete", "--force", "ID");
	assert_command(command, VERB_DELETE, "ID", NULL, NULL);
	assert_true(command.force);
	assert_false(PARSE("delete", "ID").force);
	assert_other("--root", "/r", "state", "ID");
	assert_other("--root", "/r", "kill", "ID", "15");
	assert_other("--root", "/r", "kill", "-a", "ID", "9");
	assert_other("--root", "/r", "pause", "ID");
	assert_other("--root", "/r", "checkpoint", "--image-path", "/i", "--work-path", "/w", "ID");
}

static void an_update_tells_where_its_resources_are(void **state)
{
	struct command command;
	(void)state;

	command = PARSE("--root", "/r", "update", "--resources", "-", "ID");
	assert_command(command, VERB_UPDATE, "ID", NULL, NULL);
	assert_string_equal(command.resources, "-");
	assert_int_equal(command.resources_index, 5);
	command = PARSE("update", "--resources=/f", "ID");
	assert_string_equal(command.resources, "/f");
	assert_int_equal(command.resources_index, 2);
	command = PARSE("update", "ID", "-r", "-");
	assert_command(command, VERB_UPDATE, "ID", NULL, NULL);
	assert_string_equal(command.resources, "-");
	assert_int_equal(command.resources_index, 4);
	command = PARSE("update", "-r/f", "ID");
	assert_string_equal(command.resources, "/f");
	assert_int_equal(command.resources_index, 2);
	command = PARSE("update", "--cpu-share", "7", "--pids-limit=9", "ID");
	assert_command(command, VERB_UPDATE, "ID", NULL, NULL);
	assert_null(command.resources);
}

static void a_memory_option_is_a_persons_own_hand(void **state)
{
	(void)state;
	assert_other("update", "--memory", "5", "ID");
	assert_other("update", "--memory=5", "ID");
	assert_other("update", "--memory-swap", "5", "ID");
	assert_other("update", "--mem", "5", "ID");
}

static void probes_pass(void **state)
{
	(void)state;
	assert_other("--version");
	assert_other("-v");
	assert_other("features");
	assert_other("checkpoint", "--help");
	assert_other("create", "--help");
	assert_other("create", "--bundle", "/b", "-h", "ID");
	assert_other("--version", "create", "ID");
	assert_other("--help", "create", "ID");
	assert_other("create", "-?", "ID");
	assert_other("create", "--usage", "ID");
}

static void the_argv_of_an_exec_is_never_looked_at(void **state)
{
	(void)state;
	assert_other("--root", "/r", "exec", "--pid-file", "/p", "--process", "/f", "--detach", "ID");
	assert_other("--systemd-cgroup", "exec", "--process", "/f", "ID", "create", "--bundle", "/evil", "X");
	assert_other("exec", "ID", "create", "--bundle", "/evil", "X");
	assert_other("exec", "create");
	assert_other("state", "create");
}

static void a_value_is_never_the_verb(void **state)
{
	(void)state;
	assert_command(PARSE("--root", "create", "start", "ID"), VERB_START, "ID", NULL, NULL);
	assert_command(PARSE("--log", "exec", "create", "--bundle", "delete", "start"), VERB_CREATE, "start",
		       "delete", NULL);
	assert_command(PARSE("--criu", "a", "--rootless", "auto", "--cgroup-manager", "systemd",
			     "--log-level", "debug", "start", "create"),
		       VERB_START, "create", NULL, NULL);
	assert_command(PARSE("--debug", "create", "--bundle", "--pid-file", "ID"), VERB_CREATE, "ID",
		       "--pid-file", NULL);
}

static void the_last_of_two_options_counts(void **state)
{
	(void)state;
	assert_command(PARSE("create", "--bundle", "/a", "-b", "/b", "ID"), VERB_CREATE, "ID", "/b", NULL);
}

static void options_are_written_in_many_ways(void **state)
{
	(void)state;
	assert_command(PARSE("create", "-b", "/b", "ID"), VERB_CREATE, "ID", "/b", NULL);
	assert_command(PARSE("create", "-b/b", "ID"), VERB_CREATE, "ID", "/b", NULL);
	assert_command(PARSE("create", "-b=/b", "ID"), VERB_CREATE, "ID", "/b", NULL);
	assert_command(PARSE("create", "--bundle=/b=c", "ID"), VERB_CREATE, "ID", "/b=c", NULL);
	assert_command(PARSE("-root", "/r", "create", "-bundle", "/b", "ID"), VERB_CREATE, "ID", "/b", NULL);
	assert_command(PARSE("create", "--bundle=", "ID"), VERB_CREATE, "ID", "", NULL);
	assert_command(PARSE("create", "ID", "--bundle", "/b"), VERB_CREATE, "ID", "/b", NULL);
	assert_command(PARSE("run", "-d", "--keep", "ID"), VERB_RUN, "ID", NULL, NULL);
	assert_true(PARSE("delete", "-f", "ID").force);
	assert_true(PARSE("delete", "-force", "ID").force);
}

static void an_option_of_tomorrow_is_taken_for_a_flag(void **state)
{
	(void)state;
	assert_command(PARSE("--new-flag", "create", "--newer-flag", "--and=value", "ID"), VERB_CREATE, "ID",
		       NULL, NULL);
	/* One with a value of its own leaves two operands: that is not followed. */
	assert_other("create", "--new-option", "value", "ID");
}

static void what_is_not_followed_passes(void **state)
{
	(void)state;
	assert_other("create", "--config", "/other.json", "ID");
	assert_other("create", "--config=/other.json", "ID");
	assert_other("create", "-f", "/other.json", "ID");
	assert_other("create", "-f/other.json", "ID");
	assert_other("delete", "--regex", "web.*");
	assert_other("delete", "-fr", "web.*");
	assert_other("delete", "--force=false", "ID");
	assert_other("run", "-db", "/b", "ID");
	assert_other("run", "-db/b", "ID");
	/* crun takes what is unambiguous. */
	assert_other("create", "--bun=/b", "ID");
	assert_other("create", "--bun", "/b", "ID");
	assert_other("create", "--conf", "/other.json", "ID");
	assert_other("--roo", "/r", "create", "ID");
	assert_other("delete", "--forc", "ID");
}

static void a_missing_part_passes(void **state)
{
	static char *const only_name[] = {(char *)"tidemark", NULL};
	static char *const nothing[] = {NULL};
	(void)state;

	assert_int_equal(command_parse(0, nothing).verb, VERB_OTHER);
	assert_int_equal(command_parse(1, only_name).verb, VERB_OTHER);
	assert_other("--root");
	assert_other("--root", "/r");
	assert_other("create");
	assert_other("create", "--bundle");
	assert_other("create", "--bundle", "/b");
	assert_other("create", "--bundle", "/b", "ID", "--pid-file");
	assert_other("update", "ID", "-r");
	assert_other("start");
}

static void an_empty_string_is_no_verb_and_no_id(void **state)
{
	(void)state;
	assert_other("");
	assert_other("", "create", "ID");
	assert_other("create", "");
	assert_other("create", "", "ID");
	assert_other("create", "ID", "");
	assert_other("-", "create", "ID");
}

static void two_ids_are_not_followed(void **state)
{
	(void)state;
	assert_other("create", "A", "B");
	assert_other("start", "A", "B");
	assert_other("delete", "--force", "A", "B");
}

static void behind_a_double_dash_are_operands(void **state)
{
	(void)state;
	assert_command(PARSE("create", "--bundle", "/b", "--", "ID"), VERB_CREATE, "ID", "/b", NULL);
	assert_command(PARSE("create", "--", "--bundle"), VERB_CREATE, "--bundle", NULL, NULL);
	assert_other("create", "--", "--bundle", "/b");
	assert_command(PARSE("--root", "/r", "--", "start", "ID"), VERB_START, "ID", NULL, NULL);
	assert_other("--", "--debug", "create", "ID");
	assert_other("create", "--");
	assert_other("--");
}

static void a_verb_is_a_whole_word(void **state)
{
	(void)state;
	assert_other("creat", "ID");
	assert_other("created", "ID");
	assert_other("CREATE", "ID");
	assert_other("list");
	assert_other("spec");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conmon_creates),
		cmocka_unit_test(conmon_restores),
		cmocka_unit_test(conmon_rs_creates),
		cmocka_unit_test(podman_creates),
		cmocka_unit_test(the_shim_of_containerd_creates),
		cmocka_unit_test(crio_calls_directly),
		cmocka_unit_test(an_update_tells_where_its_resources_are),
		cmocka_unit_test(a_memory_option_is_a_persons_own_hand),
		cmocka_unit_test(probes_pass),
		cmocka_unit_test(the_argv_of_an_exec_is_never_looked_at),
		cmocka_unit_test(a_value_is_never_the_verb),
		cmocka_unit_test(the_last_of_two_options_counts),
		cmocka_unit_test(options_are_written_in_many_ways),
		cmocka_unit_test(an_option_of_tomorrow_is_taken_for_a_flag),
		cmocka_unit_test(what_is_not_followed_passes),
		cmocka_unit_test(a_missing_part_passes),
		cmocka_unit_test(an_empty_string_is_no_verb_and_no_id),
		cmocka_unit_test(two_ids_are_not_followed),
		cmocka_unit_test(behind_a_double_dash_are_operands),
		cmocka_unit_test(a_verb_is_a_whole_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
