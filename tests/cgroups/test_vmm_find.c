/* SPDX-License-Identifier: Apache-2.0 */

/* Against a made-up /proc, laid out as kata lays it out; the last test is against real processes that call
 * themselves shim, QEMU and virtiofsd. tests/system/test_vm.sh has a real QEMU. */

#include "cgroups/vmm.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/cgroups/kata.h"

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

/* Shells: one calls itself a shim, its children QEMU and virtiofsd, of which one has a child. They are a
 * group of their own. */
static pid_t spawn_kata(void)
{
	/* The last command of a shell would take its place. */
	static const char wait[] = "echo >&3; sleep 3600; :";
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
			      "(echo >&3; sleep 3600; :); :", "x", "--shared-dir=/run/" SID "/shared",
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
		FIXTURE_TEST(descendants_of_the_shim_need_no_hint),
		FIXTURE_TEST(vmm_of_an_unknown_name_is_found_by_its_hint),
		FIXTURE_TEST(shim_without_a_machine_yet_is_found_alone),
		FIXTURE_TEST(daemon_is_found_by_its_hint_or_by_looking_at_all),
		FIXTURE_TEST(machine_whose_shim_has_died_is_found),
		FIXTURE_TEST(forged_command_lines_are_not_believed),
		FIXTURE_TEST(child_of_another_that_took_a_number_is_not_the_shims),
		FIXTURE_TEST(what_calls_itself_qemu_in_a_container_of_the_shims_is_none),
		FIXTURE_TEST(processes_without_end_below_a_shim_are_not_looked_at),
		FIXTURE_TEST(name_of_a_longer_id_is_anothers),
		FIXTURE_TEST(no_id_is_refused),
		FIXTURE_TEST(real_processes_are_found_and_their_end_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
