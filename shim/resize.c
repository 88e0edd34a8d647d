/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper's update, an in-place resize: what is asked for is the new declared limit, and the decision is
 * made again. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/memory.h"
#include "oci/config.h"
#include "oci/edit.h"
#include "shim/report/fault.h"
#include "shim/wrapper.h"

/* The largest `update --resources` document that is looked at; larger ones pass through unread. */
#define RESOURCES_SIZE_MAX (1u << 20)

/* Copies the whole of stdin, which can be read but once, into memory that takes its place. */
static int keep_stdin(struct error *err)
{
	char buf[16384];
	ssize_t n;

	cleanup_close int fd = memfd_create("resources", MFD_CLOEXEC);
	/* Before anything is taken from stdin: a file that must not grow has to fail now. */
	if (fd < 0 || ftruncate(fd, RESOURCES_SIZE_MAX) < 0 || ftruncate(fd, 0) < 0)
		return error_errno(err, errno, "cannot make a file in memory");
	while ((n = read(STDIN_FILENO, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "cannot read stdin");
		for (ssize_t done = 0, m; done < n; done += m) {
			m = write(fd, buf + done, (size_t)(n - done));
			if (m < 0)
				return error_errno(err, errno, "cannot keep what stdin holds");
		}
	}
	if (lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, STDIN_FILENO) < 0)
		return error_errno(err, errno, "cannot hand on what stdin held");
	return 0;
}

/* Makes this text what the runtime reads its resources from, and argv say so. */
static int hand_on_resources(struct wrapper *wrapper, const char *text, size_t length, struct error *err)
{
	const struct command *command = &wrapper->command;
	char *argument = wrapper->argv[command->resources_index];
	/* The value ends the argument: "--resources=FILE" or "FILE". */
	int prefix = (int)(command->resources - argument);

	cleanup_close int fd = memfd_create("resources", MFD_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot make a file in memory");
	if (write(fd, text, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, errno, "cannot write a file in memory");
	char *replaced;
	if (asprintf(&replaced, "%.*s-", prefix, argument) < 0)
		return error_errno(err, ENOMEM, "cannot change the command line");
	if (dup2(fd, STDIN_FILENO) < 0) {
		free(replaced);
		return error_errno(err, errno, "cannot replace stdin");
	}
	wrapper->argv[command->resources_index] = replaced;
	return 0;
}

static int load_resources(const struct wrapper *wrapper, char **ret_text, size_t *ret_length,
			  struct error *err)
{
	struct stat st;

	if (strcmp(wrapper->command.resources, "-") != 0)
		return file_load_link_at(AT_FDCWD, wrapper->command.resources, RESOURCES_SIZE_MAX, ret_text,
					 ret_length, err);
	int r = keep_stdin(err);
	if (r < 0)
		return r;
	if (fstat(STDIN_FILENO, &st) < 0 || st.st_size > RESOURCES_SIZE_MAX)
		return error_set(err, E2BIG, "the resources are larger than %u bytes", RESOURCES_SIZE_MAX);
	size_t length = (size_t)st.st_size;
	char *text = malloc(length + 1);
	if (!text || pread(STDIN_FILENO, text, length, 0) != st.st_size) {
		free(text);
		return error_set(err, EIO, "cannot read the resources");
	}
	text[length] = '\0';
	*ret_text = text;
	*ret_length = length;
	return 0;
}

/* What a container that runs has room for now, and may be using the next moment: its memory.max, or what is
 * charged to it where there is none. A limit below that could make the kernel reclaim, or kill, at once. */
static int read_in_use(const struct record *record, uint64_t *ret_bytes, struct error *err)
{
	struct memory memory;
	uint64_t max_bytes;

	cleanup_close int cgroup_fd = wrapper_open_cgroup(record->cgroup, err);
	if (cgroup_fd < 0)
		return cgroup_fd;
	int r = memory_read(cgroup_fd, &memory, err);
	if (r == 0)
		r = memory_read_max(cgroup_fd, &max_bytes, err);
	if (r != 0)
		return r < 0 ? r : error_set(err, ENOENT, "the cgroup %.160s went away", record->cgroup);
	*ret_bytes = max_bytes == MEMORY_UNLIMITED ? memory.current_bytes : max_bytes;
	return 0;
}

/* The limit that a container which runs gets in place of the one that is asked for. */
static int decide_resize(struct wrapper *wrapper, struct record *record, struct error *err)
{
	uint64_t in_use_bytes = 0;

	const char *namespace = record->identity.namespace;
	settings_for_namespace(&wrapper->settings, namespace[0] ? namespace : "-");
	/* What the node has stopped doing since the creation is not done here either. */
	if (record->mode > wrapper->settings.mode)
		record->mode = wrapper->settings.mode;
	if (!(wrapper->settings.annotations & SETTINGS_ALLOW_OVERRIDES))
		record->override_bytes = 0;
	if (record->mode == MODE_ENFORCE) {
		if (!record->cgroup[0])
			return error_set(err, ESRCH, "its cgroup is not known");
		int r = read_in_use(record, &in_use_bytes, err);
		if (r < 0)
			return r;
	}
	wrapper_decide(wrapper, record, in_use_bytes);
	return 0;
}

static int update(struct wrapper *wrapper, struct record *record, struct error *err)
{
	cleanup_free char *text = NULL, *edited = NULL;
	size_t length, edited_length;
	struct resources resources;
	struct edit edit;

	int r = load_resources(wrapper, &text, &length, err);
	if (r < 0)
		return r;
	r = resources_read(text, length, &resources, err);
	if (r < 0)
		return r;
	if (resources.limit.length == 0 && resources.unified_max.length == 0)
		return 0; /* no memory limit is resized */

	cleanup_close int containers_fd = wrapper_open_containers(wrapper, err);
	if (containers_fd < 0)
		return containers_fd;
	r = record_read(containers_fd, wrapper->command.id, record, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;

	record->declared_bytes = resources.limit_bytes;
	record->updated_usec = wrapper_now_usec();
	record->fault[0] = '\0';
	if (decide_resize(wrapper, record, err) < 0)
		wrapper_fall_back(record, resources.limit_bytes, err);
	r = record_write(containers_fd, record, err);
	if (r < 0 || record->limit_bytes == resources.limit_bytes)
		return r;
	r = edit_limit(text, &resources, record->limit_bytes, &edit, err);
	if (r == 0)
		r = edit_apply(text, length, &edit, &edited, &edited_length, err);
	if (r == 0)
		r = hand_on_resources(wrapper, edited, edited_length, err);
	if (r < 0) {
		wrapper_fall_back(record, resources.limit_bytes, err);
		(void)record_write(containers_fd, record, NULL);
	}
	return r;
}

void wrapper_update(struct wrapper *wrapper)
{
	struct record record = {.version = RECORD_VERSION};
	struct error err;

	if (!wrapper->command.resources)
		return;
	if (update(wrapper, &record, &err) < 0)
		fault_log("container %s is resized as asked: %s", wrapper->command.id, err.text);
	else if (record.fault[0])
		fault_log("container %s is resized as asked: %s", wrapper->command.id, record.fault);
}
