/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/sampler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tests/fixture.h"

static void fill(int root, const char *current)
{
	fixture_write(root, "c/memory.current", current);
	fixture_write(root, "c/memory.stat", "anon 1000\nfile 5000\ninactive_file 4000\n");
}

static int open_cgroup(int root)
{
	int fd = openat(root, "c", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void kept_descriptors_see_every_change(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct memory memory;
	struct error err;

	fill(root, "6400\n");
	sampler_init(&sampler, 10);
	assert_int_equal(sampler_open(&sampler, open_cgroup(root), &sampled, &err), 0);
	assert_int_equal(sampler.kept, 2);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory_working_set(&memory), 2400);
	fill(root, "7400\n");
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory_working_set(&memory), 3400);
	assert_int_equal(memory.anon_bytes, 1000);

	sampler_close(&sampler, &sampled);
	assert_int_equal(sampler.kept, 0);
	assert_int_equal(sampled.dir_fd, -1);
	assert_false(sampler.degraded);
}

static void without_descriptors_to_keep_it_reads_all_the_same(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct memory memory;
	struct error err;

	fill(root, "6400\n");
	sampler_init(&sampler, 1);
	assert_int_equal(sampler_open(&sampler, open_cgroup(root), &sampled, &err), 0);
	assert_true(sampler.degraded);
	assert_int_equal(sampler.kept, 1);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory_working_set(&memory), 2400);
	sampler_close(&sampler, &sampled);
	assert_int_equal(sampler.kept, 0);
}

static void when_the_process_has_no_descriptor_left_it_degrades(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct memory memory;
	struct error err;
	struct rlimit before, tight;

	fill(root, "6400\n");
	sampler_init(&sampler, 10);
	int dir_fd = open_cgroup(root);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	tight = before;
	tight.rlim_cur = (rlim_t)dir_fd + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	int r = sampler_open(&sampler, dir_fd, &sampled, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

	assert_int_equal(r, 0);
	assert_true(sampler.degraded);
	assert_int_equal(sampler.kept, 0);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	sampler_close(&sampler, &sampled);
}

static void cgroup_that_vanishes_is_gone_and_nothing_is_kept(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled = SAMPLED_NONE;
	struct memory memory = {.current_bytes = 42};
	struct error err;

	fixture_write(root, "c/memory.current", "6400\n");
	sampler_init(&sampler, 10);
	assert_int_equal(sampler_open(&sampler, open_cgroup(root), &sampled, &err), MEMORY_GONE);
	assert_int_equal(sampler.kept, 0);

	fill(root, "6400\n");
	sampler_init(&sampler, 1);
	assert_int_equal(sampler_open(&sampler, open_cgroup(root), &sampled, &err), 0);
	fixture_remove(root, "c/memory.stat");
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), MEMORY_GONE);
	assert_int_equal(memory.current_bytes, 42);
	sampler_close(&sampler, &sampled);
}

static void text_that_is_no_number_is_an_error(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct memory memory;
	struct error err;

	fill(root, "lots\n");
	sampler_init(&sampler, 10);
	assert_int_equal(sampler_open(&sampler, open_cgroup(root), &sampled, &err), 0);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), -EBADMSG);
	sampler_close(&sampler, &sampled);
}

static struct sampled read_before(uint64_t current_bytes, uint64_t inactive_file_bytes)
{
	struct sampled sampled = SAMPLED_NONE;

	sampled.stat_known = true;
	sampled.last.current_bytes = current_bytes;
	sampled.last.inactive_file_bytes = inactive_file_bytes;
	return sampled;
}

static void stat_is_read_first_and_then_each_tenth_time_though_nothing_moves(void **state)
{
	struct sampled sampled = SAMPLED_NONE;

	(void)state;
	assert_true(sampler_stat_is_due(&sampled, 0));
	sampled = read_before(100 << 20, 50 << 20);
	for (; sampled.readings < SAMPLER_STAT_READINGS - 1; sampled.readings++)
		assert_false(sampler_stat_is_due(&sampled, 100 << 20));
	assert_true(sampler_stat_is_due(&sampled, 100 << 20));
}

static void stat_is_read_when_usage_has_moved_either_way(void **state)
{
	const struct sampled small = read_before(1 << 20, 0), large = read_before(1 << 30, 0);

	(void)state;
	assert_false(sampler_stat_is_due(&small, (1 << 20) + 255 * 1024));
	assert_true(sampler_stat_is_due(&small, (1 << 20) + 256 * 1024));
	assert_true(sampler_stat_is_due(&small, (1 << 20) - 256 * 1024));
	assert_false(sampler_stat_is_due(&large, (1 << 30) + (15 << 20)));
	assert_true(sampler_stat_is_due(&large, (1 << 30) + (16 << 20)));
}

static void where_cache_could_hide_a_rise_any_move_makes_stat_due(void **state)
{
	const struct sampled cached = read_before(64 << 20, (4 << 20) + 1), lean = read_before(64 << 20, 4 << 20);

	(void)state;
	assert_false(sampler_stat_is_due(&cached, 64 << 20));
	assert_true(sampler_stat_is_due(&cached, (64 << 20) - 4096));
	assert_false(sampler_stat_is_due(&lean, (64 << 20) - 4096));
}

static void rise_of_usage_shows_at_once_though_stat_is_not_read(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct memory memory;
	struct error err;

	fixture_write(root, "c/memory.current", "1000000\n");
	fixture_write(root, "c/memory.stat", "anon 900000\ninactive_file 10000\n");
	sampler_init(&sampler, 10);
	assert_int_equal(sampler_open(&sampler, open_cgroup(root), &sampled, &err), 0);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	fixture_write(root, "c/memory.stat", "anon 950000\ninactive_file 20000\n");
	fixture_write(root, "c/memory.current", "1100000\n");
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory_working_set(&memory), 1090000);
	assert_int_equal(memory.anon_bytes, 900000);
	for (int i = 0; i < SAMPLER_STAT_READINGS; i++)
		assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory_working_set(&memory), 1080000);
	assert_int_equal(memory.anon_bytes, 950000);
	sampler_close(&sampler, &sampled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(kept_descriptors_see_every_change),
		FIXTURE_TEST(without_descriptors_to_keep_it_reads_all_the_same),
		FIXTURE_TEST(when_the_process_has_no_descriptor_left_it_degrades),
		FIXTURE_TEST(cgroup_that_vanishes_is_gone_and_nothing_is_kept),
		FIXTURE_TEST(text_that_is_no_number_is_an_error),
		cmocka_unit_test(stat_is_read_first_and_then_each_tenth_time_though_nothing_moves),
		cmocka_unit_test(stat_is_read_when_usage_has_moved_either_way),
		cmocka_unit_test(where_cache_could_hide_a_rise_any_move_makes_stat_due),
		FIXTURE_TEST(rise_of_usage_shows_at_once_though_stat_is_not_read),
	};
	return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
