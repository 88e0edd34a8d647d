/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The node as metrics: one table, from which the text and its documentation come. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cgroups/cost.h"
#include "shim/daemon/node.h"
#include "shim/report/exposition.h"

struct metrics_source {
	const struct node *node;
	const struct cost *process; /* NULL: nothing is said of the daemon's process */
	uint64_t started_usec, now_usec;
};

/* A workload without containers is left out when it was last seen so long ago. */
#define METRICS_KEEP_USEC (60 * UINT64_C(60000000))

/* Reads only what lies in memory. Where there are more containers than [report] metrics_containers_max, none
 * has a series of its own, and the same with workloads. Returns 0, with the text owned by the caller, or
 * -ENOMEM. */
int metrics_render(const struct metrics_source *source, enum exposition_format format, char **ret_text,
		   size_t *ret_length);

/* A line a metric: name, type, unit, labels and help, by tabs. */
void metrics_print_list(FILE *out);
