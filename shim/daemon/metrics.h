/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The node as metrics. One table makes the text and its documentation. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cgroups/cost.h"
#include "shim/daemon/node.h"
#include "shim/report/exposition.h"

struct metrics_source {
	const struct node *node;
	const struct cost *process; /* NULL: no metrics of the daemon's process */
	uint64_t started_usec, now_usec;
};

/* A workload without containers is left out if it was last seen this long ago. */
#define METRICS_KEEP_USEC (60 * UINT64_C(60000000))

/* Makes the text from what is in memory. If there are more containers than [report] metrics_containers_max,
 * no container has series of its own; the same holds for workloads and virtual machines. Returns 0 with the
 * text, which the caller frees, or -ENOMEM. */
int metrics_render(const struct metrics_source *source, enum exposition_format format, char **ret_text,
		   size_t *ret_length);

/* Prints a line for each metric: name, type, unit, labels and help, with tabs between them. */
void metrics_print_list(FILE *out);
