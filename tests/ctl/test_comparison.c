/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/ctl/comparison.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"

#define IMAGE   "072b32bd"
#define UNKNOWN OVERHEAD_UNKNOWN

/* A node: two workloads of the same image under crun and under kata, and what the daemon measured. */
struct node {
	struct survey_container containers[2][4];
	struct survey_workload workloads[2];
	struct survey survey;
	struct overhead_sandbox vms[2];
	struct overhead_handler handlers[1];
	struct overhead overhead;
};

static void add_container(struct node *node, size_t workload, const char *id, const char *sandbox_id,
			  const char *runtime, uint64_t current_bytes)
{
	struct survey_workload *to = &node->workloads[workload];
	struct survey_container *container = &to->containers[to->n_containers++];

	*container = (struct survey_container){.max_bytes = 512 * MIB};
	snprintf(container->record.id, sizeof container->record.id, "%s", id);
	snprintf(container->record.sandbox_id, sizeof container->record.sandbox_id, "%s", sandbox_id);
	snprintf(container->record.runtime, sizeof container->record.runtime, "%s", runtime);
	snprintf(container->record.image_ref, sizeof container->record.image_ref, "%s", IMAGE);
	container->is_running = current_bytes > 0;
	container->record.is_vm = strcmp(runtime, "kata") == 0;
	container->memory.current_bytes = current_bytes;
	container->memory.inactive_file_bytes = current_bytes / 4;
	container->record.prestart.current_bytes = container->record.is_vm ? 0 : 300 * KIB;
}

static void add_vm(struct node *node, const char *id, uint64_t charge_bytes, uint64_t used_bytes)
{
	struct overhead_sandbox *vm = &node->vms[node->overhead.n_sandboxes++];

	*vm = (struct overhead_sandbox){
		.is_vm = true,
		.charge_bytes = charge_bytes,
		.guest_used_bytes = used_bytes,
		.overhead_bytes = (int64_t)(charge_bytes - used_bytes),
		.prestart_bytes = 200 * MIB,
		.overhead_declared_bytes = 160 * MIB,
	};
	snprintf(vm->id, sizeof vm->id, "%s", id);
}

static void begin(struct node *node)
{
	*node = (struct node){0};
	for (size_t i = 0; i < 2; i++)
		node->workloads[i].containers = node->containers[i];
	node->survey = (struct survey){.workloads = node->workloads, .n_workloads = 2};
	node->overhead =
		(struct overhead){.sandboxes = node->vms, .handlers = node->handlers, .n_handlers = 1};
	node->handlers[0] = (struct overhead_handler){.name = "crun", .conmons = 4, .conmon_bytes = 4 * MIB};
}

static const struct comparison_side *find_side(const struct comparison *comparison, const char *runtime)
{
	for (size_t i = 0; i < comparison->n_sides; i++)
		if (strcmp(comparison->sides[i].runtime, runtime) == 0)
			return &comparison->sides[i];
	fail_msg("no %s", runtime);
	return NULL;
}

static void each_runtime_has_its_means(void **state)
{
	static struct node node;
	struct comparison comparison;
	(void)state;

	begin(&node);
	add_container(&node, 0, "c1", "s1", "crun", 100 * MIB);
	add_container(&node, 0, "c2", "s2", "crun", 200 * MIB);
	add_container(&node, 0, "gone", "s9", "crun", 0);
	add_container(&node, 1, "k1", "v1", "kata", 100 * MIB);
	add_container(&node, 1, "k2", "v2", "kata", 200 * MIB);
	add_vm(&node, "v1", 500 * MIB, 100 * MIB);
	add_vm(&node, "v2", 700 * MIB, 200 * MIB);
	node.workloads[0].has_limits = true;
	node.workloads[0].limits.observed = (struct observed){.samples = 9, .p95_bytes = 180 * MIB};
	comparison_make(&node.survey, &node.overhead, IMAGE, &comparison);

	assert_int_equal(comparison.n_sides, 2);
	assert_string_equal(comparison.sides[0].runtime, "crun");
	const struct comparison_side *crun = find_side(&comparison, "crun"),
				     *kata = find_side(&comparison, "kata");
	assert_true(!crun->is_vm && crun->pods == 2 && crun->containers == 2);
	assert_int_equal(crun->working_set_bytes, 150 * MIB * 3 / 4);
	assert_int_equal(crun->limit_bytes, 512 * MIB);
	assert_int_equal(crun->p95_bytes, 180 * MIB);
	assert_int_equal(crun->prestart_bytes, 300 * KIB);
	assert_int_equal(crun->cost_bytes, 151 * MIB); /* a conmon each */
	assert_int_equal(crun->overhead_bytes, MIB);
	assert_true(crun->declared_bytes == UNKNOWN && !crun->p95_is_shared);

	assert_true(kata->is_vm && kata->pods == 2 && kata->containers == 2);
	assert_int_equal(kata->working_set_bytes, 150 * MIB * 3 / 4);
	assert_int_equal(kata->limit_bytes, 512 * MIB);
	assert_true(kata->p95_bytes == UNKNOWN);
	assert_int_equal(kata->prestart_bytes, 200 * MIB);
	assert_int_equal(kata->cost_bytes, 600 * MIB);
	assert_int_equal(kata->overhead_bytes, 450 * MIB);
	assert_int_equal(kata->declared_bytes, 160 * MIB);
}

static void a_pod_costs_what_all_its_containers_cost(void **state)
{
	static struct node node;
	struct comparison comparison;
	(void)state;

	begin(&node);
	add_container(&node, 0, "c1", "s1", "crun", 100 * MIB);
	add_container(&node, 0, "c2", "s1", "crun", 100 * MIB);
	add_container(&node, 1, "sidecar", "s1", "crun", 50 * MIB);
	snprintf(node.containers[1][0].record.image_ref, 9, "another1");
	comparison_make(&node.survey, &node.overhead, IMAGE, &comparison);

	const struct comparison_side *crun = find_side(&comparison, "crun");
	assert_true(crun->pods == 1 && crun->containers == 2);
	assert_int_equal(crun->cost_bytes, 253 * MIB);
}

static void what_is_not_known_is_in_no_mean(void **state)
{
	static struct node node;
	struct comparison comparison;
	(void)state;

	begin(&node);
	add_container(&node, 1, "k1", "v1", "kata", 100 * MIB);
	add_container(&node, 1, "k2", "v2", "kata", 200 * MIB);
	add_vm(&node, "v1", 500 * MIB, 100 * MIB);
	add_vm(&node, "v2", 700 * MIB, 200 * MIB);
	node.vms[1].overhead_bytes = OVERHEAD_UNKNOWN_SIGNED;
	node.vms[1].prestart_bytes = UNKNOWN;
	comparison_make(&node.survey, &node.overhead, IMAGE, &comparison);

	const struct comparison_side *kata = find_side(&comparison, "kata");
	assert_int_equal(kata->overhead_bytes, 400 * MIB);
	assert_int_equal(kata->prestart_bytes, 200 * MIB);
	assert_int_equal(kata->cost_bytes, 600 * MIB);
	/* The daemon has dropped them meanwhile. */
	node.overhead.n_sandboxes = 0;
	comparison_make(&node.survey, &node.overhead, IMAGE, &comparison);
	kata = find_side(&comparison, "kata");
	assert_true(kata->pods == 2 && kata->cost_bytes == UNKNOWN);
	assert_true(kata->overhead_bytes == OVERHEAD_UNKNOWN_SIGNED);
}

static void a_workload_under_both_shares_its_p95(void **state)
{
	static struct node node;
	struct comparison comparison;
	(void)state;

	begin(&node);
	add_container(&node, 0, "c1", "s1", "crun", 100 * MIB);
	add_container(&node, 0, "k1", "v1", "kata", 100 * MIB);
	add_vm(&node, "v1", 500 * MIB, 100 * MIB);
	node.workloads[0].has_limits = true;
	node.workloads[0].limits.observed = (struct observed){.samples = 9, .p95_bytes = 180 * MIB};
	comparison_make(&node.survey, &node.overhead, IMAGE, &comparison);

	assert_true(find_side(&comparison, "crun")->p95_is_shared &&
		    find_side(&comparison, "kata")->p95_is_shared);
}

static void what_a_vm_costs_is_told_against_what_runs_most(void **state)
{
	static struct node node;
	struct comparison comparison;
	const struct comparison_side *vm, *bare;
	(void)state;

	begin(&node);
	add_container(&node, 0, "r1", "s1", "runc", 100 * MIB);
	comparison_make(&node.survey, &node.overhead, IMAGE, &comparison);
	assert_false(comparison_pair(&comparison, &vm, &bare));
	add_container(&node, 0, "c1", "s2", "crun", 100 * MIB);
	add_container(&node, 0, "r2", "s3", "runc", 100 * MIB);
	add_container(&node, 1, "k1", "v1", "kata", 100 * MIB);
	add_vm(&node, "v1", 500 * MIB, 100 * MIB);
	comparison_make(&node.survey, &node.overhead, IMAGE, &comparison);
	assert_true(comparison_pair(&comparison, &vm, &bare));
	assert_string_equal(vm->runtime, "kata");
	assert_string_equal(bare->runtime, "runc");
	node.vms[0].charge_bytes = UNKNOWN;
	comparison_make(&node.survey, &node.overhead, IMAGE, &comparison);
	assert_false(comparison_pair(&comparison, &vm, &bare));
}

static void runtimes_beyond_the_bound_are_left_out(void **state)
{
	static struct node node;
	static struct survey_container many[COMPARISON_SIDES_MAX + 1];
	struct comparison comparison;
	(void)state;

	begin(&node);
	node.workloads[0].containers = many;
	for (size_t i = 0; i <= COMPARISON_SIDES_MAX; i++) {
		char name[32];
		snprintf(name, sizeof name, "runtime%zu", i);
		add_container(&node, 0, name, "", name, MIB);
	}
	comparison_make(&node.survey, &node.overhead, IMAGE, &comparison);
	assert_int_equal(comparison.n_sides, COMPARISON_SIDES_MAX);
	assert_int_equal(comparison.sides[0].pods, 1); /* outside Kubernetes each container is a pod */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_runtime_has_its_means),
		cmocka_unit_test(a_pod_costs_what_all_its_containers_cost),
		cmocka_unit_test(what_is_not_known_is_in_no_mean),
		cmocka_unit_test(a_workload_under_both_shares_its_p95),
		cmocka_unit_test(what_a_vm_costs_is_told_against_what_runs_most),
		cmocka_unit_test(runtimes_beyond_the_bound_are_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
