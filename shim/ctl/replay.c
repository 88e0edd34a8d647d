/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl replay: policies judged on a trace. shim/tune/replay.h says how. */

#include "shim/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "oci/json.h"
#include "shim/report/plot.h"
#include "shim/tune/replay.h"

static const char *const plot_colours[REPLAY_HINDSIGHT] = {
	[REPLAY_PERCENTILE] = "#7f7f7f", [REPLAY_ADAPTIVE] = "#d62728", [REPLAY_TIGHT] = "#9467bd",
	[REPLAY_KRR] = "#ff7f0e",        [REPLAY_VPA] = "#2ca02c",
};

extern char **environ;

struct command {
	const char *trace, *limits_path, *plot_path, *plot_series;
	unsigned policies;          /* a set of 1 << enum replay_policy */
	enum replay_policy written; /* the policy whose limits go into limits_path */
	FILE *limits;
	struct plot_series use, limit[REPLAY_HINDSIGHT];
	bool failed; /* a point was lost for want of memory */
};

__attribute__((format(printf, 1, 2))) static int fault(const char *format, ...)
{
	va_list args;

	(void)fputs("tidemarkctl replay: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	return EXIT_FAILURE;
}

/* ---- The trace ---- */

struct text {
	char *data;
	size_t length;
	bool mapped;
};

static void text_free(struct text *text)
{
	if (text->mapped)
		(void)munmap(text->data, text->length);
	else
		free(text->data);
}

static int text_map(int fd, const char *path, struct text *ret, struct error *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return error_errno(err, errno, "cannot read %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, EINVAL, "%s is no file", path);
	if (status.st_size == 0)
		return 0;
	void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return error_errno(err, errno, "cannot read %s", path);
	*ret = (struct text){data, (size_t)status.st_size, true};
	return 0;
}

static int text_read(int fd, const char *path, struct text *ret, struct error *err)
{
	size_t size = 0;

	for (ssize_t n = 1; n > 0; ret->length += (size_t)n) {
		if (ret->length == size) {
			size = size > 0 ? 2 * size : 1 << 20;
			char *data = realloc(ret->data, size);
			if (!data)
				return error_errno(err, ENOMEM, "cannot read %s", path);
			ret->data = data;
		}
		n = read(fd, ret->data + ret->length, size - ret->length);
		if (n < 0)
			return error_errno(err, errno, "cannot read %s", path);
	}
	return 0;
}

/* By gzip(1), which is everywhere, and runs on another core. */
static int text_unzip(int fd, const char *path, struct text *ret, struct error *err)
{
	char *const argv[] = {(char[]){"gzip"}, (char[]){"-dc"}, NULL};
	posix_spawn_file_actions_t actions;
	int pipe_fd[2], status = 0;
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	cleanup_close int read_fd = pipe_fd[0];
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, pipe_fd[1], STDOUT_FILENO);
	int code = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipe_fd[1]);
	if (code != 0)
		return error_errno(err, code, "cannot run gzip to read %s", path);

	int r = text_read(read_fd, path, ret, err);
	if (r < 0) {
		(void)close(read_fd);
		read_fd = -1; /* gzip ends by SIGPIPE */
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		return error_set(err, EINVAL, "gzip cannot read %s", path);
	return r;
}

static int text_open(const char *path, struct text *ret, struct error *err)
{
	size_t length = strlen(path);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", path);
	if (length > 3 && strcmp(path + length - 3, ".gz") == 0)
		return text_unzip(fd, path, ret, err);
	return text_map(fd, path, ret, err);
}

/* ---- Points and limits on the way ---- */

static void points_add(struct command *command, struct plot_series *series, uint64_t time_usec,
		       uint64_t bytes)
{
	command->failed = plot_add(series, time_usec, bytes) < 0 || command->failed;
}

static void print_seconds(FILE *file, uint64_t usec)
{
	(void)fprintf(file, "%" PRIu64, usec / USEC_PER_SEC);
	if (usec % USEC_PER_SEC > 0)
		(void)fprintf(file, ".%06" PRIu64, usec % USEC_PER_SEC);
}

static void on_limit(void *data, const char *series, uint64_t creation_usec, enum replay_policy policy,
		     uint64_t limit_bytes)
{
	struct command *command = data;

	if (command->limits && policy == command->written) {
		(void)fprintf(command->limits, "%s,", series);
		print_seconds(command->limits, creation_usec);
		(void)fprintf(command->limits, ",%" PRIu64 "\n", limit_bytes);
	}
	if (command->plot_path && strcmp(series, command->plot_series) == 0)
		points_add(command, &command->limit[policy], creation_usec, limit_bytes);
}

/* Feeds the whole trace to the replay. Without --series the first series is plotted: series_name
 * gets its name. */
static int feed(struct command *command, const struct text *text, struct replay *replay, char *series_name,
		struct error *err)
{
	struct trace trace = {.name = command->trace, .at = text->data, .end = text->data + text->length};
	struct trace_sample sample;
	int r;

	while ((r = trace_next(&trace, &sample, err)) > 0) {
		if (command->plot_path) {
			if (!command->plot_series) {
				memcpy(series_name, sample.series, sample.series_length);
				command->plot_series = series_name;
			}
			if (strlen(command->plot_series) == sample.series_length &&
			    memcmp(command->plot_series, sample.series, sample.series_length) == 0)
				points_add(command, &command->use, sample.time_usec, sample.bytes);
		}
		r = replay_add(replay, &sample);
		if (r == -EINVAL)
			return error_set(err, EINVAL,
					 "%.160s:%" PRIu64 ": the time lies before that of the line above it",
					 command->trace, trace.line);
		if (r < 0)
			return error_errno(err, -r, "cannot replay %s", command->trace);
	}
	if (r == 0 && replay_samples(replay) == 0)
		return error_set(err, EINVAL, "%.160s holds no sample", command->trace);
	return r;
}

/* ---- What is said ---- */

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static double over_pct(const struct replay_score *score)
{
	return ratio(100 * (double)score->over, (double)score->periods);
}

struct scores {
	const struct replay_result *results;
	enum replay_policy policy[REPLAY_POLICIES]; /* of each line */
};

static void fill_line(size_t index, struct ctl_line *line, const void *data)
{
	const struct scores *scores = data;
	const enum replay_policy policy = scores->policy[index];
	const struct replay_score *score = &scores->results[policy].standing;
	const struct {
		int decimals;
		double value;
	} numbers[] = {
		{0, (double)score->periods},
		{0, (double)score->over},
		{2, over_pct(score)},
		{3, ratio(score->limit_bytes, score->mean_bytes)},
		{2, ratio(score->limit_bytes, score->max_bytes)},
		{2, ratio((double)score->changes, score->days)},
	};
	size_t c = 0;

	(void)snprintf(line->cell[c++], CTL_CELL_SIZE, "%s", replay_policy_names[policy]);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		(void)snprintf(line->cell[c++], CTL_CELL_SIZE, "%.*f", numbers[i].decimals, numbers[i].value);
	for (size_t i = 0; i < REPLAY_COLD_STARTS; i++, c++) {
		score = &scores->results[policy].cold[i];
		if (score->periods > 0)
			(void)snprintf(line->cell[c], CTL_CELL_SIZE, "%.2f %.2f", over_pct(score),
				       ratio(score->limit_bytes, score->mean_bytes));
		else
			(void)snprintf(line->cell[c], CTL_CELL_SIZE, "-");
	}
}

static void print_table(const struct command *command, const struct replay_settings *settings,
			const struct replay *replay, const struct replay_result results[], double seconds)
{
	char every[QUANTITY_MAX], cold[REPLAY_COLD_STARTS][QUANTITY_MAX];
	const char *head[7 + REPLAY_COLD_STARTS] = {"POLICY", "PERIODS", "OVER",   "OVER %",
						    "L/USE",  "L/MAX",   "CHG/DAY"};
	struct scores scores = {.results = results};
	size_t n_policies = 0;

	_Static_assert(sizeof head / sizeof *head <= CTL_COLUMNS_MAX, "the columns");
	for (size_t i = 0; i < REPLAY_COLD_STARTS; i++)
		head[7 + i] = quantity_format_duration(replay_cold_usec[i], cold[i]);
	for (int i = 0; i < REPLAY_POLICIES; i++)
		if (command->policies & 1u << i)
			scores.policy[n_policies++] = (enum replay_policy)i;
	(void)printf("%s: %" PRIu64 " samples of %zu series in %.2f s; creations every %s\n"
		     "The last columns are of first creations after that time: OVER %%, L/USE\n\n",
		     command->trace, replay_samples(replay), replay_series(replay), seconds,
		     quantity_format_duration(settings->every_usec, every));
	ctl_print_table(&(const struct ctl_table){
		.head = head,
		.n_columns = sizeof head / sizeof *head,
		.n_lines = n_policies,
		.words = 1u,
		.fill = fill_line,
		.data = &scores,
	});
}

static void print_ratio_json(struct json_out *out, const char *key, int decimals, double value)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%.*f", decimals, value);
	json_out_value(out, key, text);
}

static void print_score_json(struct json_out *out, const struct replay_score *score)
{
	json_out_uint(out, "periods", score->periods);
	json_out_uint(out, "over", score->over);
	print_ratio_json(out, "over_pct", 4, over_pct(score));
	print_ratio_json(out, "limit_over_use", 4, ratio(score->limit_bytes, score->mean_bytes));
	print_ratio_json(out, "limit_over_max", 4, ratio(score->limit_bytes, score->max_bytes));
	print_ratio_json(out, "changes_per_day", 4, ratio((double)score->changes, score->days));
}

/* Each policy is on a line of its own, for grep(1). */
static void print_json(const struct command *command, const struct replay_settings *settings,
		       const struct replay *replay, const struct replay_result results[], double seconds)
{
	char buf[JSON_STREAM_SIZE];
	struct json_out out = json_out_stream(stdout, buf, sizeof buf);

	json_out_open(&out, NULL, '{');
	json_out_uint(&out, "v", 1);
	json_out_uint(&out, "samples", replay_samples(replay));
	json_out_uint(&out, "series", replay_series(replay));
	print_ratio_json(&out, "seconds", 4, seconds);
	print_ratio_json(&out, "samples_per_s", 0, ratio((double)replay_samples(replay), seconds));
	json_out_uint(&out, "window_bytes", replay_memory(replay));
	json_out_uint(&out, "every_usec", settings->every_usec);
	json_out_open(&out, "policies", '[');
	for (int i = 0; i < REPLAY_POLICIES; i++) {
		if (!(command->policies & 1u << i))
			continue;
		json_out_line(&out);
		json_out_open(&out, NULL, '{');
		json_out_string(&out, "policy", replay_policy_names[i]);
		print_score_json(&out, &results[i].standing);
		json_out_open(&out, "cold", '[');
		for (size_t c = 0; c < REPLAY_COLD_STARTS; c++) {
			json_out_open(&out, NULL, '{');
			json_out_uint(&out, "history_usec", replay_cold_usec[c]);
			print_score_json(&out, &results[i].cold[c]);
			json_out_close(&out);
		}
		json_out_close(&out);
		json_out_close(&out);
	}
	json_out_newline(&out);
	json_out_close(&out);
	json_out_close(&out);
	json_out_newline(&out);
	json_out_finish(&out);
}

/* ---- The picture ---- */

static int plot(const struct command *command)
{
	struct plot_series series[1 + REPLAY_HINDSIGHT];
	char titles[REPLAY_HINDSIGHT][32];
	struct error err;

	if (command->failed)
		return fault("not enough memory for a picture");
	if (command->use.count == 0)
		return fault("%s has no series %s to plot", command->trace, command->plot_series);
	series[0] = command->use;
	series[0].title = "working set";
	series[0].colour = "#9ecae1";
	series[0].style = PLOT_AREA;
	for (int i = 0; i < REPLAY_HINDSIGHT; i++) {
		(void)snprintf(titles[i], sizeof titles[i], "limit, %s", replay_policy_names[i]);
		series[i + 1] = command->limit[i];
		series[i + 1].title = titles[i];
		series[i + 1].colour = plot_colours[i];
		series[i + 1].style = PLOT_STEPS;
		if (!(command->policies & 1u << i))
			series[i + 1].count = 0;
	}
	const struct plot plot = {
		.path = command->plot_path,
		.from_usec = command->use.points[0].time_usec,
		.until_usec = command->use.points[command->use.count - 1].time_usec,
		.series = series,
		.n_series = 1 + REPLAY_HINDSIGHT,
	};
	if (plot_draw(&plot, &err) < 0)
		return fault("%s", err.text);
	return EXIT_SUCCESS;
}

/* ---- The command ---- */

static double clock_seconds(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run(struct command *command, const struct replay_settings *settings, bool json)
{
	__attribute__((cleanup(text_free))) struct text text = {0};
	struct replay_result results[REPLAY_POLICIES];
	char series_name[TRACE_SERIES_MAX + 1] = "";
	struct error err;

	int r = text_open(command->trace, &text, &err);
	if (r < 0)
		return fault("%s", err.text);
	if (command->limits_path) {
		command->limits = fopen(command->limits_path, "we");
		if (!command->limits)
			return fault("cannot write %s: %s", command->limits_path, strerror(errno));
		(void)fputs("series,creation_s,limit_bytes\n", command->limits);
	}
	struct replay *replay = replay_new(settings, on_limit, command);
	if (!replay)
		return fault("not enough memory");

	double before = clock_seconds();
	int status = EXIT_SUCCESS;
	r = feed(command, &text, replay, series_name, &err);
	if (r < 0)
		status = fault("%s", err.text);
	else
		replay_finish(replay, results);
	if (command->limits && (ferror(command->limits) | fclose(command->limits)) != 0 && r == 0)
		status = fault("cannot write %s", command->limits_path);
	if (r == 0)
		(json ? print_json : print_table)(command, settings, replay, results,
						  clock_seconds() - before);
	if (r == 0 && command->plot_path && plot(command) != EXIT_SUCCESS)
		status = EXIT_FAILURE;
	replay_free(replay);
	free(command->use.points);
	for (int i = 0; i < REPLAY_HINDSIGHT; i++)
		free(command->limit[i].points);
	return status;
}

static int policy_parse(const char *text, unsigned *policies)
{
	if (strcmp(text, "all") == 0) {
		*policies = (1u << REPLAY_POLICIES) - 1;
		return 0;
	}
	for (int i = 0; i < REPLAY_POLICIES; i++)
		if (strcmp(text, replay_policy_names[i]) == 0) {
			*policies |= 1u << i;
			return 0;
		}
	return -EINVAL;
}

/* The policy whose limits are written: the only one that was asked for, or the one of the settings. */
static enum replay_policy policy_written(unsigned policies, const struct tuner_settings *tuner)
{
	for (int i = 0; i < REPLAY_HINDSIGHT; i++)
		if (policies == 1u << i)
			return (enum replay_policy)i;
	if (tuner->policy == POLICY_PERCENTILE)
		return REPLAY_PERCENTILE;
	return tuner->adaptive_margin == MARGIN_TIGHT ? REPLAY_TIGHT : REPLAY_ADAPTIVE;
}

static void print_help(void)
{
	(void)puts(
		"usage: tidemarkctl replay [OPTION...] TRACE.csv[.gz]\n\n"
		"Judges policies on a trace, lines of series,time_s,bytes, with the code of the daemon.\n\n"
		"  --policy NAME    percentile, adaptive, tight, krr, vpa, hindsight or all (the default);\n"
		"                   may be given again\n"
		"  --every TIME     a container is created so often (24h)\n"
		"  --limits FILE    each limit of one policy, as series,creation_s,limit_bytes: the one that "
		"is\n"
		"                   given, or of several the one that the settings have\n"
		"  --plot FILE.svg  limit against use, drawn by gnuplot\n"
		"  --series NAME    what is drawn (the trace's first)\n"
		"  --help           this text");
}

int ctl_replay(struct ctl *ctl, int argc, char *argv[])
{
	const struct settings *settings = &ctl->settings;
	static const struct option options[] = {
		{"policy", required_argument, NULL, 'p'}, {"every", required_argument, NULL, 'e'},
		{"limits", required_argument, NULL, 'l'}, {"plot", required_argument, NULL, 'P'},
		{"series", required_argument, NULL, 's'}, {"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},         {0},
	};
	struct replay_settings replay = {
		.tuner = settings->tuner,
		.slot_usec = settings->sampling.slot_usec,
		.span_usec = settings->sampling.long_window_usec,
		.every_usec = USEC_PER_DAY,
	};
	struct command command = {0};
	bool json = ctl->output == OUTPUT_JSON;

	argc++, argv--; /* getopt_long() expects the command's name in argv[0] */
	optind = 0;     /* getopt_long() begins anew */
	for (int option; (option = getopt_long(argc, argv, "o:h", options, NULL)) != -1;)
		switch (option) {
		case 'p':
			if (policy_parse(optarg, &command.policies) < 0)
				return fault("no policy %s; `tidemarkctl replay --help` lists them", optarg);
			break;
		case 'e':
			if (quantity_parse_duration(optarg, &replay.every_usec) < 0 ||
			    replay.every_usec < USEC_PER_SEC || replay.every_usec > 365 * USEC_PER_DAY)
				return fault(
					"--every is a duration such as 24h, of a second to a year, not %s",
					optarg);
			break;
		case 'l':
			command.limits_path = optarg;
			break;
		case 'P':
			command.plot_path = optarg;
			break;
		case 's':
			command.plot_series = optarg;
			break;
		case 'o':
			json = strcmp(optarg, "json") == 0;
			if (!json && strcmp(optarg, "table") != 0)
				return fault("--output is table or json");
			break;
		case 'h':
			print_help();
			return EXIT_SUCCESS;
		default:
			return EXIT_FAILURE;
		}
	if (argc - optind != 1)
		return fault("takes one trace, TRACE.csv or TRACE.csv.gz");
	command.trace = argv[optind];
	if (command.policies == 0)
		command.policies = (1u << REPLAY_POLICIES) - 1;
	if (command.limits_path && command.policies == 1u << REPLAY_HINDSIGHT)
		return fault("hindsight knows the future: it has no limits that could be written before");
	command.written = policy_written(command.policies, &settings->tuner);
	return run(&command, &replay, json);
}
