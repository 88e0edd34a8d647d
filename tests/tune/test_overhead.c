/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/overhead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/random.h"

#define T0    (UINT64_C(1800000000) * USEC_PER_SEC)
#define APART (10 * USEC_PER_SEC)

static struct overhead_split split_of(uint64_t charge, uint64_t ram, const struct overhead_guest *guest)
{
	const struct overhead_host host = {T0, charge, ram};
	struct overhead_split split;
	overhead_split(&host, guest, APART, &split);
	return split;
}

/* ---- The split ---- */

static void overhead_is_the_charge_less_what_the_containers_use(void **state)
{
	struct overhead_guest guest = {0};
	(void)state;

	overhead_add_use(&guest, 100 * MIB, T0 - 20 * USEC_PER_MSEC);
	overhead_add_use(&guest, 50 * MIB, T0 - 10 * USEC_PER_MSEC);
	struct overhead_split split = split_of(400 * MIB, 320 * MIB, &guest);
	assert_true(split.is_known);
	assert_int_equal(split.used_bytes, 150 * MIB);
	assert_int_equal(split.overhead_bytes, 250 * MIB);
	assert_true(split.unused_is_known);
	assert_int_equal(split.unused_bytes, 170 * MIB);
	assert_int_equal(split.apart_usec, 20 * USEC_PER_MSEC);
}

static void all_is_overhead_before_the_first_container(void **state)
{
	const struct overhead_guest none = {0};
	(void)state;

	struct overhead_split split = split_of(180 * MIB, 120 * MIB, &none);
	assert_true(split.is_known);
	assert_int_equal(split.overhead_bytes, 180 * MIB);
	assert_int_equal(split.unused_bytes, 120 * MIB);
	assert_int_equal(split.apart_usec, 0);
}

static void containers_that_use_more_than_is_charged_make_it_negative(void **state)
{
	struct overhead_guest guest = {0};
	(void)state;

	overhead_add_use(&guest, 300 * MIB, T0);
	struct overhead_split split = split_of(200 * MIB, 190 * MIB, &guest);
	assert_true(split.overhead_bytes == -(int64_t)(100 * MIB));
	assert_true(split.unused_bytes == -(int64_t)(110 * MIB));
}

static void one_container_without_an_answer_leaves_the_guest_unknown(void **state)
{
	struct overhead_guest guest = {0};
	(void)state;

	overhead_add_use(&guest, 300 * MIB, T0);
	overhead_add_unknown(&guest);
	assert_false(split_of(200 * MIB, 190 * MIB, &guest).is_known);
}

static void answers_that_are_too_old_are_not_compared(void **state)
{
	struct overhead_guest guest = {0};
	(void)state;

	overhead_add_use(&guest, 100 * MIB, T0 - APART);
	assert_true(split_of(200 * MIB, 190 * MIB, &guest).is_known);
	overhead_add_use(&guest, 1, T0);
	overhead_add_use(&guest, 1, T0 - APART - 1);
	struct overhead_split split = split_of(200 * MIB, 190 * MIB, &guest);
	assert_false(split.is_known);
	assert_false(split.unused_is_known);
	assert_int_equal(split.apart_usec, APART + 1);
}

static void answers_from_after_the_reading_are_apart_as_well(void **state)
{
	struct overhead_guest guest = {0};
	(void)state;

	overhead_add_use(&guest, 1, T0 + 3 * USEC_PER_SEC);
	assert_int_equal(split_of(10, 10, &guest).apart_usec, 3 * USEC_PER_SEC);
	overhead_add_use(&guest, 1, T0 + APART + 1);
	assert_false(split_of(10, 10, &guest).is_known);
}

static void guest_ram_that_cannot_be_told_apart_leaves_unused_unknown(void **state)
{
	struct overhead_guest guest = {0};
	(void)state;

	overhead_add_use(&guest, 100 * MIB, T0);
	struct overhead_split split = split_of(300 * MIB, OVERHEAD_UNKNOWN, &guest);
	assert_true(split.is_known);
	assert_int_equal(split.overhead_bytes, 200 * MIB);
	assert_false(split.unused_is_known);
}

/* Σ use + overhead is the charge, whatever the numbers; nothing wraps. */
static void split_adds_up_or_saturates(void **state)
{
	uint64_t seed = 42;
	(void)state;

	for (int i = 0; i < 200000; i++) {
		struct overhead_guest guest = {0};
		const uint64_t charge = draw_bytes(&seed), ram = draw_bytes(&seed);
		uint64_t used = 0;
		for (uint64_t n = draw(&seed) % 4; n > 0; n--) {
			uint64_t bytes = draw_bytes(&seed);
			used = used > UINT64_MAX - bytes ? UINT64_MAX : used + bytes;
			overhead_add_use(&guest, bytes, T0 - draw(&seed) % (2 * APART));
		}
		struct overhead_split split = split_of(charge, ram, &guest);
		if (!split.is_known) {
			assert_true(split.apart_usec > APART);
			continue;
		}
		const int64_t overhead = split.overhead_bytes;
		if (overhead < INT64_MAX && overhead > INT64_MIN)
			assert_true(used + (uint64_t)overhead == charge);
		else
			assert_true((charge > used) == (overhead > 0));
		assert_true((overhead < 0) == (charge < used));
		assert_int_equal(split.unused_is_known, ram != OVERHEAD_UNKNOWN);
		if (split.unused_is_known)
			assert_true((split.unused_bytes < 0) == (ram < used));
	}
}

/* ---- What has to be declared ---- */

static void what_containers_have_freed_need_not_be_declared(void **state)
{
	(void)state;
	/* 1 GiB was used, of which the guest gave nothing back. */
	assert_int_equal(overhead_fixed(GIB + 200 * MIB, 30 * MIB, GIB), 170 * MIB);
	assert_int_equal(overhead_fixed(180 * MIB, 0, 0), 180 * MIB);
	assert_true(overhead_fixed(100 * MIB, 0, 150 * MIB) == -(int64_t)(50 * MIB));
	assert_true(overhead_fixed(0, UINT64_MAX, UINT64_MAX) == INT64_MIN);
	assert_true(overhead_fixed(UINT64_MAX, 0, 0) == INT64_MAX);
}

/* ---- Over pods ---- */

static void quantile_is_the_nearest_rank_up(void **state)
{
	int64_t values[20];
	(void)state;

	for (int i = 0; i < 20; i++)
		values[i] = 20 - i;
	assert_int_equal(overhead_quantile(values, 20, 0.95), 19);
	assert_int_equal(overhead_quantile(values, 20, 0.951), 20);
	assert_int_equal(overhead_quantile(values, 20, 1), 20);
	assert_int_equal(overhead_quantile(values, 20, 0.01), 1);
	assert_int_equal(overhead_quantile(values, 19, 0.95), 20); /* 2 to 20 */
	assert_int_equal(overhead_quantile(values, 1, 0.5), 20);
	assert_int_equal(values[0], 20); /* the list stays as it was */
}

static void quantile_is_of_the_list_and_grows_with_q(void **state)
{
	uint64_t seed = 7;
	(void)state;

	for (int i = 0; i < 20000; i++) {
		int64_t values[OVERHEAD_PODS_MAX];
		const size_t n = 1 + draw(&seed) % OVERHEAD_PODS_MAX;
		for (size_t k = 0; k < n; k++)
			values[k] = (int64_t)(draw_bytes(&seed) & INT64_MAX) * (draw(&seed) % 8 ? 1 : -1);
		const double q = (double)(1 + draw(&seed) % 100) / 100;
		const int64_t found = overhead_quantile(values, n, q);
		size_t below = 0, same = 0;
		for (size_t k = 0; k < n; k++) {
			below += values[k] < found;
			same += values[k] == found;
		}
		assert_true(same > 0);
		assert_true((double)below < q * (double)n && (double)(below + same) >= q * (double)n);
		assert_true(found <= overhead_quantile(values, n, 1));
	}
}

static void recommendation_is_p95_up_to_ten_mebibytes(void **state)
{
	int64_t pods[100];
	(void)state;

	for (int i = 0; i < 100; i++)
		pods[i] = (int64_t)(151 * MIB);
	pods[3] = pods[40] = pods[99] = (int64_t)(900 * MIB); /* 3 % are none to go by */
	assert_int_equal(overhead_recommend(pods, 100), 160 * MIB);
	pods[0] = (int64_t)(160 * MIB);
	assert_int_equal(overhead_recommend(pods, 1), 160 * MIB);
	pods[0] = (int64_t)(160 * MIB + 1);
	assert_int_equal(overhead_recommend(pods, 1), 170 * MIB);
}

static void nothing_is_recommended_of_no_pod_or_of_a_negative_overhead(void **state)
{
	const int64_t pods[] = {-(int64_t)(20 * MIB), 0};
	(void)state;

	assert_int_equal(overhead_recommend(pods, 0), 0);
	assert_int_equal(overhead_recommend(pods, 2), 0);
}

static void floor_is_a_quarter_above_what_guests_had_at_boot(void **state)
{
	const uint64_t boot[] = {200 * MIB, 0, 204 * MIB, 0};
	(void)state;

	assert_int_equal(overhead_floor(boot, 4, 64 * MIB), 255 * MIB);
	assert_int_equal(overhead_floor(boot, 1, 64 * MIB), 250 * MIB);
	assert_int_equal(overhead_floor(boot, 4, 256 * MIB), 256 * MIB);
	const uint64_t odd[] = {200 * MIB + 1};
	assert_int_equal(overhead_floor(odd, 1, 0), 251 * MIB);
}

static void floor_is_the_safe_default_where_no_guest_was_measured(void **state)
{
	const uint64_t unknown[] = {0, 0};
	(void)state;

	assert_int_equal(overhead_floor(unknown, 0, 256 * MIB), 256 * MIB);
	assert_int_equal(overhead_floor(unknown, 2, 256 * MIB), 256 * MIB);
}

static void floor_is_never_below_the_default_nor_below_a_quarter_above_most_guests(void **state)
{
	uint64_t seed = 11;
	(void)state;

	for (int i = 0; i < 20000; i++) {
		uint64_t boot[OVERHEAD_PODS_MAX];
		const size_t n = draw(&seed) % (OVERHEAD_PODS_MAX + 1);
		const uint64_t least = draw(&seed) % GIB;
		for (size_t k = 0; k < n; k++)
			boot[k] = draw_bytes(&seed);
		const uint64_t found = overhead_floor(boot, n, least);
		size_t known = 0, covered = 0;
		for (size_t k = 0; k < n; k++) {
			known += boot[k] > 0;
			covered += boot[k] > 0 && (double)boot[k] <= (double)found;
		}
		assert_true(found >= least);
		/* Beyond 2^63 it stays there. */
		assert_true(found == INT64_MAX || (double)covered >= 0.95 * (double)known);
	}
}

/* ---- Against what is declared ---- */

static void declared_that_was_exceeded_is_too_small_from_the_first_reading(void **state)
{
	(void)state;
	assert_int_equal(overhead_judge((int64_t)(161 * MIB), 160 * MIB, 0.5, false), OVERHEAD_TOO_SMALL);
	assert_int_equal(overhead_judge((int64_t)(160 * MIB), 160 * MIB, 0.5, true), OVERHEAD_FITS);
	assert_int_equal(overhead_judge(1, 0, 0.5, true), OVERHEAD_TOO_SMALL);
	assert_int_equal(overhead_judge(0, 0, 0.5, true), OVERHEAD_FITS);
}

static void declared_is_wasteful_once_settled(void **state)
{
	(void)state;
	assert_int_equal(overhead_judge((int64_t)(79 * MIB), 160 * MIB, 0.5, false), OVERHEAD_FITS);
	assert_int_equal(overhead_judge((int64_t)(79 * MIB), 160 * MIB, 0.5, true), OVERHEAD_WASTEFUL);
	assert_int_equal(overhead_judge((int64_t)(80 * MIB), 160 * MIB, 0.5, true), OVERHEAD_FITS);
	assert_int_equal(overhead_judge(-(int64_t)(80 * MIB), 160 * MIB, 0.5, true), OVERHEAD_WASTEFUL);
	assert_int_equal(overhead_judge(INT64_MIN, UINT64_MAX, 1, true), OVERHEAD_FITS);
}

/* As the highest of a pod's life grows, it is never too small first and wasteful then. */
static void verdict_never_turns_back(void **state)
{
	uint64_t seed = 13;
	(void)state;

	for (int i = 0; i < 100000; i++) {
		const uint64_t declared = draw_bytes(&seed);
		const double waste = (double)(draw(&seed) % 101) / 100;
		int64_t low = (int64_t)draw_bytes(&seed), high = (int64_t)draw_bytes(&seed);
		if (low > high) {
			int64_t other = low;
			low = high;
			high = other;
		}
		const enum overhead_fit first = overhead_judge(low, declared, waste, true),
					then = overhead_judge(high, declared, waste, true);
		if (first == OVERHEAD_TOO_SMALL)
			assert_int_equal(then, OVERHEAD_TOO_SMALL);
		if (then == OVERHEAD_WASTEFUL)
			assert_int_equal(first, OVERHEAD_WASTEFUL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overhead_is_the_charge_less_what_the_containers_use),
		cmocka_unit_test(all_is_overhead_before_the_first_container),
		cmocka_unit_test(containers_that_use_more_than_is_charged_make_it_negative),
		cmocka_unit_test(one_container_without_an_answer_leaves_the_guest_unknown),
		cmocka_unit_test(answers_that_are_too_old_are_not_compared),
		cmocka_unit_test(answers_from_after_the_reading_are_apart_as_well),
		cmocka_unit_test(guest_ram_that_cannot_be_told_apart_leaves_unused_unknown),
		cmocka_unit_test(split_adds_up_or_saturates),
		cmocka_unit_test(what_containers_have_freed_need_not_be_declared),
		cmocka_unit_test(quantile_is_the_nearest_rank_up),
		cmocka_unit_test(quantile_is_of_the_list_and_grows_with_q),
		cmocka_unit_test(recommendation_is_p95_up_to_ten_mebibytes),
		cmocka_unit_test(nothing_is_recommended_of_no_pod_or_of_a_negative_overhead),
		cmocka_unit_test(floor_is_a_quarter_above_what_guests_had_at_boot),
		cmocka_unit_test(floor_is_the_safe_default_where_no_guest_was_measured),
		cmocka_unit_test(floor_is_never_below_the_default_nor_below_a_quarter_above_most_guests),
		cmocka_unit_test(declared_that_was_exceeded_is_too_small_from_the_first_reading),
		cmocka_unit_test(declared_is_wasteful_once_settled),
		cmocka_unit_test(verdict_never_turns_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
