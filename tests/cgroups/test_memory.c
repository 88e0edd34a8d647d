/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/fixture.h"

static const char stat_text[] =
	"anon 1000\nfile 5000\nkernel 300\nkernel_stack 16\npagetables 32\nshmem 200\n"
	"inactive_anon 7\ninactive_file 4000\n";

static void fill(int root)
{
	fixture_write(root, "memory.current", "6400\n");
	fixture_write(root, "memory.peak", "9000\n");
	fixture_write(root, "memory.max", "max\n");
	fixture_write(root, "memory.stat", stat_text);
}

static void working_set_is_current_less_inactive_file(void **state)
{
	int root = *(int *)*state;
	struct memory memory;
	struct error err;

	fill(root);
	assert_int_equal(memory_read(root, &memory, &err), 0);
	assert_int_equal(memory.current_bytes, 6400);
	assert_int_equal(memory.peak_bytes, 9000);
	assert_int_equal(memory.anon_bytes, 1000);
	assert_int_equal(memory.file_bytes, 5000);
	assert_int_equal(memory.shmem_bytes, 200);
	assert_int_equal(memory.kernel_bytes, 300);
	assert_int_equal(memory_working_set(&memory), 2400);
}

static void working_set_is_never_below_zero(void **state)
{
	const struct memory memory = {.current_bytes = 100, .inactive_file_bytes = 4096};
	(void)state;

	/* memory.stat is flushed later than memory.current. */
	assert_int_equal(memory_working_set(&memory), 0);
}

static void kernel_memory_is_summed_on_older_kernels(void **state)
{
	struct memory memory = {0};
	(void)state;

	assert_int_equal(
		memory_parse_stat("slab 100\nkernel_stack 10\nanon 7\npagetables 1\npercpu 1000\n", &memory),
		0);
	assert_int_equal(memory.kernel_bytes, 1111);
}

static void rows_may_come_in_any_order_and_be_new(void **state)
{
	struct memory memory = {0};
	(void)state;

	assert_int_equal(memory_parse_stat("brand_new 1\ninactive_file 3\nanon 2\n", &memory), 0);
	assert_int_equal(memory.anon_bytes, 2);
	assert_int_equal(memory.inactive_file_bytes, 3);
	assert_int_equal(memory_parse_stat("", &memory), 0);
}

static void broken_rows_are_refused(void **state)
{
	static const char *const broken[] = {"anon\n", "anon -1\n", "anon 1x\n",
					     "anon 99999999999999999999\n", " 1\n\n"};
	struct memory memory = {0};
	struct memory_events events;
	(void)state;

	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		assert_true(memory_parse_stat(broken[i], &memory) < 0);
		assert_true(memory_parse_events(broken[i], &events) < 0);
	}
}

static void maximum_of_max_is_unlimited(void **state)
{
	int root = *(int *)*state;
	uint64_t bytes;
	struct error err;

	fill(root);
	assert_int_equal(memory_read_max(root, &bytes, &err), 0);
	assert_true(bytes == MEMORY_UNLIMITED);
	fixture_write(root, "memory.max", "67108864\n");
	assert_int_equal(memory_read_max(root, &bytes, &err), 0);
	assert_int_equal(bytes, 67108864);
}

static void bounds_below_the_limit_are_read_by_their_names(void **state)
{
	int root = *(int *)*state;
	uint64_t bytes = 42;
	struct error err;

	fixture_write(root, "memory.low", "4096\n");
	fixture_write(root, "memory.high", "max\n");
	fixture_write(root, "memory.min", "some\n");
	assert_int_equal(memory_read_bound(root, "memory.low", &bytes, &err), 0);
	assert_int_equal(bytes, 4096);
	assert_int_equal(memory_read_bound(root, "memory.high", &bytes, &err), 0);
	assert_true(bytes == MEMORY_UNLIMITED);
	assert_int_equal(memory_read_bound(root, "memory.min", &bytes, &err), -EBADMSG);
	assert_true(bytes == MEMORY_UNLIMITED);
}

static void cgroup_that_vanishes_between_two_files_is_gone(void **state)
{
	int root = *(int *)*state;
	struct memory memory = {.current_bytes = 42};
	struct memory_events events;
	struct error err;

	fixture_write(root, "memory.current", "6400\n");
	assert_int_equal(memory_read(root, &memory, &err), MEMORY_GONE);
	assert_int_equal(memory.current_bytes, 42);
	assert_int_equal(memory_read_events_local(root, &events, &err), MEMORY_GONE);
}

static void cgroup_without_controller_is_told_from_one_that_is_gone(void **state)
{
	int root = *(int *)*state;
	struct memory memory;
	struct error err;

	fixture_write(root, "cgroup.type", "domain\n");
	assert_int_equal(memory_read(root, &memory, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "no memory controller"));
}

static void kernel_without_peak_leaves_it_unknown(void **state)
{
	int root = *(int *)*state;
	struct memory memory;
	struct error err;

	fill(root);
	fixture_write(root, "cgroup.type", "domain\n");
	fixture_remove(root, "memory.peak");
	assert_int_equal(memory_read(root, &memory, &err), 0);
	assert_int_equal(memory.peak_bytes, 0);
}

static void own_kills_are_those_in_the_local_events(void **state)
{
	int root = *(int *)*state;
	struct memory_events all, own;
	struct error err;

	fixture_write(root, "memory.events", "low 0\nhigh 1\nmax 9\noom 2\noom_kill 3\noom_group_kill 0\n");
	fixture_write(root, "memory.events.local",
		      "low 0\nhigh 1\nmax 4\noom 0\noom_kill 1\noom_group_kill 0\n");
	assert_int_equal(memory_read_events(root, &all, &err), 0);
	assert_int_equal(memory_read_events_local(root, &own, &err), 0);
	assert_int_equal(all.oom, 2);
	assert_int_equal(all.oom_kill, 3);
	assert_int_equal(own.oom, 0);
	assert_int_equal(own.oom_kill, 1);
	assert_int_equal(own.max, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(working_set_is_current_less_inactive_file),
		cmocka_unit_test(working_set_is_never_below_zero),
		cmocka_unit_test(kernel_memory_is_summed_on_older_kernels),
		cmocka_unit_test(rows_may_come_in_any_order_and_be_new),
		cmocka_unit_test(broken_rows_are_refused),
		FIXTURE_TEST(maximum_of_max_is_unlimited),
		FIXTURE_TEST(bounds_below_the_limit_are_read_by_their_names),
		FIXTURE_TEST(cgroup_that_vanishes_between_two_files_is_gone),
		FIXTURE_TEST(cgroup_without_controller_is_told_from_one_that_is_gone),
		FIXTURE_TEST(kernel_without_peak_leaves_it_unknown),
		FIXTURE_TEST(own_kills_are_those_in_the_local_events),
	};
	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
