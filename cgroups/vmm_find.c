/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/vmm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/process.h"
#include "cgroups/quantity.h"

/* The first this many bytes of a command line are read. QEMU's is the longest, and has -name and -m in its
 * first 2 KiB. */
#define ARGUMENTS_SIZE 8192
#define CHILDREN_MAX   32
#define DEPTH_MAX      8

/* At most this many processes below a shim are looked at. kata's shim has a handful. An unknown shim may have
 * all processes of its containers below it, without a bound. */
#define LOOKS_MAX 128

/* Programs by the beginning of their name. */
static const struct {
	const char *prefix;
	enum vmm_part part;
} programs[] = {
	{"qemu-", VMM_VMM},        {"cloud-hypervisor", VMM_VMM},  {"firecracker", VMM_VMM},
	{"stratovirt", VMM_VMM},   {"openvmm", VMM_VMM},           {"virtiofsd", VMM_VIRTIOFSD},
	{"nydusd", VMM_VIRTIOFSD}, {"containerd-shim-", VMM_SHIM},
};

struct search {
	int proc_fd;
	const char *sandbox_id;
	const pid_t *hints;
	struct vmm *vmm;
	unsigned looks;      /* processes that look_below() has looked at so far */
	bool without_memory; /* some processes were not looked at for want of memory */
};

/* A process that is looked at. If it is accepted, its descriptors move into the vmm. */
struct candidate {
	pid_t pid;
	int dir_fd, status_fd;
	struct process_status status;
	char arguments[ARGUMENTS_SIZE];
	size_t length;
};

static void candidate_close(struct candidate *candidate)
{
	cleanup_close_fd(&candidate->dir_fd);
	cleanup_close_fd(&candidate->status_fd);
}
#define cleanup_candidate __attribute__((cleanup(candidate_close)))

/* Reads the command line only: most processes are ruled out by it. */
static bool candidate_open(const struct search *search, pid_t pid, struct candidate *candidate)
{
	candidate->pid = pid;
	candidate->dir_fd = process_open(search->proc_fd, pid, NULL);
	if (candidate->dir_fd < 0)
		return false;
	candidate->length = process_arguments_at(candidate->dir_fd, candidate->arguments,
						 sizeof candidate->arguments - 1);
	candidate->arguments[candidate->length] = '\0';
	return candidate->length > 0;
}

static bool candidate_load(struct candidate *candidate)
{
	char text[PROCESS_STATUS_SIZE];

	candidate->status_fd =
		openat(candidate->dir_fd, "status", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (candidate->status_fd < 0)
		return false;
	ssize_t n = pread(candidate->status_fd, text, sizeof text - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return process_parse_status(text, &candidate->status) == 0;
}

/* The next argument, the first one after NULL. Returns NULL at the end. */
static const char *argument_next(const struct candidate *candidate, const char *argument)
{
	if (!argument)
		return candidate->arguments;
	argument += strlen(argument) + 1;
	return argument < candidate->arguments + candidate->length ? argument : NULL;
}

static enum vmm_part program_part(const struct candidate *candidate)
{
	const char *slash = strrchr(candidate->arguments, '/');
	const char *name = slash ? slash + 1 : candidate->arguments;

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		if (strncmp(name, programs[i].prefix, strlen(programs[i].prefix)) == 0)
			return programs[i].part;
	return VMM_PARTS;
}

/* "sandbox-<id>,debug-threads=on", "--socket-path=/run/vc/vm/<id>/virtiofsd.sock". */
static bool names_sandbox(const struct candidate *candidate, const char *id)
{
	const size_t length = strlen(id);

	for (const char *argument = NULL; (argument = argument_next(candidate, argument));)
		for (const char *at = argument; (at = strstr(at, id)); at++)
			if (at > argument && strchr("/-=:,", at[-1]) && strchr("/.,:", at[length]))
				return true;
	return false;
}

/* "-id <sandbox>" or "-id=<sandbox>", with one dash or two. */
static bool is_shim_of(const struct candidate *candidate, const char *id)
{
	for (const char *argument = NULL; (argument = argument_next(candidate, argument));) {
		const char *name =
			argument + (argument[0] == '-') + (argument[0] == '-' && argument[1] == '-');
		if (name == argument || strncmp(name, "id", 2) != 0)
			continue;
		if (name[2] == '=' && strcmp(name + 3, id) == 0)
			return true;
		const char *value = name[2] == '\0' ? argument_next(candidate, argument) : NULL;
		if (value && strcmp(value, id) == 0)
			return true;
	}
	return false;
}

/* "containerd-shim-kata-v2 … -id <sandbox> start": a short-lived process that starts the shim itself, or ends
 * it. */
static bool is_verb(const struct candidate *candidate)
{
	const char *last = candidate->arguments;

	for (const char *argument = NULL; (argument = argument_next(candidate, argument));)
		last = argument;
	return strcmp(last, "start") == 0 || strcmp(last, "delete") == 0;
}

static bool in_cgroup_of(const struct candidate *candidate, const char *id)
{
	char text[CGROUP_PATH_SIZE + 1024], path[CGROUP_PATH_SIZE];

	return file_read_at(candidate->dir_fd, "cgroup", text, sizeof text, NULL, NULL) == 0 &&
	       cgroup_parse(text, path, sizeof path) == 0 && cgroup_path_names(path, id);
}

static bool is_known(const struct vmm *vmm, pid_t pid)
{
	for (size_t i = 0; i < vmm->n_processes; i++)
		if (vmm->processes[i].pid == pid)
			return true;
	return false;
}

static void accept(const struct search *search, struct candidate *candidate, enum vmm_part part)
{
	struct vmm *vmm = search->vmm;

	if (vmm->n_processes == VMM_PROCESSES_MAX || (part != VMM_VIRTIOFSD && vmm_has(vmm, part)))
		return;
	if (part == VMM_VMM) {
		vmm->ram_size_bytes = vmm_ram_size(candidate->arguments, candidate->length);
		for (const char *argument = NULL; (argument = argument_next(candidate, argument));)
			if (strncmp(argument, "memory-backend-", 15) == 0 && strstr(argument, ",share=on"))
				vmm->ram_is_shared = true;
	}
	vmm->processes[vmm->n_processes++] = (struct vmm_process){
		.part = part,
		.pid = candidate->pid,
		.dir_fd = take_fd(&candidate->dir_fd),
		.status_fd = take_fd(&candidate->status_fd),
	};
}

static enum vmm_part hinted_part(const struct search *search, pid_t pid)
{
	for (enum vmm_part part = 0; part < VMM_SHIM; part++)
		if (search->hints[part] == pid)
			return part;
	return VMM_PARTS;
}

/* Looks at all descendants of a process that was accepted. If the kernel lists no children, look_everywhere()
 * finds them. */
static void look_below(struct search *search, pid_t parent, int dir_fd, enum vmm_part part, unsigned depth)
{
	pid_t pids[CHILDREN_MAX];

	int n = process_children(dir_fd, pids, CHILDREN_MAX, NULL);
	search->without_memory |= n == -ENOMEM;
	for (int i = 0; i < n && search->looks < LOOKS_MAX; i++) {
		cleanup_candidate struct candidate candidate = {.dir_fd = -1, .status_fd = -1};

		search->looks++;
		if (!candidate_open(search, pids[i], &candidate) || !candidate_load(&candidate) ||
		    candidate.status.parent != parent)
			continue;
		enum vmm_part child = part == VMM_VIRTIOFSD ? part : hinted_part(search, pids[i]);
		if (child == VMM_PARTS)
			child = program_part(&candidate);
		if (depth < DEPTH_MAX)
			look_below(search, pids[i], candidate.dir_fd, child, depth + 1);
		/* virtiofsd may have a PID namespace of its own; a VMM never has. */
		if (child == VMM_VMM && candidate.status.namespaces != 1)
			continue;
		if (child < VMM_SHIM && !is_known(search->vmm, pids[i]))
			accept(search, &candidate, child);
	}
}

/* Looks at a process that need not descend from the shim. */
static void look_at(const struct search *search, pid_t pid, enum vmm_part hinted)
{
	cleanup_candidate struct candidate candidate = {.dir_fd = -1, .status_fd = -1};

	if (pid <= 0 || is_known(search->vmm, pid) || !candidate_open(search, pid, &candidate))
		return;
	enum vmm_part part = hinted < VMM_PARTS ? hinted : program_part(&candidate);
	if (part == VMM_PARTS ||
	    !(part == VMM_SHIM ? is_shim_of(&candidate, search->sandbox_id)
			       : names_sandbox(&candidate, search->sandbox_id)) ||
	    !candidate_load(&candidate) || candidate.status.namespaces != 1)
		return;
	if (part == VMM_SHIM ? hinted == VMM_SHIM || (candidate.status.uid == 0 && !is_verb(&candidate))
			     : in_cgroup_of(&candidate, search->sandbox_id))
		accept(search, &candidate, part);
}

static const struct vmm_process *find_process(const struct vmm *vmm, enum vmm_part part)
{
	for (size_t i = 0; i < vmm->n_processes; i++)
		if (vmm->processes[i].part == part)
			return &vmm->processes[i];
	return NULL;
}

static void look_below_shim(struct search *search)
{
	const struct vmm_process *shim = find_process(search->vmm, VMM_SHIM);
	if (shim)
		look_below(search, shim->pid, shim->dir_fd, VMM_SHIM, 0);
}

static int look_everywhere(struct search *search, struct error *err)
{
	const bool had_shim = vmm_has(search->vmm, VMM_SHIM);

	int fd = openat(search->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int code = errno;
		cleanup_close_fd(&fd);
		return error_errno(err, code, "cannot list the processes");
	}
	for (const struct dirent *entry; (entry = readdir(dir));) {
		uint64_t pid;
		if (quantity_parse_uint(entry->d_name, strlen(entry->d_name), &pid) == 0 && pid <= INT32_MAX)
			look_at(search, (pid_t)pid, VMM_PARTS);
	}
	if (!had_shim)
		look_below_shim(search);
	return 0;
}

int vmm_find(int proc_fd, const char *sandbox_id, const pid_t hints[static VMM_PARTS], bool whole_proc,
	     struct vmm *ret, struct error *err)
{
	struct vmm vmm = {0};
	struct search search = {.proc_fd = proc_fd, .sandbox_id = sandbox_id, .hints = hints, .vmm = &vmm};

	if (sandbox_id[0] == '\0' || strlen(sandbox_id) >= sizeof vmm.sandbox_id)
		return error_set(err, EINVAL, "no id of a sandbox: %.80s", sandbox_id);
	strcpy(vmm.sandbox_id, sandbox_id);

	look_at(&search, hints[VMM_SHIM], VMM_SHIM);
	vmm.in_shim = hints[VMM_VMM] > 0 && hints[VMM_VMM] == hints[VMM_SHIM];
	look_below_shim(&search);
	if (!vmm.in_shim)
		look_at(&search, hints[VMM_VMM], VMM_VMM);
	look_at(&search, hints[VMM_VIRTIOFSD], VMM_VIRTIOFSD);
	if (whole_proc && !vmm.in_shim && !vmm_has(&vmm, VMM_VMM)) {
		int r = look_everywhere(&search, err);
		if (r < 0) {
			vmm_close(&vmm);
			return r;
		}
	}
	if (search.without_memory) {
		vmm_close(&vmm);
		return error_errno(err, ENOMEM, "cannot look for the processes of the sandbox %s",
				   sandbox_id);
	}
	for (size_t i = 0; vmm.in_shim && i < vmm.n_processes; i++)
		if (vmm.processes[i].part == VMM_SHIM)
			vmm.processes[i].part = VMM_VMM;
	vmm.had_vmm = vmm_has(&vmm, VMM_VMM);
	if (!vmm.had_vmm && !vmm_has(&vmm, VMM_SHIM)) {
		vmm_close(&vmm);
		return error_set(err, ESRCH, "no process of the sandbox %s is found", sandbox_id);
	}
	*ret = vmm;
	return 0;
}
