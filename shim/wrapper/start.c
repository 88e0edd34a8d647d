/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper's start: records the charge of the container before the user's program runs. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/memory.h"
#include "cgroups/quantity.h"
#include "shim/report/fault.h"
#include "shim/wrapper/wrapper.h"

/* Reads the pid of the init process, which waits for `start`, from the pid file that the runtime wrote. */
static int read_pid_file(const char *path, uint64_t *ret_pid, struct error *err)
{
	char text[32];

	int r = file_read_at(AT_FDCWD, path, text, sizeof text, NULL, err);
	if (r < 0)
		return r;
	if (quantity_parse_uint(text, strcspn(text, "\n"), ret_pid) < 0 || *ret_pid > INT_MAX)
		return error_set(err, EBADMSG, "%s holds no process id", path);
	return 0;
}

/* Finds the container's cgroup, and records its charge. */
static int measure_prestart(struct record *record, struct error *err)
{
	struct memory memory;

	int r = read_pid_file(record->pid_file, &record->pid, err);
	if (r < 0)
		return r;
	cleanup_close int proc_fd = openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = cgroup_of_pid(proc_fd, (pid_t)record->pid, record->cgroup, sizeof record->cgroup, err);
	if (r < 0)
		return r;
	if (!cgroup_path_names(record->cgroup, record->id)) {
		r = error_set(err, ESRCH,
			      "process %d of %.80s is in the cgroup %.80s, which is not the container's",
			      (int)record->pid, record->pid_file, record->cgroup);
		record->cgroup[0] = '\0';
		return r;
	}
	cleanup_close int cgroup_fd = wrapper_open_cgroup(record->cgroup, err);
	if (cgroup_fd < 0)
		return cgroup_fd;
	/* The cgroup may be gone before the daemon can ask. */
	record->cgroup_id = cgroup_id(cgroup_fd);
	r = memory_read(cgroup_fd, &memory, err);
	if (r != 0)
		return r < 0 ? r : error_set(err, ENOENT, "the cgroup %.160s went away", record->cgroup);
	record->prestart.current_bytes = memory.current_bytes;
	record->prestart.peak_bytes = memory.peak_bytes;
	record->prestart.anon_bytes = memory.anon_bytes;
	record->prestart.file_bytes = memory.file_bytes;
	record->prestart.kernel_bytes = memory.kernel_bytes;
	return 0;
}

void wrapper_start(struct wrapper *wrapper)
{
	struct record record;
	struct error err;

	cleanup_close int containers_fd = wrapper_open_containers(wrapper, &err);
	int r = containers_fd < 0 ? containers_fd
				  : record_read(containers_fd, wrapper->command.id, &record, &err);
	if (r == -ENOENT)
		return; /* created without us, or with the mode off */
	if (r == 0) {
		record.started_usec = wrapper_now_usec();
		r = record.pid_file[0] ? measure_prestart(&record, &err) : 0;
		int written = record_write(containers_fd, &record, r < 0 ? NULL : &err);
		r = r < 0 ? r : written;
	}
	if (r < 0)
		fault_log("container %s: its pre-start footprint is not recorded: %s", wrapper->command.id,
			  err.text);
}
