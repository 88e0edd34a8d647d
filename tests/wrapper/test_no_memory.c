/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end, where each of its allocations fails in turn: the container starts, tuned or as
 * declared, and nobody but the administrator can tell. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/wrapper/container.h"
#include "tests/wrapper/shimmed.h"

#define ALLOCATIONS_MAX 1000

/* A run of the wrapper with one allocation failing. */
struct scarcity {
	const struct node *node;
	const char *const *args;
	struct way way;
	void (*prepare)(const struct node *node);
	/* failed: an allocation had failed. */
	void (*check)(const struct node *node, bool failed);
};

static void run_scarce(const struct scarcity *scarcity)
{
	const struct node *node = scarcity->node;
	char nth[32], told[320];
	unsigned n_failed = 0;

	snprintf(told, sizeof told, "FAILING_TOLD=%s/told", node->fixture.path);
	for (int on = 0; on <= 1; on++) {
		bool failed = true;
		/* The first is that of the settings: without any memory for them, the runtime is looked for in the
		 * system's directories. */
		for (unsigned n = on ? 2 : 1; failed; n++) {
			struct way way = scarcity->way;
			snprintf(nth, sizeof nth, "FAILING_NTH=%u", n);
			way.env[0] = nth;
			way.env[1] = told;
			way.env[2] = on ? "FAILING_ON=1" : NULL;
			unlinkat(node->fixture.root_fd, "told", 0);
			if (scarcity->prepare)
				scarcity->prepare(node);
			run(node, &way, scarcity->args, &outcome);
			failed = faccessat(node->fixture.root_fd, "told", F_OK, 0) == 0;
			if (outcome.status != 0)
				fail_msg("status %d with allocation %u failing: %s %s", outcome.status, n,
					 outcome.err, outcome.log);
			assert_string_equal(outcome.out, "");
			assert_string_equal(outcome.err, "");
			assert_true(outcome.report[0] != '\0'); /* the runtime ran */
			if (machine_is_ours())
				assert_true(outcome.n_logs <= (failed ? 1 : 0));
			scarcity->check(node, failed);
			n_failed += failed;
			assert_true(n < ALLOCATIONS_MAX);
		}
	}
	assert_true(n_failed > 0);
}

static bool is_config(const struct node *node, const char *text)
{
	static char config[65536];
	node_read(node, "bundle/config.json", config, sizeof config);
	return strcmp(config, text) == 0;
}

/* ---- Creations ---- */

static char declared_config[65536], tuned_config[65536];

static void prepare_config(const struct node *node)
{
	node_write(node, "bundle/config.json", declared_config);
}

/* Either is whole; and what is not done is said, and on record. */
static void check_creation(const struct node *node, bool failed)
{
	struct record record;
	const bool is_tuned = is_config(node, tuned_config);
	const bool is_recorded = node_record(node, ID, &record) == 0;

	assert_true(is_tuned || (failed && is_config(node, declared_config)));
	if (is_tuned)
		assert_true(is_recorded && record.limit_bytes == 800 * MIB);
	else if (machine_is_ours())
		assert_int_equal(outcome.n_logs, 1);
	if (is_recorded && !is_tuned)
		assert_int_equal(record.limit_bytes, GIB);
	unlinkat(node->fixture.root_fd, "run/tidemark/containers/" ID ".json", 0);
}

static void make_configs(const char *annotation)
{
	snprintf(declared_config, sizeof declared_config, CONFIG(DECLARED, DECLARED, "%s"), annotation);
	snprintf(tuned_config, sizeof tuned_config, CONFIG(TUNED, TUNED, "%s"), annotation);
}

static void creation_without_memory_starts_the_container(void **state)
{
	const struct scarcity scarcity = {.node = *state,
					  .args = CREATE(scarcity.node),
					  .prepare = prepare_config,
					  .check = check_creation};

	make_configs("");
	run_scarce(&scarcity);
}

/* Its escapes take memory of the JSON parser's own. */
static void creation_with_a_long_annotation_without_memory_starts_the_container(void **state)
{
	static char annotation[20000] = ",\"note\":\"";
	const struct scarcity scarcity = {.node = *state,
					  .args = CREATE(scarcity.node),
					  .prepare = prepare_config,
					  .check = check_creation};

	for (size_t length = strlen(annotation); length < 15000; length += 2)
		strcpy(annotation + length, "\\n");
	strcat(annotation, "\"");
	make_configs(annotation);
	run_scarce(&scarcity);
}

static void prepare_sandbox(const struct node *node)
{
	write_sandbox(node, SANDBOX("1073741824", MEMORY("1073741824")));
}

static void check_sandbox(const struct node *node, bool failed)
{
	static char config[65536];

	node_read(node, "bundle/config.json", config, sizeof config);
	assert_true(strstr(config, "\"734003200\"") || (failed && strstr(config, "\"1073741824\"")));
}

static void sandbox_without_memory_starts(void **state)
{
	const struct scarcity scarcity = {.node = *state,
					  .args = START,
					  .way = in_bundle(),
					  .prepare = prepare_sandbox,
					  .check = check_sandbox};

	configure(scarcity.node, "enforce", "[vm]\nsizing = static\n");
	publish_pod(scarcity.node);
	run_scarce(&scarcity);
}

/* ---- Start, update, delete ---- */

static void prepare_record(const struct node *node)
{
	run(node, NULL, CREATE(node), &outcome);
	prepare_config(node);
}

static void check_nothing(const struct node *node, bool failed)
{
	(void)node;
	(void)failed;
}

static void start_and_delete_without_memory_run_the_runtime(void **state)
{
	struct node *node = *state;
	const struct scarcity start_scarce = {
		.node = node, .args = ARGS("--root=/run/crun", "start", ID), .check = check_nothing};
	const struct scarcity delete_scarce = {.node = node,
					       .args = ARGS("--root=/run/crun", "delete", ID),
					       .prepare = prepare_record,
					       .check = check_nothing};

	NEED_MACHINE();
	make_configs("");
	container_begin(node);
	run_scarce(&start_scarce);
	kill(node->init, SIGKILL);
	run_scarce(&delete_scarce);
}

static char record_text[16384];

/* As it was before it was resized. */
static void restore_record(const struct node *node)
{
	node_write(node, "run/tidemark/containers/" ID ".json", record_text);
}

#define RESOURCES(limit) "{\"memory\":{\"limit\":" limit ",\"swap\":" limit "}}"

static void check_resize(const struct node *node, bool failed)
{
	const bool is_tuned = strstr(outcome.report, "<<" RESOURCES(TUNED) ">>");
	(void)node;

	assert_true(is_tuned || (failed && strstr(outcome.report, "<<" RESOURCES(DECLARED) ">>")));
	if (!is_tuned)
		assert_int_equal(outcome.n_logs, 1);
}

static void resize_without_memory_is_done_as_asked(void **state)
{
	struct node *node = *state;
	const struct scarcity scarcity = {.node = node,
					  .args = ARGS("update", "--resources", "-", ID),
					  .way = {.stdin_text = RESOURCES(DECLARED)},
					  .prepare = restore_record,
					  .check = check_resize};

	NEED_MACHINE();
	make_configs("");
	container_start(node);
	node_read(node, "run/tidemark/containers/" ID ".json", record_text, sizeof record_text);
	run_scarce(&scarcity);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(creation_without_memory_starts_the_container),
		NODE_TEST(creation_with_a_long_annotation_without_memory_starts_the_container),
		SHIM_TEST(sandbox_without_memory_starts),
		NODE_TEST(start_and_delete_without_memory_run_the_runtime),
		NODE_TEST(resize_without_memory_is_done_as_asked),
	};

	(void)setenv("TIDEMARK_WRAPPER", getenv("TIDEMARK_FAILING_WRAPPER"), true);
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
