/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/report/published.h"

#define NODE (UINT64_C(16384000) * KIB)

/* As pkg/kubelet/qos/policy.go reckons it for a Burstable pod. */
static int64_t kubelet_adj(uint64_t request_bytes, uint64_t capacity_bytes)
{
	int64_t adj = 1000 - (int64_t)(1000 * request_bytes / capacity_bytes);
	return adj < 3 ? 3 : adj > 999 ? 999 : adj;
}

/* ---- The request ---- */

static void a_request_is_within_what_is_told(void **state)
{
	static const uint64_t capacities[] = {GIB - 4096, NODE, 16 * GIB, 1536 * GIB + 12288};
	(void)state;

	for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++)
		for (uint64_t bytes = 1; bytes <= capacities[c]; bytes += bytes / 50 + 1) {
			const int64_t adj = kubelet_adj(bytes, capacities[c]);
			struct request request = request_infer(adj, DECISION_UNLIMITED, capacities[c]);
			assert_true(request.is_known);
			assert_true(request.from_bytes <= bytes && bytes <= request.to_bytes);
			assert_true(request.from_bytes <= request.bytes && request.bytes <= request.to_bytes);
			/* No wider than it has to be. */
			if (adj > 3 && adj < 999) {
				assert_true(request.to_bytes - request.from_bytes <= capacities[c] / 1000);
				assert_int_equal(kubelet_adj(request.from_bytes, capacities[c]), adj);
				assert_int_equal(kubelet_adj(request.to_bytes, capacities[c]), adj);
				assert_int_not_equal(kubelet_adj(request.from_bytes - 1, capacities[c]), adj);
				assert_int_not_equal(kubelet_adj(request.to_bytes + 1, capacities[c]), adj);
			}
		}
}

static void a_round_request_is_told_exactly(void **state)
{
	static const uint64_t requests[] = {64 * MIB,  128 * MIB, 256 * MIB, 512 * MIB,
					    768 * MIB, GIB,       3 * GIB,   6 * GIB};
	(void)state;

	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		assert_int_equal(
			request_infer(kubelet_adj(requests[i], NODE), DECISION_UNLIMITED, NODE).bytes,
			requests[i]);
}

static void a_request_is_never_above_the_limit(void **state)
{
	(void)state;
	struct request request = request_infer(kubelet_adj(500 * MIB, NODE), 500 * MIB, NODE);
	assert_int_equal(request.to_bytes, 500 * MIB);
	assert_true(request.bytes <= 500 * MIB);
	/* A sidecar is given the figure of another container, which says nothing of its own request. */
	assert_false(request_infer(kubelet_adj(500 * MIB, NODE), 100 * MIB, NODE).is_known);
}

static void a_small_request_may_be_none(void **state)
{
	(void)state;
	struct request request = request_infer(999, 512 * MIB, NODE);
	assert_true(request.is_known);
	assert_int_equal(request.bytes, 0);
	assert_int_equal(request.from_bytes, 0);
	assert_int_equal(kubelet_adj(request.to_bytes, NODE), 999);
	assert_int_equal(kubelet_adj(request.to_bytes + 1, NODE), 998);
}

static void the_ends_of_the_scale_are_qos_classes(void **state)
{
	(void)state;
	struct request request = request_infer(-997, 512 * MIB, NODE);
	assert_true(request.is_known);
	assert_int_equal(request.bytes, 512 * MIB);
	assert_int_equal(request.from_bytes, request.to_bytes);
	assert_int_equal(request_infer(-997, 512 * MIB, 0).bytes, 512 * MIB);
	/* With no limit a pod is not Guaranteed: this one is critical for the node. */
	assert_false(request_infer(-997, DECISION_UNLIMITED, NODE).is_known);

	request = request_infer(1000, DECISION_UNLIMITED, 0);
	assert_true(request.is_known);
	assert_int_equal(request.bytes, 0);
	assert_int_equal(request.to_bytes, 0);
}

static void what_no_kubelet_sets_tells_nothing(void **state)
{
	static const int64_t figures[] = {INT64_MIN, -1000, -999, -998, -1, 0, 1, 2, 1001, INT64_MAX};
	(void)state;

	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		assert_false(request_infer(figures[i], GIB, NODE).is_known);
	assert_false(request_infer(984, GIB, 0).is_known);
	(void)request_infer(3, UINT64_MAX - 1, INT64_MAX);
	(void)request_infer(500, 1, INT64_MAX);
}

/* ---- The advice ---- */

static struct limits make_limits(void)
{
	struct limits limits = published();

	limits.identity = (struct identity){"shop", "web", "nginx", OWNER_DEPLOYMENT, ""};
	limits.oom_score_adj = kubelet_adj(256 * MIB, NODE);
	limits.applied_bytes = 358 * MIB;
	return limits;
}

static struct record make_record(void)
{
	return (struct record){
		.identity = {"shop", "web", "nginx", OWNER_STATEFULSET, ""},
		.role = ROLE_INIT,
		.oom_score_adj = -997,
		.declared_bytes = 300 * MIB,
		.limit_bytes = 200 * MIB,
	};
}

static struct advice make(const struct limits *limits, const struct record *newest)
{
	struct settings settings;
	struct advice advice;

	settings_default(&settings);
	advice_make(limits, newest, &settings, NODE, T0 + 6 * USEC_PER_HOUR, &advice);
	return advice;
}

static void advice_has_all_there_is(void **state)
{
	const struct limits limits = make_limits();
	(void)state;

	const struct advice advice = make(&limits, NULL);
	assert_ptr_equal(advice.identity, &limits.identity);
	assert_int_equal(advice.role, ROLE_CONTAINER);
	assert_int_equal(advice.request.bytes, 256 * MIB);
	assert_int_equal(advice.limit_bytes, 512 * MIB);
	assert_int_equal(advice.applied_bytes, 358 * MIB);
	assert_false(advice.is_guaranteed);
	assert_int_equal(advice.new_request_bytes, 224 * MIB);
	assert_int_equal(advice.new_limit_bytes, 336 * MIB);
	assert_string_equal(advice.rationale,
			    "request: p95 180Mi with 20 % headroom, to the next 16Mi; limit: 1.5 × request");
	assert_string_equal(advice.not_yet, "");
	assert_true(advice_is_ready(&advice));
}

static void the_newest_container_tells_what_is_declared_now(void **state)
{
	const struct limits limits = make_limits();
	const struct record record = make_record();
	(void)state;

	const struct advice advice = make(&limits, &record);
	assert_int_equal(advice.identity->kind, OWNER_STATEFULSET);
	assert_int_equal(advice.role, ROLE_INIT);
	assert_int_equal(advice.limit_bytes, 300 * MIB);
	assert_int_equal(advice.applied_bytes, 200 * MIB);
	assert_int_equal(advice.request.bytes, 300 * MIB);
	assert_true(advice.is_guaranteed);
	assert_int_equal(advice.new_limit_bytes, 336 * MIB);
}

static void advice_that_is_not_ready_says_why(void **state)
{
	struct limits limits = make_limits();
	const struct record record = make_record();
	(void)state;

	struct advice advice = make(NULL, &record);
	assert_string_equal(advice.not_yet, "nothing has been measured yet");
	assert_int_equal(advice.new_limit_bytes, 0);
	assert_string_equal(advice.rationale, "");
	assert_false(advice_is_ready(&advice));

	limits.enforced_request_bytes = limits.enforced_limit_bytes = 0;
	limits.recommendation.warm = false;
	limits.recommendation.warmup_since_usec = T0 + 5 * USEC_PER_HOUR + 50 * USEC_PER_MIN;
	advice = make(&limits, NULL);
	assert_string_equal(advice.not_yet,
			    "not before 600 readings and 1h of this image; so far 0 and 10min");
	assert_int_equal(advice.new_limit_bytes, 336 * MIB);
	assert_false(advice_is_ready(&advice));

	limits.recommendation = (struct recommendation){0};
	advice = make(&limits, NULL);
	assert_string_equal(advice.not_yet, "no recommendation has been made yet");
	limits.observed = (struct observed){.max_bytes = MIB};
	advice = make(&limits, NULL);
	assert_string_equal(advice.not_yet, "only the peak that a container left at its end is known");
	assert_false(advice_is_ready(&advice));
}

static void outside_kubernetes_there_is_no_request(void **state)
{
	struct limits limits = make_limits();
	(void)state;

	strcpy(limits.identity.namespace, "-");
	assert_false(make(&limits, NULL).request.is_known);
	limits.oom_score_adj = -997;
	assert_false(make(&limits, NULL).is_guaranteed);
}

static void what_is_of_one_object_stands_side_by_side(void **state)
{
	static const struct identity identities[] = {
		{"fn", "a-deployment", "user", OWNER_KNATIVE_SERVICE, "hello"},
		{"fn", "b", "c", OWNER_DEPLOYMENT, ""},
		{"fn", "z-deployment", "user", OWNER_KNATIVE_SERVICE, "hello"},
		{"fn", "b", "d", OWNER_CRONJOB, ""},
		{"fn", "b", "a", OWNER_DEPLOYMENT, ""},
		{"a", "z", "z", OWNER_POD, ""},
	};
	static const char *const expected[] = {
		"a/z/z", "fn/b/a", "fn/b/c", "fn/b/d", "fn/a-deployment/user", "fn/z-deployment/user"};
	struct advice advice[6];
	char text[IDENTITY_TEXT_MAX];
	(void)state;

	for (size_t i = 0; i < 6; i++)
		advice[i].identity = &identities[i];
	qsort(advice, 6, sizeof *advice, advice_compare);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(identity_text(advice[i].identity, text), expected[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_within_what_is_told),
		cmocka_unit_test(a_round_request_is_told_exactly),
		cmocka_unit_test(a_request_is_never_above_the_limit),
		cmocka_unit_test(a_small_request_may_be_none),
		cmocka_unit_test(the_ends_of_the_scale_are_qos_classes),
		cmocka_unit_test(what_no_kubelet_sets_tells_nothing),
		cmocka_unit_test(advice_has_all_there_is),
		cmocka_unit_test(the_newest_container_tells_what_is_declared_now),
		cmocka_unit_test(advice_that_is_not_ready_says_why),
		cmocka_unit_test(outside_kubernetes_there_is_no_request),
		cmocka_unit_test(what_is_of_one_object_stands_side_by_side),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
