/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Draws amounts of memory over time into an SVG file, by gnuplot(1). Only plot.c knows gnuplot. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

enum plot_style {
	PLOT_AREA, /* filled down to 0 */
	PLOT_LINE,
	PLOT_STEPS,  /* each point holds until the next, the last one until the end */
	PLOT_DASHES, /* as PLOT_STEPS, but dashed: a series below shows through */
	PLOT_MARKS,
};

#define PLOT_GAP UINT64_MAX /* as a point's bytes: nothing is drawn up to the next point */

struct plot_point {
	uint64_t time_usec, bytes;
};

/* A series without points is left out. */
struct plot_series {
	const char *title, *colour; /* "#d62728" */
	enum plot_style style;
	struct plot_point *points; /* in the order of time */
	size_t count;
};

/* Adds a point. Returns 0 or -ENOMEM. The caller frees series->points. */
int plot_add(struct plot_series *series, uint64_t time_usec, uint64_t bytes);

struct plot {
	const char *path;  /* the SVG file, which is replaced */
	const char *title; /* NULL: none. gnuplot interprets nothing in it. */
	bool is_calendar;  /* true: times are CLOCK_REALTIME, shown as local time; false: shown in days */
	uint64_t from_usec, until_usec;
	const struct plot_series *series; /* later ones are drawn over earlier ones */
	size_t n_series;
};

/* Returns 0 or -errno. gnuplot's own messages go to stderr. The program ignores SIGPIPE from then on: a
 * gnuplot that ends early must not end the program. */
int plot_draw(const struct plot *plot, struct error *err);
