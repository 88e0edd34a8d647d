/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper's update, a resize of a running container, in five steps. The limit that is asked for becomes
 * the declared limit, and the decision is made again. */

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
#include "shim/report/fault.h"
#include "shim/wrapper/wrapper.h"

/* Bytes of the largest `update --resources` document that is read. Larger ones are passed on as they are. */
#define RESOURCES_SIZE_MAX (1u << 20)

/* Bytes of the largest page that Linux uses. */
#define PAGE_SIZE_MAX 65536

/* What one step leaves for the next. */
struct resize {
	struct wrapper *wrapper;
	char *text; /* the resources that were asked for */
	size_t length;
	struct resources resources;

	int containers_fd;
	struct record record;
	struct protection before; /* the container's protection before the resize */

	struct unified_mark ours; /* what is ours in unified */
	char *edited;             /* NULL: the runtime reads `text` */
	size_t edited_length;
};

/* ---- 1. What is asked for ---- */

/* stdin can be read only once: copies it into a file in memory, which becomes the new stdin. */
static int keep_stdin(struct error *err)
{
	char buf[16384];
	ssize_t n;

	cleanup_close int fd = memfd_create("resources", MFD_CLOEXEC);
	/* If the file must not grow (RLIMIT_FSIZE), this has to fail before anything is read from stdin. */
	if (fd < 0 || ftruncate(fd, RESOURCES_SIZE_MAX) < 0 || ftruncate(fd, 0) < 0)
		return error_errno(err, errno, "cannot make a file in memory");
	while ((n = read(STDIN_FILENO, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "cannot read stdin");
		int r = file_write(fd, buf, (size_t)n);
		if (r < 0)
			return error_errno(err, -r, "cannot keep what stdin holds");
	}
	if (lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, STDIN_FILENO) < 0)
		return error_errno(err, errno, "cannot hand on what stdin held");
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
	if (!text)
		return error_errno(err, ENOMEM, "cannot read the resources");
	if (pread(STDIN_FILENO, text, length, 0) != st.st_size) {
		free(text);
		return error_set(err, EIO, "cannot read the resources");
	}
	text[length] = '\0';
	*ret_text = text;
	*ret_length = length;
	return 0;
}

static int read_resources(struct resize *resize, struct error *err)
{
	int r = load_resources(resize->wrapper, &resize->text, &resize->length, err);
	if (r == 0)
		r = resources_read(resize->text, resize->length, &resize->resources, err);
	if (r < 0)
		return r;
	const bool is_of_memory =
		resize->resources.limit.length > 0 || resize->resources.unified_max.length > 0;
	return is_of_memory ? STEP_DONE : STEP_LEAVE_ALONE;
}

/* ---- 2. The record ---- */

static int read_record(struct resize *resize, struct error *err)
{
	struct record *record = &resize->record;

	resize->containers_fd = wrapper_open_containers(resize->wrapper, err);
	if (resize->containers_fd < 0)
		return resize->containers_fd;
	int r = record_read(resize->containers_fd, resize->wrapper->command.id, record, err);
	if (r < 0)
		return r == -ENOENT ? STEP_LEAVE_ALONE : r;
	resize->before = record->protect;
	record->declared_bytes = resize->resources.limit_bytes;
	record->updated_usec = wrapper_now_usec();
	record->fault[0] = '\0';
	return STEP_DONE;
}

/* ---- 3. The decision ---- */

/* What a running container may use in the next moment: its memory.max, or its charge if it has no limit. A
 * limit below this could make the kernel reclaim or kill at once. */
static int read_in_use(int cgroup_fd, const struct record *record, uint64_t *ret_bytes,
		       uint64_t *ret_working_set_bytes, struct error *err)
{
	struct memory memory;
	uint64_t max_bytes;

	int r = memory_read(cgroup_fd, &memory, err);
	if (r == 0)
		r = memory_read_max(cgroup_fd, &max_bytes, err);
	if (r != 0)
		return r < 0 ? r : error_set(err, ENOENT, "the cgroup %.160s went away", record->cgroup);
	*ret_bytes = max_bytes == MEMORY_UNLIMITED ? memory.current_bytes : max_bytes;
	*ret_working_set_bytes = memory_working_set(&memory);
	return 0;
}

/* Finds the keys that we may change: those that still have the value that we wrote. Any other value is the
 * pod's or an administrator's. */
static int find_ours(int cgroup_fd, const struct protection *before, struct record *record,
		     struct unified_mark *ret_ours, struct error *err)
{
	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++) {
		const uint64_t written = before->bytes[key];
		const uint64_t nothing = key == UNIFIED_HIGH ? MEMORY_UNLIMITED : 0;
		uint64_t now;

		if (written == 0 && record->protect.bytes[key] == 0)
			continue;
		int r = memory_read_bound(cgroup_fd, unified_names[key], &now, err);
		if (r != 0)
			return r < 0 ? r
				     : error_set(err, ENOENT, "the cgroup %.160s went away", record->cgroup);
		/* The kernel rounds down to whole pages. */
		if (written > 0 && now <= written && written - now < PAGE_SIZE_MAX) {
			ret_ours->keys |= UINT64_C(1) << key;
			ret_ours->bytes[key] = written;
		} else if (now != nothing) {
			record->protect.bytes[key] = 0;
		}
	}
	return 0;
}

/* The record's mode and override are from the creation. What the node does not allow any more is dropped. */
static void apply_settings(struct wrapper *wrapper, struct record *record)
{
	const char *namespace = record->identity.namespace;

	settings_for_namespace(&wrapper->settings, namespace[0] ? namespace : "-");
	if (record->mode > wrapper->settings.mode)
		record->mode = wrapper->settings.mode;
	if (!(wrapper->settings.annotations & SETTINGS_ALLOW_OVERRIDES))
		record->override_bytes = record->override_request_bytes = 0;
}

/* Decides the limit, in place of the one that was asked for, and the protection. */
static int decide(struct resize *resize, struct error *err)
{
	struct record *record = &resize->record;
	uint64_t in_use_bytes = 0, working_set_bytes = 0;
	cleanup_close int cgroup_fd = -1;

	apply_settings(resize->wrapper, record);
	if (record->mode == MODE_ENFORCE || resize->before.request_bytes > 0 ||
	    resize->before.bytes[UNIFIED_HIGH] > 0) {
		if (!record->cgroup[0])
			return error_set(err, ESRCH, "its cgroup is not known");
		cgroup_fd = wrapper_open_cgroup(record->cgroup, err);
		if (cgroup_fd < 0)
			return cgroup_fd;
		int r = read_in_use(cgroup_fd, record, &in_use_bytes, &working_set_bytes, err);
		if (r < 0)
			return r;
	}
	wrapper_decide(resize->wrapper, record, in_use_bytes);
	/* A memory.high below the working set would slow the container down at once. */
	if (record->protect.bytes[UNIFIED_HIGH] < working_set_bytes)
		record->protect.bytes[UNIFIED_HIGH] = 0;
	return cgroup_fd < 0 ? 0 : find_ours(cgroup_fd, &resize->before, record, &resize->ours, err);
}

/* After a fault: the container gets the limit that was asked for, and keeps its protection. */
static void fall_back(struct resize *resize, const struct error *err)
{
	wrapper_fall_back(&resize->record, resize->resources.limit_bytes, err);
	resize->record.protect = resize->before;
}

static int make_decision(struct resize *resize, struct error *err)
{
	int r = decide(resize, err);
	if (r == 0)
		r = wrapper_edit(&resize->record, resize->text, resize->length, &resize->resources,
				 &resize->ours, &resize->edited, &resize->edited_length, &resize->ours, err);
	if (r < 0)
		fall_back(resize, err);
	return STEP_DONE;
}

/* ---- 4. The record again ---- */

static int write_record(struct resize *resize, struct error *err)
{
	return record_write(resize->containers_fd, &resize->record, err);
}

/* ---- 5. What the runtime reads ---- */

/* Makes the runtime read this text: puts it into stdin, and "-" into argv. */
static int hand_on_resources(struct wrapper *wrapper, const char *text, size_t length, struct error *err)
{
	const struct command *command = &wrapper->command;
	char *argument = wrapper->argv[command->resources_index];
	/* The value ends the argument: "--resources=FILE" or "FILE". */
	int prefix = (int)(command->resources - argument);

	cleanup_close int fd = memfd_create("resources", MFD_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot make a file in memory");
	int r = file_write(fd, text, length);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, r < 0 ? -r : errno, "cannot write a file in memory");
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

static int hand_on(struct resize *resize, struct error *err)
{
	if (!resize->edited)
		return STEP_DONE;
	int r = hand_on_resources(resize->wrapper, resize->edited, resize->edited_length, err);
	if (r < 0) {
		fall_back(resize, err);
		(void)write_record(resize, NULL);
	}
	return r;
}

static int (*const steps[])(struct resize *resize, struct error *err) = {
	read_resources, read_record, make_decision, write_record, hand_on,
};

void wrapper_update(struct wrapper *wrapper)
{
	struct resize resize = {.wrapper = wrapper, .containers_fd = -1};
	struct error err;
	int r = STEP_DONE;

	if (!wrapper->command.resources)
		return;
	for (size_t i = 0; i < sizeof steps / sizeof *steps && r == STEP_DONE; i++)
		r = steps[i](&resize, &err);
	if (r < 0)
		fault_log("container %s is resized as asked: %s", wrapper->command.id, err.text);
	else if (resize.record.fault[0])
		fault_log("container %s is resized as asked: %s", wrapper->command.id, resize.record.fault);
	free(resize.edited);
	free(resize.text);
	if (resize.containers_fd >= 0)
		(void)close(resize.containers_fd);
}
