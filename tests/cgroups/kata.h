/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The processes and cgroups of a kata sandbox, made up below a fixture's proc and cgroup. Include after
 * <cmocka.h>. */

#include "cgroups/vmm.h"

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

static inline void write_arguments(int root, int pid, const char *arguments)
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

static inline void write_status(int root, const struct made *made)
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

static inline void write_cgroup(int root, int pid, const char *cgroup)
{
	char name[64], text[1024];

	snprintf(name, sizeof name, "proc/%d/cgroup", pid);
	snprintf(text, sizeof text, "0::%s\n", cgroup);
	fixture_write(root, name, text);
}

/* Makes the process in /proc, and adds its PID to its parent's children. */
static inline void make(int root, struct made made)
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

static inline void charge(int root, const char *cgroup, unsigned mib)
{
	char name[512], text[128];

	snprintf(name, sizeof name, "cgroup%s/memory.current", cgroup);
	snprintf(text, sizeof text, "%llu\n", mib * 1024ULL * 1024);
	fixture_write(root, name, text);
	snprintf(name, sizeof name, "cgroup%s/memory.stat", cgroup);
	fixture_write(root, name,
		      "anon 1000\nfile 5000\nkernel 700\nshmem 400\npagetables 30\nsec_pagetables 4\n");
}

static inline int open_below(int root, const char *name)
{
	int fd = openat(root, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static inline int find(int root, const pid_t hints[static VMM_PARTS], bool whole_proc, struct vmm *ret)
{
	struct error err = {0};

	int proc_fd = open_below(root, "proc");
	int r = vmm_find(proc_fd, SID, hints, whole_proc, ret, &err);
	close(proc_fd);
	assert_true(r == 0 || err.text[0]);
	return r;
}

static inline int measure(int root, struct vmm *vmm, struct vmm_memory *ret)
{
	struct error err = {0};

	int cgroup_fd = open_below(root, "cgroup");
	int r = vmm_read(vmm, cgroup_fd, ret, &err);
	close(cgroup_fd);
	assert_true(r == 0 || err.text[0]);
	return r;
}

/* Makes the processes as kata's Go runtime starts them, in these cgroups. */
static inline void make_kata(int root, const char *vmm_cgroup, const char *overhead_cgroup)
{
	make(root, (struct made){100, 1, SHIM, overhead_cgroup, 15000, 25000, 0, NULL, 0});
	make(root, (struct made){101, 100, VIRTIOFSD, overhead_cgroup, 1000, 2000, 0, NULL, 0});
	make(root, (struct made){102, 101, VIRTIOFSD, overhead_cgroup, 3000, 4000, 90000, "102\t1", 0});
	make(root, (struct made){103, 100, QEMU SHARED, vmm_cgroup, 17000, 23000, 200000, NULL, 0});
}

static inline void assert_kata(const struct vmm_memory *memory)
{
	assert_true(memory->ram_is_shared);
	assert_false(memory->ram_is_hugetlb);
	assert_int_equal(memory->ram_bytes, 200000 * KIB);
	assert_int_equal(memory->vmm_anon_bytes, 17000 * KIB);
	assert_int_equal(memory->vmm_file_bytes, 23000 * KIB);
	/* Both processes of virtiofsd, without the guest's RAM that they have mapped. */
	assert_int_equal(memory->virtiofsd_bytes, 10000 * KIB);
	assert_int_equal(memory->shim_bytes, 40000 * KIB);
	assert_int_equal(memory->outside_bytes, 0);
}
