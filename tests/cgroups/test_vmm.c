/* SPDX-License-Identifier: Apache-2.0 */

/* Most of this is against a made-up /proc and cgroup tree, laid out as kata lays them out; the last tests are
 * against real processes that call themselves shim, QEMU and virtiofsd. tests/system/test_vm.sh has a real QEMU. */

#include "cgroups/vmm.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

#define SID     "6f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0"
#define OTHER   "aa1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0"
#define UID     "0a1b2c3d-1111-2222-3333-444455556666"
#define UID_    "0a1b2c3d_1111_2222_3333_444455556666"
#define SLICE   "kubepods-burstable-pod" UID_ ".slice"
#define POD     "/kubepods.slice/kubepods-burstable.slice/" SLICE
#define SCOPE   POD "/crio-" SID ".scope"
#define LITERAL "/" SLICE ":crio:" SID
#define CRIO    "/system.slice/crio.service"

#define QEMU                                                  \
	"/opt/kata/bin/qemu-system-x86_64|-name|sandbox-" SID \
	",debug-threads=on|-m|512M,slots=10,maxmem=4096M"
#define SHARED "|-object|memory-backend-file,id=dimm1,size=512M,mem-path=/dev/shm,share=on"
#define VIRTIOFSD                                                                                          \
	"/opt/kata/libexec/virtiofsd|--shared-dir=/run/kata-containers/shared/sandboxes/" SID "/shared|--" \
	"fd=3"
#define SHIM                                                                                           \
	"/opt/kata/bin/containerd-shim-kata-v2|-namespace|default|-address||-publish-binary|/usr/bin/" \
	"crio|-id|" SID

static const pid_t no_hints[VMM_PARTS];

struct made {
	int pid, parent;
	const char *arguments; /* with '|' between them */
	const char *cgroup;
	unsigned anon_kib, file_kib, shmem_kib;
	const char *namespaces; /* NULL: the host's */
	int uid;
};

static void write_arguments(int root, int pid, const char *arguments)
{
	char name[64], text[1024];

	snprintf(name, sizeof name, "proc/%d/cmdline", pid);
	size_t length = strlen(arguments) + 1;
	assert_true(length <= sizeof text);
	for (size_t i = 0; i < length; i++)
		text[i] = arguments[i] == '|' ? '\0' : arguments[i];
	fixture_parents(root, name);
	int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	close(fd);
}

static void write_status(int root, const struct made *made)
{
	char name[64], text[1024], own[64];

	snprintf(own, sizeof own, "%d", made->pid);
	snprintf(name, sizeof name, "proc/%d/status", made->pid);
	snprintf(text, sizeof text,
		 "Name:\tx\nUmask:\t0022\nState:\tS "
		 "(sleeping)\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nUid:\t%d\t0\t0\t0\n"
		 "NSpid:\t%s\nVmRSS:\t%8u kB\nRssAnon:\t%8u kB\nRssFile:\t%8u kB\nRssShmem:\t%8u "
		 "kB\nVmPTE:\t     100 kB\n"
		 "HugetlbPages:\t       0 kB\nThreads:\t1\n",
		 made->pid, made->pid, made->parent, made->uid, made->namespaces ? made->namespaces : own,
		 made->anon_kib + made->file_kib + made->shmem_kib, made->anon_kib, made->file_kib,
		 made->shmem_kib);
	fixture_write(root, name, text);
}

static void write_cgroup(int root, int pid, const char *cgroup)
{
	char name[64], text[1024];

	snprintf(name, sizeof name, "proc/%d/cgroup", pid);
	snprintf(text, sizeof text, "0::%s\n", cgroup);
	fixture_write(root, name, text);
}

/* The process, and its number among its parent's children. */
static void make(int root, struct made made)
{
	char name[64], line[32];

	write_arguments(root, made.pid, made.arguments);
	write_status(root, &made);
	write_cgroup(root, made.pid, made.cgroup);
	snprintf(name, sizeof name, "proc/%d/task/%d/children", made.pid, made.pid);
	fixture_write(root, name, "");
	snprintf(name, sizeof name, "proc/%d/task/%d/children", made.parent, made.parent);
	fixture_parents(root, name);
	int fd = openat(root, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	int length = snprintf(line, sizeof line, "%d ", made.pid);
	assert_int_equal(write(fd, line, (size_t)length), length);
	close(fd);
}

static void charge(int root, const char *cgroup, unsigned mib)
{
	char name[512], text[128];

	snprintf(name, sizeof name, "cgroup%s/memory.current", cgroup);
	snprintf(text, sizeof text, "%llu\n", mib * 1024ULL * 1024);
	fixture_write(root, name, text);
	snprintf(name, sizeof name, "cgroup%s/memory.stat", cgroup);
	fixture_write(root, name,
		      "anon 1000\nfile 5000\nkernel 700\nshmem 400\npagetables 30\nsec_pagetables 4\n");
}

static int open_below(int root, const char *name)
{
	int fd = openat(root, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int find(int root, const pid_t hints[static VMM_PARTS], bool whole_proc, struct vmm *ret)
{
	struct error err = {0};

	int proc_fd = open_below(root, "proc");
	int r = vmm_find(proc_fd, SID, hints, whole_proc, ret, &err);
	close(proc_fd);
	assert_true(r == 0 || err.text[0]);
	return r;
}

static int measure(int root, struct vmm *vmm, struct vmm_memory *ret)
{
	struct error err = {0};

	int cgroup_fd = open_below(root, "cgroup");
	int r = vmm_read(vmm, cgroup_fd, ret, &err);
	close(cgroup_fd);
	assert_true(r == 0 || err.text[0]);
	return r;
}

/* The parts as kata's Go runtime starts them, in these cgroups. */
static void make_kata(int root, const char *vmm_cgroup, const char *overhead_cgroup)
{
	make(root, (struct made){100, 1, SHIM, overhead_cgroup, 15000, 25000, 0, NULL, 0});
	make(root, (struct made){101, 100, VIRTIOFSD, overhead_cgroup, 1000, 2000, 0, NULL, 0});
	make(root, (struct made){102, 101, VIRTIOFSD, overhead_cgroup, 3000, 4000, 90000, "102\t1", 0});
	make(root, (struct made){103, 100, QEMU SHARED, vmm_cgroup, 17000, 23000, 200000, NULL, 0});
}

static void assert_kata(const struct vmm_memory *memory)
{
	assert_true(memory->ram_is_shared);
	assert_false(memory->ram_is_hugetlb);
	assert_int_equal(memory->ram_bytes, 200000 * KIB);
	assert_int_equal(memory->vmm_anon_bytes, 17000 * KIB);
	assert_int_equal(memory->vmm_file_bytes, 23000 * KIB);
	assert_int_equal(memory->vmm_pagetables_bytes, 100 * KIB);
	/* The one that waits and the one that serves; not the guest's RAM, which it has mapped. */
	assert_int_equal(memory->virtiofsd_bytes, 10000 * KIB);
	assert_int_equal(memory->shim_bytes, 40000 * KIB);
	assert_int_equal(memory->outside_bytes, 0);
}

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

/* Without hints but the shim's, and without any. */
static void descendants_of_the_shim_need_no_hint(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make_kata(root, SCOPE, SCOPE);
	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_int_equal(vmm.n_processes, 4);
	vmm_close(&vmm);

	assert_int_equal(find(root, no_hints, false, &vmm), -ESRCH);
	assert_int_equal(find(root, no_hints, true, &vmm), 0);
	assert_int_equal(vmm.n_processes, 4);
	vmm_close(&vmm);
}

static void vmm_of_an_unknown_name_is_found_by_its_hint(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	const pid_t hints[VMM_PARTS] = {[VMM_VMM] = 103, [VMM_SHIM] = 100};

	make(root, (struct made){100, 1, SHIM, SCOPE, 15000, 25000, 0, NULL, 0});
	make(root,
	     (struct made){103, 100, "/usr/bin/new-vmm|--api|/run/vc/x", SCOPE, 217000, 23000, 0, NULL, 0});
	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_true(vmm_has(&vmm, VMM_VMM));
	vmm_close(&vmm);
}

static void shim_without_a_machine_yet_is_found_alone(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	struct vmm_memory memory;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make(root, (struct made){100, 1, SHIM, CRIO, 15000, 25000, 0, NULL, 0});
	make(root, (struct made){110, 100, "/usr/sbin/iptables|-w", CRIO, 1, 1, 0, NULL, 0});
	charge(root, CRIO, 900);
	assert_int_equal(find(root, hints, true, &vmm), 0);
	assert_true(vmm_has(&vmm, VMM_SHIM));
	assert_false(vmm_has(&vmm, VMM_VMM));
	assert_int_equal(vmm.n_processes, 1);
	assert_int_equal(measure(root, &vmm, &memory), 0);
	/* crio.service is CRI-O's. */
	assert_int_equal(memory.charge_bytes, VMM_UNKNOWN);
	assert_int_equal(memory.kernel_bytes, VMM_UNKNOWN);
	assert_int_equal(memory.outside_bytes, 40000 * KIB);
	assert_int_equal(memory.ram_bytes, VMM_UNKNOWN);
	assert_int_equal(memory.vmm_anon_bytes, VMM_UNKNOWN);
	vmm_close(&vmm);
}

static void daemon_is_found_by_its_hint_or_by_looking_at_all(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	const pid_t shim[VMM_PARTS] = {[VMM_SHIM] = 100},
		    both[VMM_PARTS] = {[VMM_VMM] = 103, [VMM_SHIM] = 100};

	make(root, (struct made){100, 1, SHIM, "/kata_overhead/" SID, 15000, 25000, 0, NULL, 0});
	make(root, (struct made){103, 1, QEMU, LITERAL, 217000, 23000, 0, NULL, 0});
	assert_int_equal(find(root, shim, false, &vmm), 0);
	assert_false(vmm_has(&vmm, VMM_VMM));
	vmm_close(&vmm);
	assert_int_equal(find(root, both, false, &vmm), 0);
	assert_true(vmm_has(&vmm, VMM_VMM));
	vmm_close(&vmm);
	assert_int_equal(find(root, shim, true, &vmm), 0);
	assert_true(vmm_has(&vmm, VMM_VMM));
	vmm_close(&vmm);
}

static void machine_whose_shim_has_died_is_found(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	const pid_t hints[VMM_PARTS] = {[VMM_VMM] = 103, [VMM_VIRTIOFSD] = 101, [VMM_SHIM] = 100};

	make(root, (struct made){101, 1, VIRTIOFSD, SCOPE, 1000, 2000, 0, NULL, 0});
	make(root, (struct made){103, 1, QEMU, SCOPE, 217000, 23000, 0, NULL, 0});
	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_true(vmm_has(&vmm, VMM_VMM) && vmm_has(&vmm, VMM_VIRTIOFSD));
	assert_false(vmm_has(&vmm, VMM_SHIM));
	vmm_close(&vmm);
}

/* Each of them calls itself what it is not. */
static void forged_command_lines_are_not_believed(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	/* The hints are PIDs that others have by now. */
	const pid_t hints[VMM_PARTS] = {[VMM_VMM] = 503, [VMM_VIRTIOFSD] = 501, [VMM_SHIM] = 100};

	/* In a container with PIDs of its own, which made itself a cgroup of that name. */
	make(root, (struct made){503, 400, QEMU SHARED, "/kubepods/podx/crio-" OTHER ".scope/crio-" SID, 1, 1,
				 1, "503\t7", 0});
	/* In one with the host's, whose cgroup is another's. */
	make(root, (struct made){501, 1, VIRTIOFSD, "/kubepods/podx/crio-" OTHER ".scope", 1, 1, 1, NULL, 0});
	make(root, (struct made){504, 1, QEMU, CRIO, 1, 1, 1, NULL, 0});
	/* A shim in a container, one of a user's, and one that only starts another. */
	make(root, (struct made){505, 400, SHIM, SCOPE, 1, 1, 1, "505\t8", 0});
	make(root, (struct made){506, 1, SHIM, SCOPE, 1, 1, 1, NULL, 1000});
	make(root, (struct made){507, 1, SHIM "|start", SCOPE, 1, 1, 1, NULL, 0});
	/* What has the number of the shim. */
	make(root,
	     (struct made){100, 1, "/usr/bin/containerd-shim-kata-v2|-id|" OTHER, SCOPE, 1, 1, 1, NULL, 0});
	make(root, (struct made){508, 100, QEMU, SCOPE, 1, 1, 1, "508\t9", 0});
	/* And one that says nothing. */
	make(root, (struct made){509, 1, "", SCOPE, 1, 1, 1, NULL, 0});
	assert_int_equal(find(root, hints, true, &vmm), -ESRCH);
}

static void child_of_another_that_took_a_number_is_not_the_shims(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make_kata(root, SCOPE, SCOPE);
	/* Between the list of children and the look at it, 103 has ended and become another's. */
	write_status(root, &(struct made){103, 1, QEMU, CRIO, 1, 1, 1, NULL, 0});
	write_cgroup(root, 103, CRIO);
	assert_int_equal(find(root, hints, true, &vmm), 0);
	assert_false(vmm_has(&vmm, VMM_VMM));
	vmm_close(&vmm);
}

static void what_calls_itself_qemu_in_a_container_of_the_shims_is_none(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make(root, (struct made){100, 1, SHIM, SCOPE, 15000, 25000, 0, NULL, 0});
	make(root, (struct made){110, 100, QEMU, SCOPE, 1, 1, 1, "110\t1", 0});
	assert_int_equal(find(root, hints, true, &vmm), 0);
	assert_false(vmm_has(&vmm, VMM_VMM));
	vmm_close(&vmm);
}

/* A shim that is not known may run containers on the node: what these fork is not followed without end. */
static void processes_without_end_below_a_shim_are_not_looked_at(void **state)
{
	int root = *(int *)*state, pid = 1000;
	struct vmm vmm;
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	make(root, (struct made){100, 1, SHIM, SCOPE, 15000, 25000, 0, NULL, 0});
	for (int i = 0; i < 6; i++) {
		const int parent = pid++;
		make(root, (struct made){parent, 100, "sh", SCOPE, 1, 1, 1, NULL, 0});
		for (int j = 0; j < 20; j++)
			make(root, (struct made){pid++, parent, "sh", SCOPE, 1, 1, 1, NULL, 0});
	}
	make(root, (struct made){pid++, 100, QEMU, SCOPE, 1, 1, 1, NULL, 0});
	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_true(vmm_has(&vmm, VMM_VMM)); /* the 127th */
	vmm_close(&vmm);

	make(root, (struct made){pid++, 1000, "sh", SCOPE, 1, 1, 1, NULL, 0});
	make(root, (struct made){pid++, 1000, "sh", SCOPE, 1, 1, 1, NULL, 0});
	assert_int_equal(find(root, hints, false, &vmm), 0);
	assert_false(vmm_has(&vmm, VMM_VMM));
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

static void name_of_a_longer_id_is_anothers(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;

	make(root,
	     (struct made){103, 1, "qemu-system-x86_64|-name|sandbox-" SID "0", SCOPE, 1, 1, 1, NULL, 0});
	make(root, (struct made){104, 1, "qemu-system-x86_64|-name|sandbox-0" SID, SCOPE, 1, 1, 1, NULL, 0});
	make(root, (struct made){105, 1, "containerd-shim-kata-v2|-id|" SID "0", SCOPE, 1, 1, 1, NULL, 0});
	assert_int_equal(find(root, no_hints, true, &vmm), -ESRCH);
}

static void no_id_is_refused(void **state)
{
	int root = *(int *)*state;
	char id[VMM_ID_SIZE + 1];
	struct vmm vmm;
	struct error err;

	memset(id, 'a', VMM_ID_SIZE);
	id[VMM_ID_SIZE] = '\0';
	assert_int_equal(vmm_find(root, "", no_hints, false, &vmm, &err), -EINVAL);
	assert_int_equal(vmm_find(root, id, no_hints, false, &vmm, &err), -EINVAL);
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

static void smaps_tell_shared_ram_from_the_vmms_own(void **state)
{
	int root = *(int *)*state;
	struct vmm_smaps smaps;
	struct error err;

	fixture_write(
		root, "7/smaps",
		"55d0c0000000-55d0c0800000 r-xp 00000000 fe:01 77                 "
		"/opt/kata/bin/qemu-system-x86_64\n"
		"Size:               8192 kB\nRss:                3000 kB\nAnonymous:             0 kB\n"
		"VmFlags: rd ex mr mw me \n"
		"55d0d0000000-55d0d0800000 rw-p 00000000 00:00 0                  [heap]\n"
		"Size:               8192 kB\nRss:                5000 kB\nAnonymous:          5000 kB\n"
		"VmFlags: rd wr mr mw me ac \n"
		"7f0000000000-7f0020000000 rw-s 00000000 00:17 99                 "
		"/dev/shm/qemu_back_mem.dimm1.Aa (deleted)\n"
		"Size:             524288 kB\nRss:              200000 kB\nAnonymous:             0 kB\n"
		"Shared_Hugetlb:        0 kB\nVmFlags: rd wr sh mr mw me ms dc \n"
		"7f0040000000-7f0060000000 rwxp 00000000 00:00 0 \n"
		"Size:             524288 kB\nRss:               40000 kB\nAnonymous:         40000 kB\n"
		"VmFlags: rd wr ex \n");
	assert_int_equal(vmm_read_smaps(root, 7, 512 * MIB, &smaps, &err), 0);
	assert_true(smaps.ram_is_shared);
	assert_int_equal(smaps.ram_bytes, 200000 * KIB);
	assert_int_equal(smaps.ram_size_bytes, 512 * MIB);
	assert_int_equal(smaps.vmm_anon_bytes, 45000 * KIB);
	assert_int_equal(smaps.vmm_file_bytes, 3000 * KIB);
}

static void smaps_tell_anonymous_ram_by_flag_or_size(void **state)
{
	int root = *(int *)*state;
	struct vmm_smaps smaps;
	struct error err;
	/* The second mapping is as large, and what is translated; the third is larger; the last is a ROM. */
	static const char flagged[] =
		"7f0000000000-7f0020000000 rw-p 00000000 00:00 0 \n"
		"Rss:              200000 kB\nAnonymous:        200000 kB\nVmFlags: rd wr mr dc \n"
		"7f0040000000-7f0060000000 rwxp 00000000 00:00 0 \n"
		"Rss:               40000 kB\nAnonymous:         40000 kB\nVmFlags: rd wr ex \n"
		"7f1000000000-7f1040000000 rw-p 00000000 00:00 0 \n"
		"Rss:                1000 kB\nAnonymous:          1000 kB\nVmFlags: rd wr \n"
		"7f2000000000-7f2000200000 rw-p 00000000 00:00 0 \n"
		"Rss:                2048 kB\nAnonymous:          2048 kB\nVmFlags: rd wr dc \n";

	fixture_write(root, "7/smaps", flagged);
	assert_int_equal(vmm_read_smaps(root, 7, 0, &smaps, &err), 0);
	assert_false(smaps.ram_is_shared);
	assert_int_equal(smaps.ram_bytes, 200000 * KIB);
	assert_int_equal(smaps.vmm_anon_bytes, 43048 * KIB);

	/* As another VMM has it. */
	char unflagged[sizeof flagged];
	strcpy(unflagged, flagged);
	memcpy(strstr(unflagged, " dc"), " ac", 3);
	fixture_write(root, "7/smaps", unflagged);
	assert_int_equal(vmm_read_smaps(root, 7, 512 * MIB, &smaps, &err), 0);
	assert_int_equal(smaps.ram_bytes, 200000 * KIB);
	assert_int_equal(vmm_read_smaps(root, 7, 0, &smaps, &err), 0);
	assert_int_equal(smaps.ram_bytes, 1000 * KIB);
	assert_int_equal(smaps.ram_size_bytes, GIB);
}

static void smaps_of_huge_pages_are_ram(void **state)
{
	int root = *(int *)*state;
	struct vmm_smaps smaps;
	struct error err;

	fixture_write(
		root, "7/smaps",
		"7f0000000000-7f0020000000 rw-s 00000000 00:0f 99                 "
		"/dev/hugepages/qemu_back_mem.Aa (deleted)\n"
		"Rss:                   0 kB\nAnonymous:             0 kB\nShared_Hugetlb:   524288 kB\n"
		"Private_Hugetlb:       0 kB\nVmFlags: rd wr sh ht \n");
	assert_int_equal(vmm_read_smaps(root, 7, 0, &smaps, &err), 0);
	assert_true(smaps.ram_is_hugetlb);
	assert_int_equal(smaps.ram_bytes, 512 * MIB);
}

static void no_smaps_are_no_process(void **state)
{
	int root = *(int *)*state;
	struct vmm_smaps smaps;
	struct error err;

	assert_int_equal(vmm_read_smaps(root, 7, 0, &smaps, &err), -ESRCH);
	fixture_write(root, "7/smaps", "");
	assert_int_equal(vmm_read_smaps(root, 7, 0, &smaps, &err), -ESRCH);
}

/* --- real processes --------------------------------------------------------------------------------------------- */

/* Shells: one calls itself a shim, its children QEMU and virtiofsd, of which one has a child. They are a group of
 * their own. */
static pid_t spawn_kata(void)
{
	/* The last command of a shell would take its place. */
	static const char wait[] = "echo >&3; sleep 100; :";
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	const pid_t shim = fork();
	if (shim == 0) {
		int null_fd = open("/dev/null", O_RDWR);
		(void)setpgid(0, 0);
		(void)dup2(ready[1], 3);
		for (int fd = 0; fd < 3; fd++)
			(void)dup2(null_fd, fd);
		if (fork() == 0)
			execl("/bin/sh", "/opt/kata/bin/qemu-system-x86_64", "-c", wait, "-name",
			      "sandbox-" SID, (char *)NULL);
		else if (fork() == 0)
			execl("/bin/sh", "/opt/kata/libexec/virtiofsd", "-c",
			      "(echo >&3; sleep 100; :); :", "x", "--shared-dir=/run/" SID "/shared",
			      (char *)NULL);
		else
			execl("/bin/sh", "/opt/kata/bin/containerd-shim-kata-v2", "-c", wait, "-id", SID,
			      (char *)NULL);
		_exit(127);
	}
	close(ready[1]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return shim;
}

static void real_processes_are_found_and_their_end_is_seen(void **state)
{
	int root = *(int *)*state;
	struct vmm vmm;
	struct vmm_memory memory;
	struct error err;
	pid_t pids[VMM_PARTS] = {0};

	fixture_directory(root, "cgroup");
	int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = spawn_kata()};
	assert_int_equal(vmm_find(proc_fd, SID, hints, false, &vmm, &err), 0);
	unsigned n_virtiofsd = 0;
	for (size_t i = 0; i < vmm.n_processes; i++) {
		pids[vmm.processes[i].part] = vmm.processes[i].pid;
		n_virtiofsd += vmm.processes[i].part == VMM_VIRTIOFSD;
	}
	assert_true(n_virtiofsd >= 2);
	assert_int_equal(pids[VMM_SHIM], hints[VMM_SHIM]);
	assert_true(pids[VMM_VMM] > 0);
	assert_int_equal(measure(root, &vmm, &memory), 0);
	assert_true(memory.vmm_anon_bytes > 0 && memory.vmm_anon_bytes < 64 * MIB);
	assert_true(memory.shim_bytes > 0 && memory.shim_bytes < 64 * MIB);

	/* A VMM that dies, and is a zombie of its parent's. */
	assert_int_equal(kill(pids[VMM_VMM], SIGKILL), 0);
	int r;
	while ((r = measure(root, &vmm, &memory)) == 0)
		usleep(1000);
	assert_int_equal(r, -ESRCH);

	assert_int_equal(kill(-hints[VMM_SHIM], SIGKILL), 0);
	assert_int_equal(waitpid(hints[VMM_SHIM], NULL, 0), hints[VMM_SHIM]);
	assert_int_equal(measure(root, &vmm, &memory), -ESRCH);
	vmm_close(&vmm);
	/* The shim's number is nobody's, or another's. */
	assert_int_equal(vmm_find(proc_fd, SID, hints, false, &vmm, &err), -ESRCH);
	close(proc_fd);
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
		FIXTURE_TEST(descendants_of_the_shim_need_no_hint),
		FIXTURE_TEST(vmm_of_an_unknown_name_is_found_by_its_hint),
		FIXTURE_TEST(shim_without_a_machine_yet_is_found_alone),
		FIXTURE_TEST(daemon_is_found_by_its_hint_or_by_looking_at_all),
		FIXTURE_TEST(machine_whose_shim_has_died_is_found),
		FIXTURE_TEST(forged_command_lines_are_not_believed),
		FIXTURE_TEST(child_of_another_that_took_a_number_is_not_the_shims),
		FIXTURE_TEST(what_calls_itself_qemu_in_a_container_of_the_shims_is_none),
		FIXTURE_TEST(processes_without_end_below_a_shim_are_not_looked_at),
		FIXTURE_TEST(cgroup_without_a_memory_controller_is_outside),
		FIXTURE_TEST(name_of_a_longer_id_is_anothers),
		FIXTURE_TEST(no_id_is_refused),
		FIXTURE_TEST(part_that_ends_is_unknown_and_the_vmms_end_is_the_machines),
		FIXTURE_TEST(garbage_in_a_status_is_an_error),
		FIXTURE_TEST(cgroup_that_was_moved_to_is_noticed_and_the_old_one_still_counts),
		FIXTURE_TEST(process_in_anothers_cgroup_is_told_apart),
		FIXTURE_TEST(ram_size_is_that_of_qemus_arguments),
		FIXTURE_TEST(smaps_tell_shared_ram_from_the_vmms_own),
		FIXTURE_TEST(smaps_tell_anonymous_ram_by_flag_or_size),
		FIXTURE_TEST(smaps_of_huge_pages_are_ram),
		FIXTURE_TEST(no_smaps_are_no_process),
		FIXTURE_TEST(real_processes_are_found_and_their_end_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
