/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper in place of a shim-v2 runtime, from end to end: how large the VM of a sandbox is to be. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shim/store/handler.h"
#include "tests/wrapper/shimmed.h"

static void start_sandbox(const struct node *node, const char *config)
{
	write_sandbox(node, config);
	start(node);
	assert_silent(&outcome);
}

#define ASSERT_LEFT_ALONE(node, ...)              \
	do {                                      \
		write_sandbox(node, __VA_ARGS__); \
		assert_passes(node, START);       \
		assert_config(node, __VA_ARGS__); \
	} while (0)

static void sandbox_is_recorded_with_its_overhead_and_never_tuned(void **state)
{
	const struct node *node = *state;
	struct record record;

	publish(node, "POD", 64, 1024, ROLE_UNKNOWN);
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_true(record.is_sandbox);
	assert_true(record.is_vm);
	assert_int_equal(record.overhead_bytes, 160 * MIB);
	assert_int_equal(record.vm_memory_bytes, 0);
	assert_string_equal(record.template, "5d4f8c7b9d");
	assert_string_equal(record.reason, "declared");
}

static void vm_that_follows_its_limits_is_not_sized(void **state)
{
	const struct node *node = *state;
	publish_pod(node);
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, MEMORY(DECLARED) DEFAULT("2048")));
}

static void static_vm_gets_what_its_containers_will_be_given(void **state)
{
	const struct node *node = *state;
	struct record record;

	publish_pod(node);
	configure(node, "enforce", "[vm]\nsizing = static\n");
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, MEMORY("734003200")));
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.vm_memory_bytes, 700 * MIB);
	assert_int_equal(record.overhead_bytes, 160 * MIB);
}

/* kata takes whole MiB, and rounds down. */
static void size_is_of_whole_mebibytes(void **state)
{
	const struct node *node = *state;
	struct limits limits = node_limits();

	publish(node, "nginx", 600, 800, ROLE_CONTAINER);
	snprintf(limits.template, sizeof limits.template, "5d4f8c7b9d");
	snprintf(limits.identity.container, sizeof limits.identity.container, "log");
	limits.recommendation.limit_bytes = limits.enforced_limit_bytes = 100 * MIB + 1;
	limits.recommendation.request_bytes = limits.enforced_request_bytes = MIB;
	limits.observed = (struct observed){.samples = 1};
	limits.declared_bytes = 224 * MIB;
	limits.applied_bytes = 100 * MIB;
	node_publish(node, &limits);
	configure(node, "enforce", "[vm]\nsizing = static\n");
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, MEMORY("735051776")));
}

static void annotation_is_lowered_and_never_raised(void **state)
{
	const struct node *node = *state;

	publish_pod(node);
	configure(node, "enforce", "[vm]\nsizing = static\n");
	start_sandbox(node, SANDBOX(DECLARED, MEMORY(DECLARED)));
	assert_config(node, SANDBOX(DECLARED, MEMORY("734003200")));
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, MEMORY("734003199")));
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, MEMORY("734003200")));
	configure(node, "enforce", "[vm]\nsizing = default-memory\n");
	start_sandbox(node, SANDBOX(DECLARED, DEFAULT("957")));
	assert_config(node, SANDBOX(DECLARED, DEFAULT("956")));
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, DEFAULT("955")));
}

static void default_memory_holds_guest_and_containers(void **state)
{
	const struct node *node = *state;
	struct record record;

	publish_pod(node);
	configure(node, "enforce", "[vm]\nsizing = default-memory\n");
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, DEFAULT("956")));
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.vm_memory_bytes, 956 * MIB);

	/* kata refuses less than 256. */
	publish(node, "nginx", 64, 800, ROLE_CONTAINER);
	publish(node, "log", 64, 224, ROLE_CONTAINER);
	configure(node, "enforce", "[vm]\nsizing = default-memory\nmemory_min = 1Mi\n");
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, DEFAULT("256")));
}

static void vm_is_never_smaller_than_guests_needed_to_boot(void **state)
{
	const struct node *node = *state;
	struct handler handler = {
		.name = "kata",
		.n_pods = 3,
		.pods = {{"a", 1, 0, 0, 400 * MIB}, {"b", 1, 0, 0, 600 * MIB}, {"c", 1, 0, 0, 0}}};

	publish_pod(node);
	int fd = node_open(node, "var/lib/tidemark");
	assert_int_equal(handler_write(fd, &handler, NULL), 0);
	close(fd);
	configure(node, "enforce", "[vm]\nsizing = default-memory\n");
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, DEFAULT("1450"))); /* 700 and 1.25 × 600 */
	configure(node, "enforce", "[vm]\nsizing = default-memory\nmemory_min = 900Mi\n");
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, DEFAULT("1600")));
	/* To this kata adds its own default_memory. */
	configure(node, "enforce", "[vm]\nsizing = static\n");
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, MEMORY("734003200")));
}

static void pod_of_which_not_all_containers_are_known_is_left_alone(void **state)
{
	const struct node *node = *state;

	configure(node, "enforce", "[vm]\nsizing = static\n");
	publish(node, "nginx", 600, 800, ROLE_CONTAINER);
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
	publish(node, "log", 100, 200, ROLE_CONTAINER);
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
	publish(node, "log", 100, 224, ROLE_CONTAINER);
	ASSERT_LEFT_ALONE(node, SANDBOX("0", ""));
	ASSERT_LEFT_ALONE(node, SANDBOX("-1", ""));
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, MEMORY("734003200")));
	/* One that is none of theirs. */
	publish(node, "more", 100, 100, ROLE_CONTAINER);
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
}

/* With another template an image may be another, and its container then gets what it declares. */
static void pod_of_another_template_is_left_alone(void **state)
{
	const struct node *node = *state;
	struct limits limits = node_limits();

	configure(node, "enforce", "[vm]\nsizing = static\n");
	publish_pod(node);
	snprintf(limits.template, sizeof limits.template, "6d4b75cb6d");
	snprintf(limits.identity.container, sizeof limits.identity.container, "log");
	limits.declared_bytes = 224 * MIB;
	node_publish(node, &limits);
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
	/* But one that is gone from the template does not matter. */
	publish_pod(node);
	snprintf(limits.identity.container, sizeof limits.identity.container, "gone");
	node_publish(node, &limits);
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, MEMORY("734003200")));
}

/* Each is read while the sandbox waits: of those that are not counted, too. */
static void profiles_without_end_are_not_read(void **state)
{
	const struct node *node = *state;
	char name[32];

	configure(node, "enforce", "[vm]\nsizing = static\n");
	publish_pod(node);
	for (unsigned i = 0; i < 254; i++) {
		snprintf(name, sizeof name, "debugger-%u", i);
		publish(node, name, 100, 1, ROLE_EPHEMERAL);
	}
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, MEMORY("734003200")));
	publish(node, "debugger", 100, 1, ROLE_EPHEMERAL);
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
}

static void init_containers_and_sidecars_are_told_by_the_sum(void **state)
{
	const struct node *node = *state;

	configure(node, "enforce", "[vm]\nsizing = static\n");
	publish_pod(node);
	/* An init container that declares less than the others together, but is given more than they are. */
	publish(node, "init", 710, 1000, ROLE_INIT);
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, MEMORY("744488960")));
	/* A sidecar runs beside them: 800 + 224 + 1000 = 2024 MiB. */
	start_sandbox(node, SANDBOX("2122317824", ""));
	assert_config(node, SANDBOX("2122317824", MEMORY("1478492160")));
	/* A debug container declares nothing, and counts for nothing. */
	publish(node, "debugger", 100, 1, ROLE_EPHEMERAL);
	start_sandbox(node, SANDBOX(DECLARED, ""));
	assert_config(node, SANDBOX(DECLARED, MEMORY("744488960")));
}

static void pod_that_is_not_tuned_is_not_sized(void **state)
{
	const struct node *node = *state;
	struct node *changed = *state;

	configure(node, "enforce", "[vm]\nsizing = static\n");
	publish(node, "nginx", 800, 800, ROLE_CONTAINER);
	publish(node, "log", 224, 224, ROLE_CONTAINER);
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
	publish_pod(node);
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, "\"tidemark.dev/mode\":\"observe\","));
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, "\"tidemark.dev/overrides\":\"{}\","));
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, "\"tidemark.dev/workload\":\"web\","));
	configure(node, "observe", "[vm]\nsizing = static\n");
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
	/* Nor where no daemon runs: its containers then get what they declare. */
	configure(node, "enforce", "[vm]\nsizing = static\n");
	close(changed->presence_fd);
	changed->presence_fd = -1;
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
}

static void runtime_that_knows_no_size_is_given_none(void **state)
{
	struct node *node = *state;

	be_called(node, "containerd-shim-tidemark-other-v2", "containerd-shim-other-v2");
	configure(node, "enforce", "[vm]\nsizing = static\n");
	publish_pod(node);
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
}

static void fault_of_the_size_leaves_the_sandbox_alone(void **state)
{
	const struct node *node = *state;
	struct record record;

	configure(node, "enforce", "[vm]\nsizing = default-memory\n");
	publish_pod(node);
	/* What a guest needs is not known. */
	write_sandbox(node, SANDBOX(DECLARED, ""));
	node_write(node, "var/lib/tidemark/handlers/kata.json", "{\"v\":1,");
	assert_starts_as_declared(node, "starts as declared: handlers/kata.json: not JSON");
	assert_config(node, SANDBOX(DECLARED, ""));
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.vm_memory_bytes, 0);
	assert_true(record.fault[0]);
	unlinkat(node->fixture.root_fd, "var/lib/tidemark/handlers/kata.json", 0);

	configure(node, "enforce", "[vm]\nsizing = static\n");
	write_sandbox(node, SANDBOX(DECLARED, MEMORY("1Gi")));
	assert_starts_as_declared(node, "io.kubernetes.cri.sandbox-memory is no amount");
	assert_config(node, SANDBOX(DECLARED, MEMORY("1Gi")));

	/* A profile that cannot be read may be of a container of this pod. */
	node_write(node, "var/lib/tidemark/limits/shop/web/more.json", "{");
	ASSERT_LEFT_ALONE(node, SANDBOX(DECLARED, ""));
}

static void sandbox_that_cannot_be_replaced_is_recorded_so(void **state)
{
	const struct node *node = *state;
	struct record record;

	NEED_MACHINE();
	configure(node, "enforce", "[vm]\nsizing = static\n");
	publish_pod(node);
	node_mount(node, "bundle", 0, "size=1m,mode=700");
	write_sandbox(node, SANDBOX(DECLARED, ""));
	assert_int_equal(mount(NULL, node->bundle, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_starts_as_declared(node, "Read-only file system");
	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.vm_memory_bytes, 0);
	assert_int_equal(record.overhead_bytes, 160 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHIM_TEST(sandbox_is_recorded_with_its_overhead_and_never_tuned),
		SHIM_TEST(vm_that_follows_its_limits_is_not_sized),
		SHIM_TEST(static_vm_gets_what_its_containers_will_be_given),
		SHIM_TEST(size_is_of_whole_mebibytes),
		SHIM_TEST(annotation_is_lowered_and_never_raised),
		SHIM_TEST(default_memory_holds_guest_and_containers),
		SHIM_TEST(vm_is_never_smaller_than_guests_needed_to_boot),
		SHIM_TEST(pod_of_which_not_all_containers_are_known_is_left_alone),
		SHIM_TEST(pod_of_another_template_is_left_alone),
		SHIM_TEST(profiles_without_end_are_not_read),
		SHIM_TEST(init_containers_and_sidecars_are_told_by_the_sum),
		SHIM_TEST(pod_that_is_not_tuned_is_not_sized),
		SHIM_TEST(runtime_that_knows_no_size_is_given_none),
		SHIM_TEST(fault_of_the_size_leaves_the_sandbox_alone),
		SHIM_TEST(sandbox_that_cannot_be_replaced_is_recorded_so),
	};
	return cmocka_run_group_tests(tests, machine_begin, NULL);
}
