/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl recommend: what to write into manifests. */

#include "shim/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/capacity.h"
#include "cgroups/cleanup.h"
#include "shim/report/recommend.h"
#ifdef TIDEMARK_HAVE_YAML
#include "shim/report/yaml.h"
#endif

/* The newest container that runs, or the newest of all if none runs. NULL: there are none. */
static const struct record *newest_record(const struct survey_workload *workload)
{
	const struct survey_container *newest = NULL;

	for (size_t i = 0; i < workload->n_containers; i++)
		if (workload->containers[i].is_running || !newest || !newest->is_running)
			newest = &workload->containers[i];
	return newest ? &newest->record : NULL;
}

static bool is_wanted(const struct ctl *ctl, const struct survey_workload *workload, const char *argument)
{
	if (ctl->namespace && strcmp(workload->identity.namespace, ctl->namespace) != 0)
		return false;
	bool matches = !argument || ctl_workload_matches(workload, argument);
	for (size_t i = 0; i < workload->n_containers && !matches; i++)
		matches = ctl_container_matches(&workload->containers[i], argument);
	return matches;
}

/* The node's memory in bytes. 0, after a message, if it cannot be read: requests are not known then. */
static uint64_t node_capacity(void)
{
	struct error err;
	uint64_t bytes;

	cleanup_close int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (capacity_read(proc_fd, &bytes, &err) == 0)
		return bytes;
	ctl_print_fault(err.text);
	return 0;
}

/* Makes advice on the wanted workloads of the survey, in the order of the documents. The
 * caller frees *ret. */
static int take_advice(const struct ctl *ctl, const char *argument, struct advice **ret, size_t *ret_count)
{
	const uint64_t capacity_bytes = node_capacity();
	struct advice *advice = calloc(ctl->survey.n_workloads + 1, sizeof *advice);
	size_t count = 0;

	if (!advice)
		return -ENOMEM;
	for (size_t i = 0; i < ctl->survey.n_workloads; i++) {
		const struct survey_workload *workload = &ctl->survey.workloads[i];
		if (is_wanted(ctl, workload, argument))
			advice_make(workload->has_limits ? &workload->limits : NULL, newest_record(workload),
				    &ctl->settings, capacity_bytes, ctl->now_usec, &advice[count++]);
	}
	qsort(advice, count, sizeof *advice, advice_compare);
	*ret = advice;
	*ret_count = count;
	return 0;
}

#define COLUMNS 8

static const char *const table_head[COLUMNS] = {
	"WORKLOAD", "REQUEST", "RECOMMENDED", "LIMIT", "RECOMMENDED", "P95", "MAX", "WHY",
};

static void fill_line(size_t index, struct ctl_line *line, const void *data)
{
	const struct advice *advice = (const struct advice *)data + index;
	const struct request *request = &advice->request;
	const uint64_t amounts[] = {
		request->bytes,          advice->new_request_bytes,  advice->limit_bytes,
		advice->new_limit_bytes, advice->observed.p95_bytes, advice->observed.max_bytes};
	const bool is_guess = request->bytes > 0 && request->from_bytes < request->to_bytes;

	(void)identity_text(advice->identity, line->cell[0]);
	for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++)
		(void)snprintf(line->cell[1 + i], CTL_CELL_SIZE, "%s%s", i == 0 && is_guess ? "~" : "",
			       ctl_amount_or_dash(amounts[i], (char[QUANTITY_MAX]){0}));
	(void)snprintf(line->cell[COLUMNS - 1], CTL_CELL_SIZE, "%s",
		       advice->not_yet[0] ? advice->not_yet : advice->rationale);
}

static void print_table(const struct advice *advice, size_t count)
{
	ctl_print_table(&(const struct ctl_table){
		.head = table_head,
		.n_columns = COLUMNS,
		.n_lines = count,
		.words = CTL_WORDS_FIRST_AND_LAST(COLUMNS),
		.fill = fill_line,
		.data = advice,
	});
}

static int print_json(const struct advice *advice, size_t count)
{
	struct document document;

	document_json(stdout, &document);
	(void)recommend_write(&document, advice, count);
	return document_finish(&document);
}

#ifdef TIDEMARK_HAVE_YAML
static void print_remark(const struct advice *advice, const char *text)
{
	char name[IDENTITY_TEXT_MAX];

	ctl_print_line(stderr, "tidemarkctl: %s (%s): %s", identity_text(advice->identity, name),
		       owner_kind_names[advice->identity->kind], text);
}

static int print_yaml(enum output output, const struct advice *advice, size_t count)
{
	struct document *document;
	size_t n_documents;

	int r = yaml_new(stdout, &document);
	if (r < 0)
		return r;
	if (output == OUTPUT_PATCH)
		n_documents = recommend_patch(document, advice, count, print_remark);
	else if (output == OUTPUT_VPA)
		n_documents = recommend_vpa(document, advice, count, print_remark);
	else
		n_documents = recommend_write(document, advice, count);
	r = document_finish(document);
	return r == 0 && n_documents == 0 ? -ENODATA : r;
}
#else
static int print_yaml(enum output output, const struct advice *advice, size_t count)
{
	(void)output, (void)advice, (void)count;
	return -ENOTSUP; /* not reached: verbs[] has no such format without libyaml */
}
#endif

static int print_advice(enum output output, const struct advice *advice, size_t count)
{
	switch (output) {
	case OUTPUT_TABLE:
		print_table(advice, count);
		return 0;
	case OUTPUT_JSON:
		return print_json(advice, count);
	default:
		return print_yaml(output, advice, count);
	}
}

int ctl_recommend(struct ctl *ctl, int argc, char *argv[])
{
	const char *argument = argc > 0 ? argv[0] : NULL;
	cleanup_free struct advice *advice = NULL;
	size_t count;

	if (argc > 1 || (argument && !argument[0])) {
		ctl_print_fault(
			"recommend takes one argument at most: a container's id, a pod or a workload");
		return EXIT_FAILURE;
	}
	int r = take_advice(ctl, argument, &advice, &count);
	if (r == 0 && count == 0) {
		ctl_print_line(stderr, "tidemarkctl: no container, pod or workload%s%.300s is known%s%.300s",
			       argument ? " " : "", argument ? argument : "",
			       ctl->namespace ? " in namespace " : "", ctl->namespace ? ctl->namespace : "");
		return EXIT_FAILURE;
	}
	if (r == 0)
		r = print_advice(ctl->output, advice, count);
	if (r == -ENODATA)
		ctl_print_fault("there is nothing to put into such a document");
	else if (r < 0 && r != -EIO) /* EIO: finish() in ctl.c says so for all commands */
		ctl_print_line(stderr, "tidemarkctl: cannot write the documents: %s", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
