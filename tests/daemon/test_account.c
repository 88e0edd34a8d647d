/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/account.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cgroups/file.h"
#include "oci/json.h"
#include "shim/daemon/registry.h"
#include "tests/daemon/machine.h"

static void node_event_has_each_part_and_its_share(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	make_machine(world, 300);
	charge(world, 400, 20);
	figures(world, "c1 usage=104857600 inactive_file=31457280\n");
	machine_pass(world, 10);
	world_report(world);

	assert_int_equal(world->n_said[EVENT_NODE], 1);
	assert_int_equal(world->n_said[EVENT_OVERHEAD], 1);
	assert_says(world, EVENT_NODE, "TIDEMARK_WORKLOADS=1\n");
	for (enum event event = EVENT_NODE; event <= EVENT_OVERHEAD; event++) {
		assert_says(world, event,
			    "1 container: declared 512Mi, working set 70Mi, slack 442Mi; "
			    "1 virtual machine is charged 400Mi: guest RAM 300Mi (75 %), VMM 16Mi (4 %), "
			    "virtiofsd 7Mi (2 %), shim 21Mi (5 %), kernel 4Mi (1 %), page cache 20Mi (5 %); "
			    "overhead 300Mi (75 %)\n");
		assert_says(world, event, "TIDEMARK_PODS=1\n");
		assert_says(world, event, "TIDEMARK_MACHINES=1\n");
		assert_says(world, event, "TIDEMARK_CHARGE_BYTES=419430400\n");
		assert_says(world, event, "TIDEMARK_RAM_PERCENT=75\n");
		assert_says(world, event, "TIDEMARK_PAGETABLES_BYTES=1048576\n");
		assert_says(world, event, "TIDEMARK_USED_BYTES=104857600\n");
		assert_says(world, event, "TIDEMARK_UNUSED_BYTES=209715200\n");
		assert_says(world, event, "TIDEMARK_OVERHEAD_BYTES=314572800\n");
		assert_says(world, event, "TIDEMARK_OVERHEAD_DECLARED_BYTES=167772160\n");
		assert_says(world, event, "TIDEMARK_PRESTART_BYTES=188743680\n");
	}
	assert_says(world, EVENT_OVERHEAD, "RUNTIME=kata\n");
	assert_says(world, EVENT_OVERHEAD, "TIDEMARK_RECOMMENDED_BYTES=293601280\n");
}

static void overheads_share_is_of_those_that_have_answered(void **state)
{
	struct world *world = *state;
	const struct account account = {.handler = "kata",
					.is_vm = true,
					.pods = 2,
					.machines = 2,
					.charge_bytes = 800 * MIB,
					.answered = 1,
					.used_bytes = 100 * MIB,
					.unused_bytes = (int64_t)(50 * MIB),
					.overhead_bytes = (int64_t)(100 * MIB)};
	voice_overhead(&world->node.voice.journal, &account);
	assert_says(world, EVENT_OVERHEAD, "; overhead 100Mi (50 %)\n");
	assert_says(world, EVENT_OVERHEAD, "TIDEMARK_USED_PERCENT=50\n");
	assert_says(world, EVENT_OVERHEAD, "TIDEMARK_UNUSED_PERCENT=25\n");
	assert_says(world, EVENT_OVERHEAD, "TIDEMARK_OVERHEAD_PERCENT=50\n");
}

static void file_has_what_tidemarkctl_shows(void **state)
{
	struct world *world = *state;
	struct document {
		uint64_t version, usec, interval_usec, pods, charge;
		struct json_span handlers, sandboxes;
	} document = {0};
	static const struct json_field fields[] = {
		JSON_FIELD("v", JSON_UINT, struct document, version),
		JSON_FIELD("usec", JSON_UINT, struct document, usec),
		JSON_FIELD("interval_usec", JSON_UINT, struct document, interval_usec),
		JSON_FIELD("node>pods", JSON_UINT, struct document, pods),
		JSON_FIELD("node>charge", JSON_UINT, struct document, charge),
		JSON_FIELD("handlers", JSON_VALUE, struct document, handlers),
		JSON_FIELD("sandboxes", JSON_VALUE, struct document, sandboxes),
	};
	struct error err = {0};
	char *text;
	size_t length;

	add_sandbox(world, 160);
	machine_pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 usage=209715200 inactive_file=31457280 limit=536870912\n");
	machine_pass(world, 10);
	world_account(world);
	assert_int_equal(
		file_load_at(world->roots.run_fd, ACCOUNT_FILE, ACCOUNT_FILE_MAX, &text, &length, &err), 0);
	if (json_read(text, length, fields, sizeof fields / sizeof *fields, &document, &err) < 0)
		fail_msg("%s: %s", err.text, text);
	assert_int_equal(document.version, 1);
	assert_int_equal(document.usec, world->now_usec);
	assert_int_equal(document.interval_usec, 10 * USEC_PER_SEC);
	assert_int_equal(document.pods, 1);
	assert_int_equal(document.charge, 180 * MIB);
	static const char *const members[] = {
		"{\"handler\":\"kata\",\"vm\":true,\"pods\":1,\"containers\":1,",
		("\"sandboxes\":[{\"id\":\"" SID
		 "\",\"handler\":\"kata\",\"namespace\":\"default\",\"pod\":\"web-0\",\"vm\":true,"
		 "\"overhead_declared\":167772160,"),
		"\"guest_used\":209715200,\"overhead\":-20971520,\"unused\":-83886080,",
		"\"vmm_pid\":1002,",
		("\"prestart\":188743680,\"boot\":125829120,\"containers\":[{\"id\":\"c1\",\"name\":\"app\","
		 "\"usage\":209715200,"
		 "\"working_set\":178257920,\"limit\":536870912,"),
		",{\"id\":\"c2\",\"name\":\"app\"}]}",
	};
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (!strstr(text, members[i]))
			fail_msg("no %s in %s", members[i], text);
	free(text);
}

static void file_is_there_without_any_machine(void **state)
{
	struct world *world = *state;
	char *text;
	size_t length;

	world_account(world);
	assert_int_equal(
		file_load_at(world->roots.run_fd, ACCOUNT_FILE, ACCOUNT_FILE_MAX, &text, &length, NULL), 0);
	assert_non_null(strstr(text, "\"handlers\":[],\"sandboxes\":[]}\n"));
	free(text);
}

static void what_cannot_be_written_is_said_once(void **state)
{
	struct world *world = *state;
	fixture_directory(world->fixture.root_fd, "run/overhead.json");
	world_account(world);
	world_account(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	fixture_remove(world->fixture.root_fd, "run/overhead.json");
	world_account(world);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
}

static void monitors_are_counted_by_handler(void **state)
{
	struct world *world = *state;
	struct accounts accounts;

	for (int i = 0; i < 3; i++) {
		char id[8], arguments[64];
		snprintf(id, sizeof id, "o%d", i);
		struct container *container =
			registry_add(&world->node.registry, id, &world->node.settings.sampling);
		container->state = LIFE_RUNNING;
		container->pid = 2000 + (uint64_t)i;
		container->declared_bytes = DECISION_UNLIMITED;
		container->pod_hash = i < 2 ? 1 : 2;
		strcpy(container->runtime, "crun");
		snprintf(arguments, sizeof arguments, "/usr/bin/%s|-c|%s|-n|x", i == 2 ? "sh" : "conmon", id);
		make_process(world, 3000 + i, 1, arguments, 1, 0);
		make_process(world, 2000 + i, 3000 + i, "sleep", 1, 0);
	}
	world_look_at_conmons(world);
	world_accounts(world, &accounts);
	assert_int_equal(accounts.n, 1);
	assert_string_equal(accounts.handlers[0].handler, "crun");
	assert_int_equal(accounts.handlers[0].conmons, 2);
	assert_int_equal(accounts.handlers[0].conmon_bytes, 2 * MIB);
	assert_int_equal(accounts.handlers[0].pods, 2);
	assert_int_equal(accounts.total.pods, 2);
	assert_int_equal(accounts.total.conmons, 2);

	/* Not again before a node_interval has passed. */
	make_process(world, 3000, 1, "/usr/bin/conmon|-c|o0", 9, 0);
	node_look_at_conmons(&world->node, world->now_usec + USEC_PER_MIN);
	world_accounts(world, &accounts);
	assert_int_equal(accounts.total.conmon_bytes, 2 * MIB);
	node_look_at_conmons(&world->node, world->now_usec + 5 * USEC_PER_MIN);
	world_accounts(world, &accounts);
	assert_int_equal(accounts.total.conmon_bytes, 10 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(node_event_has_each_part_and_its_share),
		MACHINE_TEST(overheads_share_is_of_those_that_have_answered),
		MACHINE_TEST(file_has_what_tidemarkctl_shows),
		MACHINE_TEST(file_is_there_without_any_machine),
		MACHINE_TEST(what_cannot_be_written_is_said_once),
		MACHINE_TEST(monitors_are_counted_by_handler),
	};
	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
