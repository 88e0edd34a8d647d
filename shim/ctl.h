/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the commands of tidemarkctl share. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cgroups/quantity.h"
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

/* Reads the settings and takes ctl->survey, to be freed by survey_free(). Returns 0 or a negative errno. */
int ctl_open(struct ctl *ctl, struct error *err);

/* The commands. Each is given its arguments, without its own name, and returns an exit status. */
int ctl_status(struct ctl *ctl, int argc, char *argv[]);
int ctl_explain(struct ctl *ctl, int argc, char *argv[]);
int ctl_top(struct ctl *ctl, int argc, char *argv[]);
int ctl_history(struct ctl *ctl, int argc, char *argv[]);

/* Names come from a container's annotations, which are its maker's word, and faults quote them: what a terminal would
 * take for a command becomes '?', as in fault_tame(). Returns text. */
char *ctl_tame(char *text);

/* A line for people: control characters in it are made harmless. */
__attribute__((format(printf, 2, 3))) void ctl_print_line(FILE *stream, const char *format, ...);
void ctl_print_fault(const char *text);

/* A string for programs, in quotes. */
void ctl_print_json_string(const char *text);

/* "-" for no limit, and for an amount that is not known. Returns buf, or a constant. */
const char *ctl_amount_or_dash(uint64_t bytes, char buf[static QUANTITY_MAX]);
