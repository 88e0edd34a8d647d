/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/sampler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/fixture.h"

static void fill(int root, const char *current)
{
	fixture_write(root, "c/memory.current", current);
	fixture_write(root, "c/memory.stat", "anon 1000\nfile 5000\ninactive_file 4000\n");
}

static void kept_descriptors_see_every_change(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct memory memory;
	struct error err;

	fill(root, "6400\n");
	sampler_init(&sampler, root, 10);
	assert_int_equal(sampler_open(&sampler, "/c", &sampled, &err), 0);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(sampler.kept, 2);
	assert_int_equal(memory_working_set(&memory), 2400);
	fill(root, "7400\n");
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory_working_set(&memory), 3400);
	assert_int_equal(memory.anon_bytes, 1000);

	sampler_close(&sampler, &sampled);
	assert_int_equal(sampler.kept, 0);
	assert_null(sampled.path);
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
	sampler_init(&sampler, root, 0);
	assert_int_equal(sampler_open(&sampler, "/c", &sampled, &err), 0);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory_working_set(&memory), 2400);
	assert_true(sampler.degraded);
	assert_int_equal(sampler.kept, 0);
	fill(root, "7400\n");
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory_working_set(&memory), 3400);
	sampler_close(&sampler, &sampled);
	assert_int_equal(sampler.kept, 0);
}

/* So many cgroups by so many descriptors, after some rounds. */
static void no_cgroup_has_two_descriptors_while_another_has_none(void **state)
{
	enum { MANY = 30 };
	int root = *(int *)*state;
	char path[MANY][16], name[64];
	struct sampled sampled[MANY];
	struct sampler sampler;
	struct memory memory;
	struct error err;

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(path[i], sizeof path[i], "/c%d", i);
		(void)snprintf(name, sizeof name, "c%d/memory.current", i);
		fixture_write(root, name, "6400\n");
		(void)snprintf(name, sizeof name, "c%d/memory.stat", i);
		fixture_write(root, name, "anon 1000\ninactive_file 4000\n");
	}
	for (size_t kept_max = 0; kept_max <= 2 * MANY + 5; kept_max += 5) {
		size_t firsts = 0, seconds = 0;
		sampler_init(&sampler, root, kept_max);
		for (int round = 0; round < 3; round++)
			for (int i = 0; i < MANY; i++) {
				if (round == 0)
					assert_int_equal(sampler_open(&sampler, path[i], &sampled[i], &err),
							 0);
				sampled[i].stat_known = false; /* due each time */
				assert_int_equal(sampler_read(&sampler, &sampled[i], &memory, &err), 0);
				assert_int_equal(memory_working_set(&memory), 2400);
				assert_true(sampler.kept <= kept_max);
			}
		for (int i = 0; i < MANY; i++) {
			firsts += sampled[i].current_fd >= 0;
			seconds += sampled[i].stat_fd >= 0;
		}
		assert_int_equal(firsts, kept_max < MANY ? kept_max : MANY);
		assert_true(firsts == MANY || seconds == 0);
		assert_int_equal(sampler.degraded, kept_max < 2 * MANY);
		/* When most have gone, those that stay have two again. */
		for (int i = 0; i < MANY - 1; i++)
			sampler_close(&sampler, &sampled[i]);
		sampled[MANY - 1].stat_known = false;
		assert_int_equal(sampler_read(&sampler, &sampled[MANY - 1], &memory, &err), 0);
		assert_int_equal(sampler.kept, kept_max < 2 ? kept_max : 2);
		sampler_close(&sampler, &sampled[MANY - 1]);
	}
}

static void cgroup_that_vanishes_is_gone_and_nothing_is_kept(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled = SAMPLED_NONE;
	struct memory memory = {.current_bytes = 42};
	struct error err;

	sampler_init(&sampler, root, 1);
	assert_int_equal(sampler_open(&sampler, "/c", &sampled, &err), MEMORY_GONE);
	fill(root, "6400\n");
	assert_int_equal(sampler_open(&sampler, "/c", &sampled, &err), 0);
	fixture_remove(root, "c");
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), MEMORY_GONE);
	assert_int_equal(memory.current_bytes, 42);
	assert_int_equal(sampler.kept, 0);
	sampler_close(&sampler, &sampled);
}

static void cgroup_made_anew_under_the_same_path_is_another(void **state)
{
	int root = *(int *)*state, dir_fd;
	struct sampler sampler;
	struct sampled sampled, others[2];
	struct memory memory;
	struct error err;

	fill(root, "6400\n");
	fixture_write(root, "x/memory.current", "1\n");
	fixture_write(root, "y/memory.current", "1\n");
	sampler_init(&sampler, root, 0);
	assert_int_equal(sampler_open(&sampler, "/c", &sampled, &err), 0);
	assert_int_equal(renameat(root, "c", root, "d"), 0);
	fill(root, "6400\n");
	/* What was opened last may still be open. */
	assert_int_equal(sampler_open(&sampler, "/x", &others[0], &err), 0);
	assert_int_equal(sampler_open(&sampler, "/y", &others[1], &err), 0);
	assert_int_equal(sampler_directory(&sampler, sampled.path, sampled.id, &dir_fd, &err), MEMORY_GONE);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), MEMORY_GONE);
	sampler_close(&sampler, &sampled);
	sampler_free(&sampler);
}

static void directories_are_open_for_what_is_done_next_and_no_longer(void **state)
{
	int root = *(int *)*state, fd, again_fd, other_fd;
	struct sampler sampler;
	struct sampled sampled;
	struct error err;

	fill(root, "6400\n");
	fixture_write(root, "c/below/memory.current", "1\n");
	sampler_init(&sampler, root, 0);
	assert_int_equal(sampler_open(&sampler, "/c", &sampled, &err), 0);
	assert_int_equal(sampler_directory(&sampler, "/c", sampled.id, &fd, &err), 0);
	assert_int_equal(sampler_directory(&sampler, "/c/below", 0, &other_fd, &err), 0);
	assert_int_equal(sampler_directory(&sampler, "/c", sampled.id, &again_fd, &err), 0);
	assert_int_equal(fd, again_fd);
	assert_int_not_equal(fd, other_fd);
	/* The one that was used last stays when a third is asked for. */
	assert_int_equal(sampler_directory(&sampler, "/", 0, &other_fd, &err), 0);
	assert_int_equal(sampler_directory(&sampler, "/c", sampled.id, &again_fd, &err), 0);
	assert_int_equal(fd, again_fd);
	sampler_close(&sampler, &sampled);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	sampler_free(&sampler);
	assert_int_equal(fcntl(other_fd, F_GETFD), -1);
}

/* ---- By a census ---- */

static void open_by_census(int root, const char *current, struct sampler *sampler, struct sampled *sampled)
{
	struct error err;

	fill(root, current);
	sampler_init(sampler, root, 10);
	sampler->by_census = true;
	assert_int_equal(sampler_open(sampler, "/c", sampled, &err), 0);
}

/* The next tick: of cgroups in any order, as the kernel's changes when some come and go. */
static void count(struct sampler *sampler, struct census *census, const struct census_entry *entries,
		  uint32_t n)
{
	census_forget(census);
	*census = (struct census){
		.entries = entries, .count = n, .page_bytes = 4096, .knows_inactive_file = true};
	sampler->census = census;
}

static void census_takes_the_place_of_files_and_descriptors(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct census census = CENSUS_NONE;
	struct memory memory;
	struct error err;

	open_by_census(root, "409600\n", &sampler, &sampled);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory.current_bytes, 409600);
	assert_int_equal(sampler.kept, 0);
	assert_false(sampler.degraded);

	fixture_remove(root, "c/memory.current");
	fixture_remove(root, "c/memory.stat");
	for (uint32_t i = 0; i < 3 * SAMPLER_STAT_READINGS; i++) {
		const struct census_entry entries[] = {
			{.id = 1}, {sampled.id, 100, 200 + i, CENSUS_MOST, CENSUS_MOST, 10 + i, 0}};
		count(&sampler, &census, entries, 2);
		assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
		assert_int_equal(memory.current_bytes, 409600);
		assert_int_equal(memory.peak_bytes, (200 + i) * 4096);
		assert_int_equal(memory.inactive_file_bytes, (10 + i) * 4096);
	}
	assert_int_equal(sampler.kept, 0);
	sampler_close(&sampler, &sampled);
	census_forget(&census);
}

static void cgroup_is_wanted_as_long_as_it_is_open(void **state)
{
	int root = *(int *)*state;
	static struct census_wanted wanted;
	struct sampler sampler;
	struct sampled sampled;
	struct error err;

	fill(root, "409600\n");
	sampler_init(&sampler, root, 10);
	sampler.wanted = &wanted;
	assert_int_equal(sampler_open(&sampler, "/c", &sampled, &err), 0);
	const uint64_t id = sampled.id;
	assert_int_equal(wanted.bytes[id % CENSUS_WANTED], 1);
	sampler_close(&sampler, &sampled);
	sampler_close(&sampler, &sampled);
	assert_int_equal(wanted.bytes[id % CENSUS_WANTED], 0);
}

static void census_that_does_not_know_the_cache_leaves_it_to_memory_stat(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct census census = CENSUS_NONE;
	struct memory memory;
	struct error err;

	open_by_census(root, "409600\n", &sampler, &sampled);
	const struct census_entry entry = {sampled.id, 100, 200, CENSUS_MOST, CENSUS_MOST, CENSUS_UNKNOWN, 0},
				  other = {sampled.id, 100, 200, CENSUS_MOST, CENSUS_MOST, 50, 0};
	count(&sampler, &census, &entry, 1);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory.inactive_file_bytes, 4000);
	count(&sampler, &census, &other, 1);
	census.knows_inactive_file = false;
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory.inactive_file_bytes, 4000);
	sampler_close(&sampler, &sampled);
	census_forget(&census);
}

static void usage_that_moves_has_the_kernel_add_up_the_cache(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct census census = CENSUS_NONE;
	struct memory memory;
	struct error err;

	open_by_census(root, "409600\n", &sampler, &sampled);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	/* All of the rise is page cache, which the census has not heard of yet. */
	fixture_write(root, "c/memory.stat", "anon 1000\ninactive_file 4096000\n");
	const struct census_entry entry = {sampled.id, 1100, 1100, CENSUS_MOST, CENSUS_MOST, 1, 0};
	count(&sampler, &census, &entry, 1);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory_working_set(&memory), 409600);
	sampler_close(&sampler, &sampled);
	census_forget(&census);
}

static void stat_that_is_read_again_and_again_is_kept_open_for_a_while(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct census census = CENSUS_NONE;
	struct memory memory;
	struct error err;

	open_by_census(root, "409600\n", &sampler, &sampled);
	for (unsigned i = 1; i <= 100; i++) {
		const struct census_entry entry = {
			sampled.id, i < 4 ? 1000 * i : 4000, 9000, CENSUS_MOST, CENSUS_MOST, 1, 0};
		count(&sampler, &census, &entry, 1);
		assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
		assert_int_equal(sampler.kept, i > 1 && i < 65);
	}
	sampler_close(&sampler, &sampled);
	census_forget(&census);
}

static void cgroup_that_the_census_missed_is_read(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct census census = CENSUS_NONE;
	struct memory memory;
	struct error err;

	open_by_census(root, "6400\n", &sampler, &sampled);
	const struct census_entry others[] = {{.id = sampled.id + 1, .current_pages = 7},
					      {.id = sampled.id + 64}};
	count(&sampler, &census, others, 2);
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), 0);
	assert_int_equal(memory.current_bytes, 6400);
	assert_int_equal(sampler.kept, 0);
	fixture_remove(root, "c");
	assert_int_equal(sampler_read(&sampler, &sampled, &memory, &err), MEMORY_GONE);
	sampler_close(&sampler, &sampled);
	census_forget(&census);
}

static void text_that_is_no_number_is_an_error(void **state)
{
	int root = *(int *)*state;
	struct sampler sampler;
	struct sampled sampled;
	struct memory memory;
	struct error err;

	fill(root, "lots\n");
	sampler_init(&sampler, root, 10);
	assert_int_equal(sampler_open(&sampler, "/c", &sampled, &err), 0);
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
	assert_true(sampler_stat_is_due(&sampled, 0, false));
	sampled = read_before(100 << 20, 50 << 20);
	for (; sampled.readings < SAMPLER_STAT_READINGS - 1; sampled.readings++)
		assert_false(sampler_stat_is_due(&sampled, 100 << 20, false));
	assert_true(sampler_stat_is_due(&sampled, 100 << 20, false));
}

static void stat_is_read_when_usage_has_moved_either_way(void **state)
{
	const struct sampled small = read_before(1 << 20, 0), large = read_before(1 << 30, 0);

	(void)state;
	assert_false(sampler_stat_is_due(&small, (1 << 20) + 255 * 1024, false));
	assert_true(sampler_stat_is_due(&small, (1 << 20) + 256 * 1024, false));
	assert_true(sampler_stat_is_due(&small, (1 << 20) - 256 * 1024, false));
	assert_false(sampler_stat_is_due(&large, (1 << 30) + (15 << 20), false));
	assert_true(sampler_stat_is_due(&large, (1 << 30) + (16 << 20), false));
}

static void where_cache_could_hide_a_rise_any_move_makes_stat_due(void **state)
{
	const struct sampled cached = read_before(64 << 20, (4 << 20) + 1),
			     lean = read_before(64 << 20, 4 << 20);

	(void)state;
	assert_false(sampler_stat_is_due(&cached, 64 << 20, false));
	assert_true(sampler_stat_is_due(&cached, (64 << 20) - 4096, false));
	assert_false(sampler_stat_is_due(&lean, (64 << 20) - 4096, false));
}

static void where_the_cache_is_known_stat_is_due_by_a_move_alone(void **state)
{
	struct sampled sampled = read_before(64 << 20, 32 << 20);

	(void)state;
	sampled.readings = 10 * SAMPLER_STAT_READINGS;
	assert_false(sampler_stat_is_due(&sampled, 64 << 20, true));
	assert_false(sampler_stat_is_due(&sampled, (64 << 20) + 4096, true));
	assert_true(sampler_stat_is_due(&sampled, 65 << 20, true));
	sampled.stat_known = false;
	assert_true(sampler_stat_is_due(&sampled, 64 << 20, true));
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
	sampler_init(&sampler, root, 10);
	assert_int_equal(sampler_open(&sampler, "/c", &sampled, &err), 0);
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
		FIXTURE_TEST(no_cgroup_has_two_descriptors_while_another_has_none),
		FIXTURE_TEST(cgroup_that_vanishes_is_gone_and_nothing_is_kept),
		FIXTURE_TEST(cgroup_made_anew_under_the_same_path_is_another),
		FIXTURE_TEST(directories_are_open_for_what_is_done_next_and_no_longer),
		FIXTURE_TEST(census_takes_the_place_of_files_and_descriptors),
		FIXTURE_TEST(cgroup_is_wanted_as_long_as_it_is_open),
		FIXTURE_TEST(census_that_does_not_know_the_cache_leaves_it_to_memory_stat),
		FIXTURE_TEST(usage_that_moves_has_the_kernel_add_up_the_cache),
		FIXTURE_TEST(stat_that_is_read_again_and_again_is_kept_open_for_a_while),
		FIXTURE_TEST(cgroup_that_the_census_missed_is_read),
		FIXTURE_TEST(text_that_is_no_number_is_an_error),
		cmocka_unit_test(stat_is_read_first_and_then_each_tenth_time_though_nothing_moves),
		cmocka_unit_test(stat_is_read_when_usage_has_moved_either_way),
		cmocka_unit_test(where_cache_could_hide_a_rise_any_move_makes_stat_due),
		cmocka_unit_test(where_the_cache_is_known_stat_is_due_by_a_move_alone),
		FIXTURE_TEST(rise_of_usage_shows_at_once_though_stat_is_not_read),
	};
	return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
