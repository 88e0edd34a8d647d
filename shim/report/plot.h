/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A picture of amounts over time, an SVG file drawn by gnuplot(1). plot.c is the only file that knows
 * gnuplot. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

enum plot_style {
	PLOT_AREA, /* filled down to 0 */
	PLOT_LINE,
	PLOT_STEPS,  /* each point holds until the next, the last one until the end */
	PLOT_DASHES, /* the same, and what is drawn below is seen through */
	PLOT_MARKS,
};

#define PLOT_GAP UINT64_MAX /* as an amount: nothing is drawn up to the next point */

struct plot_point {
	uint64_t time_usec, bytes;
};

/* One without points is left out. */
struct plot_series {
	const char *title, *colour; /* "#d62728" */
	enum plot_style style;
	struct plot_point *points; /* in the order of time */
	size_t count;
};

/* Returns 0 or -ENOMEM. The points are the caller's to free. */
int plot_add(struct plot_series *series, uint64_t time_usec, uint64_t bytes);

struct plot {
	const char *path;  /* of the file, which is replaced */
	const char *title; /* NULL: none; whatever stands in it is only shown */
	bool is_calendar;  /* the time is CLOCK_REALTIME, shown as local time; else it is days since the
			      beginning */
	uint64_t from_usec, until_usec;
	const struct plot_series *series; /* later ones are drawn over earlier ones */
	size_t n_series;
};

/* Ignores SIGPIPE from then on: a gnuplot that ends early must not take the program along. Returns 0 or
 * -errno; what gnuplot itself has to say goes to stderr. */
int plot_draw(const struct plot *plot, struct error *err);
