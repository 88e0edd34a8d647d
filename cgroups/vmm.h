/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The host processes of one pod sandbox's virtual machine (kata's shim, VMM and virtiofsd), and their memory.
 * Sizes in bytes.
 *
 * Neither a program's name nor its arguments are trusted: any process may choose them. Hints are PIDs that
 * root's files told (shim.pid, oci/sandbox.h). A process belongs to the sandbox
 *  - as its shim, if its arguments have "-id <sandbox>" and it is in no PID namespace of its own (processes
 *    of containers are in one). Without a hint, three more must hold: its program is called
 *    containerd-shim-…, its real user is 0, and its last argument is not "start" or "delete";
 *  - as its VMM or virtiofsd, if it descends from the shim, which cannot be forged, and is hinted at or has
 *    such a program's name. A VMM is in no PID namespace of its own. A child of virtiofsd is virtiofsd too:
 *    the child serves in a namespace of its own, while kata writes down the PID of the parent, which only
 *    waits;
 *  - as its VMM or virtiofsd also if the shim is not its ancestor (an older QEMU makes itself a daemon; the
 *    shim has died). Beside hint or name, an argument must name the sandbox, its cgroup must be named for the
 *    sandbox, and it is in no PID namespace of its own. A container can have all this only with the host's
 *    PIDs and a writable cgroup tree.
 *
 * Each process is held by its directory in /proc, opened before the first look at the process. A PID that is
 * used again then leads nowhere.
 *
 * The charge is taken from the cgroup that the kubelet limits. For a process below a pod's cgroup
 * ("kubepods-burstable-pod<uid>.slice", "pod<uid>") this is the pod's cgroup with all that is in it, also
 * what was charged before a process moved away. Otherwise it is the cgroup that is named for the sandbox
 * (kata without sandbox_cgroup_only: "/<slice>:crio:<id>", "/kata_overhead/<id>",
 * "/kata.slice/kata-overhead.slice/runtime-rs-<id>.scope"). Each cgroup counts once. A cgroup stays in the
 * sum after its process has moved out. Any other cgroup (crio.service, before kata has moved the shim) is
 * shared with others: what processes hold there is outside_bytes. */

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

/* Every this many readings, the processes' cgroups are looked up again. */
#define VMM_CGROUP_READINGS 6

struct vmm_process {
	enum vmm_part part;
	pid_t pid;
	int dir_fd, status_fd; /* owned */
	bool outside;          /* its cgroup is not the sandbox's own */
};

struct vmm_cgroup {
	int current_fd, stat_fd; /* owned */
	char *path;              /* owned */
};

struct vmm {
	char sandbox_id[VMM_ID_SIZE];
	struct vmm_process processes[VMM_PROCESSES_MAX];
	size_t n_processes;
	struct vmm_cgroup cgroups[VMM_CGROUPS_MAX]; /* none of them lies below another */
	size_t n_cgroups;
	bool had_vmm; /* a VMM was found */
	/* The VMM is part of the shim's process (dragonball). This process counts as VMM_VMM. */
	bool in_shim;
	bool ram_is_shared; /* by the VMM's arguments */
	/* The RAM that the machine is started with, by the VMM's arguments. 0: not told. */
	uint64_t ram_size_bytes;
	unsigned readings;
};

/* One reading. VMM_UNKNOWN: the part was not found, is gone, or cannot be told. */
struct vmm_memory {
	/* Sums of memory.current and memory.stat over the sandbox's cgroups.
	 *
	 * charge_is_resident: no cgroup tells the charge, or the cgroups tell less than their processes hold.
	 * charge_bytes is then what the processes have resident, wherever it is charged: the anonymous memory
	 * of all of them, the VMM's shared memory and its page tables. This happens because kata's
	 * /kata_overhead/<id> has no memory controller, and because memory that a VMM touched before it was
	 * moved stays charged to its old cgroup. */
	bool charge_is_resident;
	uint64_t charge_bytes, kernel_bytes, pagetables_bytes, shmem_bytes;
	uint64_t inactive_file_bytes; /* page cache that is dropped first when memory is short */
	/* Resident in processes outside the sandbox's own cgroups, and so not in the charge. 0: none, or
	 * charge_is_resident. */
	uint64_t outside_bytes;

	/* The guest's RAM that is resident. RAM that is neither shared nor of huge pages is anonymous: then
	 * ram_bytes is unknown, and vmm_anon_bytes is the sum of the RAM and the VMM's own memory.
	 * vmm_read_smaps() tells them apart. Huge pages are mostly charged to no memory cgroup, and so
	 * missing in charge_bytes. */
	bool ram_is_shared, ram_is_hugetlb;
	uint64_t ram_bytes;

	uint64_t vmm_anon_bytes, vmm_file_bytes;
	/* Anonymous and file memory. virtiofsd_bytes does not count the guest's RAM that virtiofsd has
	 * mapped. shim_bytes is unknown if the VMM is in the shim: the process then counts as the VMM. */
	uint64_t virtiofsd_bytes, shim_bytes;
};

/* Finds the sandbox's processes. hints: PIDs by part (oci/sandbox.h), 0 for none; VMM_VMM and VMM_SHIM are
 * the same if the VMM is in the shim. Descendants of the shim are always looked at. whole_proc: all processes
 * are looked at if the VMM is still missing. Returns 0 if at least a shim or a VMM is found; if one of them
 * is missing (vmm_has()), the machine may be about to start. Returns -ESRCH if neither is found, -ENOMEM if
 * some processes could not be looked at, or another -errno. The caller frees *ret with vmm_close(). */
int vmm_find(int proc_fd, const char *sandbox_id, const pid_t hints[static VMM_PARTS], bool whole_proc,
	     struct vmm *ret, struct error *err);
void vmm_close(struct vmm *vmm);

/* Whether a process of this part was found, and was there at the last reading. */
bool vmm_has(const struct vmm *vmm, enum vmm_part part);

/* Makes one reading by descriptors that are kept open. Memory is allocated only for a new cgroup, as at the
 * first reading. cgroup_fd: the root of the cgroup tree, borrowed. Returns 0; -ESRCH if the VMM, or every
 * process that was found, is gone; or another -errno. */
int vmm_read(struct vmm *vmm, int cgroup_fd, struct vmm_memory *ret, struct error *err);

/* The VMM's mappings, read one by one. This takes milliseconds for a large machine, and CAP_SYS_PTRACE. The
 * guest's RAM is, by the first rule that finds any mapping:
 *  - the mappings of shared memory, memfds or huge pages;
 *  - the large anonymous mappings that QEMU has excluded from fork(), as it does with all RAM;
 *  - the anonymous mapping of the next size that is not below ram_size_bytes, else the largest. */
struct vmm_smaps {
	uint64_t ram_bytes, ram_size_bytes; /* the guest's RAM: resident, and mapped */
	bool ram_is_shared, ram_is_hugetlb;
	uint64_t vmm_anon_bytes, vmm_file_bytes; /* the rest, resident */
};

/* ram_size_bytes: vmm.ram_size_bytes. Returns 0, -ESRCH if the process is gone or has no memory, -EACCES or
 * -EPERM without the right to, or another -errno. */
int vmm_read_smaps(int proc_fd, pid_t pid, uint64_t ram_size_bytes, struct vmm_smaps *ret, struct error *err);

/* The RAM that QEMU's arguments give the machine: -m [size=]N[KMGT], MiB without a letter. Each argument has
 * a NUL behind it. Returns 0 if there is no -m, or its value is not understood. */
uint64_t vmm_ram_size(const char *arguments, size_t length);

/* The sandbox's own cgroup, as explained above, is path or one above it. Returns the length of its path, 0:
 * none. */
size_t vmm_own_cgroup(const char *path, const char *sandbox_id);
