/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/window.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"

#define NOW  (UINT64_C(1700000000) * USEC_PER_SEC)
#define SLOT (15 * USEC_PER_MIN)
#define SPAN USEC_PER_DAY

static uint64_t random_state;

/* xorshift64*: the same numbers everywhere, unlike rand(). In [0, 1). */
static double random_share(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (double)(random_state * UINT64_C(0x2545f4914f6cdd1d) >> 11) * 0x1p-53;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void assert_near(uint64_t value, uint64_t exact)
{
	uint64_t off = value > exact ? value - exact : exact - value;
	if ((double)off > (double)exact / 100)
		fail_msg("%" PRIu64 " is more than 1 %% away from %" PRIu64, value, exact);
}

static struct observed observe(const struct window *window, uint64_t from_usec)
{
	struct observed observed;
	window_observe(window, from_usec, UINT64_MAX, &observed);
	return observed;
}

static uint64_t median(const struct window *window)
{
	uint64_t bytes;
	window_quantiles(window, 0, UINT64_MAX, 1, &(const double){0.5}, &bytes);
	return bytes;
}

static void add(struct window *window, uint64_t at_usec, uint64_t bytes)
{
	assert_true(window_add(window, at_usec, bytes) >= 0);
}

static void new_window_says_nothing(void **state)
{
	(void)state;
	struct window window;
	struct slot_bytes closed;

	window_init(&window, SLOT, SPAN);
	struct observed observed = observe(&window, 0);
	assert_int_equal(observed.samples, 0);
	assert_int_equal(observed.since_usec, 0);
	assert_int_equal(median(&window), 0);
	assert_false(window_closed_before(&window, 0, &closed));
	assert_int_equal(window_close_slot(&window, NOW), 0);
	window_free(&window);
	window_free(&window);
}

static void count_sum_and_max_are_exact(void **state)
{
	(void)state;
	struct window window;

	window_init(&window, SLOT, SPAN);
	add(&window, NOW, 1001);
	add(&window, NOW + 1, 2002);
	add(&window, NOW + 2, 600003);
	struct observed observed = observe(&window, 0);
	assert_int_equal(observed.samples, 3);
	assert_int_equal(observed.avg_bytes, 603006 / 3);
	assert_int_equal(observed.max_bytes, 600003);
	assert_int_equal(observed.since_usec, NOW);
	assert_int_equal(observed.until_usec, NOW + 2);
	window_free(&window);
}

static void every_size_is_told_within_one_percent(void **state)
{
	(void)state;
	random_state = 1;
	for (int i = 0; i < 20000; i++) {
		struct window window;
		uint64_t bytes = (uint64_t)(random_share() * 0x1p63) >> (unsigned)(random_share() * 63);
		window_init(&window, SLOT, SPAN);
		add(&window, NOW, bytes);
		add(&window, NOW, UINT64_MAX); /* or the median would be cut at max */
		assert_near(median(&window), bytes);
		window_free(&window);
	}
}

static void quantiles_are_within_one_percent_of_exact_ones(void **state)
{
	(void)state;
	enum { N = 86400 };
	static const double q[] = {0.0, 0.5, 0.9, 0.95, 0.99, 1.0};
	static const size_t rank[] = {1, N / 2, N / 10 * 9, N / 20 * 19, N / 100 * 99, N};
	uint64_t *sizes = calloc(N, sizeof *sizes);
	uint64_t told[6];
	struct window window;

	/* A day of a program that grows, breathes, and has rare spikes: the shape that a right-sizer meets.
	 */
	random_state = 42;
	window_init(&window, SLOT, SPAN);
	for (uint64_t i = 0; i < N; i++) {
		double mib = 100 + (double)i / 2000 + 20 * (double)(i % 9000) / 9000 + 3 * random_share();
		if (random_share() < 0.01)
			mib *= 1 + 3 * random_share();
		sizes[i] = (uint64_t)(mib * (double)MIB);
		add(&window, NOW + i * USEC_PER_SEC, sizes[i]);
	}
	qsort(sizes, N, sizeof *sizes, compare);
	window_quantiles(&window, 0, UINT64_MAX, 6, q, told);
	for (size_t i = 0; i < 6; i++)
		assert_near(told[i], sizes[rank[i] - 1]);
	assert_int_equal(observe(&window, 0).p95_bytes, told[3]);
	assert_int_equal(observe(&window, 0).samples, N);
	assert_int_equal(observe(&window, 0).max_bytes, sizes[N - 1]);
	assert_true(window_memory(&window) <= 4096);
	window_free(&window);
	free(sizes);
}

/* What window_add() makes of one series of tests/fixtures/traces.csv against the sorted samples. */
static void check_series(struct window *window, uint64_t *sizes, size_t count)
{
	static const double q[] = {0.5, 0.9, 0.95, 0.99};
	static const size_t percent[] = {50, 90, 95, 99};
	uint64_t told[4], sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += sizes[i];
	qsort(sizes, count, sizeof *sizes, compare);
	window_quantiles(window, 0, UINT64_MAX, 4, q, told);
	for (size_t i = 0; i < 4; i++)
		assert_near(told[i], sizes[(count * percent[i] + 99) / 100 - 1]);
	const struct observed seen = observe(window, 0);
	assert_int_equal(seen.samples, count);
	assert_int_equal(seen.avg_bytes, sum / count);
	assert_int_equal(seen.max_bytes, sizes[count - 1]);
	window_free(window);
}

static void quantiles_of_real_traces_are_within_one_percent_of_exact_ones(void **state)
{
	(void)state;
	enum { SAMPLES_MAX = 2000 };
	char path[512], series[64] = "", name[64], line[128];
	uint64_t *sizes = calloc(SAMPLES_MAX, sizeof *sizes), time_s, bytes;
	size_t count = 0, n_series = 0;
	struct window window;

	(void)snprintf(path, sizeof path, "%s/traces.csv", getenv("TIDEMARK_FIXTURES"));
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof line, file)); /* the head */
	while (fgets(line, sizeof line, file)) {
		assert_int_equal(sscanf(line, "%63[^,],%" SCNu64 ",%" SCNu64, name, &time_s, &bytes), 3);
		if (strcmp(name, series) != 0) {
			if (count > 0)
				check_series(&window, sizes, count);
			strcpy(series, name);
			window_init(&window, SLOT, 2 * SPAN);
			count = 0;
			n_series++;
		}
		assert_true(count < SAMPLES_MAX);
		sizes[count++] = bytes;
		add(&window, NOW + time_s * USEC_PER_SEC, bytes);
	}
	check_series(&window, sizes, count);
	assert_int_equal(n_series, 4);
	(void)fclose(file);
	free(sizes);
}

static void one_window_shows_both_spans_of_a_container(void **state)
{
	(void)state;
	const uint64_t recent = 15 * USEC_PER_MIN;
	struct window window;

	window_init(&window, window_recent_slot_usec(recent), SPAN);
	uint64_t now = NOW;
	for (; now < NOW + USEC_PER_DAY; now += 10 * USEC_PER_SEC)
		add(&window, now, now < NOW + USEC_PER_DAY - recent ? 300 * MIB : 100 * MIB);
	assert_int_equal(observe(&window, 0).max_bytes, 300 * MIB);
	/* To a slot, a fifth of the span. */
	const struct observed seen = observe(&window, now - recent + window_recent_slot_usec(recent));
	assert_int_equal(seen.max_bytes, 100 * MIB);
	assert_in_range(seen.until_usec - seen.since_usec, recent - 2 * window_recent_slot_usec(recent),
			recent);
	assert_true(window_memory(&window) <= 2048);
	window_free(&window);
}

static void slot_closes_when_its_time_is_over(void **state)
{
	(void)state;
	struct window window;
	struct slot_bytes closed;

	window_init(&window, SLOT, SPAN);
	assert_int_equal(window_add(&window, NOW, MIB), 0);
	assert_int_equal(window_add(&window, NOW + SLOT - 1, 2 * MIB), 0);
	assert_int_equal(window_add(&window, NOW + SLOT, 3 * MIB), WINDOW_SLOT_CLOSED);
	assert_true(window_closed_before(&window, 0, &closed));
	assert_int_equal(closed.start_usec, NOW);
	assert_int_equal(closed.end_usec, NOW + SLOT - 1);

	struct slot slot;
	assert_int_equal(slot_decode(closed.data, closed.length, &slot), 0);
	assert_int_equal(slot.count, 2);
	assert_int_equal(slot.sum_bytes, 3 * MIB);
	assert_int_equal(slot.max_bytes, 2 * MIB);

	assert_int_equal(window_roll(&window, NOW + 2 * SLOT - 1), 0);
	assert_int_equal(window_roll(&window, NOW + 2 * SLOT), WINDOW_SLOT_CLOSED);
	assert_int_equal(window_roll(&window, NOW + 9 * SLOT), 0);
	window_free(&window);
}

static void samples_allocate_nothing_in_the_steady_state(void **state)
{
	(void)state;
	struct window window;

	window_init(&window, SLOT, SPAN);
	for (uint64_t i = 0; i < 900; i++)
		add(&window, NOW + i * USEC_PER_SEC, (100 + i % 20) * MIB);
	add(&window, NOW + SLOT, 100 * MIB); /* closes */
	const void *bins = window.bins, *slots = window.closed;
	size_t memory = window_memory(&window);
	for (uint64_t i = 1; i < 900; i++)
		assert_int_equal(window_add(&window, NOW + SLOT + i * USEC_PER_SEC, (100 + i % 20) * MIB), 0);
	assert_ptr_equal(window.bins, bins);
	assert_ptr_equal(window.closed, slots);
	assert_int_equal(window_memory(&window), memory);
	window_free(&window);
}

static void exit_peak_counts_in_max_only(void **state)
{
	(void)state;
	struct window window;

	window_init(&window, SLOT, SPAN);
	for (uint64_t i = 0; i < 10; i++)
		add(&window, NOW + i * USEC_PER_SEC, 100 * MIB);
	for (uint64_t i = 10; i < 20; i++)
		assert_int_equal(window_add_peak(&window, NOW + i * USEC_PER_SEC, 900 * MIB, true), 0);
	struct observed observed = observe(&window, 0);
	assert_int_equal(observed.samples, 10);
	assert_int_equal(observed.avg_bytes, 100 * MIB);
	assert_near(observed.p95_bytes, 100 * MIB);
	assert_int_equal(observed.max_bytes, 900 * MIB);
	window_free(&window);
}

static void container_too_short_to_be_sampled_counts_with_its_peak(void **state)
{
	(void)state;
	struct window window;

	window_init(&window, SLOT, SPAN);
	for (uint64_t i = 0; i < 100; i++)
		assert_true(window_add_peak(&window, NOW + i * USEC_PER_MIN, 50 * MIB, false) >= 0);
	struct observed observed = observe(&window, 0);
	assert_int_equal(observed.samples, 100);
	assert_near(observed.p95_bytes, 50 * MIB);
	assert_int_equal(observed.max_bytes, 50 * MIB);
	window_free(&window);
}

static void slot_of_nothing_but_a_peak_survives_a_restart(void **state)
{
	(void)state;
	struct window window, again;
	struct slot_bytes closed;

	window_init(&window, SLOT, SPAN);
	window_init(&again, SLOT, SPAN);
	assert_int_equal(window_add_peak(&window, NOW, 70 * MIB, true), 0);
	assert_int_equal(window_close_slot(&window, NOW), WINDOW_SLOT_CLOSED);
	assert_true(window_closed_before(&window, 0, &closed));
	assert_int_equal(window_restore(&again, closed.data, closed.length), 0);
	assert_int_equal(observe(&again, 0).samples, 0);
	assert_int_equal(observe(&again, 0).max_bytes, 70 * MIB);
	window_free(&window);
	window_free(&again);
}

static void restart_brings_everything_back(void **state)
{
	(void)state;
	static const double q[] = {0.01, 0.5, 0.9, 0.95, 0.99};
	uint64_t before[5], after[5];
	struct window window, again;
	struct slot_bytes closed;

	random_state = 7;
	window_init(&window, SLOT, SPAN);
	window_init(&again, SLOT, SPAN);
	uint64_t now = NOW;
	for (int i = 0; i < 20000; i++, now += 4 * USEC_PER_SEC)
		if (window_add(&window, now, (uint64_t)(random_share() * 1e9)) > 0) {
			assert_true(window_closed_before(&window, 0, &closed));
			assert_int_equal(window_restore(&again, closed.data, closed.length), 0);
		}
	assert_int_equal(window_close_slot(&window, now), WINDOW_SLOT_CLOSED);
	assert_true(window_closed_before(&window, 0, &closed));
	assert_int_equal(window_restore(&again, closed.data, closed.length), 0);

	struct observed one = observe(&window, 0), other = observe(&again, 0);
	assert_memory_equal(&one, &other, sizeof one);
	assert_int_equal(one.samples, 20000);
	window_quantiles(&window, 0, UINT64_MAX, 5, q, before);
	window_quantiles(&again, 0, UINT64_MAX, 5, q, after);
	assert_memory_equal(before, after, sizeof before);
	window_free(&window);
	window_free(&again);
}

static void old_slots_leave_the_window(void **state)
{
	(void)state;
	struct window window;

	window_init(&window, SLOT, SPAN);
	add(&window, NOW, 900 * MIB);
	for (uint64_t minute = 60; minute < 3 * 24 * 60; minute++)
		add(&window, NOW + minute * USEC_PER_MIN, 100 * MIB);
	struct observed observed = observe(&window, 0);
	assert_int_equal(observed.max_bytes, 100 * MIB);
	/* In pieces of at most a twelfth of the span, and never too early. */
	assert_in_range(observed.samples, 24 * 60, 26 * 60 + 15);
	assert_in_range(observed.until_usec - observed.since_usec, SPAN - SLOT, SPAN + SPAN / 12 + SLOT);
	window_free(&window);
}

static void short_window_sees_the_newest_slots_only(void **state)
{
	(void)state;
	struct window window;

	window_init(&window, SLOT, SPAN);
	for (uint64_t minute = 0; minute < 600; minute++)
		add(&window, NOW + minute * USEC_PER_MIN, (minute < 540 ? 100 : 300) * MIB);
	uint64_t now = NOW + 600 * USEC_PER_MIN;
	struct observed observed = observe(&window, now - 15 * USEC_PER_MIN);
	assert_int_equal(observed.avg_bytes, 300 * MIB);
	assert_in_range(observed.samples, 15, 30);
	assert_in_range(window_samples(&window, now - USEC_PER_HOUR, UINT64_MAX), 60, 75);

	window_observe(&window, 0, NOW + USEC_PER_HOUR, &observed);
	assert_int_equal(observed.max_bytes, 100 * MIB);
	window_free(&window);
}

static void fourteen_days_take_no_more_room_than_one(void **state)
{
	(void)state;
	struct window window;

	random_state = 3;
	window_init(&window, SLOT, 14 * USEC_PER_DAY);
	for (uint64_t i = 0; i < 20 * 24 * 360; i++)
		add(&window, NOW + i * 10 * USEC_PER_SEC,
		    (uint64_t)((100 + 10 * random_share()) * (double)MIB));
	assert_in_range(observe(&window, 0).samples, 14 * 24 * 360, 16 * 24 * 360);
	assert_true(window_memory(&window) <= 4096);
	window_free(&window);
}

static void small_step_back_of_the_clock_stays_in_the_open_slot(void **state)
{
	(void)state;
	struct window window;

	window_init(&window, SLOT, SPAN);
	add(&window, NOW, MIB);
	assert_int_equal(window_add(&window, NOW - 5 * USEC_PER_MIN, 2 * MIB), 0);
	struct observed observed = observe(&window, 0);
	assert_int_equal(observed.samples, 2);
	assert_int_equal(observed.since_usec, NOW);
	assert_int_equal(observed.until_usec, NOW);
	window_free(&window);
}

static void large_step_back_of_the_clock_keeps_the_history(void **state)
{
	(void)state;
	struct window window;

	window_init(&window, SLOT, SPAN);
	for (uint64_t minute = 0; minute < 120; minute++)
		add(&window, NOW + minute * USEC_PER_MIN, 100 * MIB);
	uint64_t back = NOW - 3 * USEC_PER_HOUR;
	assert_int_equal(window_add(&window, back, 200 * MIB), WINDOW_SLOT_CLOSED);
	for (uint64_t minute = 1; minute < 120; minute++)
		add(&window, back + minute * USEC_PER_MIN, 200 * MIB);
	assert_int_equal(observe(&window, back - SPAN).samples, 240);

	struct slot_bytes closed;
	struct slot slot;
	assert_true(window_closed_before(&window, 0, &closed));
	assert_true(closed.start_usec <= closed.end_usec);
	assert_int_equal(slot_decode(closed.data, closed.length, &slot), 0);
	window_free(&window);
}

static void step_forward_closes_the_slot(void **state)
{
	(void)state;
	struct window window;

	window_init(&window, SLOT, SPAN);
	add(&window, NOW, MIB);
	assert_int_equal(window_add(&window, NOW + 10 * USEC_PER_HOUR, 2 * MIB), WINDOW_SLOT_CLOSED);
	assert_int_equal(observe(&window, NOW + USEC_PER_HOUR).samples, 1);
	assert_int_equal(observe(&window, NOW).samples, 2);
	window_free(&window);
}

static void slots_from_a_clock_years_ahead_are_dropped(void **state)
{
	(void)state;
	struct window window;

	window_init(&window, SLOT, SPAN);
	add(&window, NOW + 1000 * USEC_PER_DAY, 900 * MIB);
	add(&window, NOW, 100 * MIB);
	add(&window, NOW + SLOT, 100 * MIB);
	assert_int_equal(observe(&window, 0).max_bytes, 100 * MIB);
	window_free(&window);
}

static void clock_that_jumps_all_the_time_cannot_eat_memory(void **state)
{
	(void)state;
	struct window window;

	random_state = 9;
	window_init(&window, SLOT, SPAN);
	for (int i = 0; i < 50000; i++) {
		uint64_t at = NOW + (uint64_t)(random_share() * (double)SPAN);
		assert_true(window_add(&window, at, (uint64_t)(random_share() * 1e9)) >= 0);
	}
	assert_true(window_memory(&window) <= 4096);
	window_free(&window);
}

static void extreme_times_and_sizes_do_no_harm(void **state)
{
	(void)state;
	struct window window;
	static const uint64_t times[] = {0, UINT64_MAX, 1, UINT64_MAX / 2, UINT64_MAX, 0};

	window_init(&window, SLOT, SPAN);
	for (size_t i = 0; i < 6; i++) {
		add(&window, times[i], UINT64_MAX);
		add(&window, times[i], 0);
	}
	struct observed observed = observe(&window, 0);
	assert_int_equal(observed.max_bytes, UINT64_MAX);
	assert_true(observed.avg_bytes <= observed.max_bytes);
	window_free(&window);
}

static void merging_two_slots_is_as_if_they_were_one(void **state)
{
	(void)state;
	struct window one, two, both;
	struct slot_bytes bytes;
	static struct slot merged, whole;

	random_state = 11;
	window_init(&one, SLOT, SPAN);
	window_init(&two, SLOT, SPAN);
	window_init(&both, SLOT, SPAN);
	for (uint64_t i = 0; i < 800; i++) {
		uint64_t bytes_used = (uint64_t)(random_share() * 1e8);
		add(i % 3 ? &one : &two, NOW + i * USEC_PER_SEC, bytes_used);
		add(&both, NOW + i * USEC_PER_SEC, bytes_used);
	}
	struct window *const windows[] = {&one, &two};
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(window_close_slot(windows[i], NOW + SLOT), WINDOW_SLOT_CLOSED);
		assert_true(window_closed_before(windows[i], 0, &bytes));
		assert_int_equal(slot_merge(&merged, bytes.data, bytes.length), 0);
	}
	assert_int_equal(window_close_slot(&both, NOW + SLOT), WINDOW_SLOT_CLOSED);
	assert_true(window_closed_before(&both, 0, &bytes));
	assert_int_equal(slot_decode(bytes.data, bytes.length, &whole), 0);
	assert_memory_equal(&merged, &whole, sizeof whole);

	uint8_t data[SLOT_BYTES_MAX];
	assert_int_equal(slot_encode(&merged, data), bytes.length);
	assert_memory_equal(data, bytes.data, bytes.length);
	window_free(&one);
	window_free(&two);
	window_free(&both);
}

static void slot_with_every_bucket_fits_the_bound(void **state)
{
	(void)state;
	static struct slot slot, again;
	uint8_t data[SLOT_BYTES_MAX];

	slot = (struct slot){.start_usec = UINT64_MAX, .end_usec = UINT64_MAX, .max_bytes = UINT64_MAX};
	slot.sum_bytes = UINT64_MAX;
	for (size_t i = 0; i < SLOT_BUCKETS; i += 2) {
		slot.buckets[i] = UINT64_C(1) << 28;
		slot.count += slot.buckets[i];
	}
	size_t length = slot_encode(&slot, data);
	assert_true(length <= sizeof data);
	assert_int_equal(slot_decode(data, length, &again), 0);
	assert_memory_equal(&slot, &again, sizeof slot);
}

static void slot_that_makes_no_sense_is_refused(void **state)
{
	(void)state;
	static const struct {
		uint8_t data[16];
		size_t length;
		int result;
	} cases[] = {
		{{1, 5, 2, 1, 10, 10, 0 + 1, 10}, 8, 0},       /* one sample of 10 bytes */
		{{0}, 0, -EBADMSG},                            /* nothing */
		{{0, 5, 2, 1, 10, 10, 1, 10}, 8, -EBADMSG},    /* version 0 */
		{{2, 5, 2, 1, 10, 10, 1, 10}, 8, -ENOTSUP},    /* a newer version */
		{{1, 5, 2, 1, 10, 10, 1, 10}, 7, -EBADMSG},    /* cut short */
		{{1, 5, 2, 2, 10, 10, 1, 10}, 8, -EBADMSG},    /* count and buckets differ */
		{{1, 5, 2, 1, 11, 10, 1, 10}, 8, -EBADMSG},    /* sum above count × max */
		{{1, 5, 2, 1, 10, 10, 1, 11}, 8, -EBADMSG},    /* a bucket above max */
		{{1, 5, 2, 1, 10, 10, 1, 10, 0}, 9, -EBADMSG}, /* a bucket too many */
		{{1, 5, 2, 1, 10, 10, 1, 0x80}, 8, -EBADMSG},  /* an open end */
		{{1, 5, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1},
		 13,
		 -EBADMSG},
	};
	static struct slot slot;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(slot_decode(cases[i].data, cases[i].length, &slot), cases[i].result);
}

static void random_bytes_never_pass_for_what_they_are_not(void **state)
{
	(void)state;
	static struct slot slot;
	uint8_t data[64];
	struct window window;

	random_state = 5;
	window_init(&window, SLOT, SPAN);
	for (int i = 0; i < 200000; i++) {
		size_t length = (size_t)(random_share() * sizeof data);
		for (size_t j = 0; j < length; j++)
			data[j] = j == 0 ? 1 : (uint8_t)(random_share() * (j < 8 ? 256 : 8));
		if (slot_decode(data, length, &slot) < 0) {
			assert_true(window_restore(&window, data, length) < 0);
			continue;
		}
		uint64_t count = 0;
		for (size_t j = 0; j < SLOT_BUCKETS; j++)
			count += slot.buckets[j];
		assert_int_equal(count, slot.count);
		assert_true(slot.end_usec >= slot.start_usec);
		assert_int_equal(window_restore(&window, data, length), 0);
	}
	window_free(&window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_window_says_nothing),
		cmocka_unit_test(count_sum_and_max_are_exact),
		cmocka_unit_test(every_size_is_told_within_one_percent),
		cmocka_unit_test(quantiles_are_within_one_percent_of_exact_ones),
		cmocka_unit_test(quantiles_of_real_traces_are_within_one_percent_of_exact_ones),
		cmocka_unit_test(one_window_shows_both_spans_of_a_container),
		cmocka_unit_test(slot_closes_when_its_time_is_over),
		cmocka_unit_test(samples_allocate_nothing_in_the_steady_state),
		cmocka_unit_test(exit_peak_counts_in_max_only),
		cmocka_unit_test(container_too_short_to_be_sampled_counts_with_its_peak),
		cmocka_unit_test(slot_of_nothing_but_a_peak_survives_a_restart),
		cmocka_unit_test(restart_brings_everything_back),
		cmocka_unit_test(old_slots_leave_the_window),
		cmocka_unit_test(short_window_sees_the_newest_slots_only),
		cmocka_unit_test(fourteen_days_take_no_more_room_than_one),
		cmocka_unit_test(small_step_back_of_the_clock_stays_in_the_open_slot),
		cmocka_unit_test(large_step_back_of_the_clock_keeps_the_history),
		cmocka_unit_test(step_forward_closes_the_slot),
		cmocka_unit_test(slots_from_a_clock_years_ahead_are_dropped),
		cmocka_unit_test(clock_that_jumps_all_the_time_cannot_eat_memory),
		cmocka_unit_test(extreme_times_and_sizes_do_no_harm),
		cmocka_unit_test(merging_two_slots_is_as_if_they_were_one),
		cmocka_unit_test(slot_with_every_bucket_fits_the_bound),
		cmocka_unit_test(slot_that_makes_no_sense_is_refused),
		cmocka_unit_test(random_bytes_never_pass_for_what_they_are_not),
	};
	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
