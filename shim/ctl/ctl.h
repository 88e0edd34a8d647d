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
	OUTPUT_NONE, /* of a command that has one form only */
	OUTPUT_TABLE,
	OUTPUT_JSON,
	OUTPUT_YAML,
	OUTPUT_PATCH,
	OUTPUT_VPA,
	OUTPUT_RUNTIMECLASS,
};

struct ctl {
	const char *root; /* of all the paths below; "" but for a trial of tidemark */
	enum output output;
	const char *namespace; /* what is shown is of this one; NULL: of all */
	struct settings settings;
	struct survey survey;
	bool daemon_runs;
	uint64_t now_usec;
};

/* A path of those below root. Returns a descriptor, or -1 with errno set. */
int ctl_open_path(const struct ctl *ctl, const char *path, int flags);

/* Reads the settings and takes ctl->survey, to be freed by survey_free(). Returns 0 or a negative errno. */
int ctl_open(struct ctl *ctl, struct error *err);

/* The format that a command is asked for by its own --output. Returns 0, or -EINVAL where it has no such, which is
 * said. */
int ctl_parse_output(struct ctl *ctl, const char *command, const char *text);

/* The commands. Each is given its arguments, without its own name, and returns an exit status. */
int ctl_status(struct ctl *ctl, int argc, char *argv[]);
int ctl_explain(struct ctl *ctl, int argc, char *argv[]);
int ctl_recommend(struct ctl *ctl, int argc, char *argv[]);
int ctl_history(struct ctl *ctl, int argc, char *argv[]);
int ctl_top(struct ctl *ctl, int argc, char *argv[]);
int ctl_handler(struct ctl *ctl, int argc, char *argv[]);
int ctl_overhead(struct ctl *ctl, int argc, char *argv[]);
int ctl_replay(struct ctl *ctl, int argc, char *argv[]);

/* Whether a person's argument means this workload: its whole name, or any one of its parts; or this
 * container: its id, of which the first 4 characters will do, or its pod's name. */
bool ctl_workload_matches(const struct survey_workload *workload, const char *argument);
bool ctl_container_matches(const struct survey_container *container, const char *argument);

/* Names come from a container's annotations, which are its maker's word, and faults quote them: what a terminal would
 * take for a command becomes '?', as in fault_tame(). Returns text. */
char *ctl_tame(char *text);

/* A line for people: control characters in it are made harmless. */
__attribute__((format(printf, 2, 3))) void ctl_print_line(FILE *stream, const char *format, ...);
void ctl_print_fault(const char *text);

/* A line of a table. Cells are empty at first; control characters in them are made harmless. */
#define CTL_COLUMNS_MAX 14
#define CTL_CELL_SIZE   1024
struct ctl_line {
	char cell[CTL_COLUMNS_MAX][CTL_CELL_SIZE];
};

/* fill() is asked for each line twice: to measure it, and to print it. */
struct ctl_table {
	const char *const *head;
	size_t n_columns, n_lines; /* without the head */
	unsigned
		words; /* bit c: the column c holds words, to the left; the others hold numbers, to the right */
	int width_max; /* of the screen: the first column is cut to fit; 0: nothing is cut */
	void (*fill)(size_t index, struct ctl_line *line, const void *data);
	const void *data;
};
#define CTL_WORDS_FIRST_AND_LAST(n_columns) (1u | 1u << ((n_columns)-1))
void ctl_print_table(const struct ctl_table *table);

/* "-" for no limit, and for an amount that is not known. Returns buf, or a constant. */
const char *ctl_amount_or_dash(uint64_t bytes, char buf[static QUANTITY_MAX]);
