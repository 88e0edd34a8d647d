/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl: what a person or a script asks tidemark. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "oci/json.h"
#include "shim/replay_command.h"
#include "shim/report/explain.h"
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

static void print_fault(const char *text)
{
	(void)fprintf(stderr, "tidemarkctl: %s\n", text);
}

/* The daemon holds a lock for as long as it lives. */
static bool daemon_runs(const char *root)
{
	cleanup_close int fd = open_below(root, "/run/tidemark/daemon.lock", O_RDONLY);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
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

	cleanup_close int run_fd = open_below(ctl->root, "/run/tidemark", O_PATH | O_DIRECTORY);
	if (run_fd < 0 && errno == EACCES)
		return error_set(err, EACCES, "only root may read /run/tidemark");
	cleanup_close int state_fd = open_below(ctl->root, "/var/lib/tidemark", O_PATH | O_DIRECTORY);
	cleanup_close int cgroup_fd = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ctl->daemon_runs = daemon_runs(ctl->root);
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

	if (!workload->has_limits || limits->recommendation.limit_bytes == 0)
		return "measuring";
	if (limits->enforced_limit_bytes == 0)
		return "warming up";
	if (ctl->settings.mode != MODE_ENFORCE)
		return "recommended";
	if (limits->applied_bytes == limits->enforced_limit_bytes)
		return "enforced";
	return limits->applied_bytes > limits->enforced_limit_bytes ? "stepping down" : "stepping up";
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

/* LIMIT and DECLARED are one container's: of one that runs, or of the last that did. */
static void fill_line(const struct ctl *ctl, const struct survey_workload *workload, struct status_line *line)
{
	const struct limits *limits = &workload->limits;
	const struct totals totals = sum(workload);
	uint64_t declared = limits->declared_bytes, limit = limits->applied_bytes;
	uint64_t now = totals.running > 0 ? totals.working_set / totals.running : 0;

	for (size_t i = 0; i < workload->n_containers; i++)
		if (workload->containers[i].is_running) {
			declared = workload->containers[i].record.declared_bytes;
			limit = workload->containers[i].max_bytes;
		}
	const uint64_t amounts[] = {declared, limit, now, limits->observed.p95_bytes, limits->observed.max_bytes,
				    limits->recommendation.limit_bytes};

	(void)identity_text(&workload->identity, line->cell[0]);
	(void)snprintf(line->cell[1], sizeof line->cell[1], "%zu", totals.running);
	for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++)
		(void)snprintf(line->cell[2 + i], sizeof line->cell[2 + i], "%s",
			       amount_or_dash(amounts[i], (char[QUANTITY_MAX]){0}));
	(void)snprintf(line->cell[COLUMNS - 1], sizeof line->cell[0], "%s", state_of(ctl, workload));
}

static int print_table(const struct ctl *ctl)
{
	const struct survey *survey = &ctl->survey;
	int width[COLUMNS];
	cleanup_free struct status_line *lines = calloc(survey->n_workloads + 1, sizeof *lines);

	if (!lines)
		return -ENOMEM;
	for (size_t c = 0; c < COLUMNS; c++)
		width[c] = (int)strlen(status_head[c]);
	for (size_t i = 0; i < survey->n_workloads; i++) {
		fill_line(ctl, &survey->workloads[i], &lines[i]);
		for (size_t c = 0; c < COLUMNS; c++)
			if ((int)strlen(lines[i].cell[c]) > width[c])
				width[c] = (int)strlen(lines[i].cell[c]);
	}
	/* The first and the last column are words, the others amounts. */
	for (size_t i = 0; i <= survey->n_workloads; i++)
		for (size_t c = 0; c < COLUMNS; c++) {
			const char *text = i == 0 ? status_head[c] : lines[i - 1].cell[c];
			if (c == COLUMNS - 1)
				(void)printf("%s\n", text);
			else
				(void)printf(c == 0 ? "%-*s  " : "%*s  ", width[c], text);
		}
	return 0;
}

static void print_status_json(const struct ctl *ctl)
{
	char name[IDENTITY_TEXT_MAX], buf[8192];
	const struct totals all = sum_all(&ctl->survey);

	(void)printf("{\"v\":1,\"mode\":\"%s\",\"daemon\":%s,\"containers\":%zu,\"tuned\":%zu,\"declared\":%" PRIu64
		     ",\"working_set\":%" PRIu64 ",\"slack\":%" PRIu64 ",\"workloads\":[",
		     mode_names[ctl->settings.mode], ctl->daemon_runs ? "true" : "false", all.running, all.tuned,
		     all.declared, all.working_set, all.slack);
	for (size_t i = 0; i < ctl->survey.n_workloads; i++) {
		const struct survey_workload *workload = &ctl->survey.workloads[i];
		const struct limits *limits = &workload->limits;
		const struct totals totals = sum(workload);
		const struct {
			const char *key;
			uint64_t value;
		} numbers[] = {
			{"running", totals.running},
			{"declared", limits->declared_bytes == DECISION_UNLIMITED ? 0 : limits->declared_bytes},
			{"applied", limits->applied_bytes == DECISION_UNLIMITED ? 0 : limits->applied_bytes},
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
		struct json_out out = {buf, sizeof buf, 0, false};

		json_out_raw(&out, i == 0 ? "{\"workload\":" : ",{\"workload\":");
		json_out_string(&out, identity_text(&workload->identity, name));
		for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
			json_out_raw(&out, ",");
			json_out_string(&out, numbers[n].key);
			json_out_raw(&out, ":");
			json_out_uint(&out, numbers[n].value);
		}
		json_out_raw(&out, ",\"state\":");
		json_out_string(&out, state_of(ctl, workload));
		json_out_raw(&out, "}");
		(void)fputs(buf, stdout);
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
		     mode_names[ctl->settings.mode], ctl->daemon_runs ? "running" : "NOT RUNNING", all.running,
		     all.running == 1 ? "" : "s", all.tuned);
	(void)printf("declared %s, limits %s, working set %s", AMOUNT(all.declared), AMOUNT(all.limit),
		     AMOUNT(all.working_set));
	if (all.declared > 0)
		(void)printf(": %" PRIu64 " %% of what is declared is not used", all.slack * 100 / all.declared);
	(void)puts("\n");
	return print_table(ctl) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Whether the argument means this workload: the whole name, or any one of its parts. */
static bool workload_matches(const struct survey_workload *workload, const char *argument)
{
	char text[IDENTITY_TEXT_MAX];
	const struct identity *identity = &workload->identity;

	return strcmp(identity_text(identity, text), argument) == 0 || strcmp(identity->owner, argument) == 0 ||
	       strcmp(identity->container, argument) == 0;
}

/* By a container's id, of which the first 4 characters will do if they are one container's, or its pod's name. */
static bool container_matches(const struct survey_container *container, const char *argument)
{
	size_t length = strlen(argument);

	return (length >= 4 && strncmp(container->record.id, argument, length) == 0) ||
	       strcmp(container->record.id, argument) == 0 || strcmp(container->record.pod_name, argument) == 0;
}

struct line {
	const char *name;
	uint64_t bytes;
	const char *sentence;
};

static void print_line(const struct ctl *ctl, const struct line *line, bool first)
{
	char buf[2 * EXPLAIN_MAX];
	struct json_out out = {buf, sizeof buf, 0, false};

	if (ctl->output == OUTPUT_TABLE) {
		(void)printf("  %-14s %9s  %s\n", line->name, amount_or_dash(line->bytes, (char[QUANTITY_MAX]){0}),
			     line->sentence);
		return;
	}
	json_out_raw(&out, first ? "{\"name\":" : ",{\"name\":");
	json_out_string(&out, line->name);
	if (line->bytes > 0 && line->bytes != DECISION_UNLIMITED) {
		json_out_raw(&out, ",\"bytes\":");
		json_out_uint(&out, line->bytes);
	}
	json_out_raw(&out, ",\"why\":");
	json_out_string(&out, line->sentence);
	json_out_raw(&out, "}");
	(void)fputs(buf, stdout);
}

static void print_lines(const struct ctl *ctl, const struct line *lines, size_t count)
{
	if (ctl->output == OUTPUT_JSON)
		(void)fputs("[", stdout);
	for (size_t i = 0; i < count; i++)
		print_line(ctl, &lines[i], i == 0);
	if (ctl->output == OUTPUT_JSON)
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
		(void)snprintf(footprint, sizeof footprint,
			       "at most so much was charged by %s before the program started; %s when it did",
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
	if (ctl->output == OUTPUT_TABLE)
		(void)printf("\n  container %.12s%s%s, %s%s\n", record->id, record->pod_name[0] ? " of pod " : "",
			     record->pod_name, record->runtime, container->is_running ? "" : ", not running");
	print_lines(ctl, lines, count);
}

static void explain_workload(const struct ctl *ctl, const struct survey_workload *workload)
{
	const struct limits *limits = &workload->limits;
	char text[4][EXPLAIN_MAX];
	const struct line lines[] = {
		{"observed", limits->observed.max_bytes, explain_observed(limits, text[0])},
		{"request", limits->recommendation.request_bytes,
		 explain_request(limits, &ctl->settings, text[1])},
		{"limit", limits->recommendation.limit_bytes, explain_limit(limits, &ctl->settings, text[2])},
		{"enforced", limits->enforced_limit_bytes,
		 explain_enforced(limits, &ctl->settings, ctl->now_usec, text[3])},
	};
	char oom[EXPLAIN_MAX];

	print_lines(ctl, lines, sizeof lines / sizeof *lines);
	if (limits->recommendation.oom_kills > 0 && ctl->output == OUTPUT_TABLE) {
		(void)snprintf(oom, sizeof oom,
			       "the limit of the last of %" PRIu64 " OOM kills, %s ago; no limit below %s until %s after it",
			       limits->recommendation.oom_kills,
			       quantity_format_duration(ctl->now_usec - limits->recommendation.oom_usec,
							(char[QUANTITY_MAX]){0}),
			       AMOUNT(limits->recommendation.oom_floor_bytes),
			       quantity_format_duration(ctl->settings.tuner.oom_hold_usec,
							(char[QUANTITY_MAX]){0}));
		print_line(ctl, &(struct line){"OOM", limits->recommendation.oom_limit_bytes, oom}, true);
	}
}

static void explain_one(const struct ctl *ctl, const struct survey_workload *workload, const char *argument,
			bool first)
{
	char name[IDENTITY_TEXT_MAX], buf[IDENTITY_TEXT_MAX * 2];
	struct json_out out = {buf, sizeof buf, 0, false};
	const bool whole = workload_matches(workload, argument);

	(void)identity_text(&workload->identity, name);
	if (ctl->output == OUTPUT_TABLE) {
		(void)printf("%s%s\n", first ? "" : "\n", name);
	} else {
		json_out_raw(&out, first ? "{\"workload\":" : ",{\"workload\":");
		json_out_string(&out, name);
		(void)printf("%s,\"numbers\":", buf);
	}
	explain_workload(ctl, workload);
	if (ctl->output == OUTPUT_JSON)
		(void)fputs(",\"containers\":[", stdout);
	bool first_container = true;
	for (size_t i = 0; i < workload->n_containers; i++) {
		const struct survey_container *container = &workload->containers[i];
		if (!whole && !container_matches(container, argument))
			continue;
		if (ctl->output == OUTPUT_JSON) {
			out = (struct json_out){buf, sizeof buf, 0, false};
			json_out_raw(&out, first_container ? "{\"id\":" : ",{\"id\":");
			json_out_string(&out, container->record.id);
			(void)printf("%s,\"numbers\":", buf);
		}
		explain_container(ctl, container);
		if (ctl->output == OUTPUT_JSON)
			(void)fputs("}", stdout);
		first_container = false;
	}
	if (ctl->output == OUTPUT_JSON)
		(void)fputs("]}", stdout);
}

static int do_explain(struct ctl *ctl, int argc, char *argv[])
{
	bool found = false;

	if (argc != 1) {
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
		if (ctl->output == OUTPUT_JSON && !found)
			(void)fputs("[", stdout);
		explain_one(ctl, workload, argv[0], !found);
		found = true;
	}
	if (!found) {
		(void)fprintf(stderr, "tidemarkctl: no container, pod or workload %s is known; `tidemarkctl status` lists them\n",
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
	{"explain", "CONTAINER|POD|WORKLOAD", "where each number came from, and which guard moved it", do_explain},
	{"settings", "", "the settings in force, as a file that could be read back", do_settings},
	{"replay", "[OPTION...] TRACE", "policies judged on a trace; `tidemarkctl replay --help`", do_replay, true},
};

static void print_help(void)
{
	(void)puts("tidemarkctl: asks tidemark what it measured and decided\n\n"
		   "usage: tidemarkctl [-o table|json] COMMAND\n");
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		(void)printf("  %-9s %-24s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
	(void)puts("\n  -o, --output FORMAT   table (the default) or json\n"
		   "  -h, --help            this text\n"
		   "      --version         the version");
}

/* Returns what is left to do: an exit status, or -1 to go on. */
static int parse_options(struct ctl *ctl, int argc, char *argv[], const char *short_options)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};

	optind = 0; /* begin anew */
	for (int option; (option = getopt_long(argc, argv, short_options, options, NULL)) != -1;)
		switch (option) {
		case 'o':
			if (strcmp(optarg, "json") == 0) {
				ctl->output = OUTPUT_JSON;
			} else if (strcmp(optarg, "table") != 0) {
				print_fault("--output is table or json");
				return EXIT_FAILURE;
			}
			break;
		case 'h':
			print_help();
			return EXIT_SUCCESS;
		case 'V':
			(void)puts("tidemarkctl " TIDEMARK_VERSION);
			return EXIT_SUCCESS;
		default:
			return EXIT_FAILURE;
		}
	return -1;
}

static int run_verb(struct ctl *ctl, const struct verb *verb, int argc, char *argv[])
{
	struct error err;

	ctl_open_settings(ctl);
	if (!verb->apart) {
		/* Options may stand behind the command, too. */
		int status = parse_options(ctl, argc, argv, "o:h");
		if (status >= 0)
			return status;
		argc -= optind - 1;
		argv += optind - 1;
		if (ctl_open(ctl, &err) < 0) {
			print_fault(err.text);
			return EXIT_FAILURE;
		}
	}
	int status = verb->act(ctl, argc - 1, argv + 1);
	survey_free(&ctl->survey);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		print_fault("cannot write to stdout");
		return EXIT_FAILURE;
	}
	return status;
}

int main(int argc, char *argv[])
{
	const char *root = getenv("TIDEMARK_ROOT");
	struct ctl ctl = {.root = root ? root : ""};

	int status = parse_options(&ctl, argc, argv, "+o:h");
	if (status >= 0)
		return status;
	if (optind == argc) {
		print_help();
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[optind], verbs[i].name) == 0)
			return run_verb(&ctl, &verbs[i], argc - optind, argv + optind);
	(void)fprintf(stderr, "tidemarkctl: no command %s; `tidemarkctl --help` lists them\n", argv[optind]);
	return EXIT_FAILURE;
}
