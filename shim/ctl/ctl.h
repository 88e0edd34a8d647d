/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the commands of tidemarkctl share. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cgroups/quantity.h"
#include "shim/ctl/survey.h"
#include "shim/store/settings.h"

#define AMOUNT(bytes) quantity_format_bytes(bytes, (char[QUANTITY_MAX]){0})

enum output {
	OUTPUT_NONE, /* for a command that has one form only */
	OUTPUT_TABLE,
	OUTPUT_JSON,
	OUTPUT_YAML,
	OUTPUT_PATCH,
	OUTPUT_VPA,
	OUTPUT_RUNTIMECLASS,
};

struct ctl {
	const char *root; /* is put before each path; "" except in a trial of tidemark */
	enum output output;
	const char *namespace; /* only this one is shown; NULL: all */
	struct settings settings;
	struct survey survey;
	bool daemon_runs;
	uint64_t now_usec;
};

/* Opens a path below root. Returns a descriptor, or -1 with errno set. */
int ctl_open_path(const struct ctl *ctl, const char *path, int flags);

/* Reads the settings and takes ctl->survey, to be freed by survey_free(). Returns 0 or a negative errno. */
int ctl_open(struct ctl *ctl, struct error *err);

/* For a command that has --output among its own options: sets ctl->output. Returns 0; or -EINVAL after a
 * message on stderr, if the command has no such format. */
int ctl_parse_output(struct ctl *ctl, const char *command, const char *text);

/* The commands. Each gets its arguments without its own name, and returns an exit status. */
int ctl_status(struct ctl *ctl, int argc, char *argv[]);
int ctl_explain(struct ctl *ctl, int argc, char *argv[]);
int ctl_recommend(struct ctl *ctl, int argc, char *argv[]);
int ctl_history(struct ctl *ctl, int argc, char *argv[]);
int ctl_top(struct ctl *ctl, int argc, char *argv[]);
int ctl_handler(struct ctl *ctl, int argc, char *argv[]);
int ctl_overhead(struct ctl *ctl, int argc, char *argv[]);
int ctl_replay(struct ctl *ctl, int argc, char *argv[]);

/* Whether an argument of the command line means this workload: its whole name, its owner or its
 * container's name. Whether it means this container: its id, or at least the first 4 characters of it, or
 * its pod's name. */
bool ctl_workload_matches(const struct survey_workload *workload, const char *argument);
bool ctl_container_matches(const struct survey_container *container, const char *argument);

/* fault_tame(): a name may come from a container's annotations, which its author wrote. Returns text. */
char *ctl_tame(char *text);

/* Print a line for people, made harmless by ctl_tame(). ctl_print_fault() prints to stderr,
 * after "tidemarkctl: ". */
__attribute__((format(printf, 2, 3))) void ctl_print_line(FILE *stream, const char *format, ...);
void ctl_print_fault(const char *text);

/* A line of a table. Cells are "" at first. They are printed made harmless by ctl_tame(). */
#define CTL_COLUMNS_MAX 14
#define CTL_CELL_SIZE   1024
struct ctl_line {
	char cell[CTL_COLUMNS_MAX][CTL_CELL_SIZE];
};

/* fill() is called twice for each line: to measure it and to print it. */
struct ctl_table {
	const char *const *head;
	size_t n_columns, n_lines; /* without the head */
	/* Bit c: column c has words, and is aligned to the left. Others have numbers, and are aligned
	 * to the right. */
	unsigned words;
	int width_max; /* characters: the first column is cut to fit the screen; 0: nothing is cut */
	void (*fill)(size_t index, struct ctl_line *line, const void *data);
	const void *data;
};
#define CTL_WORDS_FIRST_AND_LAST(n_columns) (1u | 1u << ((n_columns)-1))
void ctl_print_table(const struct ctl_table *table);

/* The amount, or "-" for no limit (DECISION_UNLIMITED) and for not known (0). Returns buf, or a constant. */
const char *ctl_amount_or_dash(uint64_t bytes, char buf[static QUANTITY_MAX]);
