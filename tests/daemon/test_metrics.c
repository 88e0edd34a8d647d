/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/metrics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "shim/daemon/guests.h"
#include "shim/daemon/registry.h"
#include "shim/daemon/textfile.h"
#include "tests/fixture.h"

#define T0 (UINT64_C(1800000000) * USEC_PER_SEC)

#define LONG_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct identity web = {"default", "web", "app"};
static const struct cost process = {12345678, 8 * MIB, 20 * MIB, 17, 1024};

static struct workload *add_workload(struct node *node, const struct identity *identity)
{
	const struct limits limits = {.identity = *identity, .declared_bytes = UINT64_MAX};
	struct workload *workload = registry_add_workload(&node->registry, &limits, &node->settings.sampling);
	assert_non_null(workload);
	workload->seen_usec = T0;
	return workload;
}

static struct container *add_container(struct node *node, const char *id, struct workload *workload)
{
	struct container *container = registry_add(&node->registry, id, &node->settings.sampling);
	assert_non_null(container);
	container->state = LIFE_RUNNING;
	container->pod_name = strdup("web-5d4f8c7b6d-x2x4z");
	container->declared_bytes = 512 * MIB;
	container->limit_bytes = 384 * MIB;
	container->max_bytes = 384 * MIB;
	container->prestart_bytes = 400 * KIB;
	container->memory = (struct memory){.current_bytes = 110 * MIB, .inactive_file_bytes = 10 * MIB};
	container->samples = 1;
	strcpy(container->runtime, "crun");
	container->workload = workload;
	if (workload)
		workload->n_containers++;
	return container;
}

static int begin(void **state)
{
	struct node *node = calloc(1, sizeof *node);
	settings_default(&node->settings);
	node->sources.records.notices.fd = node->sources.watch.notices.fd = node->sources.kernel_log_fd = -1;
	sampler_init(&node->sampling.sampler, -1, 0);
	node->sources.guests = (struct guests){
		.fd = -1,
		.roots = &node->roots,
		.settings = &node->settings.vm,
		.registry = &node->registry,
	};
	*state = node;
	return 0;
}

static int end(void **state)
{
	struct node *node = *state;
	registry_free(&node->registry, &node->sampling.sampler);
	free(*state);
	return 0;
}

#define METRICS_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

static char *render(const struct node *node, enum exposition_format format)
{
	const struct metrics_source source = {node, &process, T0 - USEC_PER_HOUR, T0};
	char *text;
	size_t length;

	assert_int_equal(metrics_render(&source, format, &text, &length), 0);
	assert_int_equal(strlen(text), length);
	return text;
}

/* Whether the text, which is freed, has this line. */
static bool has_line(char *text, const char *line)
{
	bool found = false;
	for (const char *at = text; at && !found; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		found = strncmp(at, line, strlen(line)) == 0 && at[strlen(line)] == '\n';
	free(text);
	return found;
}

static void assert_line(const struct node *node, const char *line)
{
	if (!has_line(render(node, EXPOSITION_PROMETHEUS), line))
		fail_msg("no line %s in\n%s", line, render(node, EXPOSITION_PROMETHEUS));
}

static size_t count_of(const struct node *node, const char *beginning)
{
	size_t count = 0;
	char *text = render(node, EXPOSITION_PROMETHEUS);
	for (const char *at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		count += strncmp(at, beginning, strlen(beginning)) == 0;
	free(text);
	return count;
}

/* ---- The node ---- */

static void a_container_has_its_limits_and_its_working_set(void **state)
{
	struct node *node = *state;
	struct workload *workload = add_workload(node, &web);
	workload->limits.recommendation.limit_bytes = 192 * MIB;
	(void)add_container(node, LONG_ID, workload);

#define LABELS "{namespace=\"default\",pod=\"web-5d4f8c7b6d-x2x4z\",container=\"app\",id=\"0123456789ab\""
	assert_line(node, "tidemark_container_memory_working_set_bytes" LABELS "} 104857600");
	assert_line(node, "tidemark_container_memory_prestart_bytes" LABELS "} 409600");
	assert_line(node, "tidemark_container_memory_limit_bytes" LABELS ",kind=\"declared\"} 536870912");
	assert_line(node, "tidemark_container_memory_limit_bytes" LABELS ",kind=\"recommended\"} 201326592");
	assert_line(node, "tidemark_container_memory_limit_bytes" LABELS ",kind=\"applied\"} 402653184");
	assert_line(node, "tidemark_container_memory_limit_bytes" LABELS ",kind=\"effective\"} 402653184");
	assert_line(node, "tidemark_container_info" LABELS ",owner=\"web\",runtime=\"crun\"} 1");
	assert_line(node, "tidemark_node_memory_slack_bytes 432013312");
}

static void the_effective_limit_is_the_smallest_of_all_above(void **state)
{
	struct node *node = *state;
	struct container *container = add_container(node, LONG_ID, add_workload(node, &web));
	container->ancestors_max_bytes = 256 * MIB;
	assert_line(node, "tidemark_container_memory_limit_bytes" LABELS ",kind=\"effective\"} 268435456");
}

static void a_limit_that_is_not_there_has_no_sample(void **state)
{
	struct node *node = *state;
	struct container *container = add_container(node, LONG_ID, add_workload(node, &web));
	container->declared_bytes = container->limit_bytes = container->max_bytes = UINT64_MAX;
	assert_int_equal(count_of(node, "tidemark_container_memory_limit_bytes{"), 0);
	assert_int_equal(count_of(node, "tidemark_container_memory_working_set_bytes{"), 1);
}

static void a_container_that_was_not_read_yet_has_no_working_set(void **state)
{
	struct node *node = *state;
	add_container(node, LONG_ID, add_workload(node, &web))->samples = 0;
	assert_int_equal(count_of(node, "tidemark_container_memory_working_set_bytes{"), 0);
}

static void a_container_of_no_known_workload_has_empty_labels(void **state)
{
	struct node *node = *state;
	(void)add_container(node, "chosen-by-a-person", NULL);
	assert_line(node,
		    "tidemark_container_memory_working_set_bytes{namespace=\"\",pod=\"web-5d4f8c7b6d-x2x4z\","
		    "container=\"\",id=\"chosen-by-a-person\"} 104857600");
}

static void containers_that_have_ended_and_sandboxes_have_no_series(void **state)
{
	struct node *node = *state;
	struct workload *workload = add_workload(node, &web);
	add_container(node, "a", workload)->state = LIFE_ENDED;
	add_container(node, "b", NULL)->is_sandbox = true;
	assert_int_equal(count_of(node, "tidemark_container_info{"), 0);
	assert_line(node, "tidemark_node_containers 1");
}

static void the_exit_peak_is_the_workloads_and_leaves_an_hour_after_it(void **state)
{
	struct node *node = *state;
	struct workload *workload = add_workload(node, &web);
	workload->exit_peak_bytes = 77 * MIB;
	assert_line(node, "tidemark_container_memory_exit_peak_bytes{namespace=\"default\",owner=\"web\","
			  "container=\"app\"} 80740352");
	workload->seen_usec = T0 - USEC_PER_HOUR;
	assert_int_equal(count_of(node, "tidemark_container_memory_exit_peak_bytes{"), 0);
	(void)add_container(node, LONG_ID, workload);
	assert_int_equal(count_of(node, "tidemark_container_memory_exit_peak_bytes{"), 1);
}

static void too_many_containers_are_left_out_and_counted(void **state)
{
	struct node *node = *state;
	struct workload *workload = add_workload(node, &web);
	char id[32];

	node->settings.report.metrics_containers_max = 3;
	for (int i = 0; i < 3; i++) {
		snprintf(id, sizeof id, "c%d", i);
		(void)add_container(node, id, workload);
	}
	assert_int_equal(count_of(node, "tidemark_container_info{"), 3);
	assert_line(node, "tidemark_metrics_left_out{level=\"container\"} 0");
	(void)add_container(node, "c3", workload);
	assert_int_equal(count_of(node, "tidemark_container_"), 0);
	assert_line(node, "tidemark_metrics_left_out{level=\"container\"} 4");
	assert_line(node, "tidemark_metrics_left_out{level=\"workload\"} 0");
	assert_line(node, "tidemark_node_containers 4");
	assert_int_equal(count_of(node, "tidemark_workload_containers{"), 1);
}

static void too_many_workloads_are_left_out_and_counted(void **state)
{
	struct node *node = *state;
	struct identity identity = web;

	node->settings.report.metrics_containers_max = 2;
	for (char name = 'a'; name <= 'c'; name++) {
		identity.owner[0] = name;
		(void)add_workload(node, &identity);
	}
	assert_int_equal(count_of(node, "tidemark_workload_containers"), 0);
	assert_line(node, "tidemark_metrics_left_out{level=\"workload\"} 3");
}

/* A pod that is measured, with one container in its guest. */
static struct sandbox *add_machine(struct node *node, const char *id, bool answered)
{
	struct record record = {.runtime = "kata", .pod_name = "web-0", .is_vm = true, .is_sandbox = true};
	struct container *container = registry_add(&node->registry, id, &node->settings.sampling);

	snprintf(record.id, sizeof record.id, "%s", id);
	strcpy(record.identity.namespace, "default");
	record.overhead_bytes = 160 * MIB;
	assert_int_equal(container_take_record(container, &record), 0);
	guests_take_record(&node->sources.guests, container, &record, false, T0);
	struct sandbox *sandbox = container->sandbox;
	sandbox->vmm.processes[0] =
		(struct vmm_process){.part = VMM_VMM, .pid = 1, .dir_fd = -1, .status_fd = -1};
	sandbox->vmm.n_processes = 1;
	sandbox->prestart_bytes = 50 * MIB;
	sandbox->host_usec = T0;
	sandbox->memory = (struct vmm_memory){.charge_bytes = 100 * MIB,
					      .ram_bytes = VMM_UNKNOWN,
					      .vmm_anon_bytes = 80 * MIB,
					      .kernel_bytes = 4 * MIB};
	sandbox->split = (struct overhead_split){.is_known = answered,
						 .used_bytes = 120 * MIB,
						 .overhead_bytes = -(int64_t)(20 * MIB),
						 .apart_usec = 1500};
	return sandbox;
}

static void free_machines(struct node *node)
{
	registry_free(&node->registry, &node->sampling.sampler);
	guests_close(&node->sources.guests);
}

static void a_machine_has_its_parts_and_its_overhead(void **state)
{
	struct node *node = *state;
	node->roots.state_fd = AT_FDCWD; /* where no handler has a file */
	(void)add_machine(node, LONG_ID, true);

#define POD_LABELS "{namespace=\"default\",pod=\"web-0\",handler=\"kata\",id=\"0123456789ab\""
	assert_line(node, "tidemark_vm_charge_bytes" POD_LABELS "} 104857600");
	assert_line(node, "tidemark_vm_part_bytes" POD_LABELS ",part=\"vmm_anon\"} 83886080");
	assert_line(node, "tidemark_vm_guest_used_bytes" POD_LABELS "} 125829120");
	assert_line(node, "tidemark_vm_overhead_bytes" POD_LABELS "} -20971520");
	assert_line(node, "tidemark_vm_overhead_declared_bytes" POD_LABELS "} 167772160");
	assert_line(node, "tidemark_vm_apart_seconds" POD_LABELS "} 0.001500");
	assert_int_equal(count_of(node, "tidemark_vm_part_bytes" POD_LABELS ",part=\"ram\"}"), 0);
	assert_int_equal(count_of(node, "tidemark_vm_guest_unused_bytes{"), 0);
	assert_line(node, "tidemark_handler_pods{handler=\"kata\"} 1");
	assert_line(node, "tidemark_node_memory_prestart_bytes 52428800");
	assert_line(node, "tidemark_handler_containers{handler=\"kata\"} 0");
	free_machines(node);
}

static void a_guest_that_has_not_answered_has_no_overhead(void **state)
{
	struct node *node = *state;
	node->roots.state_fd = AT_FDCWD; /* where no handler has a file */
	(void)add_machine(node, "p1", false);
	(void)add_container(node, "c1", NULL);

	assert_int_equal(count_of(node, "tidemark_vm_charge_bytes{"), 1);
	assert_int_equal(count_of(node, "tidemark_vm_overhead_bytes{"), 0);
	assert_int_equal(count_of(node, "tidemark_vm_guest_used_bytes{"), 0);
	assert_line(node, "tidemark_handler_containers{handler=\"crun\"} 1");
	free_machines(node);
}

/* Two series of the same labels are none. */
static void a_handler_of_both_kinds_is_one(void **state)
{
	struct node *node = *state;
	node->roots.state_fd = AT_FDCWD; /* where no handler has a file */
	(void)add_machine(node, "p1", true);
	strcpy(add_container(node, "c1", NULL)->runtime, "kata");

	assert_int_equal(count_of(node, "tidemark_handler_pods{handler=\"kata\"}"), 1);
	assert_line(node, "tidemark_handler_containers{handler=\"kata\"} 1");
	free_machines(node);
}

static void too_many_machines_are_left_out_and_counted(void **state)
{
	struct node *node = *state;
	node->roots.state_fd = AT_FDCWD; /* where no handler has a file */
	node->settings.report.metrics_containers_max = 1;
	(void)add_machine(node, "p1", true);
	(void)add_machine(node, "p2", true);

	assert_int_equal(count_of(node, "tidemark_vm_"), 0);
	assert_line(node, "tidemark_metrics_left_out{level=\"pod\"} 2");
	assert_line(node, "tidemark_handler_pods{handler=\"kata\"} 2");
	node->settings.report.metrics_containers_max = 0;
	assert_line(node, "tidemark_handler_pods{handler=\"kata\"} 2");
	free_machines(node);
}

static void what_was_decided_is_counted_by_source_and_guard(void **state)
{
	struct node *node = *state;
	tally_decision(&node->voice.tally, SOURCE_ENFORCED, "enforced+max-change+declared");
	tally_decision(&node->voice.tally, SOURCE_ENFORCED, "enforced");
	tally_decision(&node->voice.tally, SOURCE_DECLARED, "declared");
	tally_decision(&node->voice.tally, SOURCE_DECLARED, "declared+of-another-version");
	assert_line(node, "tidemark_decisions_total{source=\"enforced\"} 2");
	assert_line(node, "tidemark_decisions_total{source=\"declared\"} 2");
	assert_line(node, "tidemark_decision_guards_total{guard=\"max-change\"} 1");
	assert_line(node, "tidemark_decision_guards_total{guard=\"declared\"} 1");
	assert_line(node, "tidemark_decision_guards_total{guard=\"p95\"} 0");
}

static void swallow(const struct iovec *fields, size_t n_fields, void *data)
{
	(void)fields, (void)n_fields, (void)data;
}

static void what_is_said_is_counted(void **state)
{
	struct node *node = *state;
	struct voice *voice = &node->voice;
	const struct record record = {.source = SOURCE_OBSERVED, .reason = "observed"};
	const struct container *container = add_container(node, LONG_ID, add_workload(node, &web));

	voice_init(voice, (struct journal){.send = swallow});
	voice_decision(voice, &record);
	voice_oom(voice, container, OOM_CAUSE_ANCESTOR, NULL, NULL);
	voice_exit(&voice->journal, container, T0);
	assert_line(node, "tidemark_events_total{event=\"decision\"} 1");
	assert_line(node, "tidemark_events_total{event=\"exit\"} 1");
	assert_line(node, "tidemark_events_total{event=\"fault\"} 0");
	assert_line(node, "tidemark_decisions_total{source=\"observed\"} 1");
	assert_line(node, "tidemark_oom_kills_total{cause=\"ancestor\"} 1");
	assert_line(node, "tidemark_oom_kills_total{cause=\"own\"} 0");
}

static void a_histogram_counts_upwards(void **state)
{
	struct node *node = *state;
	histogram_add(&node->voice.tally.tick, 100);
	histogram_add(&node->voice.tally.tick, 101);
	histogram_add(&node->voice.tally.tick, 20 * USEC_PER_SEC);
	assert_line(node, "tidemark_tick_duration_seconds_bucket{le=\"0.0001\"} 1");
	assert_line(node, "tidemark_tick_duration_seconds_bucket{le=\"0.0005\"} 2");
	assert_line(node, "tidemark_tick_duration_seconds_bucket{le=\"10.5\"} 2");
	assert_line(node, "tidemark_tick_duration_seconds_bucket{le=\"+Inf\"} 3");
	assert_line(node, "tidemark_tick_duration_seconds_sum 20.000201");
	assert_line(node, "tidemark_tick_duration_seconds_count 3");
}

static void the_daemon_tells_its_own_cost(void **state)
{
	struct node *node = *state;
	assert_line(node, "process_cpu_seconds_total 12.345678");
	assert_line(node, "process_resident_memory_bytes 8388608");
	assert_line(node, "process_open_fds 17");
	assert_line(node, "process_start_time_seconds 1799996400.000000");
}

/* ---- The formats ---- */

static void openmetrics_names_families_without_their_suffix_and_ends(void **state)
{
	struct node *node = *state;
	(void)add_container(node, LONG_ID, add_workload(node, &web));
	static const char *const lines[] = {
		"# TYPE tidemark_events counter",
		"# TYPE tidemark_build info",
		"# TYPE tidemark_container info",
		"# TYPE tidemark_container_memory_working_set_bytes gauge",
		"# UNIT tidemark_container_memory_working_set_bytes bytes",
		"# TYPE process_cpu_seconds counter",
		"# UNIT process_cpu_seconds seconds",
		"# TYPE tidemark_tick_duration_seconds histogram",
		"tidemark_events_total{event=\"oom\"} 0",
		"tidemark_build_info{version=\"" TIDEMARK_VERSION "\"} 1",
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (!has_line(render(node, EXPOSITION_OPENMETRICS), lines[i]))
			fail_msg("no line %s", lines[i]);
	char *text = render(node, EXPOSITION_OPENMETRICS);
	assert_string_equal(text + strlen(text) - strlen("\n# EOF\n"), "\n# EOF\n");
	free(text);
}

static void prometheus_text_names_what_it_has_and_does_not_end(void **state)
{
	struct node *node = *state;
	assert_line(node, "# TYPE tidemark_events_total counter");
	assert_line(node, "# TYPE tidemark_build_info gauge");
	assert_int_equal(count_of(node, "# UNIT"), 0);
	assert_int_equal(count_of(node, "# EOF"), 0);
}

static void every_family_has_one_head(void **state)
{
	const struct node *node = *state;
	char *text = render(node, EXPOSITION_OPENMETRICS), *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (strncmp(line, "# TYPE ", 7) == 0 && rest)
			assert_null(strstr(rest, line));
	free(text);
}

static char *label(const char *value)
{
	static char copy[256];
	struct exposition out;
	char *text;
	size_t length;

	exposition_begin(&out, EXPOSITION_PROMETHEUS);
	exposition_sample(&out, "x", "");
	exposition_label(&out, "l", value);
	exposition_uint(&out, 1);
	assert_int_equal(exposition_end(&out, &text, &length), 0);
	assert_true(length < sizeof copy);
	strcpy(copy, text);
	free(text);
	return copy;
}

static void labels_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(label("plain"), "x{l=\"plain\"} 1\n");
	assert_string_equal(label(""), "x{l=\"\"} 1\n");
	assert_string_equal(label("a\"b\\c\nd"), "x{l=\"a\\\"b\\\\c\\nd\"} 1\n");
	assert_string_equal(label("\\n"), "x{l=\"\\\\n\"} 1\n");
	assert_string_equal(label("wässer海\U0001F30A"), "x{l=\"wässer海\U0001F30A\"} 1\n");
}

static void what_is_not_utf8_is_replaced(void **state)
{
	(void)state;
	assert_string_equal(label("a\xFFz"), "x{l=\"a\xEF\xBF\xBDz\"} 1\n");
	assert_string_equal(label("\xC3"), "x{l=\"\xEF\xBF\xBD\"} 1\n");
	assert_string_equal(label("\xC3\""), "x{l=\"\xEF\xBF\xBD\\\"\"} 1\n");
	assert_string_equal(label("\xC0\x80"), "x{l=\"\xEF\xBF\xBD\xEF\xBF\xBD\"} 1\n");
	assert_string_equal(label("\xED\xA0\x80"), "x{l=\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"} 1\n");
}

static void the_format_is_the_one_that_is_asked_for(void **state)
{
	static const struct {
		const char *accept;
		enum exposition_format format;
	} cases[] = {
		{NULL, EXPOSITION_PROMETHEUS},
		{"", EXPOSITION_PROMETHEUS},
		{"*/*", EXPOSITION_PROMETHEUS},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-text", EXPOSITION_OPENMETRICS},
		{"Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", EXPOSITION_OPENMETRICS},
		{"application/openmetrics-text;version=\"1.0.0\"", EXPOSITION_OPENMETRICS},
		{"application/openmetrics-text;version=0.0.1", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-text;version=2.0.0", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-text;q=0", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-textual", EXPOSITION_PROMETHEUS},
		{"text/plain;q=0.5,application/openmetrics-text;q=0.4", EXPOSITION_PROMETHEUS},
		{"text/plain;q=0.4 , application/openmetrics-text ; q=0.5", EXPOSITION_OPENMETRICS},
		/* What is named counts, not what is implied. */
		{"text/plain;version=0.0.4;q=0.1,*/*,application/openmetrics-text;q=0.2",
		 EXPOSITION_OPENMETRICS},
		/* Prometheus 2.42 and 2.53 */
		{"application/openmetrics-text;version=1.0.0,application/"
		 "openmetrics-text;version=0.0.1;q=0.75,"
		 "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		 EXPOSITION_OPENMETRICS},
		{"application/openmetrics-text;version=1.0.0;q=0.5,application/"
		 "openmetrics-text;version=0.0.1;q=0.4,"
		 "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		 EXPOSITION_OPENMETRICS},
		/* Prometheus 3 that was told to use the old format */
		{"text/plain;version=0.0.4;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;q=0.5,*/"
		 "*;q=0.2",
		 EXPOSITION_PROMETHEUS},
	};
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (exposition_negotiate(cases[i].accept) != cases[i].format)
			fail_msg("wrong for \"%s\"", cases[i].accept);
}

/* ---- The file ---- */

static void the_textfile_is_for_all_to_read_and_says_nothing_of_the_process(void **state)
{
	struct node node = {.loading = false};
	struct fixture *fixture = *state;
	struct error err;
	struct stat st;
	char path[512], text[32768] = "";
	const struct metrics_source source = {&node, &process, T0, T0};

	settings_default(&node.settings);
	snprintf(path, sizeof path, "%s/tidemark.prom", fixture->path);
	assert_int_equal(textfile_write(path, &source, &err), 0);
	assert_int_equal(fstatat(fixture->root_fd, "tidemark.prom", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	int fd = openat(fixture->root_fd, "tidemark.prom", O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof text - 1) > 0);
	close(fd);
	assert_non_null(strstr(text, "\ntidemark_node_containers 0\n"));
	assert_null(strstr(text, "process_"));
}

static void a_textfile_that_cannot_be_written_is_an_error(void **state)
{
	struct node node = {.loading = false};
	struct fixture *fixture = *state;
	struct error err;
	char path[512];

	settings_default(&node.settings);
	snprintf(path, sizeof path, "%s/nowhere/tidemark.prom", fixture->path);
	assert_int_equal(textfile_write(path, &(struct metrics_source){.node = &node}, &err), -ENOENT);
	assert_non_null(strstr(err.text, "nowhere"));
}

/* ---- The process ---- */

static void a_process_is_read_from_proc(void **state)
{
	struct fixture *fixture = *state;
	struct cost read = {0};
	struct error err;

	fixture_write(fixture->root_fd, "self/statm", "1000 200 100 1 0 50 0\n");
	fixture_write(fixture->root_fd, "self/fd/0", "");
	assert_int_equal(cost_read(fixture->root_fd, &read, &err), 0);
	assert_int_equal(read.virtual_bytes, 1000 * (uint64_t)sysconf(_SC_PAGESIZE));
	assert_int_equal(read.resident_bytes, 200 * (uint64_t)sysconf(_SC_PAGESIZE));
	fixture_write(fixture->root_fd, "self/statm", "\n");
	assert_int_equal(cost_read(fixture->root_fd, &read, &err), -EBADMSG);
}

static void open_files_are_counted(void **state)
{
	struct cost before, after;
	struct error err;
	(void)state;

	int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(cost_read(proc_fd, &before, &err), 0);
	int fd = dup(proc_fd);
	assert_int_equal(cost_read(proc_fd, &after, &err), 0);
	assert_int_equal(after.open_fds, before.open_fds + 1);
	assert_true(after.cpu_usec >= before.cpu_usec && after.resident_bytes > 0);
	close(fd);
	close(proc_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		METRICS_TEST(a_container_has_its_limits_and_its_working_set),
		METRICS_TEST(the_effective_limit_is_the_smallest_of_all_above),
		METRICS_TEST(a_limit_that_is_not_there_has_no_sample),
		METRICS_TEST(a_container_that_was_not_read_yet_has_no_working_set),
		METRICS_TEST(a_container_of_no_known_workload_has_empty_labels),
		METRICS_TEST(containers_that_have_ended_and_sandboxes_have_no_series),
		METRICS_TEST(the_exit_peak_is_the_workloads_and_leaves_an_hour_after_it),
		METRICS_TEST(too_many_containers_are_left_out_and_counted),
		METRICS_TEST(too_many_workloads_are_left_out_and_counted),
		METRICS_TEST(a_machine_has_its_parts_and_its_overhead),
		METRICS_TEST(a_guest_that_has_not_answered_has_no_overhead),
		METRICS_TEST(a_handler_of_both_kinds_is_one),
		METRICS_TEST(too_many_machines_are_left_out_and_counted),
		METRICS_TEST(what_was_decided_is_counted_by_source_and_guard),
		METRICS_TEST(what_is_said_is_counted),
		METRICS_TEST(a_histogram_counts_upwards),
		METRICS_TEST(the_daemon_tells_its_own_cost),
		METRICS_TEST(openmetrics_names_families_without_their_suffix_and_ends),
		METRICS_TEST(prometheus_text_names_what_it_has_and_does_not_end),
		METRICS_TEST(every_family_has_one_head),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(what_is_not_utf8_is_replaced),
		cmocka_unit_test(the_format_is_the_one_that_is_asked_for),
		FIXTURE_TEST(the_textfile_is_for_all_to_read_and_says_nothing_of_the_process),
		FIXTURE_TEST(a_textfile_that_cannot_be_written_is_an_error),
		FIXTURE_TEST(a_process_is_read_from_proc),
		cmocka_unit_test(open_files_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
