/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl: its commands and options. */

#include "shim/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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
#include "shim/ctl/survey.h"
#include "shim/report/explain.h"
#include "shim/report/fault.h"
#include "shim/store/presence.h"
#include "shim/store/settings.h"

int ctl_open_path(const struct ctl *ctl, const char *path, int flags)
{
	char buf[PATH_MAX];
	if ((size_t)snprintf(buf, sizeof buf, "%s%s", ctl->root, path) >= sizeof buf) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(buf, flags | O_CLOEXEC);
}

char *ctl_tame(char *text)
{
	return fault_tame(text);
}

void ctl_print_line(FILE *stream, const char *format, ...)
{
	char buf[2048];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(buf, sizeof buf, format, args);
	va_end(args);
	(void)fprintf(stream, "%s\n", ctl_tame(buf));
}

void ctl_print_fault(const char *text)
{
	ctl_print_line(stderr, "tidemarkctl: %s", text);
}

static void ctl_open_settings(struct ctl *ctl)
{
	struct error err;

	cleanup_close int etc_fd = ctl_open_path(ctl, "/etc/tidemark", O_PATH | O_DIRECTORY);
	if (settings_load(etc_fd, &ctl->settings, &err) < 0) {
		ctl_print_fault(err.text);
		settings_default(&ctl->settings);
	}
}

int ctl_open(struct ctl *ctl, struct error *err)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	ctl->now_usec = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;

	ctl_open_settings(ctl);
	cleanup_close int run_fd = ctl_open_path(ctl, "/run/tidemark", O_RDONLY | O_DIRECTORY);
	if (run_fd < 0 && errno == EACCES)
		return error_set(err, EACCES, "only root may read /run/tidemark");
	cleanup_close int state_fd = ctl_open_path(ctl, "/var/lib/tidemark", O_PATH | O_DIRECTORY);
	cleanup_close int cgroup_fd = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ctl->daemon_runs = run_fd >= 0 && daemon_lock_is_held(run_fd);
	return survey_take(run_fd, state_fd, cgroup_fd, proc_fd, ctl_print_fault, &ctl->survey, err);
}

const char *ctl_amount_or_dash(uint64_t bytes, char buf[static QUANTITY_MAX])
{
	if (bytes == 0 || bytes == DECISION_UNLIMITED)
		return "-";
	return quantity_format_bytes(bytes, buf);
}

static int do_settings(struct ctl *ctl, int argc, char *argv[])
{
	const char *section = "";

	(void)argv;
	if (argc > 0) {
		ctl_print_fault("settings takes no argument");
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

static const char *const output_names[] = {
	[OUTPUT_TABLE] = "table", [OUTPUT_JSON] = "json", [OUTPUT_YAML] = "yaml",
	[OUTPUT_PATCH] = "patch", [OUTPUT_VPA] = "vpa",   [OUTPUT_RUNTIMECLASS] = "runtimeclass",
};

#define FORMATS(...) ((const enum output[]){__VA_ARGS__, OUTPUT_NONE})
#ifdef TIDEMARK_HAVE_YAML
#define FORMATS_RECOMMEND FORMATS(OUTPUT_YAML, OUTPUT_JSON, OUTPUT_TABLE, OUTPUT_PATCH, OUTPUT_VPA)
#define FORMATS_OVERHEAD  FORMATS(OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_RUNTIMECLASS)
#else
#define FORMATS_RECOMMEND FORMATS(OUTPUT_TABLE, OUTPUT_JSON)
#define FORMATS_OVERHEAD  FORMATS(OUTPUT_TABLE, OUTPUT_JSON)
#endif

static const struct verb {
	const char *name, *arguments, *help;
	int (*act)(struct ctl *ctl, int argc, char *argv[]);
	const enum output *formats; /* the first is the default; NULL: the command has one form only */
	bool apart;                 /* has options of its own, and needs no survey of this node */
	bool by_namespace;          /* takes -n */
} verbs[] = {
	{"status", "", "the node in a screen: what is declared, used and recommended", ctl_status,
	 .formats = FORMATS(OUTPUT_TABLE, OUTPUT_JSON)},
	{"explain", "CONTAINER|POD|WORKLOAD", "where each number came from, and which guard moved it",
	 ctl_explain, .formats = FORMATS(OUTPUT_TABLE, OUTPUT_JSON)},
	{"recommend", "[CONTAINER|POD|WORKLOAD]", "what to write into manifests, and why", ctl_recommend,
	 .formats = FORMATS_RECOMMEND, .by_namespace = true},
	{"history", "[OPTION...] WORKLOAD",
	 "what happened to a workload, and why; `tidemarkctl history --help`", ctl_history,
	 .formats = FORMATS(OUTPUT_TABLE, OUTPUT_JSON), .apart = true},
	{"top", "[OPTION...]", "containers as they move; `tidemarkctl top --help`", ctl_top, .apart = true},
	{"overhead", "[OPTION...] [POD]",
	 "what VMs cost beyond their containers; `tidemarkctl overhead --help`", ctl_overhead,
	 .formats = FORMATS_OVERHEAD, .apart = true, .by_namespace = true},
	{"handler", "[OPTION...] [HANDLER]", "a handler for CRI-O; `tidemarkctl handler --help`", ctl_handler,
	 .apart = true},
	{"settings", "", "the settings in force, as a file that could be read back", do_settings},
	{"replay", "[OPTION...] TRACE", "policies judged on a trace; `tidemarkctl replay --help`", ctl_replay,
	 .formats = FORMATS(OUTPUT_TABLE, OUTPUT_JSON), .apart = true},
};

/* "yaml, json or table". Returns buf. */
static const char *format_list(const struct verb *verb, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (const enum output *format = verb->formats; format && *format && used < size; format++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s",
					 format == verb->formats ? ""
					 : format[1]             ? ", "
								 : " or ",
					 output_names[*format]);
	return buf;
}

static void print_help(FILE *stream)
{
	(void)fputs("tidemarkctl: shows what tidemark measured and decided\n\n"
		    "usage: tidemarkctl [OPTION...] COMMAND\n\n",
		    stream);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		(void)fprintf(stream, "  %-9s %-24s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
	(void)fputs("\n  -o, --output FORMAT   the first is the default\n", stream);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (verbs[i].formats)
			(void)fprintf(stream, "                          of %s: %s\n", verbs[i].name,
				      format_list(&verbs[i], (char[64]){0}, 64));
	(void)fputs("  -n, --namespace NAME  only what is in this namespace (recommend, overhead)\n"
		    "  -h, --help            this text\n"
		    "      --version         the version\n",
		    stream);
}

/* A full disk or a closed pipe must not look like success. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	ctl_print_fault("cannot write to stdout");
	return EXIT_FAILURE;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

static int parse_output(struct ctl *ctl, const struct verb *verb, const char *text)
{
	char list[64];

	for (const enum output *format = verb->formats; format && *format; format++)
		if (strcmp(text, output_names[*format]) == 0) {
			ctl->output = *format;
			return 0;
		}
	if (verb->formats)
		ctl_print_line(stderr, "tidemarkctl: --output of %s is %s", verb->name,
			       format_list(verb, list, sizeof list));
	else
		ctl_print_line(stderr, "tidemarkctl: %s has one form only, and no --output", verb->name);
	return -EINVAL;
}

int ctl_parse_output(struct ctl *ctl, const char *command, const char *text)
{
	return parse_output(ctl, find_verb(command), text);
}

/* Takes the format and the namespace. Returns a negative value, after a message, if the command has
 * no such option. */
static int take_options(struct ctl *ctl, const struct verb *verb, const char *output)
{
	if (ctl->namespace && !verb->by_namespace) {
		ctl_print_line(stderr, "tidemarkctl: %s does not take --namespace", verb->name);
		return -1;
	}
	ctl->output = verb->formats ? *verb->formats : OUTPUT_NONE;
	return output ? parse_output(ctl, verb, output) : 0;
}

static int run(struct ctl *ctl, const char *output, int argc, char *argv[])
{
	struct error err;

	if (argc == 0) {
		print_help(stderr);
		return EXIT_FAILURE;
	}
	const struct verb *verb = find_verb(argv[0]);
	if (!verb) {
		ctl_print_line(stderr, "tidemarkctl: no command %.300s; `tidemarkctl --help` lists them",
			       argv[0]);
		return EXIT_FAILURE;
	}
	if (take_options(ctl, verb, output) < 0)
		return EXIT_FAILURE;
	if (verb->apart) {
		ctl_open_settings(ctl);
	} else if (ctl_open(ctl, &err) < 0) {
		ctl_print_fault(err.text);
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
		{"namespace", required_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *root = getenv("TIDEMARK_ROOT"), *output = NULL;
	struct ctl ctl = {.root = root ? root : ""};
	int n_words = 1;

	/* Moves the words to the front of argv, behind the program's name. "-/web/web" is a word: a workload
	 * outside Kubernetes. A command with options of its own gets all that follows it. */
	while (optind < argc) {
		int option = strncmp(argv[optind], "-/", 2) == 0
				     ? -1
				     : getopt_long(argc, argv, "+o:n:h", options, NULL);
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
			output = optarg;
			break;
		case 'n':
			ctl.namespace = optarg;
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
	return run(&ctl, output, n_words - 1, argv + 1);
}
