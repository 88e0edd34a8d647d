/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end, where config.json or the bundle is not as it should be: the container
 * starts as declared, or fails just as it would have without us; config.json stays whole; and one line in
 * the log says why. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/wrapper/declared.h"

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
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
