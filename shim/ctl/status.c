/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl status: the node on one screen. */

#include "shim/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cgroups/cleanup.h"
#include "oci/json.h"

/* Sums over running containers. */
struct totals {
	uint64_t declared, working_set, limit;
	uint64_t slack; /* declared but not used, over containers that declare a limit */
	size_t running, tuned;
};

static struct totals sum(const struct survey_workload *workload)
{
	struct totals totals = {0};

	for (size_t i = 0; i < workload->n_containers; i++) {
		const struct survey_container *container = &workload->containers[i];
		if (!container->is_running)
			continue;
		totals.running++;
		totals.tuned += container->record.limit_bytes != container->record.declared_bytes;
		uint64_t declared = container->record.declared_bytes;
		uint64_t working_set = memory_working_set(&container->memory);
		totals.working_set += working_set;
		if (declared != DECISION_UNLIMITED) {
			totals.declared += declared;
			totals.slack += declared > working_set ? declared - working_set : 0;
		}
		if (container->max_bytes != MEMORY_UNLIMITED)
			totals.limit += container->max_bytes;
	}
	return totals;
}

static struct totals sum_all(const struct survey *survey)
{
	struct totals all = {0};

	for (size_t i = 0; i < survey->n_workloads; i++) {
		struct totals one = sum(&survey->workloads[i]);
		all.declared += one.declared;
		all.working_set += one.working_set;
		all.limit += one.limit;
		all.slack += one.slack;
		all.running += one.running;
		all.tuned += one.tuned;
	}
	return all;
}

/* The workload's state in a few words. */
static const char *state_of(const struct ctl *ctl, const struct survey_workload *workload)
{
	const struct limits *limits = &workload->limits;
	struct settings settings = ctl->settings;
	const struct guard_settings *guards = &settings.guards;
	const uint64_t limit = limits->enforced_limit_bytes;

	settings_for_namespace(&settings, workload->identity.namespace);
	if (!workload->has_limits || limits->recommendation.limit_bytes == 0)
		return "measuring";
	if (limit == 0)
		return limits->recommendation.warm ? "too large" : "warming up";
	if (settings.mode != MODE_ENFORCE)
		return "recommended";
	if (limits->declared_bytes == DECISION_UNLIMITED && !guards->limit_unlimited)
		return "no limit declared";
	if (limits->applied_bytes == limit)
		return "enforced";
	if (limit > limits->declared_bytes && !guards->allow_raise)
		return "as declared";
	return limits->applied_bytes > limit ? "stepping down" : "stepping up";
}

/* The sizes of the newest container that runs. If none runs: what is published, or else the newest record. */
static void sizes_of(const struct survey_workload *workload, uint64_t *ret_declared, uint64_t *ret_limit)
{
	*ret_declared = workload->limits.declared_bytes;
	*ret_limit = workload->limits.applied_bytes;
	for (size_t i = 0; i < workload->n_containers; i++) {
		const struct survey_container *container = &workload->containers[i];
		if (!container->is_running && workload->has_limits)
			continue;
		*ret_declared = container->record.declared_bytes;
		*ret_limit = container->is_running ? container->max_bytes : container->record.limit_bytes;
	}
}

#define COLUMNS 9

static const char *const status_head[COLUMNS] = {
	"WORKLOAD", "RUNNING", "DECLARED", "LIMIT", "NOW", "P95", "MAX", "RECOMMENDED", "STATE",
};

static void fill_line(size_t index, struct ctl_line *line, const void *data)
{
	const struct ctl *ctl = data;
	const struct survey_workload *workload = &ctl->survey.workloads[index];
	const struct limits *limits = &workload->limits;
	const struct totals totals = sum(workload);
	uint64_t declared, limit, now = totals.running > 0 ? totals.working_set / totals.running : 0;

	sizes_of(workload, &declared, &limit);
	const uint64_t amounts[] = {declared,
				    limit,
				    now,
				    limits->observed.p95_bytes,
				    limits->observed.max_bytes,
				    limits->recommendation.limit_bytes};

	(void)identity_text(&workload->identity, line->cell[0]);
	(void)snprintf(line->cell[1], CTL_CELL_SIZE, "%zu", totals.running);
	for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++)
		(void)snprintf(line->cell[2 + i], CTL_CELL_SIZE, "%s",
			       ctl_amount_or_dash(amounts[i], (char[QUANTITY_MAX]){0}));
	(void)snprintf(line->cell[COLUMNS - 1], CTL_CELL_SIZE, "%s", state_of(ctl, workload));
}

static void print_table(const struct ctl *ctl)
{
	ctl_print_table(&(const struct ctl_table){
		.head = status_head,
		.n_columns = COLUMNS,
		.n_lines = ctl->survey.n_workloads,
		.words = CTL_WORDS_FIRST_AND_LAST(COLUMNS),
		.fill = fill_line,
		.data = ctl,
	});
}

static uint64_t amount_or_zero(uint64_t bytes)
{
	return bytes == DECISION_UNLIMITED ? 0 : bytes;
}

static void print_status_json(const struct ctl *ctl)
{
	char name[IDENTITY_TEXT_MAX], buf[JSON_STREAM_SIZE];
	struct json_out out = json_out_stream(stdout, buf, sizeof buf);
	const struct totals all = sum_all(&ctl->survey);

	json_out_open(&out, NULL, '{');
	json_out_uint(&out, "v", 1);
	json_out_string(&out, "mode", mode_names[ctl->settings.mode]);
	json_out_bool(&out, "daemon", ctl->daemon_runs);
	json_out_uint(&out, "containers", all.running);
	json_out_uint(&out, "tuned", all.tuned);
	json_out_uint(&out, "declared", all.declared);
	json_out_uint(&out, "working_set", all.working_set);
	json_out_uint(&out, "slack", all.slack);
	json_out_open(&out, "workloads", '[');
	for (size_t i = 0; i < ctl->survey.n_workloads; i++) {
		const struct survey_workload *workload = &ctl->survey.workloads[i];
		const struct limits *limits = &workload->limits;
		const struct totals totals = sum(workload);
		uint64_t declared, limit;

		sizes_of(workload, &declared, &limit);
		const struct {
			const char *key;
			uint64_t value;
		} numbers[] = {
			{"running", totals.running},
			{"declared", amount_or_zero(declared)},
			{"limit", amount_or_zero(limit)},
			{"applied", amount_or_zero(limits->applied_bytes)},
			{"working_set", totals.working_set},
			{"samples", limits->observed.samples},
			{"avg", limits->observed.avg_bytes},
			{"p95", limits->observed.p95_bytes},
			{"max", limits->observed.max_bytes},
			{"recommended_request", limits->recommendation.request_bytes},
			{"recommended_limit", limits->recommendation.limit_bytes},
			{"enforced_limit", limits->enforced_limit_bytes},
			{"oom_kills", limits->recommendation.oom_kills},
		};

		json_out_open(&out, NULL, '{');
		json_out_string(&out, "workload", identity_text(&workload->identity, name));
		for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
			json_out_uint(&out, numbers[n].key, numbers[n].value);
		json_out_string(&out, "state", state_of(ctl, workload));
		json_out_close(&out);
	}
	json_out_close(&out);
	json_out_close(&out);
	json_out_newline(&out);
	json_out_finish(&out);
}

int ctl_status(struct ctl *ctl, int argc, char *argv[])
{
	(void)argv;
	if (argc > 0) {
		ctl_print_fault("status takes no argument");
		return EXIT_FAILURE;
	}
	if (ctl->output == OUTPUT_JSON) {
		print_status_json(ctl);
		return EXIT_SUCCESS;
	}

	const struct totals all = sum_all(&ctl->survey);
	(void)printf("mode %s, daemon %s, %zu container%s running, %zu tuned\n",
		     mode_names[ctl->settings.mode],
		     ctl->daemon_runs ? "running" : "NOT RUNNING (nothing is measured)", all.running,
		     all.running == 1 ? "" : "s", all.tuned);
	if (all.running > 0) {
		(void)printf("declared %s, limits %s, working set %s", AMOUNT(all.declared),
			     AMOUNT(all.limit), AMOUNT(all.working_set));
		if (all.declared > 0)
			(void)printf(": %.0f %% of what is declared is not used",
				     (double)all.slack * 100 / (double)all.declared);
		(void)puts("");
	}
	(void)puts("");
	if (ctl->survey.n_workloads > 0)
		print_table(ctl);
	else
		(void)puts("No container has been created through tidemark here yet.");
	return EXIT_SUCCESS;
}
