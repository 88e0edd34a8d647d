/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/recommend.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/report/published.h"
#ifdef TIDEMARK_HAVE_YAML
#include <yaml.h>

#include "shim/report/yaml.h"
#endif

#define NODE      (UINT64_C(16384000) * KIB)
#define RATIONALE "request: p95 180Mi with 20 % headroom, to the next 16Mi; limit: 1.5 × request"

/* A workload as it is published. */
static struct limits make_limits(const char *namespace, const char *owner, const char *container, int kind)
{
	struct limits limits = published();

	limits.identity.kind = kind;
	limits.oom_score_adj = 984; /* 256Mi */
	limits.applied_bytes = 512 * MIB;
	snprintf(limits.identity.namespace, sizeof limits.identity.namespace, "%s", namespace);
	snprintf(limits.identity.owner, sizeof limits.identity.owner, "%s", owner);
	snprintf(limits.identity.container, sizeof limits.identity.container, "%s", container);
	return limits;
}

/* ---- What comes out ---- */

static struct advice *make_advice(const struct limits *limits, size_t count)
{
	struct advice *advice = calloc(count + 1, sizeof *advice);
	struct settings settings;

	settings_default(&settings);
	for (size_t i = 0; i < count; i++)
		advice_make(&limits[i], NULL, &settings, NODE, T0 + 6 * USEC_PER_HOUR, &advice[i]);
	qsort(advice, count, sizeof *advice, advice_compare);
	return advice;
}

static void assert_json(const struct limits *limits, size_t count, const char *expected)
{
	struct advice *advice = make_advice(limits, count);
	struct document document;
	char *text;
	size_t length;

	FILE *stream = open_memstream(&text, &length);
	document_json(stream, &document);
	recommend_write(&document, advice, count);
	assert_int_equal(document_finish(&document), 0);
	fclose(stream);
	assert_string_equal(text, expected);
	free(text);
	free(advice);
}

static void json_has_bytes_and_microseconds(void **state)
{
	struct limits limits[] = {
		make_limits("shop", "web", "nginx", OWNER_DEPLOYMENT),
		make_limits("shop", "web", "a \"b\"\n", OWNER_DEPLOYMENT),
		make_limits("-", "box", "box", OWNER_UNKNOWN),
	};
	(void)state;

	limits[1].recommendation = (struct recommendation){0};
	limits[1].observed = (struct observed){0};
	limits[1].declared_bytes = limits[1].applied_bytes = DECISION_UNLIMITED;
	limits[1].oom_score_adj = 1000;
	limits[2].applied_bytes = 400 * MIB;
	assert_json(
		limits, 3,
		"[{\"namespace\":\"-\",\"name\":\"box\",\"containers\":[{\"name\":\"box\",\"current\":"
		"{\"limit\":536870912,\"applied\":419430400},\"observed\":{\"ws_avg\":115343360,"
		"\"ws_p95\":188743680,\"ws_max\":220200960,\"window_usec\":21600000000},\"recommended\":"
		"{\"request\":234881024,\"limit\":352321536},\"rationale\":\"" RATIONALE "\"}]},"
		"{\"namespace\":\"shop\",\"kind\":\"Deployment\",\"name\":\"web\",\"containers\":["
		"{\"name\":\"a \\\"b\\\"\\u000a\",\"current\":{\"request_inferred\":true},\"not_yet\":"
		"\"nothing has been measured yet\"},"
		"{\"name\":\"nginx\",\"current\":{\"request\":268435456,\"limit\":536870912,"
		"\"request_inferred\":true,\"request_within\":[268435456,285212671]},"
		"\"observed\":{\"ws_avg\":115343360,\"ws_p95\":188743680,\"ws_max\":220200960,"
		"\"window_usec\":21600000000},\"recommended\":{\"request\":234881024,\"limit\":352321536},"
		"\"rationale\":\"" RATIONALE "\"}]}]\n");
	assert_json(NULL, 0, "[]\n");
}

static void what_cannot_be_written_is_told(void **state)
{
	const struct limits limits = make_limits("shop", "web", "nginx", OWNER_DEPLOYMENT);
	struct advice *advice = make_advice(&limits, 1);
	struct document document;
	(void)state;

	FILE *full = fopen("/dev/full", "w");
	assert_non_null(full);
	setbuf(full, NULL);
	document_json(full, &document);
	recommend_write(&document, advice, 1);
	assert_int_equal(document_finish(&document), -EIO);
#ifdef TIDEMARK_HAVE_YAML
	struct document *in_yaml;
	assert_int_equal(yaml_new(full, &in_yaml), 0);
	recommend_write(in_yaml, advice, 1);
	assert_int_equal(document_finish(in_yaml), -EIO);
#endif
	fclose(full);
	free(advice);
}

#ifdef TIDEMARK_HAVE_YAML

static void make_cold(struct limits *limits)
{
	limits->enforced_request_bytes = limits->enforced_limit_bytes = 0;
	limits->recommendation.warm = false;
	limits->recommendation.warmup_since_usec = T0 + 5 * USEC_PER_HOUR;
}

static char remarks[4096];

static void take_remark(const struct advice *advice, const char *text)
{
	size_t used = strlen(remarks);
	snprintf(remarks + used, sizeof remarks - used, "%s: %s\n", advice->identity->container, text);
}

static size_t write_all(struct document *document, const struct advice *advice, size_t count,
			recommend_remark *remark)
{
	(void)remark;
	return recommend_write(document, advice, count);
}

typedef size_t writer(struct document *document, const struct advice *advice, size_t count,
		      recommend_remark *remark);

/* Returns what the writer makes of it, to be freed, and leaves its remarks. */
static char *in_yaml(writer *write, const struct limits *limits, size_t count, int result)
{
	struct advice *advice = make_advice(limits, count);
	struct document *document;
	char *text;
	size_t length;

	remarks[0] = '\0';
	FILE *stream = open_memstream(&text, &length);
	assert_int_equal(yaml_new(stream, &document), 0);
	write(document, advice, count, take_remark);
	assert_int_equal(document_finish(document), result);
	fclose(stream);
	free(advice);
	return text;
}

static void assert_yaml(writer *write, const struct limits *limits, size_t count, const char *expected,
			const char *expected_remarks)
{
	char *text = in_yaml(write, limits, count, 0);
	assert_string_equal(text, expected);
	assert_string_equal(remarks, expected_remarks);
	free(text);
}

static void yaml_is_as_people_write_it(void **state)
{
	struct limits limits[] = {
		make_limits("shop", "web", "function", OWNER_DEPLOYMENT),
		make_limits("shop", "web", "setup", OWNER_DEPLOYMENT),
		make_limits("fn", "hello-00001-deployment", "user-container", OWNER_KNATIVE_SERVICE),
	};
	(void)state;

	limits[0].oom_score_adj = -997;
	limits[0].applied_bytes = 358 * MIB + 1;
	limits[1].role = ROLE_INIT;
	limits[1].declared_bytes = limits[1].applied_bytes = 300 * MIB + 1;
	make_cold(&limits[1]);
	strcpy(limits[2].identity.service, "hello");
	limits[2].oom_score_adj = 0;
	assert_yaml(write_all, limits, 3,
		    "namespace: fn\n"
		    "kind: KnativeService\n"
		    "name: hello\n"
		    "deployment: hello-00001-deployment\n"
		    "containers:\n"
		    "- name: user-container\n"
		    "  current: {limit: 512Mi}\n"
		    "  observed: {ws_avg: 110Mi, ws_p95: 180Mi, ws_max: 210Mi, window: 6h}\n"
		    "  recommended: {request: 224Mi, limit: 336Mi}\n"
		    "  rationale: \"" RATIONALE "\"\n"
		    "---\n"
		    "namespace: shop\n"
		    "kind: Deployment\n"
		    "name: web\n"
		    "containers:\n"
		    "- name: function\n"
		    "  current: {request: 512Mi, limit: 512Mi, applied: 358Mi, request_inferred: true}\n"
		    "  observed: {ws_avg: 110Mi, ws_p95: 180Mi, ws_max: 210Mi, window: 6h}\n"
		    "  recommended: {request: 224Mi, limit: 336Mi}\n"
		    "  rationale: \"" RATIONALE "\"\n"
		    "- name: setup\n"
		    "  role: init\n"
		    "  current: {request: 256Mi, limit: 314572801, request_inferred: true, request_within: "
		    "[256Mi, 272Mi]}\n"
		    "  observed: {ws_avg: 110Mi, ws_p95: 180Mi, ws_max: 210Mi, window: 6h}\n"
		    "  recommended: {request: 224Mi, limit: 336Mi}\n"
		    "  rationale: \"" RATIONALE "\"\n"
		    "  not_yet: \"not before 600 readings and 1h of this image; so far 0 and 1h\"\n",
		    "");
}

static void a_patch_has_what_changes_and_no_more(void **state)
{
	struct limits limits[] = {
		make_limits("shop", "web", "nginx", OWNER_DEPLOYMENT),
		make_limits("shop", "web", "proxy", OWNER_DEPLOYMENT),
		make_limits("shop", "web", "setup", OWNER_DEPLOYMENT),
		make_limits("shop", "night", "dump", OWNER_CRONJOB),
	};
	(void)state;

	limits[1].recommendation.request_bytes = limits[1].enforced_request_bytes = 224 * MIB + 1;
	limits[2].role = ROLE_INIT;
	limits[3].role = ROLE_UNKNOWN;
	assert_yaml(recommend_patch, limits, 4,
		    "apiVersion: batch/v1\n"
		    "kind: CronJob\n"
		    "metadata:\n"
		    "  name: night\n"
		    "  namespace: shop\n"
		    "spec:\n"
		    "  jobTemplate:\n"
		    "    spec:\n"
		    "      template:\n"
		    "        spec:\n"
		    "          containers:\n"
		    "          - name: dump\n"
		    "            resources:\n"
		    "              requests:\n"
		    "                memory: 224Mi\n"
		    "              limits:\n"
		    "                memory: 336Mi\n"
		    "---\n"
		    "apiVersion: apps/v1\n"
		    "kind: Deployment\n"
		    "metadata:\n"
		    "  name: web\n"
		    "  namespace: shop\n"
		    "spec:\n"
		    "  template:\n"
		    "    spec:\n"
		    "      containers:\n"
		    "      - name: nginx\n"
		    "        resources:\n"
		    "          requests:\n"
		    "            memory: 224Mi\n"
		    "          limits:\n"
		    "            memory: 336Mi\n"
		    "      - name: proxy\n"
		    "        resources:\n"
		    "          requests:\n"
		    "            memory: 234881025\n"
		    "          limits:\n"
		    "            memory: 336Mi\n"
		    "      initContainers:\n"
		    "      - name: setup\n"
		    "        resources:\n"
		    "          requests:\n"
		    "            memory: 224Mi\n"
		    "          limits:\n"
		    "            memory: 336Mi\n",
		    "");
}

static void what_cannot_be_patched_is_left_out_and_said(void **state)
{
	struct limits limits[] = {
		make_limits("-", "box", "podman", OWNER_UNKNOWN),
		make_limits("shop", "a", "named", OWNER_UNKNOWN),
		make_limits("shop", "b", "alone", OWNER_POD),
		make_limits("shop", "c", "once", OWNER_JOB),
		make_limits("shop", "d", "cold", OWNER_STATEFULSET),
		make_limits("shop", "d", "debug", OWNER_STATEFULSET),
	};
	(void)state;

	make_cold(&limits[4]);
	limits[5].role = ROLE_EPHEMERAL;
	assert_yaml(recommend_patch, limits, 6, "",
		    "podman: left out: it runs outside Kubernetes\n"
		    "named: left out: what kind of object owns it is not known\n"
		    "alone: left out: a pod on its own has no template\n"
		    "once: left out: the template of a Job cannot be changed\n"
		    "cold: left out: not before 600 readings and 1h of this image; so far 0 and 1h\n"
		    "debug: left out: an ephemeral container is in no template\n");
}

static void a_guaranteed_pod_does_not_lose_that_unsaid(void **state)
{
	struct limits limits = make_limits("shop", "web", "nginx", OWNER_DAEMONSET);
	(void)state;

	limits.oom_score_adj = -997;
	char *text = in_yaml(recommend_patch, &limits, 1, 0);
	assert_non_null(strstr(text, "kind: DaemonSet\n"));
	assert_string_equal(remarks, "nginx: its pod is Guaranteed, and becomes Burstable by this\n");
	free(text);
}

/* Pods of several revisions may be there side by side. */
static void a_knative_service_is_patched_from_its_newest_revision(void **state)
{
	struct limits limits[] = {
		make_limits("fn", "hello-a-deployment", "old", OWNER_KNATIVE_SERVICE),
		make_limits("fn", "hello-b-deployment", "new", OWNER_KNATIVE_SERVICE),
		make_limits("fn", "hello-b-deployment", "queue-proxy", OWNER_KNATIVE_SERVICE),
		make_limits("fn", "hello-c-deployment", "older", OWNER_KNATIVE_SERVICE),
	};
	(void)state;

	for (size_t i = 0; i < 4; i++)
		strcpy(limits[i].identity.service, "hello");
	limits[1].observed.until_usec++;
	assert_yaml(
		recommend_patch, limits, 4,
		"apiVersion: serving.knative.dev/v1\n"
		"kind: Service\n"
		"metadata:\n"
		"  name: hello\n"
		"  namespace: fn\n"
		"spec:\n"
		"  template:\n"
		"    spec:\n"
		"      containers:\n"
		"      - name: new\n"
		"        resources:\n"
		"          requests:\n"
		"            memory: 224Mi\n"
		"          limits:\n"
		"            memory: 336Mi\n",
		"old: left out: a newer revision has been seen\n"
		"queue-proxy: left out: it is Knative's own\n"
		"older: left out: a newer revision has been seen\n"
		"new: Knative takes a list of containers as a whole and refuses one without images: merge "
		"this document into the Service's own\n");
}

static void a_vpa_stays_within_the_same_numbers(void **state)
{
	struct limits limits[] = {
		make_limits("shop", "web", "nginx", OWNER_DEPLOYMENT),
		make_limits("shop", "web", "setup", OWNER_DEPLOYMENT),
		make_limits("shop", "x", "user", OWNER_KNATIVE_SERVICE),
	};
	(void)state;

	limits[1].role = ROLE_INIT;
	strcpy(limits[2].identity.service, "x");
	assert_yaml(
		recommend_vpa, limits, 3,
		"apiVersion: autoscaling.k8s.io/v1\n"
		"kind: VerticalPodAutoscaler\n"
		"metadata:\n"
		"  name: web\n"
		"  namespace: shop\n"
		"spec:\n"
		"  targetRef:\n"
		"    apiVersion: apps/v1\n"
		"    kind: Deployment\n"
		"    name: web\n"
		"  updatePolicy:\n"
		"    updateMode: \"Off\"\n"
		"  resourcePolicy:\n"
		"    containerPolicies:\n"
		"    - containerName: nginx\n"
		"      minAllowed:\n"
		"        memory: 224Mi\n"
		"      maxAllowed:\n"
		"        memory: 336Mi\n"
		"      controlledResources: [memory]\n"
		"      controlledValues: RequestsOnly\n"
		"    - containerName: \"*\"\n"
		"      mode: \"Off\"\n",
		"setup: left out: a VerticalPodAutoscaler leaves init containers alone\n"
		"user: left out: Knative scales by requests, and a VerticalPodAutoscaler cannot aim at its "
		"Service\n");
}

/* ---- Read back ---- */

static const yaml_node_t *lookup(yaml_document_t *document, const yaml_node_t *map, const char *key)
{
	assert_int_equal(map->type, YAML_MAPPING_NODE);
	for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top;
	     pair++) {
		const yaml_node_t *name = yaml_document_get_node(document, pair->key);
		if (strcmp((const char *)name->data.scalar.value, key) == 0)
			return yaml_document_get_node(document, pair->value);
	}
	fail_msg("no %s", key);
	return NULL;
}

/* A person's text has to be a string wherever it stands: quoted, or no word nor number of YAML. */
static void assert_is_text(const yaml_node_t *node, const char *expected)
{
	assert_int_equal(node->type, YAML_SCALAR_NODE);
	assert_int_equal(node->data.scalar.length, strlen(expected));
	assert_string_equal((const char *)node->data.scalar.value, expected);
	if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return;
	const char *p = expected;
	assert_true((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'));
	for (; *p; p++)
		assert_true((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			    (*p >= '0' && *p <= '9') || strchr("-_./", *p));
}

/* A document of which every name is this one. */
static void assert_survives(const char *name)
{
	const struct limits limits = make_limits(name, name, name, OWNER_DEPLOYMENT);
	yaml_parser_t parser;
	yaml_document_t document;

	char *text = in_yaml(write_all, &limits, 1, 0);
	for (const char *p = text; *p; p++)
		assert_true((unsigned char)*p >= 0x20 || *p == '\n');
	assert_true(yaml_parser_initialize(&parser));
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
	if (!yaml_parser_load(&parser, &document))
		fail_msg("%s: %s", parser.problem, text);
	const yaml_node_t *root = yaml_document_get_root_node(&document);
	assert_is_text(lookup(&document, root, "namespace"), name);
	assert_is_text(lookup(&document, root, "name"), name);
	const yaml_node_t *list = lookup(&document, root, "containers");
	assert_int_equal(list->type, YAML_SEQUENCE_NODE);
	assert_int_equal(list->data.sequence.items.top - list->data.sequence.items.start, 1);
	const yaml_node_t *container = yaml_document_get_node(&document, *list->data.sequence.items.start);
	assert_is_text(lookup(&document, container, "name"), name);
	assert_is_text(lookup(&document, container, "rationale"), RATIONALE);
	const yaml_node_t *recommended = lookup(&document, container, "recommended");
	assert_string_equal((const char *)lookup(&document, recommended, "limit")->data.scalar.value,
			    "336Mi");
	yaml_document_delete(&document);

	assert_true(yaml_parser_load(&parser, &document));
	assert_null(yaml_document_get_root_node(&document)); /* there is no other */
	yaml_document_delete(&document);
	yaml_parser_delete(&parser);
	free(text);
}

static void any_name_comes_back_as_the_same_text(void **state)
{
	static const char *const names[] = {
		"web",
		"",
		"no",
		"No",
		"OFF",
		"y",
		"true",
		"null",
		"~",
		"1e3",
		"0x1f",
		"1_000",
		"12:30",
		"-1",
		".5",
		".inf",
		".nan",
		"+1",
		"=",
		"<<",
		"a: b",
		"a:",
		": ",
		"- a",
		"-",
		"---",
		"...",
		"? a",
		"#",
		"a #b",
		"&a",
		"*a",
		"!a",
		"!!int 1",
		"|",
		">",
		"%",
		"@",
		"`",
		"{}",
		"[a]",
		"a,b",
		"'",
		"\"",
		"\\",
		"a\\n",
		" a",
		"a ",
		"a\nb",
		"\n",
		"\r\n",
		"\t",
		"a\tb",
		"\x01\x1b[2J",
		"\x7f",
		"\xc2\x85",
		"\xc2\x9b",
		"\xe2\x80\xa8",
		"\xef\xbb\xbf",
		"wässerchen",
		"海",
		"\xf0\x9f\x8c\x8a",
		"2026-11-24",
		"a\n---\nkind: Secret\n",
		"x\"\nkind: y",
		"256Mi",
		"Off",
	};
	(void)state;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_survives(names[i]);
	char longest[CONFIG_NAME_SIZE];
	for (size_t length = 1; length < sizeof longest; length++) {
		memset(longest, ' ', length);
		longest[length - 1] = 'x';
		longest[length] = '\0';
		assert_survives(longest);
	}
}

static void names_drawn_at_random_come_back(void **state)
{
	static const char *const pieces[] = {
		"a", "0", " ", ":", "-", "#", "\n", "\t",   "\r",   "'", "\"",       "\\",
		"{", "]", ",", "&", "!", "%", "@",  "\x01", "\x1f", "é", "\xc2\x80", "\xe2\x80\xa9"};
	uint32_t seed = 1;
	(void)state;

	for (unsigned round = 0; round < 5000; round++) {
		char name[64] = "";
		for (unsigned i = 0; i <= round % 12; i++) {
			seed = seed * 1664525 + 1013904223;
			strcat(name, pieces[(seed >> 16) % (sizeof pieces / sizeof *pieces)]);
		}
		assert_survives(name);
	}
}

static void a_text_that_is_not_utf8_is_a_fault(void **state)
{
	const struct limits limits = make_limits("shop", "web", "\xff", OWNER_DEPLOYMENT);
	(void)state;

	free(in_yaml(write_all, &limits, 1, -EILSEQ));
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_bytes_and_microseconds),
		cmocka_unit_test(what_cannot_be_written_is_told),
#ifdef TIDEMARK_HAVE_YAML
		cmocka_unit_test(yaml_is_as_people_write_it),
		cmocka_unit_test(a_patch_has_what_changes_and_no_more),
		cmocka_unit_test(what_cannot_be_patched_is_left_out_and_said),
		cmocka_unit_test(a_guaranteed_pod_does_not_lose_that_unsaid),
		cmocka_unit_test(a_knative_service_is_patched_from_its_newest_revision),
		cmocka_unit_test(a_vpa_stays_within_the_same_numbers),
		cmocka_unit_test(any_name_comes_back_as_the_same_text),
		cmocka_unit_test(names_drawn_at_random_come_back),
		cmocka_unit_test(a_text_that_is_not_utf8_is_a_fault),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
