/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end, where something is wrong: the container starts as declared, or fails just as
 * it would have without us; config.json stays whole; and one line in the log says why. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/wrapper/wrapped.h"

static struct outcome outcome;

/* Creates the container with and without us, and expects that nobody but the administrator can tell. */
static void assert_starts_as_declared(const struct node *node, const struct way *way, const char *reason)
{
	run_both(node, way, CREATE(node), &outcome);
	assert_int_equal(outcome.status, 0);
	assert_string_equal(outcome.out, "");
	assert_string_equal(outcome.err, "");
	if (reason)
		assert_logged(&outcome, reason);
	else
		assert_silent(&outcome);
}

static void assert_config_passes(const struct node *node, const char *config, const char *reason)
{
	node_write(node, "bundle/config.json", config);
	assert_starts_as_declared(node, NULL, reason);
	assert_config(node, config);
}

/* ---- config.json ---- */

static void missing_config(void **state)
{
	const struct node *node = *state;

	unlinkat(node->fixture.root_fd, "bundle/config.json", 0);
	assert_starts_as_declared(node, NULL, "starts as declared: cannot open config.json");
	assert_int_equal(faccessat(node->fixture.root_fd, "bundle/config.json", F_OK, 0), -1);
}

static void empty_config(void **state)
{
	assert_config_passes(*state, "", "starts as declared: config.json: not JSON, or cut off");
}

static void truncated_config(void **state)
{
	const struct node *node = *state;
	static const char config[] = CONFIG_DECLARED;

	for (size_t cut = 1; cut < sizeof config - 2; cut += 7) {
		char text[sizeof config];
		snprintf(text, sizeof text, "%.*s", (int)cut, config);
		assert_config_passes(node, text, "starts as declared: config.json: ");
	}
}

static void config_of_100_mebibytes(void **state)
{
	const struct node *node = *state;
	int fd = openat(node->fixture.root_fd, "bundle/config.json", O_WRONLY | O_CLOEXEC);
	struct stat st;

	assert_int_equal(ftruncate(fd, 100 << 20), 0);
	close(fd);
	assert_starts_as_declared(node, NULL, "starts as declared: config.json is larger than");
	assert_int_equal(fstatat(node->fixture.root_fd, "bundle/config.json", &st, 0), 0);
	assert_int_equal(st.st_size, 100 << 20);
}

static void deeply_nested_config(void **state)
{
	char config[4096 + 16] = "{\"hooks\":";

	memset(config + strlen(config), '[', 2000);
	memset(config + 9 + 2000, ']', 2000);
	strcpy(config + 9 + 4000, "}");
	assert_config_passes(*state, config, "nested deeper than");
}

static void bottomless_config(void **state)
{
	enum { LENGTH = 4 << 20 };
	const struct node *node = *state;
	char *config = malloc(LENGTH + 1);

	memset(config, '[', LENGTH);
	config[LENGTH] = '\0';
	node_write(node, "bundle/config.json", config);
	free(config);
	assert_starts_as_declared(node, NULL, "starts as declared: config.json: ");
}

static void config_with_a_key_twice(void **state)
{
	assert_config_passes(*state, CONFIG(DECLARED ",\"limit\":1", DECLARED, ""), "limit is given twice");
	assert_config_passes(*state,
			     CONFIG(DECLARED, DECLARED, ",\"io.kubernetes.pod.namespace\":\"kube-system\""),
			     "is given twice");
	assert_config_passes(*state, "{\"linux\":{},\"linux\":{\"resources\":{\"memory\":{\"limit\":1}}}}",
			     "given twice");
}

static void config_that_is_not_utf8(void **state)
{
	assert_config_passes(*state, CONFIG(DECLARED, DECLARED, ",\"note\":\"\xff\xfe\""), "not JSON");
	assert_config_passes(*state, CONFIG(DECLARED, DECLARED, ",\"note\":\"\xc3(\""), "not JSON");
}

static void config_with_wrong_types(void **state)
{
	assert_config_passes(*state, "[]", "the top level is no object");
	assert_config_passes(*state, "7", "");
	assert_config_passes(*state, "null", "");
	assert_config_passes(*state, "{\"linux\":[]}", "linux is not an object");
	assert_config_passes(*state, "{\"linux\":{\"resources\":\"many\"}}",
			     "linux>resources is not an object");
	assert_config_passes(*state, "{\"linux\":{\"resources\":{\"memory\":1}}}", "memory is not an object");
	assert_config_passes(*state, CONFIG("\"1073741824\"", DECLARED, ""),
			     "memory limit is not a whole number");
	assert_config_passes(*state, CONFIG("true", DECLARED, ""), "memory limit is no size");
	assert_config_passes(*state, CONFIG("[1]", DECLARED, ""), "memory limit is no size");
	assert_config_passes(*state,
			     CONFIG(DECLARED, DECLARED, ",\"io.kubernetes.cri-o.ImageRef\":{\"of\":1}"),
			     "is not a string");
	assert_config_passes(*state, CONFIG(DECLARED, "\"much\"", ""), "memory swap is no size");
}

static void negative_limit(void **state)
{
	assert_config_passes(*state, CONFIG("-5", DECLARED, ""), "memory limit is no size in bytes: -5");
	assert_config_passes(*state, CONFIG("-9223372036854775808", DECLARED, ""), "memory limit is no size");
}

static void limit_of_nothing_is_none(void **state)
{
	assert_config_passes(*state, CONFIG("0", "0", ""), NULL);
	assert_config_passes(*state, CONFIG("-1", "-1", ""), NULL);
}

static void limit_beyond_2_to_the_63rd(void **state)
{
	assert_config_passes(*state, CONFIG("9223372036854775808", DECLARED, ""), "memory limit is no size");
	assert_config_passes(*state, CONFIG("18446744073709551615", DECLARED, ""), "memory limit is no size");
	assert_config_passes(*state, CONFIG("99999999999999999999999999999", DECLARED, ""),
			     "memory limit is no size");
}

static void limit_that_is_a_float(void **state)
{
	assert_config_passes(*state, CONFIG("1073741824.0", DECLARED, ""), "memory limit is no size");
	assert_config_passes(*state, CONFIG("1e9", DECLARED, ""), "memory limit is no size");
	assert_config_passes(*state, CONFIG("-0.0", DECLARED, ""), "memory limit is no size");
}

static void swap_below_the_limit(void **state)
{
	struct record record;

	assert_config_passes(*state, CONFIG(DECLARED, "5", ""), "memory swap is below the memory limit");
	assert_int_equal(node_record(*state, ID, &record), 0);
	assert_int_equal(record.limit_bytes, GIB); /* what it has got, not what was meant */
	assert_string_equal(record.reason, "declared");
	assert_string_equal(record.fault, "memory swap is below the memory limit");
}

static void config_that_is_no_regular_file(void **state)
{
	const struct node *node = *state;

	unlinkat(node->fixture.root_fd, "bundle/config.json", 0);
	assert_int_equal(mkfifoat(node->fixture.root_fd, "bundle/config.json", 0600), 0);
	assert_starts_as_declared(node, NULL, "config.json is not a regular file");
	unlinkat(node->fixture.root_fd, "bundle/config.json", 0);
	fixture_directory(node->fixture.root_fd, "bundle/config.json");
	assert_starts_as_declared(node, NULL, "config.json is not a regular file");
}

static void config_that_is_a_symbolic_link(void **state)
{
	const struct node *node = *state;
	char text[4096];

	assert_int_equal(
		renameat(node->fixture.root_fd, "bundle/config.json", node->fixture.root_fd, "real.json"), 0);
	assert_int_equal(symlinkat("../real.json", node->fixture.root_fd, "bundle/config.json"), 0);
	assert_starts_as_declared(node, NULL, "cannot open config.json");
	node_read(node, "real.json", text, sizeof text);
	assert_string_equal(text, CONFIG_DECLARED);
}

/* Root without the right to look past a file's mode. */
static void obey_modes(void)
{
	(void)prctl(PR_CAPBSET_DROP, 1 /* CAP_DAC_OVERRIDE */, 0, 0, 0);
	(void)prctl(PR_CAPBSET_DROP, 2 /* CAP_DAC_READ_SEARCH */, 0, 0, 0);
}

static void config_that_may_not_be_read(void **state)
{
	const struct node *node = *state;
	const struct way way = {.in_child = obey_modes};

	assert_int_equal(fchmodat(node->fixture.root_fd, "bundle/config.json", 0, 0), 0);
	assert_starts_as_declared(node, &way, "cannot open config.json: Permission denied");
}

/* ---- The bundle ---- */

static void bundle_that_may_not_be_read(void **state)
{
	const struct node *node = *state;
	const struct way way = {.in_child = obey_modes};

	assert_int_equal(fchmodat(node->fixture.root_fd, "bundle", 0, 0), 0);
	assert_starts_as_declared(node, &way, "cannot open the bundle");
	assert_int_equal(fchmodat(node->fixture.root_fd, "bundle", 0700, 0), 0);
	assert_config(node, CONFIG_DECLARED);
}

static void bundle_that_may_not_be_written(void **state)
{
	const struct node *node = *state;
	const struct way way = {.in_child = obey_modes};
	struct record record;

	assert_int_equal(fchmodat(node->fixture.root_fd, "bundle", 0500, 0), 0);
	assert_starts_as_declared(node, &way, "in the bundle: Permission denied");
	assert_int_equal(fchmodat(node->fixture.root_fd, "bundle", 0700, 0), 0);
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.limit_bytes, GIB);
	assert_true(record.fault[0]);
}

static void bundle_that_is_not_there(void **state)
{
	const struct node *node = *state;

	fixture_remove(node->fixture.root_fd, "bundle");
	assert_starts_as_declared(node, NULL, "cannot open the bundle");
}

static void bundle_that_is_a_file(void **state)
{
	const struct node *node = *state;

	fixture_remove(node->fixture.root_fd, "bundle");
	node_write(node, "bundle", "");
	assert_starts_as_declared(node, NULL, "cannot open the bundle");
}

static void bundle_on_a_full_file_system(void **state)
{
	const struct node *node = *state;
	struct record record;

	NEED_MACHINE();
	node_mount(node, "bundle", 0, "size=8k,mode=700");
	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	char filler[4096];
	memset(filler, 'x', sizeof filler);
	filler[4095] = '\0';
	node_write(node, "bundle/filler", filler);
	assert_starts_as_declared(node, NULL, "No space left on device");
	assert_config(node, CONFIG_DECLARED);
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.limit_bytes, GIB);

	/* The temporary file that did not fit is gone. */
	DIR *dir = opendir(node->bundle);
	size_t entries = 0;
	while (readdir(dir))
		entries++;
	closedir(dir);
	assert_int_equal(entries, 4);
}

static void bundle_that_is_read_only(void **state)
{
	const struct node *node = *state;

	NEED_MACHINE();
	node_mount(node, "bundle", 0, "size=1m,mode=700");
	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	assert_int_equal(mount(NULL, node->bundle, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_starts_as_declared(node, NULL, "Read-only file system");
	assert_config(node, CONFIG_DECLARED);
}

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
		NODE_TEST(missing_config),
		NODE_TEST(empty_config),
		NODE_TEST(truncated_config),
		NODE_TEST(config_of_100_mebibytes),
		NODE_TEST(deeply_nested_config),
		NODE_TEST(bottomless_config),
		NODE_TEST(config_with_a_key_twice),
		NODE_TEST(config_that_is_not_utf8),
		NODE_TEST(config_with_wrong_types),
		NODE_TEST(negative_limit),
		NODE_TEST(limit_of_nothing_is_none),
		NODE_TEST(limit_beyond_2_to_the_63rd),
		NODE_TEST(limit_that_is_a_float),
		NODE_TEST(swap_below_the_limit),
		NODE_TEST(config_that_is_no_regular_file),
		NODE_TEST(config_that_is_a_symbolic_link),
		NODE_TEST(config_that_may_not_be_read),
		NODE_TEST(bundle_that_may_not_be_read),
		NODE_TEST(bundle_that_may_not_be_written),
		NODE_TEST(bundle_that_is_not_there),
		NODE_TEST(bundle_that_is_a_file),
		NODE_TEST(bundle_on_a_full_file_system),
		NODE_TEST(bundle_that_is_read_only),
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
