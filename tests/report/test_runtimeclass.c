/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/runtimeclass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#ifdef TIDEMARK_HAVE_YAML
#include "shim/report/yaml.h"
#endif

#define WASTE 0.5

/* Pods of 101Mi, 102Mi, … */
static struct handler *make_handler(const char *name, uint64_t declared_bytes, size_t n_pods)
{
	static struct handler handler;

	handler = (struct handler){.declared_bytes = declared_bytes, .n_pods = n_pods};
	snprintf(handler.name, sizeof handler.name, "%s", name);
	for (size_t i = 0; i < n_pods; i++)
		handler.pods[i].overhead_bytes = (int64_t)((101 + i) * MIB);
	return &handler;
}

static struct runtimeclass advise(const struct handler *handler)
{
	struct runtimeclass advice;
	runtimeclass_advise(handler, WASTE, &advice);
	return advice;
}

static void assert_verdict(const struct handler *handler, const char *expected)
{
	const struct runtimeclass advice = advise(handler);
	char text[EXPLAIN_MAX];
	assert_string_equal(runtimeclass_verdict(&advice, text), expected);
}

static void assert_obstacle(const struct handler *handler, size_t pods_min, const char *expected)
{
	const struct runtimeclass advice = advise(handler);
	char text[EXPLAIN_MAX];
	const char *found = runtimeclass_obstacle(&advice, pods_min, text);
	if (expected)
		assert_string_equal(found, expected);
	else
		assert_null(found);
}

static void what_is_recommended_is_enough_for_95_percent(void **state)
{
	struct runtimeclass advice = advise(make_handler("kata", 160 * MIB, 100));
	char text[EXPLAIN_MAX];
	(void)state;

	assert_int_equal(advice.high_bytes, 195 * MIB);
	assert_int_equal(advice.highest_bytes, 200 * MIB);
	assert_int_equal(advice.recommended_bytes, 200 * MIB);
	assert_int_equal(advice.n_above, 40);
	assert_string_equal(
		runtimeclass_measured(&advice, text),
		"100 pods of kata measured on this node: 95 % of them needed 195Mi or less, all 200Mi");
	advice = advise(make_handler("kata", 0, 1));
	assert_string_equal(
		runtimeclass_measured(&advice, text),
		"1 pod of kata measured on this node: 95 % of them needed 101Mi or less, all 101Mi");
}

static void what_is_declared_is_judged(void **state)
{
	(void)state;

	assert_verdict(
		make_handler("kata", 0, 3),
		"nothing is declared: the scheduler does not count it, and such pods can be OOM-killed");
	assert_verdict(make_handler("kata", 102 * MIB, 3),
		       "declared is 102Mi, too little for 1 of them, which can be OOM-killed");
	assert_verdict(make_handler("kata", 103 * MIB, 3),
		       "declared is 103Mi, which was enough for all; this is 7Mi more");
	assert_verdict(make_handler("kata", 110 * MIB, 3), "declared is 110Mi, which is right");
	assert_verdict(make_handler("kata", 160 * MIB, 3),
		       "declared is 160Mi, which was enough for all; this is 50Mi less");
	assert_verdict(make_handler("kata", 2048 * MIB, 3),
		       "declared is 2Gi, of which 1.9Gi a pod were never needed");
}

static void a_few_pods_say_too_little(void **state)
{
	(void)state;

	assert_obstacle(make_handler("kata", 0, 0), 3, "0 pods were measured so far, and --pods asks for 3");
	assert_obstacle(make_handler("kata", 0, 1), 3, "1 pod was measured so far, and --pods asks for 3");
	assert_obstacle(make_handler("kata", 0, 3), 3, NULL);
	assert_obstacle(make_handler("kata", 0, 1), 1, NULL);
}

static void what_costs_nothing_declares_nothing(void **state)
{
	struct handler *handler = make_handler("kata", 160 * MIB, 3);
	(void)state;

	for (size_t i = 0; i < 3; i++)
		handler->pods[i].overhead_bytes = -(int64_t)MIB;
	assert_obstacle(handler, 3, "its VMs have cost nothing beyond what their containers use");
	assert_int_equal(advise(handler).n_above, 0);
}

static void a_name_that_kubernetes_refuses_makes_no_document(void **state)
{
	static const char *const refused[] = {"Kata", "kata+x", "-kata", "kata-", "ka.ta", ""};
	(void)state;

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct runtimeclass advice = advise(make_handler(refused[i], 0, 3));
		char text[EXPLAIN_MAX];
		assert_non_null(runtimeclass_obstacle(&advice, 3, text));
		assert_non_null(strstr(
			text, "can be no handler's name in Kubernetes: --name gives another (110Mi is"));
		advice.name = "another";
		assert_null(runtimeclass_obstacle(&advice, 3, text));
	}
	assert_obstacle(make_handler("kata-qemu-2", 0, 3), 3, NULL);
}

static void as_many_pods_as_are_kept_are_looked_at(void **state)
{
	const struct runtimeclass advice = advise(make_handler("kata", 0, HANDLER_PODS_MAX));
	(void)state;

	assert_int_equal(advice.highest_bytes, (100 + HANDLER_PODS_MAX) * MIB);
}

#ifdef TIDEMARK_HAVE_YAML
static void the_document_is_a_runtimeclass(void **state)
{
	const struct runtimeclass advice = advise(make_handler("kata-qemu", 0, 3));
	struct document *document;
	char *text;
	size_t length;
	(void)state;

	FILE *stream = open_memstream(&text, &length);
	assert_int_equal(yaml_new(stream, &document), 0);
	runtimeclass_write(document, &advice);
	assert_int_equal(document_finish(document), 0);
	fclose(stream);
	assert_string_equal(text, "apiVersion: node.k8s.io/v1\n"
				  "kind: RuntimeClass\n"
				  "metadata:\n"
				  "  name: kata-qemu\n"
				  "handler: kata-qemu\n"
				  "overhead:\n"
				  "  podFixed:\n"
				  "    memory: 110Mi\n");
	free(text);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_recommended_is_enough_for_95_percent),
		cmocka_unit_test(what_is_declared_is_judged),
		cmocka_unit_test(a_few_pods_say_too_little),
		cmocka_unit_test(what_costs_nothing_declares_nothing),
		cmocka_unit_test(a_name_that_kubernetes_refuses_makes_no_document),
		cmocka_unit_test(as_many_pods_as_are_kept_are_looked_at),
#ifdef TIDEMARK_HAVE_YAML
		cmocka_unit_test(the_document_is_a_runtimeclass),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
