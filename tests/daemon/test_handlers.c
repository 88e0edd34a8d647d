/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/handlers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "cgroups/file.h"
#include "tests/daemon/machine.h"

static void handler_file_keeps_what_pods_cost(void **state)
{
	struct world *world = *state;
	struct handler handler;
	struct error err;

	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	charge(world, 330, 10);
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 10);
	world_account(world);
	assert_int_equal(handler_read(world->roots.state_fd, "kata", &handler, &err), 0);
	assert_int_equal(handler.declared_bytes, 160 * MIB);
	assert_int_equal(handler.n_pods, 1);
	assert_string_equal(handler.pods[0].id, SID);
	ASSERT_SIGNED(handler.pods[0].overhead_bytes, 220 * MIB);
	assert_int_equal(handler.pods[0].prestart_bytes, 180 * MIB);
	assert_int_equal(handler.pods[0].boot_bytes, 120 * MIB);
	assert_int_equal(handler.pods[0].used_bytes, 100 * MIB);
	assert_int_equal(handlers_recommend(&handler), 220 * MIB);
}

static void pods_life_outlives_the_daemon(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	charge(world, 1204, 0);
	figures(world, "c1 usage=1073741824\n");
	machine_pass(world, 10);
	figures(world, "c1 usage=104857600\n");
	world_restart(world);
	assert_int_equal(the_sandbox(world)->prestart_bytes, 180 * MIB);
	machine_pass(world, 10);
	/* It still knows that the containers had used more. */
	ASSERT_SIGNED(the_sandbox(world)->most_fixed_bytes, 180 * MIB);
	assert_int_equal(the_sandbox(world)->most_used_bytes, GIB);
	/* Said before. */
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 1);
}

static void handler_file_that_is_broken_is_begun_anew(void **state)
{
	struct world *world = *state;
	struct handler handler;
	struct error err;

	fixture_write(world->fixture.root_fd, "state/handlers/kata.json", "{\"v\":1,");
	add_sandbox(world, 160);
	machine_pass(world, 1);
	world_account(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_int_equal(handler_read(world->roots.state_fd, "kata", &handler, &err), 0);
	assert_int_equal(handler.n_pods, 1);
}

static void handler_file_that_is_not_understood_is_left_as_it_is(void **state)
{
	static const char newer[] = "{\"v\":2,\"handler\":\"kata\",\"pods\":{}}";
	struct world *world = *state;
	char text[sizeof newer];

	fixture_write(world->fixture.root_fd, "state/handlers/kata.json", newer);
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 20);
	world_account(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT,
		    "MESSAGE=what is measured of virtual machines is not kept: handlers/kata.json is of "
		    "version 2, newer than this program knows\n");
	/* It is known as long as the daemon runs. */
	assert_int_equal(world->node.sources.guests.handlers.list[0]->handler.n_pods, 1);
	world_restart(world);
	assert_int_equal(
		file_read_at(world->roots.state_fd, "handlers/kata.json", text, sizeof text, NULL, NULL), 0);
	assert_string_equal(text, newer);
}

static void handler_file_that_cannot_be_read_now_is_left_as_it_is(void **state)
{
	static struct handlers handlers;
	const struct world *world = *state;
	const struct handler kept = {.name = "kata", .declared_bytes = 320 * MIB};
	const struct handler_pod pod = {.id = "aa", .overhead_bytes = 1};
	struct handler read;
	struct rlimit limit;
	struct error err;

	assert_int_equal(handler_write(world->roots.state_fd, &kept, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	const struct rlimit none = {0, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct handler *handler = handlers_get(&handlers, world->roots.state_fd, "kata", &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_non_null(handler);
	assert_int_equal(err.code, EMFILE);
	handlers_put_pod(&handlers, handler, &pod);
	assert_int_equal(handlers_write(&handlers, world->roots.state_fd, T0, &err), 0);
	assert_int_equal(handler_read(world->roots.state_fd, "kata", &read, &err), 0);
	assert_int_equal(read.declared_bytes, 320 * MIB);
	assert_int_equal(read.n_pods, 0);
	handlers_free(&handlers);
}

static void put_pod(struct handlers *handlers, struct handler *handler, int number, uint64_t seen_usec)
{
	struct handler_pod pod = {.seen_usec = seen_usec, .overhead_bytes = number};

	snprintf(pod.id, sizeof pod.id, "pod%d", number);
	handlers_put_pod(handlers, handler, &pod);
}

static void handler_keeps_the_pods_that_were_seen_last(void **state)
{
	static struct handlers handlers;
	const struct world *world = *state;
	const uint64_t later_usec = T0 + USEC_PER_HOUR;
	struct error err;

	struct handler *handler = handlers_get(&handlers, world->roots.state_fd, "kata", &err);
	for (int i = 0; i < HANDLER_PODS_MAX; i++)
		put_pod(&handlers, handler, i, T0 + (uint64_t)i);
	/* The first one still runs. */
	put_pod(&handlers, handler, 0, later_usec);
	for (int i = 0; i < 5; i++)
		put_pod(&handlers, handler, HANDLER_PODS_MAX + i, later_usec);
	assert_int_equal(handler->n_pods, HANDLER_PODS_MAX);
	assert_string_equal(handler->pods[0].id, "pod0");
	assert_null(handlers_find_pod(handler, "pod5"));
	assert_non_null(handlers_find_pod(handler, "pod6"));
	assert_string_equal(handler->pods[HANDLER_PODS_MAX - 1].id, "pod132");
	assert_int_equal(handlers_write(&handlers, world->roots.state_fd, T0, &err), 0);

	/* The clock is set back: all are older than any time that is. */
	put_pod(&handlers, handler, 200, T0 - USEC_PER_HOUR);
	assert_non_null(handlers_find_pod(handler, "pod200"));
	handlers_free(&handlers);
}

static void more_pods_than_are_kept_do_not_displace_each_other(void **state)
{
	static struct handlers handlers;
	const struct world *world = *state;
	struct error err;

	struct handler *handler = handlers_get(&handlers, world->roots.state_fd, "kata", &err);
	for (uint64_t round = 0; round < 100; round++) {
		for (int i = 0; i < HANDLER_PODS_MAX + 5; i++)
			put_pod(&handlers, handler, i, T0 + round * 10 * USEC_PER_SEC);
		assert_int_equal(handlers.list[0]->dirty, round == 0);
		assert_int_equal(handlers_write(&handlers, world->roots.state_fd, T0, &err), 0);
	}
	assert_string_equal(handler->pods[0].id, "pod0");
	assert_null(handlers_find_pod(handler, "pod128"));
	/* Some have ended. */
	for (int i = 1; i < HANDLER_PODS_MAX + 5; i++)
		put_pod(&handlers, handler, i, T0 + USEC_PER_HOUR);
	assert_null(handlers_find_pod(handler, "pod0"));
	assert_non_null(handlers_find_pod(handler, "pod128"));
	assert_null(handlers_find_pod(handler, "pod129"));
	handlers_free(&handlers);
}

static void too_small_an_overhead_is_warned_of_at_once_and_once(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 1);
	assert_says(world, EVENT_MISDECLARED,
		    "MESSAGE=the virtual machine of pod default/web-0 costs 180Mi, its RuntimeClass declares "
		    "160Mi: it may be "
		    "OOM-killed before its containers reach their limits\n");
	assert_says(world, EVENT_MISDECLARED, "TIDEMARK_OVERHEAD_DECLARED_BYTES=167772160\n");
	assert_says(world, EVENT_MISDECLARED, "PRIORITY=4\n");
	charge(world, 100, 0);
	machine_pass(world, 10);
	charge(world, 300, 0);
	machine_pass(world, 10);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 1);
}

static void too_large_an_overhead_is_warned_of_after_a_while_and_once(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 400);
	machine_pass(world, 590);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 0);
	machine_pass(world, 100);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 1);
	assert_says(world, EVENT_MISDECLARED, "declares 400Mi: the rest is kept for it in vain\n");
	/* It may yet be too small. */
	charge(world, 401, 0);
	machine_pass(world, 10);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 2);
}

static void pod_that_declares_none_is_told_of(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 0);
	machine_pass(world, 1);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 1);
	assert_says(world, EVENT_MISDECLARED, "declares nothing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(handler_file_keeps_what_pods_cost),
		MACHINE_TEST(pods_life_outlives_the_daemon),
		MACHINE_TEST(handler_file_that_is_broken_is_begun_anew),
		MACHINE_TEST(handler_file_that_is_not_understood_is_left_as_it_is),
		MACHINE_TEST(handler_file_that_cannot_be_read_now_is_left_as_it_is),
		MACHINE_TEST(handler_keeps_the_pods_that_were_seen_last),
		MACHINE_TEST(more_pods_than_are_kept_do_not_displace_each_other),
		MACHINE_TEST(too_small_an_overhead_is_warned_of_at_once_and_once),
		MACHINE_TEST(too_large_an_overhead_is_warned_of_after_a_while_and_once),
		MACHINE_TEST(pod_that_declares_none_is_told_of),
	};
	return cmocka_run_group_tests_name("handlers", tests, NULL, NULL);
}
