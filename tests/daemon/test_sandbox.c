/* SPDX-License-Identifier: Apache-2.0 */

/* Pods that are virtual machines: what of their memory is their containers', and what was there before the
 * first. */

#include "shim/daemon/guests.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/daemon/machine.h"

static void pod_is_split_by_what_its_guest_says(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	make_machine(world, 300);
	charge(world, 400, 20);
	figures(world, "c1 usage=104857600 inactive_file=31457280 limit=536870912\nc2 usage=52428800\n");
	machine_pass(world, 10);

	const struct sandbox *sandbox = the_sandbox(world);
	assert_string_equal(sandbox->fault, "");
	assert_true(sandbox->split.is_known);
	assert_int_equal(sandbox->memory.charge_bytes, 400 * MIB);
	assert_int_equal(sandbox->memory.ram_bytes, 300 * MIB);
	assert_int_equal(sandbox->memory.vmm_anon_bytes, 16 * MIB);
	assert_int_equal(sandbox->memory.virtiofsd_bytes, 7 * MIB);
	assert_int_equal(sandbox->memory.shim_bytes, 21 * MIB);
	assert_int_equal(sandbox->split.used_bytes, 150 * MIB);
	ASSERT_SIGNED(sandbox->split.overhead_bytes, 250 * MIB);
	ASSERT_SIGNED(sandbox->split.unused_bytes, 150 * MIB);
	assert_int_equal(sandbox->split.apart_usec, 0);
	/* Less the host's page cache. */
	ASSERT_SIGNED(sandbox->most_fixed_bytes, 230 * MIB);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void containers_that_use_more_than_is_charged_are_told_as_they_are(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=209715200\n");
	machine_pass(world, 10);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, -(int64_t)(20 * MIB));
	ASSERT_SIGNED(the_sandbox(world)->split.unused_bytes, -(int64_t)(80 * MIB));
}

static void container_that_the_guest_does_not_have_uses_nothing(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	add_container(world, "init");
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 10);
	assert_true(the_sandbox(world)->split.is_known);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 80 * MIB);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void what_containers_have_freed_is_overhead_now_but_need_not_be_declared(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 200);
	machine_pass(world, 1);
	add_container(world, "c1");
	charge(world, 1204, 0);
	figures(world, "c1 usage=1073741824\n");
	machine_pass(world, 10);
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 10);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 1104 * MIB);
	ASSERT_SIGNED(the_sandbox(world)->most_fixed_bytes, 180 * MIB);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 0);
}

static void machine_without_pod_is_its_one_containers(void **state)
{
	struct world *world = *state;
	struct record record = record_of(world, SID);
	record.sandbox_id[0] = record.pod_name[0] = '\0';
	record.identity = (struct identity){"-", "box", "box"};
	take_record(world, &record);
	figures(world, SID " usage=104857600\n");
	machine_pass(world, 10);
	assert_true(the_sandbox(world)->split.is_known);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 80 * MIB);
	assert_int_equal(the_sandbox(world)->n_records, 1);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 0); /* nothing declares for it */
}

static void records_may_come_in_any_order(void **state)
{
	struct world *world = *state;
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 1);
	assert_false(the_sandbox(world)->has_record);
	add_sandbox(world, 160);
	machine_pass(world, 10);
	assert_true(the_sandbox(world)->split.is_known);
	assert_int_equal(the_sandbox(world)->declared_bytes, 160 * MIB);
	/* What was before is not known. */
	assert_int_equal(the_sandbox(world)->prestart_bytes, 0);
	assert_false(the_sandbox(world)->is_kept);
}

static void prestart_is_what_is_charged_when_the_first_container_is_created(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	charge(world, 170, 0);
	machine_pass(world, 1);
	assert_int_equal(the_sandbox(world)->prestart_bytes, 170 * MIB);
	charge(world, 180, 0);
	make_machine(world, 120);
	world->now_usec += 100 * USEC_PER_MSEC;
	add_container(world, "c1");
	assert_int_equal(the_sandbox(world)->prestart_bytes, 180 * MIB);
	assert_int_equal(the_sandbox(world)->boot_bytes, 120 * MIB);
	assert_int_equal(world->n_said[EVENT_PRESTART], 1);
	assert_says(world, EVENT_PRESTART,
		    "MESSAGE=the virtual machine of pod default/web-0 was charged 180Mi before its first "
		    "container\n");
	assert_says(world, EVENT_PRESTART, "TIDEMARK_RAM_BYTES=125829120\n");

	charge(world, 500, 0);
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 20);
	assert_int_equal(the_sandbox(world)->prestart_bytes, 180 * MIB);
	assert_int_equal(the_sandbox(world)->boot_bytes, 120 * MIB);
}

static void prestart_is_the_reading_before_a_record_that_is_read_late(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	struct record record = record_of(world, "c1");
	record.created_usec = world->now_usec;
	world->now_usec += 3 * USEC_PER_SEC;
	charge(world, 400, 0);
	take_record(world, &record);
	assert_int_equal(the_sandbox(world)->prestart_bytes, 180 * MIB);
}

static void prestart_is_unknown_where_it_was_missed(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	add_container(world, "c1");
	world_stop(world);
	world_start(world);
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 10);
	assert_true(the_sandbox(world)->split.is_known);
	assert_int_equal(the_sandbox(world)->prestart_bytes, 0);
	assert_int_equal(the_sandbox(world)->boot_bytes, 0);
	assert_int_equal(world->n_said[EVENT_PRESTART], 1); /* before the restart */
}

static void clock_that_jumps_does_no_harm(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 10);
	world->now_usec -= USEC_PER_HOUR;
	machine_pass(world, 1);
	assert_true(the_sandbox(world)->split.is_known);
	figures(world, "fault hang\n");
	world->now_usec += 10 * USEC_PER_SEC;
	world_watch_guests(world);
	world->now_usec -= USEC_PER_HOUR;
	world_watch_guests(world);
	assert_int_equal(the_sandbox(world)->asking, SANDBOX_LATE);
	world->now_usec += 365 * USEC_PER_DAY;
	world_watch_guests(world);
	assert_int_equal(the_sandbox(world)->asking, SANDBOX_LATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(pod_is_split_by_what_its_guest_says),
		MACHINE_TEST(containers_that_use_more_than_is_charged_are_told_as_they_are),
		MACHINE_TEST(container_that_the_guest_does_not_have_uses_nothing),
		MACHINE_TEST(what_containers_have_freed_is_overhead_now_but_need_not_be_declared),
		MACHINE_TEST(machine_without_pod_is_its_one_containers),
		MACHINE_TEST(records_may_come_in_any_order),
		MACHINE_TEST(prestart_is_what_is_charged_when_the_first_container_is_created),
		MACHINE_TEST(prestart_is_the_reading_before_a_record_that_is_read_late),
		MACHINE_TEST(prestart_is_unknown_where_it_was_missed),
		MACHINE_TEST(clock_that_jumps_does_no_harm),
	};
	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
