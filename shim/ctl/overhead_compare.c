/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl overhead --compare: an image under each runtime, side by side. */

#include "shim/ctl/overhead.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "oci/json.h"
#include "shim/ctl/comparison.h"

/* ---- Which image is meant ---- */

static const char *without_algorithm(const char *image)
{
	static const char algorithm[] = "sha256:";

	return strncmp(image, algorithm, sizeof algorithm - 1) == 0 ? image + sizeof algorithm - 1 : image;
}

/* Whether the argument is the beginning of the image's digits, 4 or more, with or without "sha256:". */
static bool image_matches(const char *image, const char *argument)
{
	const char *digits = without_algorithm(argument);
	const size_t length = strlen(digits);

	return length >= 4 && strncmp(without_algorithm(image), digits, length) == 0;
}

/* The image of the workload's newest container. */
static const char *workload_image(const struct survey_workload *workload)
{
	if (workload->n_containers > 0)
		return workload->containers[workload->n_containers - 1].record.image_ref;
	return workload->limits.image_ref;
}

static bool workload_matches(const struct survey_workload *workload, const char *argument)
{
	bool matches =
		ctl_workload_matches(workload, argument) || image_matches(workload_image(workload), argument);

	for (size_t i = 0; i < workload->n_containers && !matches; i++)
		matches = ctl_container_matches(&workload->containers[i], argument);
	return matches;
}

static void print_choice(const struct survey *survey, const char *argument)
{
	char name[IDENTITY_TEXT_MAX];

	ctl_print_line(stderr, "tidemarkctl: %.300s is of more than one image; name one of these:", argument);
	for (size_t i = 0; i < survey->n_workloads; i++)
		if (workload_matches(&survey->workloads[i], argument))
			ctl_print_line(stderr, "  %.64s  %s", workload_image(&survey->workloads[i]),
				       identity_text(&survey->workloads[i].identity, name));
}

/* Returns the image_ref that the argument means; NULL, after a message, if there is none or more than one. */
static const char *find_image(const struct survey *survey, const char *argument)
{
	const char *found = NULL;
	bool is_known = false;

	for (size_t i = 0; i < survey->n_workloads; i++) {
		const struct survey_workload *workload = &survey->workloads[i];
		const char *image = workload_image(workload);
		if (!workload_matches(workload, argument))
			continue;
		is_known = true;
		if (!image[0])
			continue;
		if (found && strcmp(found, image) != 0) {
			print_choice(survey, argument);
			return NULL;
		}
		found = image;
	}
	if (!found)
		ctl_print_line(stderr,
			       is_known ? "tidemarkctl: which image %.300s runs is not known: podman and ctr "
					  "do not say it"
					: "tidemarkctl: no workload, container or image %.300s is known here",
			       argument);
	return found;
}

/* ---- Side by side ---- */

enum row {
	ROW_PODS,
	ROW_CONTAINERS,
	ROW_LIMIT,
	ROW_WORKING_SET,
	ROW_P95,
	ROW_PRESTART,
	ROW_COST,
	ROW_OVERHEAD,
	ROW_DECLARED,
	ROWS_COUNT,
};

static const struct {
	const char *name, *key, *what;
} rows[ROWS_COUNT] = {
	[ROW_PODS] = {"pods", "pods", "that run with this image now"},
	[ROW_CONTAINERS] = {"containers", "containers", "of this image"},
	[ROW_LIMIT] = {"limit", "limit", "the highest memory.max of such a container"},
	[ROW_WORKING_SET] = {"working set", "working_set", "of a container now, in the mean"},
	[ROW_P95] = {"p95", "p95", "of the working set over the long window, the highest of the workloads"},
	[ROW_PRESTART] = {"pre-start", "prestart",
			  "before the program began: of a container, or of a VM before its first"},
	[ROW_COST] = {"cost of a pod", "cost",
		      "on the host, in the mean: all its containers, the VM, conmon"},
	[ROW_OVERHEAD] = {"  overhead", "overhead",
			  "of that, beyond what the containers use: the VM, or conmon"},
	[ROW_DECLARED] = {"  declared", "overhead_declared", "for overhead, by the RuntimeClass"},
};

static int64_t as_signed(uint64_t bytes)
{
	return bytes > INT64_MAX ? OVERHEAD_UNKNOWN_SIGNED : (int64_t)bytes;
}

static int64_t row_value(const struct comparison_side *side, enum row row)
{
	const int64_t values[ROWS_COUNT] = {
		[ROW_PODS] = as_signed(side->pods),
		[ROW_CONTAINERS] = as_signed(side->containers),
		[ROW_LIMIT] = side->limit_bytes > 0 ? as_signed(side->limit_bytes) : OVERHEAD_UNKNOWN_SIGNED,
		[ROW_WORKING_SET] = as_signed(side->working_set_bytes),
		[ROW_P95] = as_signed(side->p95_bytes),
		[ROW_PRESTART] = as_signed(side->prestart_bytes),
		[ROW_COST] = as_signed(side->cost_bytes),
		[ROW_OVERHEAD] = side->overhead_bytes,
		[ROW_DECLARED] = as_signed(side->declared_bytes),
	};
	return values[row];
}

static void fill_row(size_t index, struct ctl_line *line, const void *data)
{
	const struct comparison *comparison = data;
	const enum row row = (enum row)index;
	bool is_shared = false;

	(void)snprintf(line->cell[0], CTL_CELL_SIZE, "%s", rows[row].name);
	for (size_t i = 0; i < comparison->n_sides; i++) {
		const struct comparison_side *side = &comparison->sides[i];
		const int64_t value = row_value(side, row);
		char *cell = line->cell[1 + i];
		if (value == OVERHEAD_UNKNOWN_SIGNED)
			(void)snprintf(cell, CTL_CELL_SIZE, "-");
		else if (row == ROW_PODS || row == ROW_CONTAINERS)
			(void)snprintf(cell, CTL_CELL_SIZE, "%" PRId64, value);
		else
			(void)snprintf(cell, CTL_CELL_SIZE, "%s%s", value < 0 ? "-" : "",
				       AMOUNT(value < 0 ? (uint64_t)-value : (uint64_t)value));
		is_shared |= row == ROW_P95 && side->p95_is_shared;
	}
	(void)snprintf(line->cell[1 + comparison->n_sides], CTL_CELL_SIZE, "%s%s", rows[row].what,
		       is_shared ? "; one of them runs under both" : "");
}

static void print_difference(const struct comparison *comparison)
{
	const struct comparison_side *vm, *bare;

	if (!comparison_pair(comparison, &vm, &bare)) {
		(void)puts("\nTo compare, the image has to run under a VM handler and under crun or runc at "
			   "the same time.");
		return;
	}
	const bool is_more = vm->cost_bytes >= bare->cost_bytes;
	(void)puts("");
	ctl_print_line(
		stdout, "A pod of this image takes %s %s of the host under %s than under %s: %s against %s.",
		AMOUNT(is_more ? vm->cost_bytes - bare->cost_bytes : bare->cost_bytes - vm->cost_bytes),
		is_more ? "more" : "less", vm->runtime, bare->runtime, AMOUNT(vm->cost_bytes),
		AMOUNT(bare->cost_bytes));
}

static void print_table(const struct comparison *comparison, const char *image)
{
	const char *head[CTL_COLUMNS_MAX] = {""};
	char name[COMPARISON_SIDES_MAX][CTL_CELL_SIZE];
	const size_t n = comparison->n_sides;

	_Static_assert(COMPARISON_SIDES_MAX + 2 <= CTL_COLUMNS_MAX, "the columns");
	ctl_print_line(stdout, "image %s", image);
	(void)puts("");
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(name[i], sizeof name[i], "%s", comparison->sides[i].runtime);
		head[1 + i] = ctl_tame(name[i]);
	}
	head[1 + n] = "";
	ctl_print_table(&(const struct ctl_table){
		.head = head,
		.n_columns = n + 2,
		.n_lines = ROWS_COUNT,
		.words = CTL_WORDS_FIRST_AND_LAST(n + 2),
		.fill = fill_row,
		.data = comparison,
	});
	print_difference(comparison);
}

static void print_json(const struct comparison *comparison, const char *image)
{
	char buf[JSON_STREAM_SIZE];
	struct json_out out = json_out_stream(stdout, buf, sizeof buf);

	json_out_open(&out, NULL, '{');
	json_out_uint(&out, "v", 1);
	json_out_string(&out, "image", image);
	json_out_open(&out, "runtimes", '[');
	for (size_t i = 0; i < comparison->n_sides; i++) {
		const struct comparison_side *side = &comparison->sides[i];
		json_out_open(&out, NULL, '{');
		json_out_string(&out, "runtime", side->runtime);
		json_out_bool(&out, "vm", side->is_vm);
		for (size_t row = 0; row < ROWS_COUNT; row++) {
			const int64_t value = row_value(side, (enum row)row);
			if (value != OVERHEAD_UNKNOWN_SIGNED)
				json_out_int(&out, rows[row].key, value);
		}
		json_out_close(&out);
	}
	json_out_close(&out);
	json_out_close(&out);
	json_out_newline(&out);
	json_out_finish(&out);
}

int overhead_compare(struct ctl *ctl, const struct overhead *overhead, const char *argument)
{
	struct comparison comparison;
	struct error err;

	if (ctl_open(ctl, &err) < 0) {
		ctl_print_fault(err.text);
		return EXIT_FAILURE;
	}
	const char *image = find_image(&ctl->survey, argument);
	if (!image)
		return EXIT_FAILURE;
	comparison_make(&ctl->survey, overhead, image, &comparison);
	if (comparison.n_sides == 0) {
		ctl_print_line(stderr, "tidemarkctl: no container of the image %.128s runs here now", image);
		return EXIT_FAILURE;
	}
	if (ctl->output == OUTPUT_JSON)
		print_json(&comparison, image);
	else
		print_table(&comparison, image);
	return EXIT_SUCCESS;
}
