/* SPDX-License-Identifier: Apache-2.0 */

/* Each allocation of the daemon's turns fails in turn, in a world of its own each time. Whatever fails, nothing is
 * leaked, and the daemon makes up for it. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "shim/daemon/metrics.h"
#include "tests/daemon/world.h"
#include "tests/failing_malloc.h"

#define ALLOCATIONS_MAX 20000

struct scene {
	struct world *world;
	struct error err;
	char *text;
	size_t length;
	bool with_history;
	void (*set)(struct world *world); /* what was before */
};

static void begin_scene(void *data)
{
	struct scene *scene = data;
	void *state = NULL;

	assert_int_equal(world_begin(&state), 0);
	scene->world = state;
	scene->world->is_without_history = !scene->with_history;
	scene->world->settings.tuner.warmup_samples = 1;
	scene->world->settings.tuner.warmup_usec = USEC_PER_SEC;
	scene->world->settings.sampling.slot_usec = 10 * USEC_PER_SEC;
	if (scene->set)
		scene->set(scene->world);
}

static void end_scene(struct scene *scene)
{
	void *state = scene->world;
	assert_int_equal(world_end(&state), 0);
}

static void play(struct scene *scene, int (*run)(void *data),
		 void (*check)(void *data, int result, bool failed), size_t allocations_min)
{
	const struct failing_operation operation = {
		.run = run, .check = check, .data = scene, .prepare = begin_scene};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) >= allocations_min);
}

/* Until what could not be done is done: readings for a while, and a look at all records. */
static void make_up(struct world *world)
{
	pass(world, 12);
	world_sweep(world);
	world_on_records(world);
	pass(world, 12);
	world_tune(world);
}

/* ---- The start ---- */

static void set_containers(struct world *world)
{
	static const char *const ids[] = {"c1", "c2"};

	world_start(world);
	for (size_t i = 0; i < 2; i++)
		run_container(world, ids[i]);
	use(world, "c1", 100);
	pass(world, 40);
	world_tune(world);
	world_flush(world);
	world_stop(world);
}

static int start(void *data)
{
	struct scene *scene = data;
	return world_try_start(scene->world, &scene->err);
}

static void check_started(void *data, int result, bool failed)
{
	struct scene *scene = data;
	struct world *world = scene->world;

	if (!failing_malloc_is_done(result, failed, &scene->err)) {
		world_stop(world);
		world_start(world);
	}
	make_up(world);
	assert_int_equal(world_n_containers(world), 2);
	assert_int_equal(world_n_workloads(world), 1);
	/* They were said before. What there was no memory for at the start is said again. */
	assert_in_range(world->n_said[EVENT_DECISION], 2, failed ? 4 : 2);
	assert_int_equal(published(world).observed.max_bytes, 100 * MIB);
	assert_int_equal(world_container(world, "c1")->state, LIFE_RUNNING);
	end_scene(scene);
}

/* Of the history, tests/store/test_database_no_memory.c has more. */
static void start_without_memory_is_an_error_or_made_up_for(void **state)
{
	struct scene scene = {.set = set_containers};
	(void)state;
	play(&scene, start, check_started, 10);
}

/* ---- A record ---- */

static void set_record(struct world *world)
{
	world_start(world);
	struct record record = make_record(world, "c1");
	make_cgroup(world, "c1", 512);
	start_record(world, &record);
	write_record(world, &record);
}

static int take_records(void *data)
{
	struct scene *scene = data;
	world_on_records(scene->world);
	return 0;
}

static void check_taken(void *data, int result, bool failed)
{
	struct scene *scene = data;
	struct world *world = scene->world;
	(void)failed;

	assert_int_equal(result, 0);
	make_up(world);
	assert_int_equal(world_n_containers(world), 1);
	assert_int_equal(world_n_workloads(world), 1);
	assert_int_equal(world_container(world, "c1")->state, LIFE_RUNNING);
	assert_int_equal(world->n_said[EVENT_DECISION], 1);
	assert_int_equal(world->n_said[EVENT_PRESTART], 1);
	assert_true(published(world).observed.samples > 10);
	end_scene(scene);
}

static void record_without_memory_is_taken_up_later(void **state)
{
	struct scene scene = {.set = set_record};
	(void)state;
	play(&scene, take_records, check_taken, 3);
}

/* ---- A tick, a kill, an end ---- */

static void set_container(struct world *world)
{
	world_start(world);
	run_container(world, "c1");
	use(world, "c1", 100);
}

static int tick(void *data)
{
	struct scene *scene = data;
	pass(scene->world, 25);
	world_tune(scene->world);
	return 0;
}

static void check_ticked(void *data, int result, bool failed)
{
	struct scene *scene = data;
	struct world *world = scene->world;

	assert_int_equal(result, 0);
	make_up(world);
	/* What a reading had no memory for is one sample less. */
	const struct observed *observed = &world_workload(world, &web)->limits.observed;
	assert_true(observed->samples > (failed ? 20 : 45));
	assert_int_equal(observed->max_bytes, 100 * MIB);
	assert_true(published(world).recommendation.limit_bytes >= 110 * MIB);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
	end_scene(scene);
}

static void tick_without_memory_is_made_up_for(void **state)
{
	struct scene scene = {.set = set_container};
	(void)state;
	play(&scene, tick, check_ticked, 1);
}

static void set_kill(struct world *world)
{
	set_container(world);
	pass(world, 5);
	write_cgroup_file(world, "c1", "memory.events", "oom 1\noom_kill 1\n");
	write_cgroup_file(world, "c1", "memory.events.local", "oom 1\noom_kill 1\n");
	log_kill(world, CGROUP("c1"), CGROUP("c1"), 99);
}

static int take_kill(void *data)
{
	struct scene *scene = data;
	world_on_kernel_log(scene->world);
	world_on_events(scene->world);
	return 0;
}

static void check_killed(void *data, int result, bool failed)
{
	struct scene *scene = data;
	struct world *world = scene->world;
	(void)failed;

	assert_int_equal(result, 0);
	/* Learned from and published before it was said. */
	if (world->n_said[EVENT_OOM] > 0)
		assert_int_equal(world->at_oom.recommendation.oom_limit_bytes, 512 * MIB);
	make_up(world);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_int_equal(published(world).recommendation.oom_limit_bytes, 512 * MIB);
	assert_int_equal(published(world).recommendation.oom_kills, 1);
	end_scene(scene);
}

static void kill_without_memory_is_learned_from_once(void **state)
{
	struct scene scene = {.set = set_kill};
	(void)state;
	play(&scene, take_kill, check_killed, 0);
	scene.with_history = true;
	play(&scene, take_kill, check_killed, 0);
}

static void set_end(struct world *world)
{
	set_container(world);
	pass(world, 15);
	remove_cgroup(world, "c1");
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
}

static int take_end(void *data)
{
	struct scene *scene = data;
	world_on_records(scene->world);
	world_settle(scene->world);
	return 0;
}

static void check_ended(void *data, int result, bool failed)
{
	struct scene *scene = data;
	struct world *world = scene->world;
	(void)failed;

	assert_int_equal(result, 0);
	make_up(world);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_int_equal(world_n_containers(world), 0);
	assert_int_equal(published(world).observed.max_bytes, 100 * MIB);
	end_scene(scene);
}

static void end_without_memory_is_told_once(void **state)
{
	struct scene scene = {.set = set_end};
	(void)state;
	play(&scene, take_end, check_ended, 0);
}

/* ---- What is told ---- */

static int render(void *data)
{
	struct scene *scene = data;
	const struct metrics_source source = {.node = &scene->world->node,
					      .now_usec = scene->world->now_usec};

	scene->text = NULL;
	return metrics_render(&source, EXPOSITION_OPENMETRICS, &scene->text, &scene->length);
}

static void check_rendered(void *data, int result, bool failed)
{
	struct scene *scene = data;

	assert_true(result == 0 || (failed && result == -ENOMEM));
	assert_true((result == 0) == (scene->text != NULL));
	/* Where pods could not be counted, they are 0. */
	if (result == 0)
		assert_non_null(strstr(scene->text, "tidemark_container_memory_limit_bytes{"));
	free(scene->text);
	end_scene(scene);
}

static void metrics_without_memory_are_an_error(void **state)
{
	struct scene scene = {.set = set_container};
	(void)state;
	play(&scene, render, check_rendered, 2);
}

static int account(void *data)
{
	struct scene *scene = data;
	world_account(scene->world);
	world_report(scene->world);
	return 0;
}

static void check_accounted(void *data, int result, bool failed)
{
	struct scene *scene = data;
	struct world *world = scene->world;
	(void)failed;

	assert_int_equal(result, 0);
	const size_t reports = world->n_said[EVENT_NODE];
	world_account(world);
	world_report(world);
	assert_int_equal(world->n_said[EVENT_NODE], reports + 1);
	assert_int_equal(faccessat(world->roots.run_fd, "overhead.json", F_OK, 0), 0);
	assert_says(world, EVENT_NODE, "TIDEMARK_CONTAINERS=1\n");
	end_scene(scene);
}

static void accounts_without_memory_are_told_the_next_time(void **state)
{
	struct scene scene = {.set = set_container};
	(void)state;
	play(&scene, account, check_accounted, 1);
}

static int flush(void *data)
{
	struct scene *scene = data;
	world_flush(scene->world);
	return 0;
}

static void check_flushed(void *data, int result, bool failed)
{
	struct scene *scene = data;
	struct world *world = scene->world;
	(void)failed;

	assert_int_equal(result, 0);
	world_flush(world);
	world_stop(world);
	world_start(world);
	make_up(world);
	assert_true(published(world).observed.samples >= 15);
	end_scene(scene);
}

static void set_readings(struct world *world)
{
	set_container(world);
	pass(world, 15);
}

static void flush_without_memory_can_be_done_again(void **state)
{
	struct scene scene = {.set = set_readings, .with_history = true};
	(void)state;
	play(&scene, flush, check_flushed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_without_memory_is_an_error_or_made_up_for),
		cmocka_unit_test(record_without_memory_is_taken_up_later),
		cmocka_unit_test(tick_without_memory_is_made_up_for),
		cmocka_unit_test(kill_without_memory_is_learned_from_once),
		cmocka_unit_test(end_without_memory_is_told_once),
		cmocka_unit_test(metrics_without_memory_are_an_error),
		cmocka_unit_test(accounts_without_memory_are_told_the_next_time),
		cmocka_unit_test(flush_without_memory_can_be_done_again),
	};
	return FAILING_MALLOC_RUN(tests);
}
