/* SPDX-License-Identifier: Apache-2.0 */

/* Against a made-up /proc and cgroup tree, laid out as kata lays them out. tests/system/test_vm.sh has a
 * real QEMU. */

#include "cgroups/vmm.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/cgroups/kata.h"

struct layout {
	const char *vmm_cgroup, *overhead_cgroup; /* where the processes are */
	const char *charged[2];                   /* what is read */
};

/* In each cgroup that is charged 300 MiB, and in each that must not be read as well. */
static void layout_is_read(int root, const struct layout *layout)
{
	struct vmm vmm;
	struct vmm_memory memory;
	const pid_t hints[VMM_PARTS] = {[VMM_VMM] = 103, [VMM_VIRTIOFSD] = 101, [VMM_SHIM] = 100};
	const unsigned n_charged = layout->charged[1] ? 2 : 1;

	make_kata(root, layout->vmm_cgroup, layout->overhead_cgroup);
	charge(root, "", 9000);
	charge(root, layout->vmm_cgroup, 250);
	charge(root, layout->overhead_cgroup, 250);
	for (unsigned i = 0; i < n_charged; i++)
		charge(root, layout->charged[i], 300);

	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_int_equal(vmm.n_processes, 4);
	assert_int_equal(vmm.ram_size_bytes, 512 * MIB);
	assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_kata(&memory);
	assert_int_equal(memory.charge_bytes, n_charged * 300 * MIB);
	assert_int_equal(memory.kernel_bytes, n_charged * 700);
	assert_int_equal(memory.shmem_bytes, n_charged * 400);
	assert_int_equal(memory.pagetables_bytes, n_charged * 34);
	vmm_close(&vmm);
}

static void sandbox_cgroup_only_under_systemd_is_charged_to_the_pod(void **state)
{
	layout_is_read(*(int *)*state, &(struct layout){SCOPE, SCOPE, {POD}});
}

static void sandbox_cgroup_only_under_cgroupfs_is_charged_to_the_pod(void **state)
{
	const char *cgroup = "/kubepods/burstable/pod" UID "/kata_crio-" SID;
	layout_is_read(*(int *)*state, &(struct layout){cgroup, cgroup, {"/kubepods/burstable/pod" UID}});
}

static void cgroups_apart_of_the_go_runtime_are_added(void **state)
{
	layout_is_read(*(int *)*state,
		       &(struct layout){LITERAL, "/kata_overhead/" SID, {LITERAL, "/kata_overhead/" SID}});
}

static void cgroups_apart_of_the_go_runtime_under_cgroupfs_are_added(void **state)
{
	layout_is_read(*(int *)*state, &(struct layout){"/kubepods/pod" UID "/kata_crio-" SID,
							"/kata_overhead/" SID,
							{"/kubepods/pod" UID, "/kata_overhead/" SID}});
}

static void cgroups_apart_of_the_rust_runtime_are_added(void **state)
{
	const char *overhead = "/kata.slice/kata-overhead.slice/runtime-rs-" SID ".scope";
	layout_is_read(*(int *)*state, &(struct layout){SCOPE, overhead, {POD, overhead}});
}

static void without_a_pod_the_cgroup_that_is_named_for_the_sandbox_is_charged(void **state)
{
	layout_is_read(*(int *)*state, &(struct layout){"/machine.slice/libpod-" SID ".scope/vmm",
							"/machine.slice/libpod-" SID ".scope",
							{"/machine.slice/libpod-" SID ".scope"}});
}

static void own_cgroup_is_the_lowest_pods_or_the_sandboxs(void **state)
{
	(void)state;
	assert_int_equal(vmm_own_cgroup(SCOPE, SID), strlen(POD));
	assert_int_equal(vmm_own_cgroup(POD, SID), strlen(POD));
	/* A static pod's uid is a hash. */
	assert_int_equal(vmm_own_cgroup("/kubepods/pod0123456789abcdef0123456789abcdef/x", SID),
			 strlen("/kubepods/pod0123456789abcdef0123456789abcdef"));
	/* The kubelet in a pod of another kubelet. */
	assert_int_equal(vmm_own_cgroup("/kubepods/pod00000000-1111-2222-3333-444455556666/node" SCOPE, SID),
			 strlen("/kubepods/pod00000000-1111-2222-3333-444455556666/node" POD));
	assert_int_equal(vmm_own_cgroup(LITERAL, SID), strlen(LITERAL));
	assert_int_equal(vmm_own_cgroup("/kata_overhead/" SID, SID), strlen("/kata_overhead/" SID));

	assert_int_equal(vmm_own_cgroup("/kata_overhead/" OTHER, SID), 0);
	assert_int_equal(vmm_own_cgroup(CRIO, SID), 0);
	assert_int_equal(vmm_own_cgroup("/", SID), 0);
	assert_int_equal(vmm_own_cgroup("", SID), 0);
	assert_int_equal(vmm_own_cgroup("/user-podface.slice/kubepods-besteffort.slice", SID), 0);
}

static void vmm_in_the_shim_is_one_process(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	struct vmm_memory memory;
	const pid_t hints[VMM_PARTS] = {[VMM_VMM] = 100, [VMM_SHIM] = 100};

	make(root, (struct made){100, 1, SHIM, SCOPE, 40000, 30000, 150000, NULL, 0});
	charge(root, POD, 300);
	assert_int_equal(find(root, hints, true, &vmm), 0);
	assert_true(vmm.in_shim && vmm_has(&vmm, VMM_VMM));
	assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_true(memory.ram_is_shared);
	assert_int_equal(memory.ram_bytes, 150000 * KIB);
	assert_int_equal(memory.vmm_anon_bytes, 40000 * KIB);
	assert_int_equal(memory.shim_bytes, VMM_UNKNOWN);
	assert_int_equal(memory.virtiofsd_bytes, VMM_UNKNOWN);
	vmm_close(&vmm);
}

static void anonymous_ram_is_unknown_and_not_nothing(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	struct vmm_memory memory;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make(root, (struct made){100, 1, SHIM, SCOPE, 15000, 25000, 0, NULL, 0});
	make(root, (struct made){103, 100, QEMU, SCOPE, 217000, 23000, 16, NULL, 0});
	charge(root, POD, 300);
	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_false(memory.ram_is_shared);
	assert_int_equal(memory.ram_bytes, VMM_UNKNOWN);
	assert_int_equal(memory.vmm_anon_bytes, 217000 * KIB);
	assert_int_equal(memory.virtiofsd_bytes, VMM_UNKNOWN);
	vmm_close(&vmm);
}

static void ram_of_huge_pages_is_told(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	struct vmm_memory memory;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make(root, (struct made){100, 1, SHIM, SCOPE, 15000, 25000, 0, NULL, 0});
	make(root, (struct made){103, 100, QEMU, SCOPE, 17000, 23000, 0, NULL, 0});
	charge(root, POD, 60);
	assert_int_equal(find(root, hints, false, &vmm), 0);
	fixture_write(root, "proc/103/status",
		      "PPid:\t100\nUid:\t0\t0\t0\t0\nNSpid:\t103\nRssAnon:\t17000 kB\nRssFile:\t23000 kB\n"
		      "RssShmem:\t0 kB\nHugetlbPages:\t524288 kB\n");
	assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_true(memory.ram_is_hugetlb);
	assert_int_equal(memory.ram_bytes, 512 * MIB);
	vmm_close(&vmm);
}

static void cgroup_without_a_memory_controller_is_outside(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	struct vmm_memory memory;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make_kata(root, LITERAL, "/kata_overhead/" SID);
	fixture_directory(root, "cgroup" LITERAL);
	charge(root, "/kata_overhead/" SID, 100);
	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_int_equal(memory.charge_bytes, 100 * MIB);
	assert_int_equal(memory.outside_bytes, (17000 + 23000 + 200000) * KIB);
	vmm_close(&vmm);
}

static void part_that_ends_is_unknown_and_the_vmms_end_is_the_machines(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	struct vmm_memory memory;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};
	/* A zombie has no memory. */
	static const char zombie[] = "State:\tZ (zombie)\nPPid:\t1\nUid:\t0\t0\t0\t0\nNSpid:\t9\n";

	make_kata(root, SCOPE, SCOPE);
	charge(root, POD, 300);
	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_int_equal(measure(root, &vmm, &memory), 0);
	fixture_write(root, "proc/102/status", zombie);
	assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_int_equal(memory.virtiofsd_bytes, 3000 * KIB);
	fixture_write(root, "proc/101/status", zombie);
	fixture_write(root, "proc/100/status", zombie);
	assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_int_equal(memory.virtiofsd_bytes, VMM_UNKNOWN);
	assert_int_equal(memory.shim_bytes, VMM_UNKNOWN);
	assert_int_equal(memory.ram_bytes, 200000 * KIB);
	assert_false(vmm_has(&vmm, VMM_SHIM));

	memory.charge_bytes = 42;
	fixture_write(root, "proc/103/status", zombie);
	assert_int_equal(measure(root, &vmm, &memory), -ESRCH);
	assert_int_equal(memory.charge_bytes, 42);
	vmm_close(&vmm);
}

static void garbage_in_a_status_is_an_error(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	struct vmm_memory memory;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make_kata(root, SCOPE, SCOPE);
	charge(root, POD, 300);
	assert_int_equal(find(root, hints, false, &vmm), 0);
	fixture_write(root, "proc/103/status", "what is this\n");
	assert_int_equal(measure(root, &vmm, &memory), -EBADMSG);
	fixture_write(root, "proc/103/status",
		      "PPid:\t1\nUid:\t0\nNSpid:\t9\nRssAnon:\t99999999999999999999 kB\n");
	assert_int_equal(measure(root, &vmm, &memory), -EBADMSG);
	vmm_close(&vmm);
}

static void cgroup_that_was_moved_to_is_noticed_and_the_old_one_still_counts(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	struct vmm_memory memory;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make_kata(root, "/kata_overhead/" SID, "/kata_overhead/" SID);
	charge(root, "/kata_overhead/" SID, 300);
	charge(root, LITERAL, 50);
	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_int_equal(memory.charge_bytes, 300 * MIB);
	/* The virtual processors have started: kata moves QEMU, whose pages stay where they are charged. */
	write_cgroup(root, 103, LITERAL);
	for (int i = 0; i < VMM_CGROUP_READINGS; i++)
		assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_int_equal(memory.charge_bytes, 350 * MIB);
	assert_int_equal(memory.outside_bytes, 0);

	/* Below a pod after all: what is read is the pod's, once. */
	write_cgroup(root, 103, SCOPE);
	charge(root, POD, 400);
	charge(root, SCOPE, 400);
	for (int i = 0; i < VMM_CGROUP_READINGS; i++)
		assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_int_equal(memory.charge_bytes, 750 * MIB);
	vmm_close(&vmm);
}

static void process_in_anothers_cgroup_is_told_apart(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	struct vmm_memory memory;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make_kata(root, CRIO, SCOPE);
	charge(root, POD, 100);
	charge(root, CRIO, 5000);
	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_int_equal(memory.charge_bytes, 100 * MIB);
	assert_int_equal(memory.outside_bytes, (17000 + 23000 + 200000) * KIB);
	vmm_close(&vmm);
}

static void ram_size_is_that_of_qemus_arguments(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		uint64_t bytes;
	} cases[] = {
#define CASE(text, bytes) {text, sizeof(text), bytes}
		CASE("qemu\0-m\0"
		     "2048M,slots=10,maxmem=16G",
		     2 * GIB),
		CASE("qemu\0-m\0"
		     "2048",
		     2 * GIB),
		CASE("qemu\0-m\0size=2g", 2 * GIB),
		CASE("qemu\0-m\0"
		     "1048576k",
		     GIB),
		CASE("qemu\0-M\0q35", 0),
		CASE("qemu\0-m\0lots", 0),
		CASE("qemu\0-m\0"
		     "12x",
		     0),
		CASE("qemu\0-m\0"
		     "99999999999999T",
		     0),
		CASE("qemu\0-m", 0),
		CASE("", 0),
		/* Cut off. */
		{"qemu\0-m\0"
		 "2048",
		 12, 2 * GIB},
		{"qemu\0-m", 7, 0},
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(vmm_ram_size(cases[i].text, cases[i].length), cases[i].bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(sandbox_cgroup_only_under_systemd_is_charged_to_the_pod),
		FIXTURE_TEST(sandbox_cgroup_only_under_cgroupfs_is_charged_to_the_pod),
		FIXTURE_TEST(cgroups_apart_of_the_go_runtime_are_added),
		FIXTURE_TEST(cgroups_apart_of_the_go_runtime_under_cgroupfs_are_added),
		FIXTURE_TEST(cgroups_apart_of_the_rust_runtime_are_added),
		FIXTURE_TEST(without_a_pod_the_cgroup_that_is_named_for_the_sandbox_is_charged),
		FIXTURE_TEST(own_cgroup_is_the_lowest_pods_or_the_sandboxs),
		FIXTURE_TEST(vmm_in_the_shim_is_one_process),
		FIXTURE_TEST(anonymous_ram_is_unknown_and_not_nothing),
		FIXTURE_TEST(ram_of_huge_pages_is_told),
		FIXTURE_TEST(cgroup_without_a_memory_controller_is_outside),
		FIXTURE_TEST(part_that_ends_is_unknown_and_the_vmms_end_is_the_machines),
		FIXTURE_TEST(garbage_in_a_status_is_an_error),
		FIXTURE_TEST(cgroup_that_was_moved_to_is_noticed_and_the_old_one_still_counts),
		FIXTURE_TEST(process_in_anothers_cgroup_is_told_apart),
		FIXTURE_TEST(ram_size_is_that_of_qemus_arguments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
