/* SPDX-License-Identifier: Apache-2.0 */

/* vmm_probe BUNDLE SANDBOX: finds the sandbox's virtual machine as the daemon does, prints its processes as
 * "<part>=<pid>", and for each line of its input one reading, "charge=… ram=…" with "unknown" for what is not known; for
 * a line "smaps" what the mappings say; for a line "find" it looks anew. "gone" when the machine is gone. */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/vmm.h"
#include "oci/sandbox.h"

static int proc_fd, cgroup_fd, run_fd;

static int directory(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err(2, "%s", path);
	return fd;
}

static void figure_print(const char *name, uint64_t bytes)
{
	if (bytes == VMM_UNKNOWN)
		(void)printf("%s=unknown ", name);
	else
		(void)printf("%s=%" PRIu64 " ", name, bytes);
}

static int find(const char *bundle, const char *sandbox, struct vmm *ret)
{
	static const char *const parts[] = {"vmm", "virtiofsd", "shim"};
	struct sandbox_files files = {.address = ""};
	struct error why;

	if (sandbox_files_read(run_fd, bundle, sandbox, &files, &why) < 0)
		warnx("%s", why.text);
	const pid_t hints[VMM_PARTS] = {files.vmm_pid, files.virtiofsd_pid, files.shim_pid};
	if (vmm_find(proc_fd, sandbox, hints, true, ret, &why) < 0) {
		(void)printf("none: %s\n", why.text);
		return -1;
	}
	for (size_t i = 0; i < ret->n_processes; i++)
		(void)printf("%s=%ld ", parts[ret->processes[i].part], (long)ret->processes[i].pid);
	(void)printf("size=%" PRIu64 " address=%s\n", ret->ram_size_bytes, files.address);
	return 0;
}

static void reading_print(struct vmm *vmm)
{
	struct vmm_memory memory;
	struct error why;

	int r = vmm_read(vmm, cgroup_fd, &memory, &why);
	if (r < 0) {
		(void)printf(r == -ESRCH ? "gone\n" : "failed: %s\n", why.text);
		return;
	}
	figure_print("charge", memory.charge_bytes);
	figure_print("kernel", memory.kernel_bytes);
	figure_print("pagetables", memory.pagetables_bytes);
	figure_print("shmem", memory.shmem_bytes);
	figure_print("outside", memory.outside_bytes);
	figure_print("ram", memory.ram_bytes);
	figure_print("vmm_anon", memory.vmm_anon_bytes);
	figure_print("vmm_file", memory.vmm_file_bytes);
	figure_print("virtiofsd", memory.virtiofsd_bytes);
	figure_print("shim", memory.shim_bytes);
	(void)printf("shared=%d hugetlb=%d cgroups=", memory.ram_is_shared, memory.ram_is_hugetlb);
	for (size_t i = 0; i < vmm->n_cgroups; i++)
		(void)printf("%s%s", i > 0 ? "," : "", vmm->cgroups[i].path);
	(void)printf("\n");
}

static void smaps_print(const struct vmm *vmm)
{
	struct vmm_smaps smaps;
	struct error why;

	for (size_t i = 0; i < vmm->n_processes; i++) {
		if (vmm->processes[i].part != VMM_VMM)
			continue;
		if (vmm_read_smaps(proc_fd, vmm->processes[i].pid, vmm->ram_size_bytes, &smaps, &why) < 0) {
			(void)printf("failed: %s\n", why.text);
			return;
		}
		figure_print("ram", smaps.ram_bytes);
		figure_print("size", smaps.ram_size_bytes);
		figure_print("vmm_anon", smaps.vmm_anon_bytes);
		figure_print("vmm_file", smaps.vmm_file_bytes);
		(void)printf("shared=%d\n", smaps.ram_is_shared);
		return;
	}
	(void)printf("no VMM\n");
}

int main(int argc, char *argv[])
{
	char line[64];
	struct vmm vmm;

	if (argc != 3)
		errx(2, "usage: vmm_probe BUNDLE SANDBOX");
	proc_fd = directory("/proc");
	cgroup_fd = directory("/sys/fs/cgroup");
	run_fd = directory("/run");
	setlinebuf(stdout);
	if (find(argv[1], argv[2], &vmm) < 0)
		return 1;
	while (fgets(line, sizeof line, stdin)) {
		if (strcmp(line, "smaps\n") == 0) {
			smaps_print(&vmm);
		} else if (strcmp(line, "find\n") == 0) {
			vmm_close(&vmm);
			if (find(argv[1], argv[2], &vmm) < 0)
				return 1;
		} else {
			reading_print(&vmm);
		}
	}
	vmm_close(&vmm);
}
