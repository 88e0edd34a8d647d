/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper from end to end: memory.low, .min and .high beside the limit, at a creation. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "tests/wrapper/wrapped.h"

static struct outcome outcome;

#define PROTECTED(limit, unified, more)                                                                \
	"{\"annotations\":{\"io.kubernetes.pod.namespace\":\"shop\",\"io.kubernetes.pod.name\":\"web-" \
	"5d4f8c7b9d-x2k4z\"" more                                                                      \
	",\"io.kubernetes.container.name\":\"nginx\"},\"linux\":{\"resources\":{" unified              \
	"\"memory\":{\"limit\":" limit "}}}}"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(protection_is_written_where_the_node_asks_for_it),
		NODE_TEST(protection_is_never_written_where_nothing_is_enforced),
		NODE_TEST(protection_holds_where_a_guard_leaves_the_limit_as_declared),
		NODE_TEST(request_of_an_override_is_what_is_protected),
		NODE_TEST(what_kubelet_has_put_into_unified_stays),
		NODE_TEST(protection_of_ours_is_not_taken_for_the_pods_own),
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
