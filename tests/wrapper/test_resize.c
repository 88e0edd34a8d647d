/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end: updates. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/wrapper/container.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
