/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/memory.h"
#include "cgroups/process.h"

/* If the arguments do not tell, RAM counts as shared when RssShmem is more than this part of RssAnon. A VMM
 * shares almost nothing else, and its own memory is smaller than the smallest guest. */
#define RAM_SHARED_PART 8

bool vmm_has(const struct vmm *vmm, enum vmm_part part)
{
	for (size_t i = 0; i < vmm->n_processes; i++)
		if (vmm->processes[i].part == part)
			return true;
	return false;
}

static void cgroup_close(struct vmm_cgroup *cgroup)
{
	cleanup_close_fd(&cgroup->current_fd);
	cleanup_close_fd(&cgroup->stat_fd);
	free(cgroup->path);
}

static void cgroup_remove(struct vmm *vmm, size_t index)
{
	cgroup_close(&vmm->cgroups[index]);
	vmm->cgroups[index] = vmm->cgroups[--vmm->n_cgroups];
}

static void process_remove(struct vmm *vmm, size_t index)
{
	cleanup_close_fd(&vmm->processes[index].dir_fd);
	cleanup_close_fd(&vmm->processes[index].status_fd);
	vmm->processes[index] = vmm->processes[--vmm->n_processes];
}

void vmm_close(struct vmm *vmm)
{
	while (vmm->n_processes > 0)
		process_remove(vmm, vmm->n_processes - 1);
	while (vmm->n_cgroups > 0)
		cgroup_remove(vmm, vmm->n_cgroups - 1);
}

/* "…-pod<uid>.slice" or "pod<uid>". The uid is a UUID (systemd has '_' for '-'); a static pod's is a hash. */
static bool component_is_pod(const char *name, size_t length)
{
	static const size_t uids[] = {36, 32};
	static const char slice[] = ".slice";
	const size_t n_slice = sizeof slice - 1;

	if (length > n_slice && memcmp(name + length - n_slice, slice, n_slice) == 0)
		length -= n_slice;
	for (size_t i = 0; i < sizeof uids / sizeof *uids; i++) {
		if (length < uids[i] + 3)
			continue;
		const char *pod = name + length - uids[i] - 3;
		if (memcmp(pod, "pod", 3) == 0 && (pod == name || pod[-1] == '-') &&
		    strspn(pod + 3, "0123456789abcdef-_") >= uids[i])
			return true;
	}
	return false;
}

size_t vmm_own_cgroup(const char *path, const char *sandbox_id)
{
	char component[CGROUP_PATH_SIZE];
	size_t pod = 0, named = 0;

	for (const char *name = path; *name == '/';) {
		const size_t length = strcspn(++name, "/");
		const size_t end = (size_t)(name - path) + length;

		/* The lowest pod wins: the kubelet's cgroups may themselves lie below a pod's. */
		if (component_is_pod(name, length))
			pod = end;
		if (length < sizeof component && named == 0) {
			memcpy(component, name, length);
			component[length] = '\0';
			if (cgroup_path_names(component, sandbox_id))
				named = end;
		}
		name += length;
	}
	return pod > 0 ? pod : named;
}

/* Adds the cgroup and removes those below it. Does nothing if the cgroup or one above it is there already.
 * Returns 0 with *ret_counted set: whether the cgroup is counted; or -ENOMEM. */
static int cgroup_add(struct vmm *vmm, int cgroup_fd, const char *path, size_t length, bool *ret_counted)
{
	struct vmm_cgroup new = {-1, -1, NULL};

	*ret_counted = false;
	if (length == 0)
		return 0;
	cleanup_free char *own = strndup(path, length);
	if (!own)
		return -ENOMEM;
	for (size_t i = 0; i < vmm->n_cgroups; i++)
		if (cgroup_path_below(own, vmm->cgroups[i].path)) {
			*ret_counted = true;
			return 0;
		}

	cleanup_close int dir_fd = cgroup_open(cgroup_fd, own, NULL);
	if (dir_fd < 0)
		return 0;
	new.current_fd = openat(dir_fd, MEMORY_FILE_CURRENT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	new.stat_fd = openat(dir_fd, MEMORY_FILE_STAT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (new.current_fd < 0 || new.stat_fd < 0) {
		cgroup_close(&new);
		return 0;
	}
	for (size_t i = vmm->n_cgroups; i-- > 0;)
		if (cgroup_path_below(vmm->cgroups[i].path, own))
			cgroup_remove(vmm, i);
	if (vmm->n_cgroups == VMM_CGROUPS_MAX) {
		cgroup_close(&new);
		return 0;
	}
	new.path = take_ptr(own);
	vmm->cgroups[vmm->n_cgroups++] = new;
	*ret_counted = true;
	return 0;
}

static int look_at_cgroups(struct vmm *vmm, int cgroup_fd)
{
	char text[CGROUP_PATH_SIZE + 1024], path[CGROUP_PATH_SIZE];

	for (size_t i = 0; i < vmm->n_processes; i++) {
		struct vmm_process *process = &vmm->processes[i];
		/* The cgroup of a process that is about to end cannot be read: the process stays where it
		 * was. */
		if (file_read_at(process->dir_fd, "cgroup", text, sizeof text, NULL, NULL) < 0 ||
		    cgroup_parse(text, path, sizeof path) < 0)
			continue;
		bool counted;
		int r = cgroup_add(vmm, cgroup_fd, path, vmm_own_cgroup(path, vmm->sandbox_id), &counted);
		if (r < 0)
			return r;
		process->outside = !counted;
	}
	return 0;
}

/* Reads a whole kernel file from its beginning. Returns 0, or -errno: -ENODEV if the cgroup is gone, -ESRCH
 * if the process is. */
static int load(int fd, char *text, size_t size)
{
	size_t length = 0;

	for (;;) {
		ssize_t n = pread(fd, text + length, size - length, (off_t)length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		length += (size_t)n;
		if (length == size)
			return -E2BIG;
		if (n == 0 || text[length - 1] == '\n')
			break;
	}
	text[length] = '\0';
	return 0;
}

static void add(uint64_t *sum, uint64_t bytes)
{
	if (*sum == VMM_UNKNOWN)
		*sum = 0;
	/* A sum that overflows becomes the largest number below VMM_UNKNOWN. */
	if (__builtin_add_overflow(*sum, bytes, sum) || *sum == VMM_UNKNOWN)
		*sum = VMM_UNKNOWN - 1;
}

static int read_cgroup(const struct vmm_cgroup *cgroup, struct vmm_memory *sum)
{
	struct memory memory = {0};
	char text[MEMORY_TEXT_SIZE];

	int r = load(cgroup->current_fd, text, sizeof text);
	if (r == 0)
		r = memory_parse_bytes(text, &memory.current_bytes);
	if (r == 0)
		r = load(cgroup->stat_fd, text, sizeof text);
	if (r == 0)
		r = memory_parse_stat(text, &memory);
	if (r < 0)
		return r;
	add(&sum->charge_bytes, memory.current_bytes);
	add(&sum->kernel_bytes, memory.kernel_bytes);
	add(&sum->pagetables_bytes, memory.pagetables_bytes);
	add(&sum->shmem_bytes, memory.shmem_bytes);
	add(&sum->inactive_file_bytes, memory.inactive_file_bytes);
	return 0;
}

/* What the processes hold, in the sandbox's own cgroups and in others. */
struct resident {
	uint64_t own_bytes, outside_bytes;
};

static int read_process(const struct vmm *vmm, const struct vmm_process *process, struct vmm_memory *sum,
			struct resident *resident)
{
	struct process_status status;
	char text[PROCESS_STATUS_SIZE];

	int r = load(process->status_fd, text, sizeof text);
	if (r == 0)
		r = process_parse_status(text, &status);
	if (r == 0 && !status.has_memory)
		r = -ESRCH;
	if (r < 0)
		return r;

	uint64_t own_bytes = 0;
	uint64_t *held = process->outside ? &resident->outside_bytes : &resident->own_bytes;
	add(held, status.anon_bytes);
	add(&own_bytes, status.anon_bytes);
	add(&own_bytes, status.file_bytes);
	if (process->outside)
		add(&sum->outside_bytes, own_bytes);
	switch (process->part) {
	case VMM_SHIM:
		add(&sum->shim_bytes, own_bytes);
		return 0;
	case VMM_VIRTIOFSD:
		add(&sum->virtiofsd_bytes, own_bytes);
		return 0;
	default:
		break;
	}
	add(held, status.shmem_bytes);
	add(held, status.pagetables_bytes);
	if (process->outside)
		add(&sum->outside_bytes, status.shmem_bytes);
	add(&sum->vmm_anon_bytes, status.anon_bytes);
	add(&sum->vmm_file_bytes, status.file_bytes);
	sum->ram_is_hugetlb = status.hugetlb_bytes > 0;
	sum->ram_is_shared = vmm->ram_is_shared || status.shmem_bytes > status.anon_bytes / RAM_SHARED_PART;
	if (sum->ram_is_hugetlb || sum->ram_is_shared) {
		add(&sum->ram_bytes, status.hugetlb_bytes);
		add(&sum->ram_bytes, status.shmem_bytes);
	}
	return 0;
}

static void take_resident(struct vmm_memory *memory, const struct resident *resident)
{
	if (memory->charge_bytes != VMM_UNKNOWN && memory->charge_bytes >= resident->own_bytes)
		return;
	memory->charge_is_resident = true;
	memory->charge_bytes = resident->own_bytes;
	add(&memory->charge_bytes, resident->outside_bytes);
	memory->outside_bytes = 0;
}

int vmm_read(struct vmm *vmm, int cgroup_fd, struct vmm_memory *ret, struct error *err)
{
	struct vmm_memory memory = {
		.charge_bytes = VMM_UNKNOWN,
		.kernel_bytes = VMM_UNKNOWN,
		.pagetables_bytes = VMM_UNKNOWN,
		.shmem_bytes = VMM_UNKNOWN,
		.inactive_file_bytes = VMM_UNKNOWN,
		.ram_bytes = VMM_UNKNOWN,
		.vmm_anon_bytes = VMM_UNKNOWN,
		.vmm_file_bytes = VMM_UNKNOWN,
		.virtiofsd_bytes = VMM_UNKNOWN,
		.shim_bytes = VMM_UNKNOWN,
	};
	struct resident resident = {0};

	if (vmm->readings % VMM_CGROUP_READINGS == 0 && look_at_cgroups(vmm, cgroup_fd) < 0)
		return error_errno(err, ENOMEM, "cannot look at the cgroups of the sandbox %s",
				   vmm->sandbox_id);
	vmm->readings++;
	/* The cgroups first: a VMM that is still there afterwards was there when the cgroups were read. */
	for (size_t i = vmm->n_cgroups; i-- > 0;) {
		int r = read_cgroup(&vmm->cgroups[i], &memory);
		if (r == -ENODEV) {
			cgroup_remove(vmm, i);
			vmm->readings = 0; /* the processes have moved: look up their cgroups next time */
		} else if (r < 0) {
			return error_errno(err, -r, "cannot read the memory of the cgroup %s",
					   vmm->cgroups[i].path);
		}
	}
	for (size_t i = vmm->n_processes; i-- > 0;) {
		const struct vmm_process *process = &vmm->processes[i];
		int r = read_process(vmm, process, &memory, &resident);
		if (r == -ESRCH)
			process_remove(vmm, i);
		else if (r < 0)
			return error_errno(err, -r, "cannot read the memory of process %ld",
					   (long)process->pid);
	}
	if (vmm->n_processes == 0 || (vmm->had_vmm && !vmm_has(vmm, VMM_VMM)))
		return error_set(err, ESRCH, "the machine of the sandbox %s is gone", vmm->sandbox_id);
	if (vmm_has(vmm, VMM_VMM))
		take_resident(&memory, &resident);
	*ret = memory;
	return 0;
}
