/* SPDX-License-Identifier: Apache-2.0 */

/* The machine's processes and cgroups on the host, where they are not as usual. */

#include "shim/daemon/guests.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cgroups/file.h"
#include "shim/daemon/account.h"
#include "tests/daemon/machine.h"

static void machine_that_dies_has_no_numbers(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 10);
	assert_true(sandbox_is_measured(the_sandbox(world)));
	/* As that of a process that has ended. */
	fixture_write(world->fixture.root_fd, "proc/1002/status",
		      "Name:\tx\nPPid:\t1001\nUid:\t0\t0\t0\t0\nNSpid:\t1002\n");
	fixture_remove(world->fixture.root_fd, "proc/1002");
	fixture_write(world->fixture.root_fd, "proc/1001/task/1001/children", "1003 ");
	stop_shim(world);
	machine_pass(world, 30);
	assert_false(sandbox_is_measured(the_sandbox(world)));
	assert_false(the_sandbox(world)->split.is_known);
	assert_int_equal(world->n_said[EVENT_FAULT], 0); /* so pods end */
	world_sample(world);
	assert_int_equal(world_container(world, "c1")->state, LIFE_ENDED);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	world_account(world);
}

/* kata's /kata_overhead/<sandbox> has no memory controller. */
static void machine_whose_charge_is_not_told_has_that_of_its_processes(void **state)
{
	struct world *world = *state;
	char *text = NULL;
	size_t length;
	fixture_remove(world->fixture.root_fd, "cgroup" POD "/memory.current");
	add_sandbox(world, 160);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	machine_pass(world, 20);
	const struct vmm_memory *memory = &the_sandbox(world)->memory;
	assert_true(the_sandbox(world)->split.is_known);
	assert_true(memory->charge_is_resident);
	assert_true(memory->charge_bytes > memory->ram_bytes + memory->vmm_anon_bytes);
	assert_int_equal(memory->outside_bytes, 0);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, (int64_t)memory->charge_bytes - 104857600);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 0);
	world_account(world);
	assert_int_equal(
		file_load_at(world->roots.run_fd, ACCOUNT_FILE, ACCOUNT_FILE_MAX, &text, &length, NULL), 0);
	assert_non_null(strstr(text, "\"ram\":125829120,"));
	assert_non_null(strstr(text, "\"vmm_pid\":1002,"));
	assert_non_null(strstr(text, "\"charge_resident\":true,"));
	assert_non_null(strstr(text, "\"fault\":\"its cgroups do not tell all"));
	free(text);
}

/* kata moves QEMU out of it once the guest has booted: what it had touched stays charged there. */
static void machine_whose_ram_is_charged_elsewhere_costs_what_it_holds(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	const size_t said = world->n_said[EVENT_MISDECLARED];
	charge(world, 200, 0);
	make_machine(world, 250);
	add_container(world, "c1");
	figures(world, "c1 usage=10485760\n");
	machine_pass(world, 20);
	assert_true(the_sandbox(world)->memory.charge_is_resident);
	assert_true(the_sandbox(world)->memory.charge_bytes >= 250 * MIB);
	assert_true(the_sandbox(world)->split.overhead_bytes >= 240 * (int64_t)MIB);
	assert_non_null(strstr(the_sandbox(world)->fault, "its cgroups do not tell all"));
	assert_int_equal(world->n_said[EVENT_MISDECLARED], said);
	make_machine(world, 120);
	machine_pass(world, 10);
	assert_string_equal(the_sandbox(world)->fault, "");
	assert_int_equal(the_sandbox(world)->memory.charge_bytes, 200 * MIB);
}

static void machine_that_comes_late_is_found(void **state)
{
	struct world *world = *state;
	fixture_remove(world->fixture.root_fd, "proc");
	fixture_remove(world->fixture.root_fd, "bundles");
	fixture_directory(world->fixture.root_fd, "proc");
	close(world->node.roots.proc_fd);
	world->node.roots.proc_fd = world->roots.proc_fd =
		openat(world->fixture.root_fd, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	add_sandbox(world, 160);
	machine_pass(world, 5);
	assert_false(sandbox_is_measured(the_sandbox(world)));
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	make_bundle(world);
	make_process(world, SHIM_PID, 1, "/opt/kata/bin/containerd-shim-kata-v2|-namespace|default|-id|" SID,
		     20, 0);
	machine_pass(world, 1);
	assert_false(sandbox_is_measured(the_sandbox(world)));
	make_machine(world, 120);
	machine_pass(world, 1);
	assert_true(sandbox_is_measured(the_sandbox(world)));
	assert_int_equal(the_sandbox(world)->prestart_bytes, 180 * MIB);
}

static void machine_that_is_never_found_is_told_of_once(void **state)
{
	struct world *world = *state;
	fixture_remove(world->fixture.root_fd, "proc/1001");
	fixture_remove(world->fixture.root_fd, "proc/1002");
	add_sandbox(world, 160);
	machine_pass(world, 9);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	machine_pass(world, 200);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "no process of the sandbox");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(machine_that_dies_has_no_numbers),
		MACHINE_TEST(machine_whose_charge_is_not_told_has_that_of_its_processes),
		MACHINE_TEST(machine_whose_ram_is_charged_elsewhere_costs_what_it_holds),
		MACHINE_TEST(machine_that_comes_late_is_found),
		MACHINE_TEST(machine_that_is_never_found_is_told_of_once),
	};
	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
