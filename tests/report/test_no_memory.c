/* SPDX-License-Identifier: Apache-2.0 */

/* Each allocation of what makes and reads documents fails in turn. Sentences take no memory. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shim/report/advice.h"
#include "shim/report/exposition.h"
#include "shim/report/overhead.h"
#include "shim/report/plot.h"
#include "shim/report/recommend.h"
#include "shim/report/runtimeclass.h"
#include "tests/failing_malloc.h"
#include "tests/fixture.h"
#include "tests/report/explained.h"
#ifdef TIDEMARK_HAVE_YAML
#include "shim/report/yaml.h"
#endif

#define ALLOCATIONS_MAX 3000

/* ---- Metrics ---- */

struct exposing {
	char *text;
	size_t length;
};

static int expose(void *data)
{
	struct exposing *exposing = data;
	struct exposition out;

	exposing->text = NULL;
	exposition_begin(&out, EXPOSITION_OPENMETRICS);
	exposition_family(&out, "tidemark_x_bytes", EXPOSITION_GAUGE, "bytes", "What x has.");
	for (unsigned i = 0; i < 5000; i++) {
		exposition_sample(&out, "tidemark_x_bytes", "");
		exposition_label(&out, "name", "a \"label\"\n");
		exposition_uint(&out, i);
	}
	const int r = exposition_end(&out, &exposing->text, &exposing->length);
	if (r < 0)
		exposition_free(&out);
	return r;
}

static void check_exposed(void *data, int result, bool failed)
{
	struct exposing *exposing = data;

	assert_int_equal(result, failed ? -ENOMEM : 0);
	assert_true(failed == !exposing->text);
	if (!failed) {
		assert_int_equal(strlen(exposing->text), exposing->length);
		assert_non_null(strstr(exposing->text, "{name=\"a \\\"label\\\"\\n\"} 4999\n"));
	}
	free(exposing->text);
}

static void metrics_without_memory_are_an_error(void **state)
{
	struct exposing exposing;
	(void)state;

	const struct failing_operation operation = {.run = expose, .check = check_exposed, .data = &exposing};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 3);
}

/* ---- Documents ---- */

struct writing {
	bool in_yaml;
	struct limits limits;
	struct advice advice;
	struct runtimeclass runtimeclass;
	FILE *stream;
	char text[16384], whole[16384];
};

static void open_stream(void *data)
{
	struct writing *writing = data;
	memset(writing->text, 0, sizeof writing->text);
	writing->stream = fmemopen(writing->text, sizeof writing->text - 1, "w");
	assert_non_null(writing->stream);
}

static void ignore_remark(const struct advice *advice, const char *text)
{
	(void)advice;
	(void)text;
}

static int write_documents(void *data)
{
	struct writing *writing = data;
	struct document json, *document = &json;

	if (!writing->in_yaml)
		document_json(writing->stream, &json);
#ifdef TIDEMARK_HAVE_YAML
	else if (yaml_new(writing->stream, &document) < 0)
		return -ENOMEM;
#endif
	(void)recommend_write(document, &writing->advice, 1);
	(void)recommend_patch(document, &writing->advice, 1, ignore_remark);
	(void)recommend_vpa(document, &writing->advice, 1, ignore_remark);
	runtimeclass_write(document, &writing->runtimeclass);
	return document_finish(document);
}

/* It is whole, or known not to be. */
static void check_written(void *data, int result, bool failed)
{
	struct writing *writing = data;

	fclose(writing->stream);
	assert_true(result == 0 || (failed && result == -ENOMEM));
	if (result < 0)
		return;
	assert_true(strlen(writing->text) > 500);
	if (!writing->whole[0])
		strcpy(writing->whole, writing->text);
	assert_string_equal(writing->text, writing->whole);
}

static void make_documents(bool in_yaml)
{
	static struct writing writing;
	struct settings settings = make_settings();

	memset(&writing, 0, sizeof writing);
	writing.in_yaml = in_yaml;
	writing.limits = make_limits();
	writing.limits.identity.kind = OWNER_DEPLOYMENT;
	writing.limits.role = ROLE_CONTAINER;
	writing.limits.oom_score_adj = 984;
	writing.limits.recommendation.warm = true;
	writing.limits.enforced_request_bytes = 128 * MIB;
	writing.limits.enforced_limit_bytes = 192 * MIB;
	advice_make(&writing.limits, NULL, &settings, 16 * GIB, T0 + USEC_PER_HOUR, &writing.advice);
	writing.runtimeclass = (struct runtimeclass){.handler = "kata",
						     .name = "kata",
						     .n_pods = 20,
						     .highest_bytes = INT64_C(200) << 20,
						     .recommended_bytes = 224 * MIB};
	const struct failing_operation operation = {
		.run = write_documents, .check = check_written, .data = &writing, .prepare = open_stream};
	const size_t n = failing_operation_run(&operation, ALLOCATIONS_MAX);
	assert_true(n > 0 || !in_yaml);
}

static void documents_in_json_do_without_memory(void **state)
{
	(void)state;
	make_documents(false);
}

#ifdef TIDEMARK_HAVE_YAML
static void documents_in_yaml_without_memory_are_an_error(void **state)
{
	(void)state;
	make_documents(true);
}
#endif

/* ---- Pictures ---- */

struct drawing {
	char path[320];
	struct error err;
};

static int draw(void *data)
{
	struct drawing *drawing = data;
	struct plot_series series = {.title = "used", .colour = "#000000", .style = PLOT_LINE};
	const struct plot plot = {
		.path = drawing->path, .until_usec = 1000, .series = &series, .n_series = 1};
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < 1000; i++)
		r = plot_add(&series, i, i * MIB);
	if (r < 0)
		(void)error_set(&drawing->err, ENOMEM, "no points");
	else
		r = plot_draw(&plot, &drawing->err);
	free(series.points);
	return r == -ENOENT ? 0 : r; /* there is no gnuplot */
}

static void check_drawn(void *data, int result, bool failed)
{
	const struct drawing *drawing = data;
	/* A script that is not whole is never drawn. */
	assert_true(failing_malloc_is_done(result, failed, &drawing->err) == !failed);
}

static void picture_without_memory_is_not_drawn(void **state)
{
	const struct fixture *fixture = *state;
	struct drawing drawing;

	snprintf(drawing.path, sizeof drawing.path, "%s/used.svg", fixture->path);
	const struct failing_operation operation = {.run = draw, .check = check_drawn, .data = &drawing};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 3);
}

/* ---- overhead.json ---- */

struct parsing {
	const char *text;
	struct overhead overhead;
	struct error err;
};

static int parse_overhead(void *data)
{
	struct parsing *parsing = data;
	parsing->overhead = (struct overhead){.version = 77};
	return overhead_parse(parsing->text, strlen(parsing->text), &parsing->overhead, &parsing->err);
}

static void check_overhead(void *data, int result, bool failed)
{
	struct parsing *parsing = data;

	if (!failing_malloc_is_done(result, failed, &parsing->err)) {
		assert_int_equal(parsing->overhead.version, 77);
		assert_null(parsing->overhead.sandboxes);
		return;
	}
	assert_int_equal(parsing->overhead.n_handlers, 3);
	assert_int_equal(parsing->overhead.n_sandboxes, 2);
	assert_int_equal(parsing->overhead.sandboxes[1].n_containers, 3);
	overhead_free(&parsing->overhead);
}

static void overheads_without_memory_are_an_error(void **state)
{
	struct parsing parsing = {.text = "{\"v\":1,\"handlers\":[{\"handler\":\"crun\"},{\"handler\":"
					  "\"runc\"},{\"handler\":\"kata\"}],"
					  "\"sandboxes\":[{\"id\":\"a\"},{\"id\":\"b\",\"containers\":"
					  "[{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"3\"}]}]}"};
	(void)state;

	const struct failing_operation operation = {
		.run = parse_overhead, .check = check_overhead, .data = &parsing};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 5);
}

/* ---- Sentences ---- */

static void sentences_take_no_memory(void **state)
{
	const struct limits limits = make_limits();
	const struct record record = make_record(SOURCE_ENFORCED, "enforced+max-change");
	const struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];
	struct advice advice;
	(void)state;

	failing_malloc_begin(1, FAILING_ON);
	(void)explain_observed(&limits, buf);
	(void)explain_recent(&limits, &settings, buf);
	(void)explain_request(&limits, &settings, buf);
	(void)explain_limit(&limits, &settings, buf);
	(void)explain_oom(&limits, &settings, T0, buf);
	(void)explain_stuck(&limits, &settings, 512 * MIB, buf);
	(void)explain_rationale(&limits, &settings, buf);
	(void)explain_enforced(&limits, &settings, T0, buf);
	(void)explain_decision(&record, &settings, buf);
	(void)explain_protection(&record, &settings, UNIFIED_HIGH, buf);
	advice_make(&limits, NULL, &settings, GIB, T0, &advice);
	assert_int_equal(failing_malloc_end(), 0);
	assert_true(buf[0] && advice.new_limit_bytes > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_without_memory_are_an_error),
		cmocka_unit_test(documents_in_json_do_without_memory),
#ifdef TIDEMARK_HAVE_YAML
		cmocka_unit_test(documents_in_yaml_without_memory_are_an_error),
#endif
		FIXTURE_TEST(picture_without_memory_is_not_drawn),
		cmocka_unit_test(overheads_without_memory_are_an_error),
		cmocka_unit_test(sentences_take_no_memory),
	};
	return FAILING_MALLOC_RUN(tests);
}
