/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl explain: where each number came from. */

#include "shim/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#include "oci/json.h"
#include "shim/report/explain.h"

bool ctl_workload_matches(const struct survey_workload *workload, const char *argument)
{
	char text[IDENTITY_TEXT_MAX];
	const struct identity *identity = &workload->identity;

	return strcmp(identity_text(identity, text), argument) == 0 ||
	       strcmp(identity->owner, argument) == 0 || strcmp(identity->container, argument) == 0;
}

bool ctl_container_matches(const struct survey_container *container, const char *argument)
{
	size_t length = strlen(argument);

	return (length >= 4 && strncmp(container->record.id, argument, length) == 0) ||
	       strcmp(container->record.id, argument) == 0 ||
	       strcmp(container->record.pod_name, argument) == 0;
}

struct line {
	const char *name;
	uint64_t bytes;
	const char *sentence;
};

/* out: for JSON; NULL: print for people. */
static void print_lines(struct json_out *out, const struct line *lines, size_t count)
{
	if (!out) {
		for (const struct line *line = lines; line < lines + count; line++)
			ctl_print_line(stdout, "  %-14s %9s  %s", line->name,
				       ctl_amount_or_dash(line->bytes, (char[QUANTITY_MAX]){0}),
				       line->sentence);
		return;
	}
	json_out_open(out, "numbers", '[');
	for (const struct line *line = lines; line < lines + count; line++) {
		json_out_open(out, NULL, '{');
		json_out_string(out, "name", line->name);
		if (line->bytes > 0 && line->bytes != DECISION_UNLIMITED)
			json_out_uint(out, "bytes", line->bytes);
		json_out_string(out, "why", line->sentence);
		json_out_close(out);
	}
	json_out_close(out);
}

static void explain_container(const struct ctl *ctl, struct json_out *out,
			      const struct survey_container *container)
{
	const struct record *record = &container->record;
	char decision[EXPLAIN_MAX], footprint[EXPLAIN_MAX], effective[EXPLAIN_MAX], now[EXPLAIN_MAX];
	char protection[UNIFIED_KEYS][EXPLAIN_MAX];
	struct line lines[4 + UNIFIED_KEYS];
	size_t count = 0;

	lines[count++] = (struct line){"decision", record->limit_bytes,
				       explain_decision(record, &ctl->settings, decision)};
	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++)
		if (record->protect.bytes[key] > 0)
			lines[count++] = (struct line){
				unified_names[key], record->protect.bytes[key],
				explain_protection(record, &ctl->settings, key, protection[key])};
	if (record->prestart.peak_bytes > 0) {
		(void)snprintf(
			footprint, sizeof footprint,
			"the most that was charged under %s before the program started; %s when it did",
			record->runtime, AMOUNT(record->prestart.current_bytes));
		lines[count++] = (struct line){"pre-start", record->prestart.peak_bytes, footprint};
	}
	if (container->is_running && record->is_vm) {
		lines[count++] = (struct line){"now", memory_working_set(&container->memory),
					       "working set in its VM, as the guest told it last"};
		lines[count++] = (struct line){
			"memory.max", container->effective_bytes,
			"of its cgroup in the guest; what the VM takes: `tidemarkctl overhead`"};
	} else if (container->is_running) {
		(void)snprintf(now, sizeof now, "working set now; %s anonymous, %s file, %s kernel",
			       AMOUNT(container->memory.anon_bytes), AMOUNT(container->memory.file_bytes),
			       AMOUNT(container->memory.kernel_bytes));
		lines[count++] = (struct line){"now", memory_working_set(&container->memory), now};
		(void)snprintf(effective, sizeof effective, "%s",
			       container->effective_bytes < container->max_bytes
				       ? "memory.max of a cgroup above it, which is lower than its own"
				       : "memory.max of its cgroup");
		lines[count++] = (struct line){"memory.max", container->effective_bytes, effective};
	}
	if (!out) {
		(void)puts("");
		/* A generated id (64 digits) is cut to 12, as container managers do. A chosen
		 * name stays whole. */
		ctl_print_line(stdout, "  container %.*s%s%s, %s%s",
			       strlen(record->id) == 64 ? 12 : RECORD_ID_SIZE, record->id,
			       record->pod_name[0] ? " of pod " : "", record->pod_name, record->runtime,
			       container->is_running ? "" : ", not running");
		print_lines(NULL, lines, count);
		return;
	}
	json_out_open(out, NULL, '{');
	json_out_string(out, "id", record->id);
	json_out_string(out, "pod", record->pod_name);
	json_out_string(out, "runtime", record->runtime);
	json_out_bool(out, "running", container->is_running);
	print_lines(out, lines, count);
	json_out_close(out);
}

static void explain_workload(const struct ctl *ctl, struct json_out *out,
			     const struct survey_workload *workload)
{
	const struct limits *limits = &workload->limits;
	const struct recommendation *rec = &limits->recommendation;
	char text[6][EXPLAIN_MAX];
	const struct line lines[] = {
		{"observed", limits->observed.max_bytes, explain_observed(limits, text[0])},
		{"recent", limits->recent.max_bytes, explain_recent(limits, &ctl->settings, text[5])},
		{"request", rec->request_bytes, explain_request(limits, &ctl->settings, text[1])},
		{"limit", rec->limit_bytes, explain_limit(limits, &ctl->settings, text[2])},
		{"enforced", limits->enforced_limit_bytes,
		 explain_enforced(limits, &ctl->settings, ctl->now_usec, text[3])},
		{"oom", rec->oom_limit_bytes, explain_oom(limits, &ctl->settings, ctl->now_usec, text[4])},
	};

	print_lines(out, lines, rec->oom_kills > 0 ? 6 : 5);
}

static void explain_one(const struct ctl *node, struct json_out *out, const struct survey_workload *workload,
			const char *argument, bool first)
{
	struct ctl own = *node, *const ctl = &own; /* gets the settings of the workload's namespace */
	char name[IDENTITY_TEXT_MAX];
	const bool whole = ctl_workload_matches(workload, argument);

	settings_for_namespace(&own.settings, workload->identity.namespace);
	(void)identity_text(&workload->identity, name);
	if (out) {
		json_out_open(out, NULL, '{');
		json_out_string(out, "workload", name);
	} else {
		if (!first)
			(void)puts("");
		ctl_print_line(stdout, "%s", name);
	}
	explain_workload(ctl, out, workload);
	if (out)
		json_out_open(out, "containers", '[');
	for (size_t i = 0; i < workload->n_containers; i++)
		if (whole || ctl_container_matches(&workload->containers[i], argument))
			explain_container(ctl, out, &workload->containers[i]);
	if (out) {
		json_out_close(out);
		json_out_close(out);
	}
}

int ctl_explain(struct ctl *ctl, int argc, char *argv[])
{
	char buf[JSON_STREAM_SIZE];
	struct json_out json = json_out_stream(stdout, buf, sizeof buf);
	struct json_out *const out = ctl->output == OUTPUT_JSON ? &json : NULL;
	bool found = false;

	if (argc != 1 || !argv[0][0]) {
		ctl_print_fault("explain takes one argument: a container's id, a pod or a workload");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < ctl->survey.n_workloads; i++) {
		const struct survey_workload *workload = &ctl->survey.workloads[i];
		bool matches = ctl_workload_matches(workload, argv[0]);
		for (size_t c = 0; c < workload->n_containers && !matches; c++)
			matches = ctl_container_matches(&workload->containers[c], argv[0]);
		if (!matches)
			continue;
		if (out && !found)
			json_out_open(out, NULL, '[');
		explain_one(ctl, out, workload, argv[0], !found);
		found = true;
	}
	if (!found) {
		ctl_print_line(
			stderr,
			"tidemarkctl: no container, pod or workload %.300s is known; `tidemarkctl status` "
			"lists them",
			argv[0]);
		return EXIT_FAILURE;
	}
	if (out) {
		json_out_close(out);
		json_out_newline(out);
		json_out_finish(out);
	}
	return EXIT_SUCCESS;
}
