/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl: what a person or a script asks tidemark. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "oci/json.h"
#include "shim/replay_command.h"
#include "shim/report/explain.h"
#include "shim/store/presence.h"
#include "shim/store/settings.h"
#include "shim/survey.h"

#define AMOUNT(bytes) quantity_format_bytes(bytes, (char[QUANTITY_MAX]){0})

enum output {
	OUTPUT_TABLE,
	OUTPUT_JSON,
};

struct ctl {
	const char *root; /* of all the paths below; "" but for a trial of tidemark */
	enum output output;
	struct settings settings;
	struct survey survey;
	bool daemon_runs;
	uint64_t now_usec;
};

static int open_below(const char *root, const char *path, int flags)
{
	char buf[PATH_MAX];
	if ((size_t)snprintf(buf, sizeof buf, "%s%s", root, path) >= sizeof buf)
		return -1;
	return open(buf, flags | O_CLOEXEC);
}

/* Names come from a container's annotations, which are its maker's word, and faults quote them: what a
 * terminal would take for a command (C0, DEL, and C1 in UTF-8) goes out as '?'. */
static char *tame(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++)
		if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			c[0] = c[1] = '?';
		else if (*c < 0x20 || *c == 0x7f)
			*c = '?';
	return text;
}

/* A line for people. */
__attribute__((format(printf, 2, 3))) static void print_line(FILE *stream, const char *format, ...)
{
	char buf[2048];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(buf, sizeof buf, format, args);
	va_end(args);
	(void)fprintf(stream, "%s\n", tame(buf));
}

static void print_fault(const char *text)
{
	print_line(stderr, "tidemarkctl: %s", text);
}

/* A string for programs: six bytes at most stand for one. */
static void print_json_string(const char *text)
{
	char buf[6 * 1024];
	struct json_out out = {buf, sizeof buf, 0, false};

	_Static_assert(6 * IDENTITY_TEXT_MAX < sizeof buf && 6 * EXPLAIN_MAX < sizeof buf,
		       "the longest texts");
	json_out_string(&out, text);
	(void)fputs(buf, stdout);
}

static void ctl_open_settings(struct ctl *ctl)
{
	struct error err;

	cleanup_close int etc_fd = open_below(ctl->root, "/etc/tidemark", O_PATH | O_DIRECTORY);
	if (settings_load(etc_fd, &ctl->settings, &err) < 0) {
		print_fault(err.text);
		settings_default(&ctl->settings);
	}
}

static int ctl_open(struct ctl *ctl, struct error *err)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	ctl->now_usec = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;

	ctl_open_settings(ctl);
	cleanup_close int run_fd = open_below(ctl->root, "/run/tidemark", O_RDONLY | O_DIRECTORY);
	if (run_fd < 0 && errno == EACCES)
		return error_set(err, EACCES, "only root may read /run/tidemark");
	cleanup_close int state_fd = open_below(ctl->root, "/var/lib/tidemark", O_PATH | O_DIRECTORY);
	cleanup_close int cgroup_fd = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ctl->daemon_runs = run_fd >= 0 && daemon_lock_is_held(run_fd);
	return survey_take(run_fd, state_fd, cgroup_fd, print_fault, &ctl->survey, err);
}

/* Sums over the containers that run. */
struct totals {
	uint64_t declared, working_set, limit;
	uint64_t slack; /* declared and not used, over the containers that declare a limit */
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

/* What a workload is at, in a few words. */
static const char *state_of(const struct ctl *ctl, const struct survey_workload *workload)
{
	const struct limits *limits = &workload->limits;
	const struct guard_settings *guards = &ctl->settings.guards;
	const uint64_t limit = limits->enforced_limit_bytes;

	if (!workload->has_limits || limits->recommendation.limit_bytes == 0)
		return "measuring";
	if (limit == 0)
		return limits->recommendation.warm ? "too large" : "warming up";
	if (ctl->settings.mode != MODE_ENFORCE)
		return "recommended";
	if (limits->declared_bytes == DECISION_UNLIMITED && !guards->limit_unlimited)
		return "no limit declared";
	if (limits->applied_bytes == limit)
		return "enforced";
	if (limit > limits->declared_bytes && !guards->allow_raise)
		return "as declared";
	return limits->applied_bytes > limit ? "stepping down" : "stepping up";
}

/* One container's: of one that runs, or of the last that did. */
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

static const char *amount_or_dash(uint64_t bytes, char buf[static QUANTITY_MAX])
{
	if (bytes == 0 || bytes == DECISION_UNLIMITED)
		return "-";
	return quantity_format_bytes(bytes, buf);
}

struct status_line {
	char cell[COLUMNS][IDENTITY_TEXT_MAX];
};

static void fill_head(struct status_line *line)
{
	for (size_t c = 0; c < COLUMNS; c++)
		(void)snprintf(line->cell[c], sizeof line->cell[c], "%s", status_head[c]);
}

static void fill_line(const struct ctl *ctl, const struct survey_workload *workload, struct status_line *line)
{
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
	(void)tame(line->cell[0]);
	(void)snprintf(line->cell[1], sizeof line->cell[1], "%zu", totals.running);
	for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++)
		(void)snprintf(line->cell[2 + i], sizeof line->cell[2 + i], "%s",
			       amount_or_dash(amounts[i], (char[QUANTITY_MAX]){0}));
	(void)snprintf(line->cell[COLUMNS - 1], sizeof line->cell[0], "%s", state_of(ctl, workload));
}

/* In characters, not bytes. */
static int width_of(const char *text)
{
	int width = 0;
	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

/* The first and the last column are words, the others amounts. */
static void print_cells(const struct status_line *line, const int width[static COLUMNS])
{
	for (size_t c = 0; c < COLUMNS; c++) {
		const char *text = line->cell[c];
		const int pad = width[c] - width_of(text);
		if (c == 0)
			(void)printf("%s%*s", text, pad, "");
		else if (c < COLUMNS - 1)
			(void)printf("  %*s%s", pad, "", text);
		else
			(void)printf("  %s\n", text);
	}
}

static void print_table(const struct ctl *ctl)
{
	struct status_line line;
	int width[COLUMNS] = {0};

	/* Twice: how wide the columns are shows at the end. The line 0 is the head. */
	for (int is_measured = 0; is_measured < 2; is_measured++)
		for (size_t i = 0; i <= ctl->survey.n_workloads; i++) {
			if (i == 0)
				fill_head(&line);
			else
				fill_line(ctl, &ctl->survey.workloads[i - 1], &line);
			if (is_measured)
				print_cells(&line, width);
			else
				for (size_t c = 0; c < COLUMNS; c++)
					if (width_of(line.cell[c]) > width[c])
						width[c] = width_of(line.cell[c]);
		}
}

static uint64_t amount_or_zero(uint64_t bytes)
{
	return bytes == DECISION_UNLIMITED ? 0 : bytes;
}

static void print_status_json(const struct ctl *ctl)
{
	char name[IDENTITY_TEXT_MAX];
	const struct totals all = sum_all(&ctl->survey);

	(void)printf("{\"v\":1,\"mode\":\"%s\",\"daemon\":%s,\"containers\":%zu,\"tuned\":%zu,\"declared\":"
		     "%" PRIu64 ",\"working_set\":%" PRIu64 ",\"slack\":%" PRIu64 ",\"workloads\":[",
		     mode_names[ctl->settings.mode], ctl->daemon_runs ? "true" : "false", all.running,
		     all.tuned, all.declared, all.working_set, all.slack);
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

		(void)fputs(i == 0 ? "{\"workload\":" : ",{\"workload\":", stdout);
		print_json_string(identity_text(&workload->identity, name));
		for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
			(void)printf(",\"%s\":%" PRIu64, numbers[n].key, numbers[n].value);
		(void)printf(",\"state\":\"%s\"}", state_of(ctl, workload));
	}
	(void)puts("]}");
}

static int do_status(struct ctl *ctl, int argc, char *argv[])
{
	(void)argv;
	if (argc > 0) {
		print_fault("status takes no argument");
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

/* Whether the argument means this workload: the whole name, or any one of its parts. */
static bool workload_matches(const struct survey_workload *workload, const char *argument)
{
	char text[IDENTITY_TEXT_MAX];
	const struct identity *identity = &workload->identity;

	return strcmp(identity_text(identity, text), argument) == 0 ||
	       strcmp(identity->owner, argument) == 0 || strcmp(identity->container, argument) == 0;
}

/* By the container's id, of which the first 4 characters will do, or its pod's name. */
static bool container_matches(const struct survey_container *container, const char *argument)
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

static void print_lines(const struct ctl *ctl, const struct line *lines, size_t count)
{
	if (ctl->output == OUTPUT_TABLE) {
		for (const struct line *line = lines; line < lines + count; line++)
			print_line(stdout, "  %-14s %9s  %s", line->name,
				   amount_or_dash(line->bytes, (char[QUANTITY_MAX]){0}), line->sentence);
		return;
	}
	for (const struct line *line = lines; line < lines + count; line++) {
		(void)printf("%s{\"name\":\"%s\"", line == lines ? "[" : ",", line->name);
		if (line->bytes > 0 && line->bytes != DECISION_UNLIMITED)
			(void)printf(",\"bytes\":%" PRIu64, line->bytes);
		(void)fputs(",\"why\":", stdout);
		print_json_string(line->sentence);
		(void)fputs("}", stdout);
	}
	(void)fputs("]", stdout);
}

static void explain_container(const struct ctl *ctl, const struct survey_container *container)
{
	const struct record *record = &container->record;
	char decision[EXPLAIN_MAX], footprint[EXPLAIN_MAX], effective[EXPLAIN_MAX], now[EXPLAIN_MAX];
	struct line lines[4];
	size_t count = 0;

	lines[count++] = (struct line){"decision", record->limit_bytes,
				       explain_decision(record, &ctl->settings, decision)};
	if (record->prestart.peak_bytes > 0) {
		(void)snprintf(
			footprint, sizeof footprint,
			"the most that was charged under %s before the program started; %s when it did",
			record->runtime, AMOUNT(record->prestart.current_bytes));
		lines[count++] = (struct line){"pre-start", record->prestart.peak_bytes, footprint};
	}
	if (container->is_running) {
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
	if (ctl->output == OUTPUT_TABLE) {
		(void)puts("");
		/* As container managers cut the ids that they draw; one that a person chose stays whole. */
		print_line(stdout, "  container %.*s%s%s, %s%s",
			   strlen(record->id) == 64 ? 12 : RECORD_ID_SIZE, record->id,
			   record->pod_name[0] ? " of pod " : "", record->pod_name, record->runtime,
			   container->is_running ? "" : ", not running");
		print_lines(ctl, lines, count);
		return;
	}
	(void)fputs("{\"id\":", stdout);
	print_json_string(record->id);
	(void)fputs(",\"pod\":", stdout);
	print_json_string(record->pod_name);
	(void)fputs(",\"runtime\":", stdout);
	print_json_string(record->runtime);
	(void)printf(",\"running\":%s,\"numbers\":", container->is_running ? "true" : "false");
	print_lines(ctl, lines, count);
	(void)fputs("}", stdout);
}

static const char *explain_oom(const struct ctl *ctl, const struct recommendation *rec,
			       char buf[static EXPLAIN_MAX])
{
	uint64_t ago_usec = ctl->now_usec > rec->oom_usec ? ctl->now_usec - rec->oom_usec : 0;
	char ago[QUANTITY_MAX], hold[QUANTITY_MAX];

	int used = snprintf(buf, EXPLAIN_MAX, "OOM kills so far: %" PRIu64, rec->oom_kills);
	if (rec->oom_limit_bytes > 0)
		(void)snprintf(buf + used, EXPLAIN_MAX - (size_t)used,
			       "; the last at this limit, %s ago: for %s after it no limit is below %s",
			       quantity_format_duration(ago_usec, ago),
			       quantity_format_duration(ctl->settings.tuner.oom_hold_usec, hold),
			       AMOUNT(rec->oom_floor_bytes));
	return buf;
}

static void explain_workload(const struct ctl *ctl, const struct survey_workload *workload)
{
	const struct limits *limits = &workload->limits;
	const struct recommendation *rec = &limits->recommendation;
	char text[5][EXPLAIN_MAX];
	const struct line lines[] = {
		{"observed", limits->observed.max_bytes, explain_observed(limits, text[0])},
		{"request", rec->request_bytes, explain_request(limits, &ctl->settings, text[1])},
		{"limit", rec->limit_bytes, explain_limit(limits, &ctl->settings, text[2])},
		{"enforced", limits->enforced_limit_bytes,
		 explain_enforced(limits, &ctl->settings, ctl->now_usec, text[3])},
		{"oom", rec->oom_limit_bytes, explain_oom(ctl, rec, text[4])},
	};

	print_lines(ctl, lines, rec->oom_kills > 0 ? 5 : 4);
}

static void explain_one(const struct ctl *ctl, const struct survey_workload *workload, const char *argument,
			bool first)
{
	char name[IDENTITY_TEXT_MAX];
	const bool whole = workload_matches(workload, argument), is_json = ctl->output == OUTPUT_JSON;

	(void)identity_text(&workload->identity, name);
	if (is_json) {
		(void)fputs(first ? "[{\"workload\":" : ",{\"workload\":", stdout);
		print_json_string(name);
		(void)fputs(",\"numbers\":", stdout);
	} else {
		if (!first)
			(void)puts("");
		print_line(stdout, "%s", name);
	}
	explain_workload(ctl, workload);
	if (is_json)
		(void)fputs(",\"containers\":[", stdout);
	bool first_container = true;
	for (size_t i = 0; i < workload->n_containers; i++) {
		const struct survey_container *container = &workload->containers[i];
		if (!whole && !container_matches(container, argument))
			continue;
		if (is_json && !first_container)
			(void)fputs(",", stdout);
		explain_container(ctl, container);
		first_container = false;
	}
	if (is_json)
		(void)fputs("]}", stdout);
}

static int do_explain(struct ctl *ctl, int argc, char *argv[])
{
	bool found = false;

	if (argc != 1 || !argv[0][0]) {
		print_fault("explain takes one argument: a container's id, a pod or a workload");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < ctl->survey.n_workloads; i++) {
		const struct survey_workload *workload = &ctl->survey.workloads[i];
		bool matches = workload_matches(workload, argv[0]);
		for (size_t c = 0; c < workload->n_containers && !matches; c++)
			matches = container_matches(&workload->containers[c], argv[0]);
		if (!matches)
			continue;
		explain_one(ctl, workload, argv[0], !found);
		found = true;
	}
	if (!found) {
		print_line(stderr,
			   "tidemarkctl: no container, pod or workload %.300s is known; `tidemarkctl status` "
			   "lists them",
			   argv[0]);
		return EXIT_FAILURE;
	}
	if (ctl->output == OUTPUT_JSON)
		(void)puts("]");
	return EXIT_SUCCESS;
}

static int do_settings(struct ctl *ctl, int argc, char *argv[])
{
	const char *section = "";

	(void)argv;
	if (argc > 0) {
		print_fault("settings takes no argument");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < settings_count(); i++) {
		const struct setting row = settings_row(i);
		char value[SETTINGS_PATH_SIZE];
		if (strcmp(section, row.section) != 0)
			(void)printf("%s[%s]\n", i > 0 ? "\n" : "", row.section);
		section = row.section;
		(void)printf("# %s\n%s = %s\n", row.description, row.key,
			     settings_text(&ctl->settings, i, value, sizeof value));
	}
	return EXIT_SUCCESS;
}

static int do_replay(struct ctl *ctl, int argc, char *argv[])
{
	return replay_command(&ctl->settings, ctl->output == OUTPUT_JSON, argc + 1, argv - 1);
}

static const struct verb {
	const char *name, *arguments, *help;
	int (*act)(struct ctl *ctl, int argc, char *argv[]);
	bool apart; /* has options of its own, and nothing to do with this node */
} verbs[] = {
	{"status", "", "the node in a screen: what is declared, used and recommended", do_status},
	{"explain", "CONTAINER|POD|WORKLOAD", "where each number came from, and which guard moved it",
	 do_explain},
	{"settings", "", "the settings in force, as a file that could be read back", do_settings},
	{"replay", "[OPTION...] TRACE", "policies judged on a trace; `tidemarkctl replay --help`", do_replay, true},
};

static void print_help(FILE *stream)
{
	(void)fputs("tidemarkctl: shows what tidemark measured and decided\n\n"
		    "usage: tidemarkctl [-o table|json] COMMAND\n\n",
		    stream);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		(void)fprintf(stream, "  %-9s %-24s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
	(void)fputs("\n  -o, --output FORMAT   table (the default) or json\n"
		    "  -h, --help            this text\n"
		    "      --version         the version\n",
		    stream);
}

/* A full disk or a closed pipe must not look like success. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	print_fault("cannot write to stdout");
	return EXIT_FAILURE;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

static int run(struct ctl *ctl, int argc, char *argv[])
{
	struct error err;

	if (argc == 0) {
		print_help(stderr);
		return EXIT_FAILURE;
	}
	const struct verb *verb = find_verb(argv[0]);
	if (!verb) {
		print_line(stderr, "tidemarkctl: no command %.300s; `tidemarkctl --help` lists them", argv[0]);
		return EXIT_FAILURE;
	}
	if (verb->apart) {
		ctl_open_settings(ctl);
	} else if (ctl_open(ctl, &err) < 0) {
		print_fault(err.text);
		return EXIT_FAILURE;
	}
	int status = verb->act(ctl, argc - 1, argv + 1);
	survey_free(&ctl->survey);
	return finish(status);
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *root = getenv("TIDEMARK_ROOT");
	struct ctl ctl = {.root = root ? root : ""};
	int n_words = 1;

	/* The words gather at the front of argv, behind its own name. "-/web/web" is one: a workload outside
	 * Kubernetes. */
	while (optind < argc) {
		int option = strncmp(argv[optind], "-/", 2) == 0
				     ? -1
				     : getopt_long(argc, argv, "+o:h", options, NULL);
		switch (option) {
		case -1:
			if (optind < argc)
				argv[n_words++] = argv[optind++];
			if (n_words == 2) {
				const struct verb *verb = find_verb(argv[1]);
				while (verb && verb->apart && optind < argc)
					argv[n_words++] = argv[optind++];
			}
			break;
		case 'o':
			if (strcmp(optarg, "json") == 0) {
				ctl.output = OUTPUT_JSON;
			} else if (strcmp(optarg, "table") != 0) {
				print_fault("--output is table or json");
				return EXIT_FAILURE;
			}
			break;
		case 'h':
			print_help(stdout);
			return finish(EXIT_SUCCESS);
		case 'V':
			(void)puts("tidemarkctl " TIDEMARK_VERSION);
			return finish(EXIT_SUCCESS);
		default:
			return EXIT_FAILURE;
		}
	}
	return run(&ctl, n_words - 1, argv + 1);
}
