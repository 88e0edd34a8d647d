/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/array.h"
#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/quantity.h"

/* The most points of an area or a line. More would not be visible, and make the file large. */
#define PLOT_POINTS 800

extern char **environ;

static const char *const styles[] = {
	[PLOT_AREA] = "filledcurves y=0 fillstyle solid noborder fillcolor",
	[PLOT_LINE] = "lines linewidth 1.5 linecolor",
	[PLOT_STEPS] = "steps linewidth 2 linecolor",
	[PLOT_DASHES] = "steps linewidth 2 dashtype 2 linecolor",
	[PLOT_MARKS] = "points pointtype 2 pointsize 1.2 linewidth 2.5 linecolor",
};

int plot_add(struct plot_series *series, uint64_t time_usec, uint64_t bytes)
{
	struct plot_point *points = array_grow(series->points, series->count, sizeof *points);
	if (!points)
		return -ENOMEM;
	series->points = points;
	series->points[series->count++] = (struct plot_point){time_usec, bytes};
	return 0;
}

/* In single quotes gnuplot interprets only the quote, which is doubled, and the end of the line. */
static void print_quoted(FILE *script, const char *text)
{
	(void)fputc('\'', script);
	for (const char *c = text; *c; c++)
		if (*c == '\'')
			(void)fputs("''", script);
		else
			(void)fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, script);
	(void)fputc('\'', script);
}

/* gnuplot knows no time zones: it is given local time as if it were UTC. */
static double plot_time(const struct plot *plot, uint64_t time_usec)
{
	time_t seconds = (time_t)(time_usec / USEC_PER_SEC);
	struct tm local;

	if (!plot->is_calendar)
		return (double)time_usec / (double)USEC_PER_DAY;
	return (double)seconds + (localtime_r(&seconds, &local) ? (double)local.tm_gmtoff : 0);
}

static bool is_in(const struct plot *plot, const struct plot_point *point)
{
	return point->time_usec >= plot->from_usec && point->time_usec <= plot->until_usec;
}

static uint64_t plot_unit(const struct plot *plot)
{
	uint64_t highest = 0;

	for (size_t i = 0; i < plot->n_series; i++)
		for (size_t k = 0; k < plot->series[i].count; k++) {
			const struct plot_point *point = &plot->series[i].points[k];
			if (point->bytes != PLOT_GAP && point->bytes > highest && is_in(plot, point))
				highest = point->bytes;
		}
	return highest >= 2 * GIB ? GIB : MIB;
}

static void print_point(FILE *script, const struct plot *plot, uint64_t time_usec, uint64_t bytes,
			uint64_t unit)
{
	(void)fprintf(script, plot->is_calendar ? "%.0f " : "%.4f ", plot_time(plot, time_usec));
	if (bytes == PLOT_GAP)
		(void)fputs("NaN\n", script);
	else
		(void)fprintf(script, "%.5g\n", (double)bytes / (double)unit);
}

/* If an area or a line has too many points, the highest point of each stretch stands for the stretch. */
static void print_points(FILE *script, const struct plot *plot, const struct plot_series *series,
			 uint64_t unit)
{
	bool is_dense = series->style == PLOT_AREA || series->style == PLOT_LINE;
	size_t step = is_dense ? (series->count + PLOT_POINTS - 1) / PLOT_POINTS : 1;

	for (size_t i = 0; i < series->count; i += step) {
		uint64_t bytes = 0;
		size_t end = i + step < series->count ? i + step : series->count;
		for (size_t k = i; k < end; k++)
			if (series->points[k].bytes > bytes &&
			    (series->points[k].bytes != PLOT_GAP || k + 1 == end))
				bytes = series->points[k].bytes;
		print_point(script, plot, series->points[i].time_usec, bytes, unit);
	}
	const struct plot_point *last = &series->points[series->count - 1];
	if ((series->style == PLOT_STEPS || series->style == PLOT_DASHES) &&
	    last->time_usec < plot->until_usec)
		print_point(script, plot, plot->until_usec, last->bytes, unit);
}

static void print_axes(FILE *script, const struct plot *plot, uint64_t unit)
{
	(void)fprintf(script, "set format y '%%g%s'\nset yrange [0:*]\n", unit == GIB ? "Gi" : "Mi");
	if (plot->is_calendar) {
		uint64_t span_usec = plot->until_usec - plot->from_usec;
		(void)fprintf(
			script,
			"set xdata time\nset timefmt '%%s'\nset format x %s\nset xrange ['%.0f':'%.0f']\n",
			span_usec <= 2 * USEC_PER_DAY ? "\"%H:%M\\n%d %b\"" : "'%d %b'",
			plot_time(plot, plot->from_usec), plot_time(plot, plot->until_usec));
	} else {
		(void)fputs("set xlabel 'days'\n", script);
	}
}

static void print_script(FILE *script, const struct plot *plot)
{
	const uint64_t unit = plot_unit(plot);
	const char *separator = "plot ";

	(void)fputs("set output ", script);
	print_quoted(script, plot->path);
	(void)fputs("\nset terminal svg size 900,380 background 'white'\n"
		    "set key outside bottom center horizontal noenhanced\nset grid\nset border 3\nset tics "
		    "out nomirror\n",
		    script);
	if (plot->title) {
		(void)fputs("set title ", script);
		print_quoted(script, plot->title);
		(void)fputs(" noenhanced\n", script);
	}
	print_axes(script, plot, unit);
	for (size_t i = 0; i < plot->n_series; i++) {
		if (plot->series[i].count == 0)
			continue;
		(void)fprintf(script, "$series%zu << EOD\n", i);
		print_points(script, plot, &plot->series[i], unit);
		(void)fputs("EOD\n", script);
	}
	for (size_t i = 0; i < plot->n_series; i++) {
		const struct plot_series *series = &plot->series[i];
		if (series->count == 0)
			continue;
		(void)fprintf(script, "%s$series%zu using 1:2 with %s '%s' title ", separator, i,
			      styles[series->style], series->colour);
		print_quoted(script, series->title);
		separator = ", ";
	}
	(void)fputc('\n', script);
}

static int run_gnuplot(const char *script, size_t length, const char *path, struct error *err)
{
	char *const argv[] = {(char[]){"gnuplot"}, NULL};
	posix_spawn_file_actions_t actions;
	int pipe_fd[2], status = 0;
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	(void)posix_spawn_file_actions_init(&actions);
	int code = posix_spawn_file_actions_adddup2(&actions, pipe_fd[0], STDIN_FILENO);
	if (code == 0)
		code = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipe_fd[0]);
	if (code != 0) {
		(void)close(pipe_fd[1]);
		if (code == ENOENT)
			return error_set(err, ENOENT, "--plot draws with gnuplot, which is not installed");
		return error_errno(err, code, "cannot run gnuplot");
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)file_write(pipe_fd[1], script, length); /* if it fails, gnuplot has ended and said why */
	(void)close(pipe_fd[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, EIO, "gnuplot could not draw %s", path);
	return 0;
}

int plot_draw(const struct plot *plot, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t length;

	FILE *script = open_memstream(&text, &length);
	if (!script)
		return error_errno(err, ENOMEM, "cannot draw %s", plot->path);
	print_script(script, plot);
	/* After a failed write, later writes may succeed again. */
	const bool is_whole = !ferror(script);
	if (fclose(script) != 0 || !is_whole || !text)
		return error_errno(err, ENOMEM, "cannot draw %s", plot->path);
	return run_gnuplot(text, length, plot->path, err);
}
