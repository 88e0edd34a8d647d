/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The processes on the host that make up one virtual machine of a pod sandbox (kata's shim, VMM and virtiofsd), and
 * the memory that it takes there. Sizes in bytes.
 *
 * A path is not trusted, nor is a command line: any process may call itself as it likes. A process belongs to the
 * sandbox
 *  - as its shim, if it was called with "-id <sandbox>", and was either hinted at (shim.pid lies in a directory
 *    of root's) or has the real user 0, a program called containerd-shim-…, and is in no PID namespace of its own,
 *    as what runs in a container is;
 *  - as VMM or virtiofsd, if it descends from the shim, which nobody can forge, and was hinted at or has a program
 *    of that name; a child of virtiofsd's is virtiofsd too: what serves is a child in a namespace of its own, and
 *    the PID that kata writes down is that of the parent, which waits;
 *  - where the shim is not its ancestor (an older QEMU makes itself a daemon; the shim has died): if beside hint or
 *    name an argument names the sandbox, it is in no PID namespace of its own, and its cgroup is named for the
 *    sandbox: a container can have that only with the host's PIDs and a cgroup tree that it can write to.
 * Each is held by its directory in /proc from before the first look at it: a number that is used again leads
 * nowhere.
 *
 * What is charged to the sandbox is taken where the kubelet limits it: of a process below a pod's cgroup
 * ("kubepods-burstable-pod<uid>.slice", "pod<uid>") that of the pod, with all that is in it, also what was charged
 * there before a move. Otherwise the cgroup that is named for the sandbox (kata without sandbox_cgroup_only:
 * "/<slice>:crio:<id>", "/kata_overhead/<id>", "/kata.slice/kata-overhead.slice/runtime-rs-<id>.scope"). Each once;
 * one that a process has moved out of stays in the sum. A cgroup that is neither (crio.service, before kata has
 * moved the shim) is others' too, and not in it: outside_bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroups/error.h"

enum vmm_part { VMM_VMM, VMM_VIRTIOFSD, VMM_SHIM, VMM_PARTS };

#define VMM_UNKNOWN       UINT64_MAX
#define VMM_PROCESSES_MAX 8
#define VMM_CGROUPS_MAX   4
#define VMM_ID_SIZE       128

/* The cgroups that processes are in are looked at again every so many readings. */
#define VMM_CGROUP_READINGS 6

struct vmm_process {
	enum vmm_part part;
	pid_t pid;
	int dir_fd, status_fd; /* owned */
	bool outside;          /* in a cgroup that is not the sandbox's own */
};

struct vmm_cgroup {
	int current_fd, stat_fd; /* owned */
	char *path;              /* owned */
};

struct vmm {
	char sandbox_id[VMM_ID_SIZE];
	struct vmm_process processes[VMM_PROCESSES_MAX];
	size_t n_processes;
	struct vmm_cgroup cgroups[VMM_CGROUPS_MAX]; /* none lies below another */
	size_t n_cgroups;
	bool had_vmm;       /* a VMM was found */
	bool in_shim;       /* the VMM is part of the shim's process (dragonball), which counts as VMM_VMM */
	bool ram_is_shared; /* its arguments say so */
	uint64_t ram_size_bytes; /* the RAM that the machine is started with, by its arguments; 0: not told */
	unsigned readings;
};

/* One reading. VMM_UNKNOWN where a part was not found or is gone, or nothing can be said. */
struct vmm_memory {
	/* Sums over the cgroups, of memory.current and memory.stat. Where the cgroups do not tell, or tell of less than
	 * what the processes in them hold, the charge is made of the processes instead: their anonymous and shared memory
	 * and the VMM's page tables, all that is resident wherever it is charged. kata's /kata_overhead/<id> has no memory
	 * controller, and what a VMM touched before it was moved stays charged where that was. */
	bool charge_is_resident;
	uint64_t charge_bytes, kernel_bytes, pagetables_bytes, shmem_bytes;
	uint64_t inactive_file_bytes; /* page cache that goes first when memory is short */
	/* Resident in processes whose cgroup is not the sandbox's own, and so not in the charge; 0: none. */
	uint64_t outside_bytes;

	/* The guest's RAM that is resident. Where it is neither shared nor of huge pages it is anonymous: then it and
	 * the VMM's own memory are one sum in vmm_anon_bytes, which vmm_read_smaps() tells apart. Huge pages
	 * are, as a rule, charged to no memory cgroup: they are missing in charge_bytes. */
	bool ram_is_shared, ram_is_hugetlb;
	uint64_t ram_bytes;

	uint64_t vmm_anon_bytes, vmm_file_bytes, vmm_pagetables_bytes;
	/* Anonymous and file. The RAM that virtiofsd has mapped is the VMM's. The shim's is unknown where the VMM is
	 * in it, as it is in the VMM's. */
	uint64_t virtiofsd_bytes, shim_bytes;
};

/* hints: PIDs that were told (oci/sandbox.h), 0 for none; the same for VMM_VMM and VMM_SHIM where the VMM is in the
 * shim. Descendants of the shim are looked at in any case; with whole_proc all processes are, if the VMM is still
 * missing. Returns 0 if at least a shim or a VMM is found: while vmm_has() one of them not, the machine may be about
 * to start. -ESRCH: neither. What *ret holds is freed by vmm_close(). */
int vmm_find(int proc_fd, const char *sandbox_id, const pid_t hints[static VMM_PARTS], bool whole_proc,
	     struct vmm *ret, struct error *err);
void vmm_close(struct vmm *vmm);

/* Whether a process of that part was found, and was there at the last reading. */
bool vmm_has(const struct vmm *vmm, enum vmm_part part);

/* One reading, by kept descriptors, and without an allocation but where a cgroup is new, as at the first. cgroup_fd:
 * the root of the cgroup tree. Returns 0; -ESRCH where the VMM, or all that was found, is gone. */
int vmm_read(struct vmm *vmm, int cgroup_fd, struct vmm_memory *ret, struct error *err);

/* The VMM's mappings, one by one: takes milliseconds for a large machine, and CAP_SYS_PTRACE. The guest's RAM are
 * those that are shared memory, memfds or huge pages; else, anonymous, the large ones that QEMU has told not to be copied by
 * fork(), as it does with all RAM; else the one whose size is nearest above that of the RAM, or the largest. */
struct vmm_smaps {
	uint64_t ram_bytes, ram_size_bytes; /* the guest's RAM: resident, mapped */
	bool ram_is_shared, ram_is_hugetlb;
	uint64_t vmm_anon_bytes, vmm_file_bytes; /* the rest, resident */
};

/* ram_size_bytes: as vmm.ram_size_bytes has it. Returns 0, -ESRCH where the process is gone or has no memory,
 * -EACCES or -EPERM, or -EBADMSG. */
int vmm_read_smaps(int proc_fd, pid_t pid, uint64_t ram_size_bytes, struct vmm_smaps *ret, struct error *err);

/* The size of the RAM that QEMU's arguments (each with a NUL behind it) give it: -m [size=]N[KMGT], which without
 * a letter is in MiB, or 0. */
uint64_t vmm_ram_size(const char *arguments, size_t length);

/* The length of the path of the cgroup, this one or one above it, that is the sandbox's own, as above; 0: none. */
size_t vmm_own_cgroup(const char *path, const char *sandbox_id);
