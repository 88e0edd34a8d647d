/* SPDX-License-Identifier: Apache-2.0 */

/* bench_tuner TRACE.csv…: the size of each series' windows, and the error of their quantiles. In a trace the
 * samples of one series must follow each other. */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/quantity.h"
#include "shim/store/settings.h"
#include "shim/tune/tide.h"
#include "shim/tune/trace.h"
#include "shim/tune/window.h"

#define TRACE_BYTES_MAX (UINT64_C(4) << 30)
#define START_USEC      (UINT64_C(1000000000) * USEC_PER_SEC)

static const double quantiles[] = {0.5, 0.9, 0.95, 0.99};
#define QUANTILES (sizeof quantiles / sizeof *quantiles)

struct sums {
	double worst_error;
	size_t series, window_bytes;
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* The daemon's windows of a workload with one container, for their size; and a window that forgets nothing,
 * for its quantiles. */
struct series {
	struct window daily, recent, container, whole;
	uint64_t *bytes;
	size_t count, size;
};

static void series_begin(struct series *series, const struct settings *settings)
{
	window_init(&series->daily, settings->sampling.slot_usec, settings->sampling.long_window_usec);
	const uint64_t recent_slot_usec = window_recent_slot_usec(settings->sampling.short_window_usec);
	window_init(&series->recent, recent_slot_usec, settings->sampling.short_window_usec);
	window_init(&series->container, recent_slot_usec, settings->sampling.long_window_usec);
	window_init(&series->whole, settings->sampling.slot_usec, 366 * USEC_PER_DAY);
	series->count = 0;
}

static void series_end(struct series *series, struct sums *sums)
{
	uint64_t found[QUANTILES];

	if (series->count == 0)
		return;
	qsort(series->bytes, series->count, sizeof *series->bytes, compare);
	window_quantiles(&series->whole, 0, UINT64_MAX, QUANTILES, quantiles, found);
	for (size_t i = 0; i < QUANTILES; i++) {
		size_t rank = (size_t)ceil(quantiles[i] * (double)series->count);
		double exact = (double)series->bytes[rank > 0 ? rank - 1 : 0];
		if (exact > 0)
			sums->worst_error = fmax(sums->worst_error, fabs((double)found[i] - exact) / exact);
	}
	sums->series++;
	sums->window_bytes += window_memory(&series->daily) + window_memory(&series->recent) +
			      window_memory(&series->container) + sizeof(struct tide);
	window_free(&series->daily);
	window_free(&series->recent);
	window_free(&series->container);
	window_free(&series->whole);
}

static int series_add(struct series *series, const struct trace_sample *sample)
{
	if (series->count == series->size) {
		size_t size = series->size > 0 ? 2 * series->size : 4096;
		uint64_t *bytes = reallocarray(series->bytes, size, sizeof *bytes);
		if (!bytes)
			return -ENOMEM;
		series->bytes = bytes;
		series->size = size;
	}
	series->bytes[series->count++] = sample->bytes;
	struct window *const windows[] = {&series->daily, &series->recent, &series->container,
					  &series->whole};
	int r = 0;
	for (size_t i = 0; i < 4 && r >= 0; i++)
		r = window_add(windows[i], START_USEC + sample->time_usec, sample->bytes);
	return r;
}

static int measure(const char *path, const struct settings *settings, struct sums *sums, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t length;
	struct trace_sample sample, last = {0};
	struct series series = {0};

	int r = file_load_at(AT_FDCWD, path, TRACE_BYTES_MAX, &text, &length, err);
	if (r < 0)
		return r;
	struct trace trace = {.name = path, .at = text, .end = text + length};
	while ((r = trace_next(&trace, &sample, err)) > 0) {
		if (sample.series_length != last.series_length ||
		    memcmp(sample.series, last.series, last.series_length) != 0) {
			series_end(&series, sums);
			series_begin(&series, settings);
			last = sample;
		}
		if (series_add(&series, &sample) < 0)
			return error_errno(err, ENOMEM, "cannot measure %s", path);
	}
	series_end(&series, sums);
	free(series.bytes);
	return r;
}

int main(int argc, char *argv[])
{
	struct sums sums = {0};
	struct settings settings;
	struct error err;

	settings_default(&settings);
	for (int i = 1; i < argc; i++)
		if (measure(argv[i], &settings, &sums, &err) < 0) {
			(void)fprintf(stderr, "bench_tuner: %s\n", err.text);
			return EXIT_FAILURE;
		}
	if (sums.series == 0)
		return EXIT_FAILURE;
	(void)printf("bench tuner.sketch_max_rel_error %.5f ratio\n", sums.worst_error);
	(void)printf("bench tuner.window_bytes_per_container %zu bytes\n", sums.window_bytes / sums.series);
	return EXIT_SUCCESS;
}
