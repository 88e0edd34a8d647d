/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/directory.h"

#include <errno.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/process.h"
#include "cgroups/vmm.h"

#define SANDBOX "6f1d2c3b4a59"

static void check_status(const char *text)
{
	struct process_status status, before;

	memset(&status, 0xa5, sizeof status);
	memcpy(&before, &status, sizeof status);
	int r = process_parse_status(text, &status);
	if (r < 0) {
		ENSURE(r == -EBADMSG && memcmp(&status, &before, sizeof status) == 0);
		return;
	}
	ENSURE(r == 0 && status.parent >= 0 && status.namespaces > 0);
	ENSURE(status.anon_bytes <= INT64_MAX && status.file_bytes <= INT64_MAX &&
	       status.shmem_bytes <= INT64_MAX && status.hugetlb_bytes <= INT64_MAX &&
	       status.pagetables_bytes <= INT64_MAX);
}

/* The input is all that a process has to say of itself: its status, smaps, cgroup and arguments. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const pid_t hints[VMM_PARTS] = {[VMM_VMM] = 7, [VMM_SHIM] = 8};
	static const char *const names[] = {"status", "smaps", "cgroup", "cmdline"};
	struct error err = {0};
	struct vmm_smaps smaps;
	struct vmm vmm;
	cleanup_free char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_status(text);
	ENSURE(vmm_own_cgroup(text, SANDBOX) <= strlen(text));
	ENSURE(vmm_ram_size(text, size) <= INT64_MAX);

	const int root_fd = directory_open();
	(void)mkdirat(root_fd, "7", 0700);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[64];
		(void)snprintf(path, sizeof path, "7/%s", names[i]);
		directory_put(path, data, size);
	}
	int r = vmm_read_smaps(root_fd, 7, size, &smaps, &err);
	ENSURE(r == 0 || (r == -ESRCH && err.text[0]));
	ENSURE(r < 0 || (smaps.vmm_anon_bytes <= INT64_MAX && smaps.vmm_file_bytes <= INT64_MAX &&
			 smaps.ram_bytes <= INT64_MAX));
	/* It is no VMM without a status, a cgroup and arguments that are in themselves right. */
	r = vmm_find(root_fd, SANDBOX, hints, size % 2, &vmm, &err);
	ENSURE(r == -ESRCH || r == 0);
	if (r == 0)
		vmm_close(&vmm);
	return 0;
}
