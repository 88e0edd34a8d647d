/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl history: what happened to a workload, and why. */

#include "shim/ctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cgroups/array.h"
#include "oci/json.h"
#include "shim/report/plot.h"
#include "shim/store/history.h"

#define STATE_DIRECTORY "/var/lib/tidemark"
#define LAST_DEFAULT    40

struct entry {
	struct history_event event; /* its texts are in `texts` */
	char *texts;
};

struct entries {
	struct entry *entry; /* the newest first */
	size_t count;
};

struct matches {
	const char *argument;
	struct {
		int64_t id;
		struct identity identity;
	} * workload;
	size_t count;
};

struct command {
	const struct ctl *ctl;
	struct history *history;
	bool is_json;
	unsigned last;
	uint64_t now_usec, since_usec; /* since_usec: 0 for all */
	const char *plot_path;
};

static int fault(const char *text)
{
	ctl_print_line(stderr, "tidemarkctl history: %s", text);
	return EXIT_FAILURE;
}

/* ---- What is there ---- */

static int on_workload(int64_t id, const struct limits *limits, void *data)
{
	struct matches *matches = data;
	const struct identity *identity = &limits->identity;
	char text[IDENTITY_TEXT_MAX];

	if (strcmp(identity_text(identity, text), matches->argument) != 0 &&
	    strcmp(identity->owner, matches->argument) != 0 &&
	    strcmp(identity->container, matches->argument) != 0)
		return 0;
	void *grown = array_grow(matches->workload, matches->count, sizeof *matches->workload);
	if (!grown)
		return -ENOMEM;
	matches->workload = grown;
	matches->workload[matches->count].id = id;
	matches->workload[matches->count++].identity = *identity;
	return 0;
}

static int on_event(const struct history_event *event, void *data)
{
	struct entries *entries = data;
	const char *id = event->container_id, *why = event->why;
	size_t id_size = id ? strlen(id) + 1 : 0, why_size = why ? strlen(why) + 1 : 0;
	size_t reason_size = strlen(event->reason) + 1;

	struct entry *grown = array_grow(entries->entry, entries->count, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	entries->entry = grown;
	char *texts = malloc(id_size + why_size + reason_size);
	if (!texts)
		return -ENOMEM;
	struct entry *entry = &entries->entry[entries->count++];
	*entry = (struct entry){*event, texts};
	entry->event.reason = memcpy(texts, event->reason, reason_size);
	if (id)
		entry->event.container_id = memcpy(texts + reason_size, id, id_size);
	if (why)
		entry->event.why = memcpy(texts + reason_size + id_size, why, why_size);
	return 0;
}

static void entries_free(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free(entries->entry[i].texts);
	free(entries->entry);
}
#define cleanup_entries __attribute__((cleanup(entries_free)))

static int entries_load(const struct command *command, int64_t id, uint64_t since_usec, unsigned last,
			struct entries *ret)
{
	struct error err;

	int r = history_each_event(command->history, id, since_usec, last, on_event, ret, &err);
	if (r == -ENOMEM)
		return fault("not enough memory");
	return r < 0 ? fault(err.text) : EXIT_SUCCESS;
}

/* ---- As a table ---- */

static const char *sentence(const struct history_event *event, char *buf, size_t size)
{
	char a[QUANTITY_MAX], p95[QUANTITY_MAX], max[QUANTITY_MAX], peak[QUANTITY_MAX];
	size_t used;

	switch (event->event) {
	case HISTORY_KILL:
		used = (size_t)snprintf(buf, size, "peak %s", ctl_amount_or_dash(event->peak_bytes, peak));
		if (event->oom_floor_bytes > 0)
			(void)snprintf(buf + used, size - used, "; no limit is to be below %s",
				       quantity_format_bytes(event->oom_floor_bytes, a));
		return buf;
	case HISTORY_EXIT:
		used = (size_t)snprintf(buf, size, "after %s: peak %s, working set %s at most",
					quantity_format_duration(event->lasted_usec, a),
					ctl_amount_or_dash(event->peak_bytes, peak),
					ctl_amount_or_dash(event->max_bytes, max));
		if (event->p95_bytes > 0)
			used += (size_t)snprintf(buf + used, size - used, ", p95 %s",
						 quantity_format_bytes(event->p95_bytes, p95));
		if (event->oom_kills > 0)
			(void)snprintf(buf + used, size - used, ", %" PRIu64 " OOM kill%s", event->oom_kills,
				       event->oom_kills == 1 ? "" : "s");
		return buf;
	case HISTORY_CREATION:
		return event->why ? event->why : "as before";
	default:
		return event->why ? event->why : "";
	}
}

static void fill_line(size_t index, struct ctl_line *line, const void *data)
{
	const struct entries *entries = data;
	const struct history_event *event = &entries->entry[entries->count - 1 - index].event;
	time_t seconds = (time_t)(event->at_usec / USEC_PER_SEC);
	const char *id = event->container_id ? event->container_id : "-";
	char when[32] = "-", text[256], request[QUANTITY_MAX], limit[QUANTITY_MAX];
	struct tm local;

	if (localtime_r(&seconds, &local))
		(void)strftime(when, sizeof when, "%F %T", &local);
	const char *const cells[] = {
		when,
		history_kind_names[event->event],
		id,
		ctl_amount_or_dash(event->request_bytes, request),
		ctl_amount_or_dash(event->limit_bytes, limit),
		event->reason[0] ? event->reason : "-",
		sentence(event, text, sizeof text),
	};
	for (size_t c = 0; c < sizeof cells / sizeof *cells; c++)
		(void)snprintf(line->cell[c], CTL_CELL_SIZE, "%s", cells[c]);
	/* A generated id (64 digits) is cut to 12, as container managers do. A chosen name stays whole. */
	if (strlen(id) == 64)
		line->cell[2][12] = '\0';
}

static void print_table(const char *name, const struct entries *entries)
{
	static const char *const head[] = {"TIME",  "EVENT",  "CONTAINER", "REQUEST",
					   "LIMIT", "REASON", "FROM"};

	ctl_print_line(stdout, "%s", name);
	if (entries->count == 0) {
		(void)puts("Nothing is kept of this time.");
		return;
	}
	ctl_print_table(&(const struct ctl_table){
		.head = head,
		.n_columns = sizeof head / sizeof *head,
		.n_lines = entries->count,
		.words = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 5 | 1u << 6,
		.fill = fill_line,
		.data = entries,
	});
}

/* ---- For programs ---- */

#define AMOUNT_OF(member)                                       \
	{                                                       \
#member, offsetof(struct history_event, member) \
	}

static const struct {
	const char *name;
	size_t offset;
} amounts[] = {
	AMOUNT_OF(declared_bytes),    AMOUNT_OF(request_bytes),   AMOUNT_OF(limit_bytes),
	AMOUNT_OF(recommended_bytes), AMOUNT_OF(oom_floor_bytes), AMOUNT_OF(samples),
	AMOUNT_OF(avg_bytes),         AMOUNT_OF(p95_bytes),       AMOUNT_OF(max_bytes),
	AMOUNT_OF(prestart_bytes),    AMOUNT_OF(peak_bytes),      AMOUNT_OF(oom_kills),
	AMOUNT_OF(lasted_usec),
};

static void print_json_text(struct json_out *out, const char *name, const char *text)
{
	if (text && *text)
		json_out_string(out, name, text);
}

/* Each event is on a line of its own, for grep(1). */
static void print_json(struct json_out *out, const char *name, const struct entries *entries)
{
	json_out_open(out, NULL, '{');
	json_out_string(out, "workload", name);
	json_out_open(out, "events", '[');
	for (size_t i = entries->count; i-- > 0;) {
		const struct history_event *event = &entries->entry[i].event;
		json_out_line(out);
		json_out_open(out, NULL, '{');
		json_out_uint(out, "at_usec", event->at_usec);
		json_out_string(out, "event", history_kind_names[event->event]);
		print_json_text(out, "container", event->container_id);
		for (size_t k = 0; k < sizeof amounts / sizeof *amounts; k++) {
			uint64_t amount;
			memcpy(&amount, (const char *)event + amounts[k].offset, sizeof amount);
			if (amount == UINT64_MAX)
				json_out_value(out, amounts[k].name, "null");
			else if (amount > 0)
				json_out_uint(out, amounts[k].name, amount);
		}
		print_json_text(out, "reason", event->reason);
		print_json_text(out, "why", event->why);
		json_out_close(out);
	}
	json_out_close(out);
	json_out_close(out);
}

/* ---- As a picture ---- */

enum drawn {
	DRAWN_MAX,
	DRAWN_P95,
	DRAWN_DECLARED,
	DRAWN_APPLIED,
	DRAWN_RECOMMENDED,
	DRAWN_KILLS,
	DRAWN_COUNT,
};

static const struct plot_series drawn[DRAWN_COUNT] = {
	[DRAWN_MAX] = {"working set, maximum", "#c6dbef", PLOT_AREA},
	[DRAWN_P95] = {"working set, 95th percentile", "#3182bd", PLOT_LINE},
	[DRAWN_DECLARED] = {"limit declared", "#7f7f7f", PLOT_STEPS},
	[DRAWN_APPLIED] = {"limit applied", "#2ca02c", PLOT_STEPS},
	[DRAWN_RECOMMENDED] = {"limit recommended", "#ff7f0e", PLOT_DASHES},
	[DRAWN_KILLS] = {"OOM kill", "#d62728", PLOT_MARKS},
};

struct drawing {
	struct plot_series series[DRAWN_COUNT];
	uint64_t slot_usec, end_usec; /* end_usec: the end of the slot before */
};

static void drawing_free(struct drawing *drawing)
{
	for (size_t i = 0; i < DRAWN_COUNT; i++)
		free(drawing->series[i].points);
}

/* Draws a slot as a horizontal line from its start to its end. Where slots are missing there is a gap. */
static int draw_slot(int64_t id, const struct slot_bytes *bytes, void *data)
{
	struct drawing *drawing = data;
	struct slot slot;

	(void)id;
	if (slot_decode(bytes->data, bytes->length, &slot) < 0)
		return 0;
	const uint64_t amounts_bytes[] = {slot.max_bytes, slot_quantile(&slot, 0.95)};
	bool gap = drawing->end_usec > 0 && slot.start_usec > drawing->end_usec + 2 * drawing->slot_usec;
	int r = 0;
	for (int i = 0; i < 2 && r == 0; i++) {
		struct plot_series *series = &drawing->series[i == 0 ? DRAWN_MAX : DRAWN_P95];
		if (gap)
			r = plot_add(series, drawing->end_usec, PLOT_GAP);
		if (r == 0)
			r = plot_add(series, slot.start_usec, amounts_bytes[i]);
		if (r == 0)
			r = plot_add(series, slot.end_usec, amounts_bytes[i]);
	}
	drawing->end_usec = slot.end_usec;
	return r;
}

/* Adds a point only if the amount changes: thousands of creations may have the same limit. */
static int draw_step(struct plot_series *series, uint64_t at_usec, uint64_t bytes)
{
	if (bytes == 0 || (series->count > 0 && series->points[series->count - 1].bytes == bytes))
		return 0;
	return plot_add(series, at_usec, bytes);
}

static int draw_event(struct drawing *drawing, const struct history_event *event)
{
	struct plot_series *series = drawing->series;
	int r;

	switch (event->event) {
	case HISTORY_CREATION:
	case HISTORY_RESIZE:
		r = draw_step(&series[DRAWN_DECLARED], event->at_usec, event->declared_bytes);
		return r < 0 ? r : draw_step(&series[DRAWN_APPLIED], event->at_usec, event->limit_bytes);
	case HISTORY_RECOMMENDATION:
		return draw_step(&series[DRAWN_RECOMMENDED], event->at_usec, event->limit_bytes);
	case HISTORY_KILL:
		return plot_add(&series[DRAWN_KILLS], event->at_usec,
				event->limit_bytes > 0 ? event->limit_bytes : event->peak_bytes);
	default:
		return 0;
	}
}

static uint64_t first_usec(const struct drawing *drawing, uint64_t now_usec)
{
	uint64_t first = now_usec;

	for (size_t i = 0; i < DRAWN_COUNT; i++)
		if (drawing->series[i].count > 0 && drawing->series[i].points[0].time_usec < first)
			first = drawing->series[i].points[0].time_usec;
	return first;
}

/* Reads all events, also with --since: the limits at its beginning were decided before. */
static int draw(const struct command *command, int64_t id, const char *name)
{
	__attribute__((cleanup(drawing_free))) struct drawing drawing = {
		.slot_usec = command->ctl->settings.sampling.slot_usec,
	};
	cleanup_entries struct entries entries = {0};
	uint64_t skipped = 0;
	struct error err;

	memcpy(drawing.series, drawn, sizeof drawn);
	if (entries_load(command, id, 0, UINT_MAX, &entries) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	int r = history_each_slot(command->history, id, command->since_usec, draw_slot, &drawing, &skipped,
				  &err);
	if (r < 0 && r != -ENOMEM)
		return fault(err.text);
	for (size_t i = entries.count; r == 0 && i-- > 0;)
		r = draw_event(&drawing, &entries.entry[i].event);
	if (r < 0)
		return fault("not enough memory for a picture");

	const struct plot plot = {
		.path = command->plot_path,
		.title = name,
		.is_calendar = true,
		.from_usec = command->since_usec > 0 ? command->since_usec
						     : first_usec(&drawing, command->now_usec),
		.until_usec = command->now_usec,
		.series = drawing.series,
		.n_series = DRAWN_COUNT,
	};
	if (plot.from_usec >= plot.until_usec)
		return fault("nothing is kept that could be drawn");
	return plot_draw(&plot, &err) < 0 ? fault(err.text) : EXIT_SUCCESS;
}

/* ---- The command ---- */

static int show(const struct command *command, const struct matches *matches)
{
	char name[IDENTITY_TEXT_MAX], text[512], buf[JSON_STREAM_SIZE];
	struct json_out out = json_out_stream(stdout, buf, sizeof buf);

	if (matches->count == 0 || (command->plot_path && matches->count > 1)) {
		(void)snprintf(text, sizeof text,
			       matches->count == 0
				       ? "nothing is kept of a workload %.300s"
				       : "--plot draws one workload, and more than one is called %.300s",
			       matches->argument);
		return fault(text);
	}
	if (command->is_json)
		json_out_open(&out, NULL, '[');
	for (size_t i = 0; i < matches->count; i++) {
		cleanup_entries struct entries entries = {0};
		(void)identity_text(&matches->workload[i].identity, name);
		if (entries_load(command, matches->workload[i].id, command->since_usec, command->last,
				 &entries) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		if (i > 0 && command->is_json)
			json_out_line(&out);
		else if (i > 0)
			(void)puts("");
		if (command->is_json)
			print_json(&out, name, &entries);
		else
			print_table(name, &entries);
	}
	if (command->is_json) {
		json_out_close(&out);
		json_out_newline(&out);
		json_out_finish(&out);
	}
	return command->plot_path ? draw(command, matches->workload[0].id, name) : EXIT_SUCCESS;
}

static int run(struct command *command, const char *argument)
{
	struct matches matches = {.argument = argument};
	char directory[PATH_MAX];
	uint64_t skipped;
	struct error err;

	(void)snprintf(directory, sizeof directory, "%s" STATE_DIRECTORY, command->ctl->root);
	int r = history_open_to_read(directory, &command->history, &err);
	if (r == -ENOENT)
		return fault("there is no history yet: tidemarkd, which keeps it, has not run here");
	if (r == -EACCES)
		return fault("only root may read " STATE_DIRECTORY);
	if (r < 0)
		return fault(err.text);
	r = history_load(command->history, 0, on_workload, NULL, &matches, &skipped, &err);
	int status = EXIT_FAILURE;
	if (r < 0)
		(void)fault(r == -ENOMEM ? "not enough memory" : err.text);
	else
		status = show(command, &matches);
	free(matches.workload);
	history_close(command->history);
	return status;
}

static void print_help(void)
{
	(void)puts("usage: tidemarkctl history [OPTION...] WORKLOAD\n\n"
		   "Shows what was recommended for a workload, what its containers were given, and what came "
		   "of it.\n"
		   "A workload is namespace/owner/container, or its owner or container alone.\n\n"
		   "  --last N         the last N events (40, or with --since all)\n"
		   "  --since TIME     those of the last 2h, 7d, …\n"
		   "  --plot FILE.svg  limits, use and OOM kills over that time (or all), drawn by gnuplot\n"
		   "  --output FORMAT  table or json\n"
		   "  --help           this text");
}

static int take_option(struct command *command, int option)
{
	uint64_t number;

	switch (option) {
	case 'l':
		if (quantity_parse_uint(optarg, strlen(optarg), &number) < 0 || number == 0 ||
		    number > INT_MAX)
			return fault("--last is a number of events");
		command->last = (unsigned)number;
		return EXIT_SUCCESS;
	case 's':
		if (quantity_parse_duration(optarg, &number) < 0 || number == 0 ||
		    number >= command->now_usec)
			return fault("--since is a duration such as 2h or 7d");
		command->since_usec = command->now_usec - number;
		return EXIT_SUCCESS;
	case 'P':
		command->plot_path = optarg;
		return EXIT_SUCCESS;
	case 'o':
		command->is_json = strcmp(optarg, "json") == 0;
		if (!command->is_json && strcmp(optarg, "table") != 0)
			return fault("--output is table or json");
		return EXIT_SUCCESS;
	default:
		return EXIT_FAILURE; /* getopt_long() has said why */
	}
}

int ctl_history(struct ctl *ctl, int argc, char *argv[])
{
	static const struct option options[] = {
		{"last", required_argument, NULL, 'l'}, {"since", required_argument, NULL, 's'},
		{"plot", required_argument, NULL, 'P'}, {"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},       {0},
	};
	struct command command = {.ctl = ctl, .is_json = ctl->output == OUTPUT_JSON};
	const char *argument = NULL;
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	command.now_usec = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
	argc++, argv--; /* getopt_long() expects the command's name in argv[0] */
	optind = 1;
	for (;;) {
		/* "-/web/web" is no option, but a workload outside Kubernetes. */
		bool is_word = optind < argc && strncmp(argv[optind], "-/", 2) == 0;
		int option = is_word ? -1 : getopt_long(argc, argv, "+o:h", options, NULL);
		if (option == 'h') {
			print_help();
			return EXIT_SUCCESS;
		}
		if (option != -1) {
			if (take_option(&command, option) != EXIT_SUCCESS)
				return EXIT_FAILURE;
			continue;
		}
		if (optind >= argc)
			break;
		if (argument)
			return fault("takes one argument, a workload");
		argument = argv[optind++];
	}
	if (!argument || !*argument)
		return fault("takes one argument, a workload; `tidemarkctl status` lists them");
	if (command.last == 0)
		command.last = command.since_usec > 0 ? INT_MAX : LAST_DEFAULT;
	return run(&command, argument);
}
