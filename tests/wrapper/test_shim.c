/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper in place of a shim-v2 runtime, from end to end: as containerd and CRI-O call it, with the
 * bundle as its working directory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shim/store/handler.h"
#include "tests/wrapper/shimmed.h"

/* ---- Containers ---- */

static void start_is_a_creation(void **state)
{
	const struct node *node = *state;
	struct record record;

	start(node);
	assert_silent(&outcome);
	assert_config(node, CONFIG_TUNED);
	assert_non_null(strstr(outcome.report, "<<" CONFIG_TUNED ">>"));
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.runtime, "kata");
	assert_true(record.is_shim);
	assert_true(record.is_vm);
	assert_string_equal(record.bundle, node->bundle);
	assert_string_equal(record.pid_file, "");
	assert_string_equal(record.identity.owner, "web");
	assert_string_equal(record.sandbox_id, "aabbcc");
	assert_string_equal(record.reason, "enforced");
	assert_int_equal(record.declared_bytes, GIB);
	assert_int_equal(record.limit_bytes, 800 * MIB);
	assert_int_equal(record.started_usec, 0);
	assert_false(record.is_sandbox);
}

static void container_of_runc_has_a_pid_file_in_its_bundle(void **state)
{
	struct node *node = *state;
	struct record record;
	char pid_file[330];

	be_called(node, "containerd-shim-tidemark-runc-v2", "containerd-shim-runc-v2");
	start(node);
	assert_silent(&outcome);
	assert_config(node, CONFIG_TUNED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.runtime, "runc");
	assert_true(record.is_shim);
	assert_false(record.is_vm);
	snprintf(pid_file, sizeof pid_file, "%s/init.pid", node->bundle);
	assert_string_equal(record.pid_file, pid_file);
}

static void start_in_observe_mode_changes_no_byte(void **state)
{
	const struct node *node = *state;
	struct record record;

	configure(node, "observe", "");
	assert_passes(node, START);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.reason, "observed");
}

static void start_with_the_mode_off_is_left_alone(void **state)
{
	const struct node *node = *state;
	struct record record;

	configure(node, "off", "");
	assert_passes(node, START);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), -ENOENT);
}

/* containerd sends its parameters there, and they can be read but once. */
static void stdin_and_stdout_are_the_shims(void **state)
{
	const struct node *node = *state;
	struct way way = in_bundle();

	way.stdin_text = "\n\x03"
			 "abc\x12\x07"
			 "default\x00\xff\x80 parameters";
	way.stdin_length = 29;
	way.stdin_piped = true;
	way.env[0] = "PROBE_STDOUT={\"version\":2,\"address\":\"unix:///run/a\"}";
	way.env[1] = "PROBE_EXIT=3";
	run(node, &way, START, &outcome);
	assert_config(node, CONFIG_TUNED);
	assert_int_equal(WEXITSTATUS(outcome.status), 3);
	assert_string_equal(outcome.out, "{\"version\":2,\"address\":\"unix:///run/a\"}");
	assert_string_equal(outcome.err, "");
	assert_non_null(strstr(outcome.report, "stdin: 29 bytes, "));
	assert_null(strstr(outcome.report, "cut off"));

	configure(node, "observe", "");
	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	run_both(node, &way, START, &outcome);
}

static void all_that_is_not_ours_is_passed_through(void **state)
{
	const struct node *node = *state;
	const char *const *commands[] = {
		ARGS("-info"),
		ARGS("-v"),
		ARGS("--version"),
		ARGS("start"),
		ARGS(NULL),
		CALL(ID, "-socket", "s"), /* the daemon that a shim makes of itself */
		CALL(ID, "-sandboxer", "start"),
		CALL(ID, "frobnicate"),
		CALL("nosuch", "delete"),
		/* Those of an OCI runtime mean nothing here. */
		ARGS("create", "--bundle", ".", ID),
		ARGS("delete", ID),
	};
	struct record record;

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		assert_passes(node, commands[i]);
		assert_config(node, CONFIG_DECLARED);
		assert_int_equal(node_record(node, ID, &record), -ENOENT);
	}
}

static void bundle_may_be_told_beside_the_working_directory(void **state)
{
	const struct node *node = *state;
	const struct way way = {.cwd = "cwd"};
	struct record record;

	run(node, &way, CALL(ID, "-bundle", node->bundle, "start"), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_TUNED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.bundle, node->bundle);
}

static void delete_ends_the_record(void **state)
{
	const struct node *node = *state;
	const struct way elsewhere = {.cwd = "cwd", .runtime = shim_path};
	struct record record;

	start(node);
	assert_passes(node, CALL(ID, "-bundle", node->bundle, "delete"));
	assert_int_equal(node_record(node, ID, &record), -ENOENT);
	start(node);
	assert_passes(node, CALL(ID, "delete"));
	assert_int_equal(node_record(node, ID, &record), -ENOENT);
	start(node);
	run(node, &elsewhere, CALL(ID, "-bundle", node->bundle, "delete"), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), -ENOENT);
}

/* An id is one namespace's of containerd: "web" may be there twice. */
static void delete_of_another_bundle_leaves_the_record(void **state)
{
	const struct node *node = *state;
	const struct way elsewhere = {.cwd = "cwd", .runtime = shim_path};
	struct record record;

	start(node);
	run_both(node, &elsewhere, CALL(ID, "delete"), &outcome);
	assert_silent(&outcome);
	assert_passes(node, CALL(ID, "-bundle", "/nonexistent", "delete"));
	assert_int_equal(node_record(node, ID, &record), 0);
}

/* Where the shim is told to run tidemark-runc, that one keeps the record. */
static void delete_leaves_the_record_of_an_oci_runtime(void **state)
{
	const struct node *node = *state;
	struct record record;

	start(node);
	assert_int_equal(node_record(node, ID, &record), 0);
	record.is_shim = record.is_vm = false;
	int fd = node_open(node, "run/tidemark/containers");
	assert_int_equal(record_write(fd, &record, NULL), 0);
	close(fd);
	assert_passes(node, CALL(ID, "delete"));
	assert_int_equal(node_record(node, ID, &record), 0);
}

static void nothing_in_a_guest_is_protected_by_us(void **state)
{
	struct node *node = *state;
	struct record record;
	static char config[8192];

	configure(node, "enforce", "[enforce]\nrequest = low\nhigh = 0.9\n");
	start(node);
	assert_silent(&outcome);
	assert_config(node, CONFIG_TUNED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.protect.bytes[UNIFIED_LOW], 0);

	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	be_called(node, "containerd-shim-tidemark-runc-v2", "containerd-shim-runc-v2");
	start(node);
	node_read(node, "bundle/config.json", config, sizeof config);
	assert_non_null(strstr(config, "\"memory.low\""));
}

/* ---- Names ---- */

static void handler_may_have_dashes_and_kata_stands_in_for_it(void **state)
{
	struct node *node = *state;
	struct record record;

	be_called(node, "containerd-shim-tidemark-kata-qemu-snp-v2", "");
	snprintf(shim_path, sizeof shim_path, "%s/shims/containerd-shim-kata-v2", node->fixture.path);
	start(node);
	assert_silent(&outcome);
	assert_non_null(strstr(outcome.report, "shims/containerd-shim-kata-v2\n"));
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.runtime, "kata-qemu-snp");
	assert_true(record.is_vm);
}

static void name_without_a_runtime_is_an_error(void **state)
{
	struct node *node = *state;
	struct record record;

	be_called(node, "containerd-shim-tidemark-v2", "");
	start(node);
	assert_true(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) != 0);
	assert_string_equal(outcome.out, "");
	assert_string_equal(outcome.err,
			    "tidemark: containerd-shim-tidemark-v2 names no runtime: it wants to be called "
			    "containerd-shim-tidemark-<X>-v2, for containerd-shim-<X>-v2\n");
	assert_logged(&outcome, "names no runtime");
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), -ENOENT);
}

static void shim_that_is_not_installed_is_an_error(void **state)
{
	struct node *node = *state;
	const struct way way = {.cwd = "bundle"};

	be_called(node, "containerd-shim-tidemark-nosuch-v2", "");
	run(node, &way, ARGS("-info"), &outcome);
	assert_true(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) != 0);
	assert_string_equal(outcome.out, "");
	assert_non_null(strstr(outcome.err, "containerd-shim-nosuch-v2 is not installed"));
}

/* ---- Faults: the shim starts all the same, with the config.json that was there ---- */

static void bad_config_does_not_keep_the_shim_from_starting(void **state)
{
	static const char *const configs[] = {"",
					      "{",
					      "[]",
					      "{\"linux\":{},\"linux\":{}}",
					      CONFIG("-5", DECLARED, ""),
					      CONFIG(DECLARED, "5", ""),
					      CONFIG(DECLARED, DECLARED, ",\"a\":\"\xff\"")};
	const struct node *node = *state;

	for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
		node_write(node, "bundle/config.json", configs[i]);
		assert_starts_as_declared(node, "starts as declared: ");
		assert_config(node, configs[i]);
	}
	unlinkat(node->fixture.root_fd, "bundle/config.json", 0);
	assert_starts_as_declared(node, "starts as declared: cannot open config.json");
}

static void record_that_cannot_be_written_leaves_the_limit_alone(void **state)
{
	const struct node *node = *state;

	node_write(node, "run/tidemark/containers", "");
	assert_starts_as_declared(node, "starts as declared: ");
	assert_config(node, CONFIG_DECLARED);
}

static void torn_profile_does_not_keep_the_shim_from_starting(void **state)
{
	const struct node *node = *state;
	struct record record;

	node_write(node, "var/lib/tidemark/limits/shop/web/nginx.json", "{\"v\":1,");
	assert_starts_as_declared(node, "starts as declared: ");
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_true(record.fault[0]);
}

static void bad_settings_still_tell_where_the_shim_is(void **state)
{
	const struct node *node = *state;

	configure(node, "enforce", "[vm]\nsizing = huge\n");
	assert_starts_as_declared(node, "sizing = huge: not dynamic, static or default-memory");
	assert_config(node, CONFIG_DECLARED);
}

static void bundle_on_a_full_file_system_stays_as_it_is(void **state)
{
	const struct node *node = *state;
	char filler[4096];

	NEED_MACHINE();
	node_mount(node, "bundle", 0, "size=8k,mode=700");
	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	memset(filler, 'x', sizeof filler);
	filler[4095] = '\0';
	node_write(node, "bundle/filler", filler);
	assert_starts_as_declared(node, "No space left on device");
	assert_config(node, CONFIG_DECLARED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHIM_TEST(start_is_a_creation),
		SHIM_TEST(container_of_runc_has_a_pid_file_in_its_bundle),
		SHIM_TEST(start_in_observe_mode_changes_no_byte),
		SHIM_TEST(start_with_the_mode_off_is_left_alone),
		SHIM_TEST(stdin_and_stdout_are_the_shims),
		SHIM_TEST(all_that_is_not_ours_is_passed_through),
		SHIM_TEST(bundle_may_be_told_beside_the_working_directory),
		SHIM_TEST(delete_ends_the_record),
		SHIM_TEST(delete_of_another_bundle_leaves_the_record),
		SHIM_TEST(delete_leaves_the_record_of_an_oci_runtime),
		SHIM_TEST(nothing_in_a_guest_is_protected_by_us),
		SHIM_TEST(handler_may_have_dashes_and_kata_stands_in_for_it),
		SHIM_TEST(name_without_a_runtime_is_an_error),
		SHIM_TEST(shim_that_is_not_installed_is_an_error),
		SHIM_TEST(bad_config_does_not_keep_the_shim_from_starting),
		SHIM_TEST(record_that_cannot_be_written_leaves_the_limit_alone),
		SHIM_TEST(torn_profile_does_not_keep_the_shim_from_starting),
		SHIM_TEST(bad_settings_still_tell_where_the_shim_is),
		SHIM_TEST(bundle_on_a_full_file_system_stays_as_it_is),
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
