/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/overhead.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

#define UNKNOWN OVERHEAD_UNKNOWN_SIGNED

/* A pod with shared guest RAM; all parts are there. */
#define SANDBOX                                                                                              \
	"{\"id\":\"5d\",\"handler\":\"kata\",\"namespace\":\"shop\",\"pod\":\"web-1\",\"vm\":true,"          \
	"\"overhead_declared\":1000,\"usec\":70,\"guest_usec\":60,\"charge\":10000,\"ram\":7000,"            \
	"\"ram_shared\":true,\"vmm_anon\":300,\"vmm_file\":200,\"virtiofsd\":150,\"shim\":400,"              \
	"\"pagetables\":50,"                                                                                 \
	"\"kernel\":250,\"guest_used\":6000,\"overhead\":4000,\"unused\":1000,\"fixed\":4200,\"droppable\":" \
	"30,\"outside\":0,\"prestart\":2500,\"vmm_pid\":99,"                                                 \
	"\"containers\":[{\"id\":\"c1\",\"name\":\"nginx\",\"usage\":6000,\"working_set\":5000,\"limit\":"   \
	"8000}]}"

static struct overhead parse(const char *text)
{
	struct overhead overhead;
	struct error err = {0};

	if (overhead_parse(text, strlen(text), &overhead, &err) != 0)
		fail_msg("%s", err.text);
	return overhead;
}

static void assert_refused(const char *text, int result, const char *why)
{
	struct overhead overhead = {.version = 77};
	struct error err = {0};

	assert_int_equal(overhead_parse(text, strlen(text), &overhead, &err), -result);
	assert_int_equal(overhead.version, 77);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

/* ---- The file ---- */

static void a_file_becomes_a_struct(void **state)
{
	struct overhead overhead = parse(
		"{\"v\":1,\"usec\":1795521037000000,\"interval_usec\":10000000,\"left_out\":2,\"node\":{"
		"\"pods\":4,\"later\":[]},\"handlers\":["
		"{\"handler\":\"crun\",\"pods\":3,\"containers\":4,\"vm\":false,\"declared\":500,\"working_"
		"set\":200,"
		"\"slack\":300,\"prestart\":10,\"conmon\":4,\"conmon_bytes\":2800},"
		"{\"handler\":\"kata\",\"pods\":1,\"containers\":1,\"vm\":true,\"overhead_declared\":1000,"
		"\"recommended\":20,\"machines\":2,\"answered\":1,\"overhead\":-5}],"
		"\"sandboxes\":[" SANDBOX ",{\"id\":\"5e\"}]}");
	(void)state;

	assert_true(overhead.written_usec == UINT64_C(1795521037000000));
	assert_int_equal(overhead.interval_usec, 10000000);
	assert_int_equal(overhead.left_out, 2);
	assert_int_equal(overhead.node.pods, 4);
	assert_int_equal(overhead.n_handlers, 2);
	assert_string_equal(overhead.handlers[0].name, "crun");
	assert_int_equal(overhead.handlers[0].conmon_bytes, 2800);
	assert_true(overhead.handlers[0].overhead_declared_bytes == OVERHEAD_UNKNOWN);
	assert_true(overhead.handlers[1].is_vm && overhead.handlers[1].slack_bytes == OVERHEAD_UNKNOWN);
	assert_int_equal(overhead.handlers[1].answered, 1);
	assert_int_equal(overhead.handlers[1].recommended_bytes, 20);
	assert_int_equal(overhead.handlers[1].overhead_bytes, -5);
	assert_int_equal(overhead.n_sandboxes, 2);
	assert_string_equal(overhead.sandboxes[0].pod, "web-1");
	assert_int_equal(overhead.sandboxes[0].overhead_bytes, 4000);
	assert_int_equal(overhead.sandboxes[0].n_containers, 1);
	assert_string_equal(overhead.sandboxes[0].containers[0].name, "nginx");
	assert_int_equal(overhead.sandboxes[0].containers[0].limit_bytes, 8000);
	assert_true(overhead.sandboxes[1].overhead_bytes == UNKNOWN);
	assert_true(overhead.sandboxes[1].charge_bytes == OVERHEAD_UNKNOWN);
	assert_int_equal(overhead.sandboxes[1].n_containers, 0);
	overhead_free(&overhead);
	assert_int_equal(overhead.n_sandboxes, 0);
}

static void overhead_may_be_below_0(void **state)
{
	struct overhead overhead =
		parse("{\"v\":1,\"sandboxes\":[{\"id\":\"5d\",\"overhead\":-12,\"unused\":-1}]}");
	(void)state;

	assert_int_equal(overhead.sandboxes[0].overhead_bytes, -12);
	assert_int_equal(overhead.sandboxes[0].unused_bytes, -1);
	overhead_free(&overhead);
}

static void a_guest_without_a_limit_has_none(void **state)
{
	struct overhead overhead =
		parse("{\"v\":1,\"sandboxes\":[{\"id\":\"5d\",\"containers\":[{\"id\":\"c\",\"limit\":"
		      "9223372036854771712}]}]}");
	(void)state;

	assert_true(overhead.sandboxes[0].containers[0].limit_bytes == OVERHEAD_UNKNOWN);
	overhead_free(&overhead);
}

static void what_is_not_of_this_form_is_refused(void **state)
{
	(void)state;

	assert_refused("", EBADMSG, "overhead.json: not JSON");
	assert_refused("{\"v\":1,\"sandboxes\":[{\"id\"", EBADMSG, "not JSON, or cut off");
	assert_refused("{}", EBADMSG, "no version");
	assert_refused("{\"v\":2,\"handlers\":7}", ENOTSUP, "newer than this program knows");
	assert_refused("{\"v\":1,\"handlers\":{}}", EBADMSG, "not an array");
	assert_refused("{\"v\":1,\"handlers\":[7]}", EBADMSG, "no object");
	assert_refused("{\"v\":1,\"handlers\":[{\"pods\":-1}]}", EBADMSG, "pods is out of range");
	assert_refused("{\"v\":1,\"sandboxes\":[{\"id\":\"5d\",\"containers\":7}]}", EBADMSG, "not an array");
	assert_refused("{\"v\":1,\"node\":[]}", EBADMSG, "node is not an object");
}

/* A guest may say anything, and must not hide the others by it. */
static void an_amount_that_cannot_be_is_unknown(void **state)
{
	struct overhead overhead = parse(
		"{\"v\":1,\"node\":{\"overhead\":-9223372036854775808},\"handlers\":[{\"conmon_bytes\":"
		"281474976710657,"
		"\"overhead\":9223372036854775807}],\"sandboxes\":[{\"charge\":281474976710657,\"ram\":"
		"281474976710656,"
		"\"overhead\":-281474976710657,\"unused\":-281474976710656,\"vmm_pid\":2147483648,\"usec\":"
		"18446744073709551615,\"containers\":[{\"usage\":18446744073709551615}]}]}");
	(void)state;

	assert_true(overhead.node.overhead_bytes == UNKNOWN);
	assert_true(overhead.handlers[0].conmon_bytes == OVERHEAD_UNKNOWN);
	assert_true(overhead.handlers[0].overhead_bytes == UNKNOWN);
	const struct overhead_sandbox *sandbox = &overhead.sandboxes[0];
	assert_true(sandbox->charge_bytes == OVERHEAD_UNKNOWN && sandbox->overhead_bytes == UNKNOWN);
	assert_true(sandbox->ram_bytes == UINT64_C(1) << 48 && sandbox->unused_bytes == -(INT64_C(1) << 48));
	assert_int_equal(sandbox->vmm_pid, 0);
	assert_true(sandbox->containers[0].usage_bytes == OVERHEAD_UNKNOWN);
	overhead_free(&overhead);
}

/* "[{},{},…]" of so many elements. */
static char *make_list(const char *member, const char *element, size_t count)
{
	const size_t size = 64 + count * (strlen(element) + 1);
	char *text = malloc(size), *end = text;

	end += snprintf(end, size, "{\"v\":1,\"%s\":[", member);
	for (size_t i = 0; i < count; i++)
		end += snprintf(end, size - (size_t)(end - text), "%s%s", i > 0 ? "," : "", element);
	(void)snprintf(end, size - (size_t)(end - text), "]}");
	return text;
}

static void no_list_is_without_end(void **state)
{
	static const struct {
		const char *member;
		size_t most;
	} lists[] = {{"handlers", OVERHEAD_HANDLERS_MAX}, {"sandboxes", OVERHEAD_SANDBOXES_MAX}};
	(void)state;

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		char *text = make_list(lists[i].member, "{}", lists[i].most);
		struct overhead overhead = parse(text);
		overhead_free(&overhead);
		free(text);
		text = make_list(lists[i].member, "{}", lists[i].most + 1);
		assert_refused(text, EBADMSG, "more");
		free(text);
	}
	char containers[2 * 1024 * 3];
	size_t used = (size_t)snprintf(containers, sizeof containers, "{\"containers\":[{}");
	for (size_t n = 1; n < 1024; n++)
		used += (size_t)snprintf(containers + used, sizeof containers - used, ",{}");
	(void)snprintf(containers + used, sizeof containers - used, "]}");
	char *text = make_list("sandboxes", containers, OVERHEAD_CONTAINERS_MAX / 1024 + 1);
	assert_refused(text, EBADMSG, "more containers");
	free(text);
}

static void a_file_is_read_up_to_its_bound(void **state)
{
	const struct fixture *fixture = *state;
	struct overhead overhead;
	struct error err = {0};

	assert_int_equal(overhead_load(fixture->root_fd, &overhead, &err), -ENOENT);
	fixture_write(fixture->root_fd, OVERHEAD_FILE, "{\"v\":1,\"sandboxes\":[" SANDBOX "]}\n");
	assert_int_equal(overhead_load(fixture->root_fd, &overhead, &err), 0);
	assert_int_equal(overhead.n_sandboxes, 1);
	overhead_free(&overhead);
	int fd = openat(fixture->root_fd, OVERHEAD_FILE, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, OVERHEAD_SIZE_MAX + 1), 0);
	close(fd);
	assert_int_equal(overhead_load(fixture->root_fd, &overhead, &err), -EBADMSG);
	fixture_remove(fixture->root_fd, OVERHEAD_FILE);
	fixture_directory(fixture->root_fd, OVERHEAD_FILE);
	assert_true(overhead_load(fixture->root_fd, &overhead, &err) < 0);
}

#define TEXT_SIZE 8192

static void write_sandbox(const struct overhead_sandbox *sandbox, char text[static TEXT_SIZE])
{
	struct json_out out = {.buf = text, .size = TEXT_SIZE};

	overhead_out_sandbox(&out, sandbox);
	assert_false(out.overflow);
}

static void what_is_written_has_what_was_read(void **state)
{
	struct overhead overhead = parse("{\"v\":1,\"sandboxes\":[" SANDBOX "]}");
	char text[TEXT_SIZE];
	(void)state;

	const char *containers = strstr(SANDBOX, ",\"containers\"");
	const char *rest = ",\"rest\":1700";
	write_sandbox(&overhead.sandboxes[0], text);
	assert_int_equal(strlen(text), strlen(SANDBOX) + strlen(rest));
	assert_memory_equal(text, SANDBOX, (size_t)(containers - SANDBOX));
	assert_memory_equal(text + (containers - SANDBOX), rest, strlen(rest));
	assert_string_equal(text + (containers - SANDBOX) + strlen(rest), containers);
	assert_string_equal(
		containers,
		",\"containers\":[{\"id\":\"c1\",\"name\":\"nginx\",\"usage\":6000,\"working_set\":5000,"
		"\"limit\":8000}]}");
	overhead_free(&overhead);

	overhead = parse("{\"v\":1,\"handlers\":[{\"handler\":\"crun\",\"conmon\":0}],\"sandboxes\":[{\"id\":"
			 "\"5d\"}]}");
	struct json_out out = {.buf = text, .size = sizeof text};
	overhead_out_handler(&out, NULL, &overhead.handlers[0]);
	assert_string_equal(text, "{\"handler\":\"crun\",\"vm\":false,\"conmon\":0}");
	write_sandbox(&overhead.sandboxes[0], text);
	assert_string_equal(text,
			    "{\"id\":\"5d\",\"handler\":\"\",\"namespace\":\"\",\"pod\":\"\",\"vm\":false,"
			    "\"ram_shared\":false,\"containers\":[]}");
	overhead_free(&overhead);
}

static void the_longest_names_are_written_whole(void **state)
{
	struct overhead_container container = {.usage_bytes = 1};
	struct overhead_sandbox sandbox = {
		.vmm_pid = INT32_MAX, .charge_bytes = 1, .containers = &container, .n_containers = 1};
	char text[TEXT_SIZE], document[TEXT_SIZE + 64];
	(void)state;

	memset(sandbox.id, 1, sizeof sandbox.id - 1);
	memset(sandbox.handler, 1, sizeof sandbox.handler - 1);
	memset(sandbox.namespace, 1, sizeof sandbox.namespace - 1);
	memset(sandbox.pod, 1, sizeof sandbox.pod - 1);
	memset(sandbox.fault, 1, sizeof sandbox.fault - 1);
	memset(container.id, 1, sizeof container.id - 1);
	memset(container.name, 1, sizeof container.name - 1);
	write_sandbox(&sandbox, text);
	(void)snprintf(document, sizeof document, "{\"v\":1,\"sandboxes\":[%s]}", text);
	struct overhead overhead = parse(document);
	assert_string_equal(overhead.sandboxes[0].id, sandbox.id);
	assert_string_equal(overhead.sandboxes[0].handler, sandbox.handler);
	assert_string_equal(overhead.sandboxes[0].namespace, sandbox.namespace);
	assert_string_equal(overhead.sandboxes[0].pod, sandbox.pod);
	assert_string_equal(overhead.sandboxes[0].fault, sandbox.fault);
	assert_string_equal(overhead.sandboxes[0].containers[0].id, container.id);
	assert_string_equal(overhead.sandboxes[0].containers[0].name, container.name);
	overhead_free(&overhead);
}

/* ---- The parts ---- */

static struct overhead_sandbox make_sandbox(void)
{
	struct overhead overhead = parse("{\"v\":1,\"sandboxes\":[" SANDBOX "]}");
	struct overhead_sandbox sandbox = overhead.sandboxes[0];

	overhead_free(&overhead);
	sandbox.containers = NULL;
	sandbox.n_containers = 0;
	return sandbox;
}

static void the_parts_and_the_rest_are_the_charge(void **state)
{
	const struct overhead_sandbox sandbox = make_sandbox();
	struct overhead_parts parts;
	(void)state;

	overhead_parts_of(&sandbox, &parts);
	assert_int_equal(parts.bytes[PART_CHARGE], 10000);
	assert_int_equal(parts.bytes[PART_VMM], 500);
	assert_int_equal(parts.bytes[PART_REST], 10000 - 7000 - 500 - 150 - 400 - 250);
	assert_int_equal(parts.bytes[PART_USED] + parts.bytes[PART_UNUSED], parts.bytes[PART_RAM]);
	assert_int_equal(parts.bytes[PART_USED] + parts.bytes[PART_OVERHEAD], parts.bytes[PART_CHARGE]);
	assert_false(parts.ram_has_vmm);
}

static void a_part_that_is_missing_takes_nothing_off_the_rest(void **state)
{
	struct overhead_sandbox sandbox = make_sandbox();
	struct overhead_parts parts;
	(void)state;

	sandbox.virtiofsd_bytes = sandbox.shim_bytes = OVERHEAD_UNKNOWN;
	overhead_parts_of(&sandbox, &parts);
	assert_true(parts.bytes[PART_SHIM] == UNKNOWN && parts.bytes[PART_VIRTIOFSD] == UNKNOWN);
	assert_int_equal(parts.bytes[PART_REST], 10000 - 7000 - 500 - 250);
	sandbox.vmm_anon_bytes = OVERHEAD_UNKNOWN;
	overhead_parts_of(&sandbox, &parts);
	assert_true(parts.bytes[PART_VMM] == UNKNOWN && parts.bytes[PART_REST] == UNKNOWN);
}

static void pages_that_are_charged_elsewhere_make_the_rest_negative(void **state)
{
	struct overhead_sandbox sandbox = make_sandbox();
	struct overhead_parts parts;
	(void)state;

	sandbox.charge_bytes = 8000;
	overhead_parts_of(&sandbox, &parts);
	assert_int_equal(parts.bytes[PART_REST], -300);
}

static void anonymous_guest_ram_is_one_sum_until_smaps_are_read(void **state)
{
	struct overhead_sandbox sandbox = make_sandbox();
	struct overhead_parts parts;
	(void)state;

	sandbox.ram_is_shared = false;
	sandbox.ram_bytes = OVERHEAD_UNKNOWN;
	sandbox.vmm_anon_bytes = 7300;
	sandbox.unused_bytes = UNKNOWN;
	overhead_parts_of(&sandbox, &parts);
	assert_true(parts.ram_has_vmm);
	assert_int_equal(parts.bytes[PART_RAM], 7300);
	assert_int_equal(parts.bytes[PART_VMM], 200);
	assert_true(parts.bytes[PART_UNUSED] == UNKNOWN);
	assert_int_equal(parts.bytes[PART_REST], 1700);

	overhead_take_smaps(&sandbox, 7000, 310, 190);
	overhead_parts_of(&sandbox, &parts);
	assert_false(parts.ram_has_vmm);
	assert_int_equal(parts.bytes[PART_RAM], 7000);
	assert_int_equal(parts.bytes[PART_VMM], 500);
	assert_int_equal(parts.bytes[PART_UNUSED], 1000);

	sandbox.guest_used_bytes = OVERHEAD_UNKNOWN;
	overhead_take_smaps(&sandbox, 7000, 310, 190);
	assert_true(sandbox.unused_bytes == UNKNOWN);
}

static void without_a_vmm_no_ram_is_known(void **state)
{
	struct overhead overhead = parse("{\"v\":1,\"sandboxes\":[{\"id\":\"5d\"}]}");
	struct overhead_parts parts;
	(void)state;

	overhead_parts_of(&overhead.sandboxes[0], &parts);
	assert_false(parts.ram_has_vmm);
	for (size_t i = 0; i < PARTS_COUNT; i++)
		assert_true(parts.bytes[i] == UNKNOWN);
	overhead_free(&overhead);
}

static void a_sum_says_what_is_not_in_it(void **state)
{
	struct overhead_sandbox sandbox = make_sandbox();
	struct overhead_parts sum = {0}, parts;
	(void)state;

	overhead_parts_of(&sandbox, &parts);
	overhead_parts_add(&sum, &parts);
	sandbox.guest_used_bytes = OVERHEAD_UNKNOWN;
	sandbox.overhead_bytes = sandbox.unused_bytes = UNKNOWN;
	overhead_parts_of(&sandbox, &parts);
	overhead_parts_add(&sum, &parts);
	assert_int_equal(sum.bytes[PART_CHARGE], 20000);
	assert_int_equal(sum.unknown[PART_CHARGE], 0);
	assert_int_equal(sum.bytes[PART_OVERHEAD], 4000);
	assert_int_equal(sum.unknown[PART_OVERHEAD], 1);
	assert_int_equal(sum.unknown[PART_USED], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_becomes_a_struct),
		cmocka_unit_test(overhead_may_be_below_0),
		cmocka_unit_test(a_guest_without_a_limit_has_none),
		cmocka_unit_test(what_is_not_of_this_form_is_refused),
		cmocka_unit_test(an_amount_that_cannot_be_is_unknown),
		cmocka_unit_test(no_list_is_without_end),
		FIXTURE_TEST(a_file_is_read_up_to_its_bound),
		cmocka_unit_test(what_is_written_has_what_was_read),
		cmocka_unit_test(the_longest_names_are_written_whole),
		cmocka_unit_test(the_parts_and_the_rest_are_the_charge),
		cmocka_unit_test(a_part_that_is_missing_takes_nothing_off_the_rest),
		cmocka_unit_test(pages_that_are_charged_elsewhere_make_the_rest_negative),
		cmocka_unit_test(anonymous_guest_ram_is_one_sum_until_smaps_are_read),
		cmocka_unit_test(without_a_vmm_no_ram_is_known),
		cmocka_unit_test(a_sum_says_what_is_not_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
