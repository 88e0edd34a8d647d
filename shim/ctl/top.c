/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl top: the node's memory, updated at each turn, as a tree of namespaces, pods and containers. */

#include "shim/ctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/array.h"
#include "cgroups/hash.h"
#include "cgroups/pressure.h"

/* Readings in a trend. */
#define TREND 16

/* A line of the tree: a namespace, a pod, or a container. */
struct top_row {
	int level;    /* 0, 1, 2 */
	uint64_t key; /* a hash of the names from level 0 on */
	char name[CONFIG_NAME_SIZE];
	uint64_t used, limit;  /* limit DECISION_UNLIMITED: a container has none */
	uint64_t headroom;     /* the lowest of a container */
	uint32_t pressure;     /* the highest of a container */
	uint64_t trend[TREND]; /* the newest last; 0: not read yet */
	size_t parent;         /* the parent's index; at level 0 the row's own */
	bool alive;            /* seen in this turn */
};

enum order {
	BY_USED,
	BY_LIMIT,
	BY_HEADROOM,
	BY_PRESSURE,
	BY_NAME,
};

static const struct {
	const char *name;
	char letter;
} orders[] = {
	[BY_USED] = {"used", 'u'},         [BY_LIMIT] = {"limit", 'l'}, [BY_HEADROOM] = {"headroom", 'h'},
	[BY_PRESSURE] = {"pressure", 'p'}, [BY_NAME] = {"name", 'n'},
};
#define ORDERS (sizeof orders / sizeof *orders)

struct top {
	struct top_row *rows;
	size_t n_rows;
	size_t *order_of; /* indices of rows, in the order of the screen */
	/* By level: the row found last. The next search mostly finds the same row or the one behind it. */
	size_t found[3];
	enum order order;
	bool is_live; /* stdin and stdout are a terminal */
};

/* ---- The tree ---- */

/* Finds the row with this key, or adds one. Returns its index, or SIZE_MAX without memory. */
static size_t row_find(struct top *top, int level, uint64_t key)
{
	for (size_t i = 0; i < top->n_rows; i++) {
		const size_t at = (top->found[level] + i) % top->n_rows;
		if (top->rows[at].key == key && top->rows[at].level == level)
			return top->found[level] = at;
	}
	struct top_row *rows = array_grow(top->rows, top->n_rows, sizeof *rows);
	if (!rows)
		return SIZE_MAX;
	top->rows = rows;
	size_t *order_of = array_grow(top->order_of, top->n_rows, sizeof *order_of);
	if (!order_of)
		return SIZE_MAX;
	top->order_of = order_of;
	top->rows[top->n_rows] = (struct top_row){.level = level, .key = key, .parent = top->n_rows};
	return top->found[level] = top->n_rows++;
}

static void row_add(struct top_row *row, uint64_t used, uint64_t limit, uint32_t pressure)
{
	const uint64_t headroom = limit == DECISION_UNLIMITED ? DECISION_UNLIMITED
				  : limit > used              ? limit - used
							      : 0;

	if (!row->alive) {
		row->alive = true;
		row->used = row->limit = row->pressure = 0;
		row->headroom = DECISION_UNLIMITED;
		memmove(row->trend, row->trend + 1, sizeof row->trend - sizeof *row->trend);
	}
	row->used += used;
	row->limit = row->limit == DECISION_UNLIMITED || limit == DECISION_UNLIMITED ? DECISION_UNLIMITED
										     : row->limit + limit;
	if (headroom < row->headroom)
		row->headroom = headroom;
	if (pressure > row->pressure)
		row->pressure = pressure;
	row->trend[TREND - 1] = row->used;
}

static int take_container(struct top *top, const struct survey_workload *workload,
			  const struct survey_container *container)
{
	const struct record *record = &container->record;
	const char *const pod = record->pod_name[0] ? record->pod_name : workload->identity.owner;
	const char *const keys[3] = {workload->identity.namespace, pod, record->id};
	const char *const names[3] = {workload->identity.namespace, pod, workload->identity.container};
	/* Two rows with the same hash would be one line: with 64 bits this does not happen in practice. */
	uint64_t key = HASH_BASIS;
	const uint64_t used = memory_working_set(&container->memory), limit = container->effective_bytes;
	size_t parent = SIZE_MAX;

	for (int level = 0; level < 3; level++) {
		key = hash_text(key, keys[level]);
		const size_t at = row_find(top, level, key);
		if (at == SIZE_MAX)
			return -ENOMEM;
		struct top_row *row = &top->rows[at];
		(void)snprintf(row->name, sizeof row->name, "%s", names[level]);
		(void)ctl_tame(row->name);
		row->parent = level > 0 ? parent : at;
		row_add(row, used, limit, container->pressure.some_avg10);
		parent = at;
	}
	return 0;
}

/* Removes the rows that were not seen in this turn. A parent is before its children, and is alive if a child
 * is. So order_of[] has the parent's new index when its children come. */
static void drop_dead(struct top *top)
{
	size_t kept = 0;

	for (size_t i = 0; i < top->n_rows; i++) {
		struct top_row *row = &top->rows[i];
		if (!row->alive)
			continue;
		row->parent = row->level > 0 ? top->order_of[row->parent] : kept;
		top->order_of[i] = kept;
		top->rows[kept++] = *row;
	}
	top->n_rows = kept;
}

static int take_survey(struct top *top, const struct survey *survey)
{
	for (size_t i = 0; i < top->n_rows; i++)
		top->rows[i].alive = false;
	for (size_t i = 0; i < survey->n_workloads; i++)
		for (size_t c = 0; c < survey->workloads[i].n_containers; c++)
			if (survey->workloads[i].containers[c].is_running &&
			    take_container(top, &survey->workloads[i], &survey->workloads[i].containers[c]) <
				    0)
				return -ENOMEM;
	drop_dead(top);
	return 0;
}

/* ---- The order ---- */

static const struct top *sorted; /* qsort(3) has no argument for it */

/* a and b: siblings. Below 0: a is above b. */
static int compare_siblings(const struct top_row *a, const struct top_row *b)
{
	const uint64_t values[][2] = {
		[BY_USED] = {b->used, a->used},
		[BY_LIMIT] = {b->limit, a->limit},
		[BY_HEADROOM] = {a->headroom, b->headroom},
		[BY_PRESSURE] = {b->pressure, a->pressure},
		[BY_NAME] = {0, 0},
	};
	const uint64_t *value = values[sorted->order];

	if (value[0] != value[1])
		return value[0] < value[1] ? -1 : 1;
	const int by_name = strcmp(a->name, b->name);
	return by_name != 0 ? by_name : a->key < b->key ? -1 : a->key > b->key;
}

static size_t ancestor(size_t row, int level)
{
	while (sorted->rows[row].level > level)
		row = sorted->rows[row].parent;
	return row;
}

static int compare_rows(const void *a, const void *b)
{
	const size_t one = *(const size_t *)a, other = *(const size_t *)b;

	for (int level = 0; level < 3; level++) {
		const size_t x = ancestor(one, level), y = ancestor(other, level);
		if (x != y)
			return compare_siblings(&sorted->rows[x], &sorted->rows[y]);
		/* A parent is above its children. */
		if (sorted->rows[one].level == level || sorted->rows[other].level == level)
			return sorted->rows[one].level - sorted->rows[other].level;
	}
	return 0;
}

static void sort_rows(struct top *top)
{
	for (size_t i = 0; i < top->n_rows; i++)
		top->order_of[i] = i;
	sorted = top;
	if (top->n_rows > 0)
		qsort(top->order_of, top->n_rows, sizeof *top->order_of, compare_rows);
}

/* ---- The screen ---- */

/* Draws each reading in eighths of a block. A full block is the limit, or the highest reading if there is no
 * limit or the reading is above it. */
static void put_trend(char cell[static CTL_CELL_SIZE], const struct top_row *row)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	uint64_t most = row->limit == DECISION_UNLIMITED ? 0 : row->limit;

	_Static_assert(TREND * sizeof "█" < CTL_CELL_SIZE, "the trend");
	for (size_t i = 0; i < TREND; i++)
		if (row->trend[i] > most)
			most = row->trend[i];
	for (size_t i = 0; i < TREND; i++) {
		const double share = most > 0 ? (double)row->trend[i] / (double)most : 0;
		(void)strcat(cell, row->trend[i] == 0 ? " " : blocks[(size_t)(share * 7.999)]);
	}
}

static void fill_line(size_t index, struct ctl_line *line, const void *data)
{
	const struct top *top = data;
	const struct top_row *row = &top->rows[top->order_of[index]];
	char amount[QUANTITY_MAX], pressure[PRESSURE_TEXT_MAX];

	(void)snprintf(line->cell[0], CTL_CELL_SIZE, "%*s%s", 2 * row->level, "", row->name);
	(void)snprintf(line->cell[1], CTL_CELL_SIZE, "%s", AMOUNT(row->used));
	(void)snprintf(line->cell[2], CTL_CELL_SIZE, "%s", ctl_amount_or_dash(row->limit, amount));
	(void)snprintf(line->cell[3], CTL_CELL_SIZE, "%s",
		       row->headroom == DECISION_UNLIMITED ? "-" : AMOUNT(row->headroom));
	if (row->limit != DECISION_UNLIMITED && row->limit > 0)
		(void)snprintf(line->cell[4], CTL_CELL_SIZE, "%.0f %%",
			       (double)row->used * 100 / (double)row->limit);
	else
		(void)snprintf(line->cell[4], CTL_CELL_SIZE, "-");
	(void)snprintf(line->cell[5], CTL_CELL_SIZE, "%s", pressure_text(row->pressure, pressure));
	if (top->is_live)
		put_trend(line->cell[6], row);
}

/* lines, columns: of the screen; columns 0: there is none. */
static void print_rows(const struct top *top, size_t lines, int columns)
{
	static const char *const head[] = {"NAME", "NOW", "LIMIT", "HEADROOM", "USE", "PRESSURE", "TREND"};

	ctl_print_table(&(const struct ctl_table){
		.head = head,
		.n_columns = sizeof head / sizeof *head - !top->is_live,
		.n_lines = top->n_rows < lines ? top->n_rows : lines,
		.words = 1u << 0 | 1u << 6,
		.width_max = columns,
		.fill = fill_line,
		.data = top,
	});
}

static void print_screen(const struct top *top, const struct ctl *ctl)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	int columns = 0;
	size_t lines = SIZE_MAX;

	if (top->is_live) {
		(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
		lines = size.ws_row > 4 ? size.ws_row - 4u : 1;
		columns = size.ws_col;
		(void)fputs("\033[H\033[2J", stdout);
	}
	(void)printf("%zu container%s, by %s%s%s\n\n", ctl->survey.n_containers,
		     ctl->survey.n_containers == 1 ? "" : "s", orders[top->order].name,
		     ctl->daemon_runs ? "" : ", daemon NOT RUNNING",
		     top->is_live ? "   (u used, l limit, h headroom, p pressure, n name, q quit)" : "");
	if (top->n_rows == 0)
		(void)puts("No container that was created through tidemark runs here.");
	else
		print_rows(top, lines, columns);
	(void)fflush(stdout);
}

/* ---- Keys ---- */

static struct termios terminal_before;
static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

static int terminal_begin(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	/* Without SA_RESTART: a signal ends the wait. */
	const struct sigaction action = {.sa_handler = on_signal};
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &terminal_before) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)sigaction(signals[i], &action, NULL);
	raw = terminal_before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	(void)fputs("\033[?1049h\033[?25l", stdout); /* another screen, no cursor */
	return 0;
}

static void terminal_end(void)
{
	(void)fputs("\033[?25h\033[?1049l", stdout);
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal_before);
}

/* Waits for a key, msec at most. Returns false if the program is to end. */
static bool wait_for_key(struct top *top, int msec)
{
	struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
	char key;

	if (interrupted || poll(&keys, 1, msec) < 0)
		return !interrupted;
	if (keys.revents == 0)
		return true;
	if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q')
		return false;
	for (size_t i = 0; i < ORDERS; i++)
		if (key == orders[i].letter)
			top->order = (enum order)i;
	return true;
}

/* ---- The command ---- */

static int parse_order(const char *text, enum order *ret)
{
	for (size_t i = 0; i < ORDERS; i++)
		if (strcmp(text, orders[i].name) == 0) {
			*ret = (enum order)i;
			return 0;
		}
	ctl_print_fault("--sort is used, limit, headroom, pressure or name");
	return -EINVAL;
}

static void print_top_help(void)
{
	(void)fputs("usage: tidemarkctl top [OPTION...]\n\n"
		    "The memory of this node's containers as it moves. Where the output is no terminal it is "
		    "printed once.\n\n"
		    "  -d, --delay TIME   between two readings (1s)\n"
		    "  -n, --count N      so many readings, then end\n"
		    "  -s, --sort BY      used (the default), limit, headroom, pressure or name\n"
		    "  -h, --help         this text\n\n"
		    "NOW is the working set, LIMIT the least memory.max of the container's cgroup and those "
		    "above it, HEADROOM\n"
		    "what lies between; PRESSURE the share of the last 10 s in which a process waited for "
		    "memory.\n",
		    stdout);
}

struct top_options {
	uint64_t delay_usec, count; /* count 0: no end */
	enum order order;
};

/* Returns 0; 1 if there is nothing more to do; or -EINVAL. */
static int parse_options(int argc, char *argv[], struct top_options *ret)
{
	static const struct option options[] = {
		{"delay", required_argument, NULL, 'd'},
		{"count", required_argument, NULL, 'n'},
		{"sort", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};

	optind = 0;
	for (int option; (option = getopt_long(argc, argv, "d:n:s:h", options, NULL)) != -1;)
		switch (option) {
		case 'd':
			if (quantity_parse_duration(optarg, &ret->delay_usec) < 0 ||
			    ret->delay_usec < USEC_PER_SEC / 10 || ret->delay_usec > USEC_PER_HOUR) {
				ctl_print_fault("--delay is a duration such as 1s, from 100ms to 1h");
				return -EINVAL;
			}
			break;
		case 'n':
			if (quantity_parse_uint(optarg, strlen(optarg), &ret->count) < 0 || ret->count == 0) {
				ctl_print_fault("--count is a whole number above 0");
				return -EINVAL;
			}
			break;
		case 's':
			if (parse_order(optarg, &ret->order) < 0)
				return -EINVAL;
			break;
		case 'h':
			print_top_help();
			return 1;
		default:
			return -EINVAL;
		}
	if (optind < argc) {
		ctl_print_fault("top takes no argument");
		return -EINVAL;
	}
	return 0;
}

static int show(struct top *top, struct ctl *ctl, const struct top_options *options)
{
	struct error err;

	for (uint64_t turn = 1;; turn++) {
		survey_free(&ctl->survey);
		if (ctl_open(ctl, &err) < 0 || (take_survey(top, &ctl->survey) < 0 &&
						error_errno(&err, ENOMEM, "cannot show the node") < 0)) {
			if (top->is_live)
				terminal_end();
			ctl_print_fault(err.text);
			return EXIT_FAILURE;
		}
		sort_rows(top);
		print_screen(top, ctl);
		if (turn == options->count)
			return EXIT_SUCCESS;
		if (top->is_live) {
			if (!wait_for_key(top, (int)(options->delay_usec / 1000)))
				return EXIT_SUCCESS;
		} else {
			(void)puts("");
			const struct timespec delay = {(time_t)(options->delay_usec / USEC_PER_SEC),
						       (long)(options->delay_usec % USEC_PER_SEC) * 1000};
			(void)nanosleep(&delay, NULL);
		}
	}
}

int ctl_top(struct ctl *ctl, int argc, char *argv[])
{
	struct top_options options = {.delay_usec = USEC_PER_SEC};
	struct top top = {0};

	int r = parse_options(argc + 1, argv - 1, &options);
	if (r != 0)
		return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	top.order = options.order;
	top.is_live = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && terminal_begin() == 0;
	if (!top.is_live && options.count == 0)
		options.count = 1;
	const int status = show(&top, ctl, &options);
	if (top.is_live && status == EXIT_SUCCESS)
		terminal_end();
	free(top.rows);
	free(top.order_of);
	return status;
}
