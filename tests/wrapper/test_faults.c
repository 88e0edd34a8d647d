/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end, where something beside the bundle is wrong: the container starts as
 * declared, or fails just as it would have without us; config.json stays whole; and one line in the log
 * says why. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/wrapper/declared.h"

/* ---- Settings ---- */

static void no_settings(void **state)
{
	const struct node *node = *state;
	const struct way way = {.runtime = "/usr/bin/crun"};
	struct record record;

	/* The defaults only observe, and look for the runtime. */
	NEED(access(way.runtime, X_OK) == 0, "crun is not installed");
	fixture_remove(node->fixture.root_fd, "etc");
	run_both(node, &way, ARGS("--version"), &outcome);
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.n_logs, 0);
	/* crun wants more of a config.json than this one has. */
	run_both(node, &way, ARGS("--root", node->bundle, "create", "--bundle", node->bundle, ID), &outcome);
	assert_true(outcome.status != 0);
	assert_int_equal(outcome.n_logs, 0);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.mode, MODE_OBSERVE);
}

static void settings_with_an_error(void **state)
{
	const struct node *node = *state;

	node_configure(node, "enforce", "[guards]\nmin = some\n");
	assert_starts_as_declared(node, NULL, "tidemark.conf:7: [guards] min = some: not a size");
	assert_config(node, CONFIG_DECLARED);
}

static void drop_in_with_an_error(void **state)
{
	const struct node *node = *state;

	node_write(node, "etc/tidemark/tidemark.conf.d/50-site.conf", "[node]\n\nmood = good\n");
	assert_starts_as_declared(node, NULL, "tidemark.conf.d/50-site.conf:3: [node] mood: no such setting");
	assert_config(node, CONFIG_DECLARED);
}

static void settings_with_an_error_say_nothing_at_other_commands(void **state)
{
	const struct node *node = *state;

	node_configure(node, "enforce", "[guards]\nmin = some\n");
	run_both(node, NULL, ARGS("state", ID), &outcome);
	assert_silent(&outcome);
	run_both(node, NULL, ARGS("start", ID), &outcome);
	assert_silent(&outcome);
}

static void settings_that_are_no_file(void **state)
{
	const struct node *node = *state;
	char text[512];

	snprintf(text, sizeof text, "[runtime]\ncrun = %s\n", node->probe);
	node_write(node, "etc/tidemark/tidemark.conf.d/runtime.conf", text);
	unlinkat(node->fixture.root_fd, "etc/tidemark/tidemark.conf", 0);
	assert_int_equal(mkfifoat(node->fixture.root_fd, "etc/tidemark/tidemark.conf", 0600), 0);
	assert_starts_as_declared(node, NULL, "tidemark.conf is not a regular file");
	assert_config(node, CONFIG_DECLARED);
}

/* ---- Published limits ---- */

#define LIMITS "var/lib/tidemark/limits/shop/web/nginx.json"

static void assert_limits_are_not_trusted(const struct node *node, const char *text, const char *reason)
{
	struct record record;

	node_write(node, LIMITS, text);
	assert_starts_as_declared(node, NULL, reason);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.limit_bytes, GIB);
	assert_string_equal(record.reason, "declared");
	assert_non_null(strstr(record.fault, "nginx.json"));
}

#define HEAD "{\"v\":1,\"namespace\":\"shop\",\"owner\":\"web\",\"container\":\"nginx\""

static void torn_limits(void **state)
{
	const struct node *node = *state;

	assert_limits_are_not_trusted(node, "",
				      "starts as declared: limits/shop/web/nginx.json: not JSON, or cut off");
	assert_limits_are_not_trusted(node, HEAD ",\"recommended\":{\"limit\":838", "cut off");
}

static void hostile_limits(void **state)
{
	const struct node *node = *state;

	assert_limits_are_not_trusted(node, HEAD ",\"recommended\":{\"limit\":1},\"enforced\":{\"limit\":2}}",
				      "contradict each other");
	assert_limits_are_not_trusted(node, HEAD ",\"recommended\":{\"limit\":18446744073709551615}}",
				      "contradict");
	assert_limits_are_not_trusted(node, HEAD ",\"enforced\":{\"limit\":-1}}", "out of range");
	assert_limits_are_not_trusted(node, HEAD ",\"enforced\":{\"limit\":\"%s%n\"}}", "not a whole number");
	assert_limits_are_not_trusted(
		node, "{\"v\":1,\"namespace\":\"shop\",\"owner\":\"api\",\"container\":\"nginx\"}",
		"names another workload");
}

static void limits_of_a_newer_version(void **state)
{
	assert_limits_are_not_trusted(*state, "{\"v\":2,\"limit\":\"838860800\"}", "is of version 2, newer");
}

static void limits_of_one_byte(void **state)
{
	const struct node *node = *state;
	struct record record;

	/* Well-formed and senseless: the guards hold. */
	node_write(node, LIMITS, HEAD ",\"recommended\":{\"limit\":1},\"enforced\":{\"limit\":1}}");
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_true(record.limit_bytes >= (uint64_t)((double)GIB * 0.7));
	assert_string_equal(record.reason, "enforced+max-change");
}

static void limits_that_are_no_file(void **state)
{
	const struct node *node = *state;

	unlinkat(node->fixture.root_fd, LIMITS, 0);
	assert_int_equal(mkfifoat(node->fixture.root_fd, LIMITS, 0600), 0);
	assert_starts_as_declared(node, NULL, "nginx.json");
	assert_config(node, CONFIG_DECLARED);
	unlinkat(node->fixture.root_fd, LIMITS, 0);
	assert_int_equal(symlinkat("/dev/zero", node->fixture.root_fd, LIMITS), 0);
	assert_starts_as_declared(node, NULL, "cannot open limits/shop/web/nginx.json");
	assert_config(node, CONFIG_DECLARED);
}

/* ---- State directories ---- */

static void node_without_a_daemon(void **state)
{
	struct node *node = *state;
	struct record record;

	/* What it published is still there. */
	close(node->presence_fd);
	node->presence_fd = -1;
	assert_starts_as_declared(node, NULL, NULL);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.reason, "observed");
}

static void node_that_never_had_a_daemon(void **state)
{
	const struct node *node = *state;
	struct record record;

	fixture_remove(node->fixture.root_fd, "var");
	assert_starts_as_declared(node, NULL, NULL);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_string_equal(record.reason, "declared");
}

static void state_directory_that_is_a_file(void **state)
{
	const struct node *node = *state;

	fixture_remove(node->fixture.root_fd, "var/lib/tidemark");
	node_write(node, "var/lib/tidemark", "");
	assert_starts_as_declared(node, NULL, "/var/lib/tidemark: Not a directory");
	assert_config(node, CONFIG_DECLARED);
}

static void run_directory_is_made_where_it_is_missing(void **state)
{
	const struct node *node = *state;
	struct record record;
	struct stat st;

	/* Nobody has made it: no daemon runs either. */
	fixture_remove(node->fixture.root_fd, "run");
	run(node, NULL, CREATE(node), &outcome);
	assert_silent(&outcome);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(fstatat(node->fixture.root_fd, "run/tidemark", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void run_directory_that_is_a_file(void **state)
{
	const struct node *node = *state;

	fixture_remove(node->fixture.root_fd, "run/tidemark");
	node_write(node, "run/tidemark", "");
	assert_starts_as_declared(node, NULL, "starts as declared: cannot open the directory");
	assert_config(node, CONFIG_DECLARED);
}

static void run_directory_that_is_read_only(void **state)
{
	const struct node *node = *state;

	NEED_MACHINE();
	fixture_parents(node->fixture.root_fd, "run/tidemark/");
	node_mount(node, "run/tidemark", MS_RDONLY, "size=1m");
	assert_starts_as_declared(node, NULL, "Read-only file system");
	assert_config(node, CONFIG_DECLARED);
}

static void run_directory_that_is_full(void **state)
{
	const struct node *node = *state;
	char filler[4096];

	NEED_MACHINE();
	fixture_parents(node->fixture.root_fd, "run/tidemark/");
	node_mount(node, "run/tidemark", 0, "size=4k,mode=700");
	memset(filler, 'x', sizeof filler);
	filler[4095] = '\0';
	node_write(node, "run/tidemark/filler", filler);
	assert_starts_as_declared(node, NULL, "No space left on device");
	assert_config(node, CONFIG_DECLARED);

	/* No inodes */
	node_unmount(node, "run/tidemark");
	node_mount(node, "run/tidemark", 0, "nr_inodes=2,mode=700");
	fixture_parents(node->fixture.root_fd, "run/tidemark/containers/");
	assert_starts_as_declared(node, NULL, "No space left on device");
	assert_config(node, CONFIG_DECLARED);
}

static void limit_file_sizes_to_100_bytes(void)
{
	struct rlimit limit;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void limit_file_sizes_to_500_bytes(void)
{
	struct rlimit limit;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 500;
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* The kernel kills who writes too much by SIGXFSZ: not us, who have no need to write. */
static void files_that_may_not_grow(void **state)
{
	const struct node *node = *state;
	const struct way record_fails = {.in_child = limit_file_sizes_to_100_bytes};
	struct record record;

	assert_starts_as_declared(node, &record_fails, "File too large");
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), -ENOENT);

	const struct way update = {.in_child = limit_file_sizes_to_100_bytes,
				   .stdin_text = "{\"memory\":{\"limit\":" DECLARED "}}"};
	run_both(node, &update, ARGS("update", "--resources", "-", ID), &outcome);
	assert_int_equal(outcome.status, 0);
}

static void config_that_may_not_grow(void **state)
{
	const struct node *node = *state;
	const struct way way = {.in_child = limit_file_sizes_to_500_bytes};

	/* The record is longer than the limit as well; what comes first is told. */
	assert_starts_as_declared(node, &way, "File too large");
	assert_config(node, CONFIG_DECLARED);
}

static void hostile_container_id(void **state)
{
	static const char *const ids[] = {"../../etc/passwd", ".", "..", ".hidden", "a/b"};
	const struct node *node = *state;

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		run_both(node, NULL, ARGS("create", "--bundle", node->bundle, ids[i]), &outcome);
		assert_logged(&outcome, "is no file name");
		assert_config(node, CONFIG_DECLARED);
		run_both(node, NULL, ARGS("start", ids[i]), &outcome);
		assert_int_equal(outcome.status, 0);
		run_both(node, NULL, ARGS("delete", ids[i]), &outcome);
		assert_int_equal(outcome.status, 0);
	}
}

static void id_of_more_bytes_than_a_record_has(void **state)
{
	const struct node *node = *state;
	char id[300] = "";

	memset(id, 'i', sizeof id - 1);
	run_both(node, NULL, ARGS("create", "--bundle", node->bundle, id), &outcome);
	assert_int_equal(outcome.status, 0);
	assert_logged(&outcome, "starts as declared: its id has more than 127 bytes");
	assert_config(node, CONFIG_DECLARED);
}

/* ---- The record ---- */

static void record_that_is_torn(void **state)
{
	const struct node *node = *state;
	const struct way way = {.stdin_text = "{\"memory\":{\"limit\":" DECLARED "}}"};

	node_write(node, "run/tidemark/containers/" ID ".json", "{\"v\":1,\"id\":\"7d1");
	run_both(node, NULL, ARGS("start", ID), &outcome);
	assert_logged(&outcome, "its pre-start footprint is not recorded: the record");
	run_both(node, &way, ARGS("update", "--resources", "-", ID), &outcome);
	assert_logged(&outcome, "is resized as asked: the record");
	run_both(node, NULL, ARGS("delete", ID), &outcome);
	assert_silent(&outcome);
	assert_int_equal(faccessat(node->fixture.root_fd, "run/tidemark/containers/" ID ".json", F_OK, 0),
			 -1);
}

static void record_of_a_newer_version(void **state)
{
	const struct node *node = *state;

	node_write(node, "run/tidemark/containers/" ID ".json", "{\"v\":2}");
	run_both(node, NULL, ARGS("start", ID), &outcome);
	assert_int_equal(outcome.status, 0);
	assert_logged(&outcome, "newer");
}

/* ---- The log ---- */

static void node_without_a_journal(void **state)
{
	const struct node *node = *state;

	NEED_MACHINE();
	log_stop();
	node_write(node, "bundle/config.json", "{");
	run_both(node, NULL, CREATE(node), &outcome);
	log_listen();
	assert_int_equal(outcome.status, 0);
	assert_string_equal(outcome.err, "");
	assert_config(node, "{");
}

static void journal_that_hangs(void **state)
{
	const struct node *node = *state;
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	struct outcome rest = {0};

	NEED_MACHINE();
	/* Nobody reads, and no more fits in. */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	while (sendto(fd, "x", 1, 0, (const struct sockaddr *)&address, sizeof address) == 1)
		continue;
	assert_int_equal(errno, EAGAIN);
	close(fd);
	node_write(node, "bundle/config.json", "{");
	pid_t pid = fork();
	if (pid == 0)
		become(node, &(struct way){0}, CREATE(node), open("/dev/null", O_RDONLY));
	assert_int_equal(await(pid), 0);
	log_collect(&rest);
}

/* ---- The runtime ---- */

static void runtime_that_is_not_there(void **state)
{
	const struct node *node = *state;

	node_write(node, "etc/tidemark/tidemark.conf",
		   "[node]\nmode = observe\n[runtime]\ncrun = /nonexistent/crun\n");
	run(node, NULL, CREATE(node), &outcome);
	assert_int_equal(WEXITSTATUS(outcome.status), 127);
	assert_string_equal(outcome.out, "");
	assert_string_equal(outcome.err, "tidemark: the runtime /nonexistent/crun is missing\n");
	assert_logged(&outcome, "the runtime /nonexistent/crun is missing");
}

static void runtime_that_is_not_installed(void **state)
{
	struct node *node = *state;

	unlink(node->program);
	snprintf(node->program, sizeof node->program, "%s/tidemark-youki-of-nowhere", node->fixture.path);
	assert_int_equal(symlink(node->wrapper, node->program), 0);
	run(node, NULL, ARGS("--version"), &outcome);
	assert_int_equal(WEXITSTATUS(outcome.status), 127);
	assert_non_null(strstr(outcome.err, "the runtime youki-of-nowhere is not installed"));
	assert_logged(&outcome, "the runtime youki-of-nowhere is not installed");
}

static void runtime_that_is_ourselves(void **state)
{
	const struct node *node = *state;
	char text[1024];

	snprintf(text, sizeof text, "[runtime]\ncrun = %s\n", node->program);
	node_write(node, "etc/tidemark/tidemark.conf", text);
	run(node, NULL, ARGS("--version"), &outcome);
	assert_int_equal(WEXITSTATUS(outcome.status), 127);
	assert_non_null(strstr(outcome.err, "is tidemark itself"));
	assert_logged(&outcome, "is tidemark itself");
}

static void runtime_that_is_no_program(void **state)
{
	const struct node *node = *state;
	char text[1024];

	node_write(node, "not-a-program",
		   "\x7f"
		   "ELF");
	snprintf(text, sizeof text, "[runtime]\ncrun = %s/not-a-program\n", node->fixture.path);
	node_write(node, "etc/tidemark/tidemark.conf", text);
	run(node, NULL, ARGS("--version"), &outcome);
	assert_int_equal(WEXITSTATUS(outcome.status), 127);
	assert_logged(&outcome, "cannot run ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(no_settings),
		NODE_TEST(settings_with_an_error),
		NODE_TEST(drop_in_with_an_error),
		NODE_TEST(settings_with_an_error_say_nothing_at_other_commands),
		NODE_TEST(settings_that_are_no_file),
		NODE_TEST(torn_limits),
		NODE_TEST(hostile_limits),
		NODE_TEST(limits_of_a_newer_version),
		NODE_TEST(limits_of_one_byte),
		NODE_TEST(limits_that_are_no_file),
		NODE_TEST(node_without_a_daemon),
		NODE_TEST(node_that_never_had_a_daemon),
		NODE_TEST(state_directory_that_is_a_file),
		NODE_TEST(run_directory_is_made_where_it_is_missing),
		NODE_TEST(run_directory_that_is_a_file),
		NODE_TEST(run_directory_that_is_read_only),
		NODE_TEST(run_directory_that_is_full),
		NODE_TEST(files_that_may_not_grow),
		NODE_TEST(config_that_may_not_grow),
		NODE_TEST(hostile_container_id),
		NODE_TEST(id_of_more_bytes_than_a_record_has),
		NODE_TEST(record_that_is_torn),
		NODE_TEST(record_of_a_newer_version),
		NODE_TEST(node_without_a_journal),
		NODE_TEST(journal_that_hangs),
		NODE_TEST(runtime_that_is_not_there),
		NODE_TEST(runtime_that_is_not_installed),
		NODE_TEST(runtime_that_is_ourselves),
		NODE_TEST(runtime_that_is_no_program),
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
