/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/memory.h"

int cgroup_parse(const char *text, char *path, size_t size)
{
	/* One line for each hierarchy. cgroup v2 has the number 0 and no controllers: cgroups(7). */
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		if (strncmp(line, "0::/", 4) == 0) {
			static const char deleted[] = " (deleted)";
			const size_t n_deleted = sizeof deleted - 1;
			line += 3;
			length -= 3;
			if (length > n_deleted && memcmp(line + length - n_deleted, deleted, n_deleted) == 0)
				return -ESRCH;
			if (length >= size)
				return -ENAMETOOLONG;
			memcpy(path, line, length);
			path[length] = '\0';
			return 0;
		}
		line += length + (line[length] == '\n');
	}
	return -ENOTSUP;
}

int cgroup_of_pid(int proc_fd, pid_t pid, char *path, size_t size, struct error *err)
{
	char name[32], text[PATH_MAX + 1024];

	if (pid <= 0)
		return error_set(err, ESRCH, "there is no process %ld", (long)pid);
	(void)snprintf(name, sizeof name, "%ld/cgroup", (long)pid);
	int r = file_read_at(proc_fd, name, text, sizeof text, NULL, err);
	if (r == -ENOENT || r == -ESRCH)
		return error_set(err, ESRCH, "there is no process %ld", (long)pid);
	if (r < 0)
		return r;

	r = cgroup_parse(text, path, size);
	if (r == -ESRCH)
		return error_set(err, ESRCH, "the cgroup of process %ld is gone", (long)pid);
	if (r == -ENAMETOOLONG)
		return error_set(err, ENAMETOOLONG, "the cgroup path of process %ld is too long", (long)pid);
	if (r < 0)
		return error_set(err, ENOTSUP, "process %ld is in no cgroup v2", (long)pid);
	return 0;
}

bool cgroup_path_names(const char *path, const char *id)
{
	size_t length = strlen(id);
	if (length == 0)
		return false;

	for (const char *at = path; (at = strstr(at, id)); at++) {
		char before = at == path ? '/' : at[-1], after = at[length];
		if (strchr("/-:", before) && (after == '\0' || strchr("/.", after)))
			return true;
	}
	return false;
}

bool cgroup_path_below(const char *path, const char *ancestor)
{
	size_t length = strlen(ancestor);
	while (length > 0 && ancestor[length - 1] == '/')
		length--;
	return strncmp(path, ancestor, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

bool cgroup_path_parent(const char *path, size_t *ret_length)
{
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return false;
	*ret_length = (size_t)(slash - path);
	return true;
}

/* Opens the cgroup whose path is the first length bytes of path. */
static int cgroup_open_length(int root_fd, const char *path, size_t length, struct error *err)
{
	char relative[CGROUP_PATH_SIZE];

	if (length == 0 || path[0] != '/' || length >= sizeof relative)
		return error_set(err, EINVAL, "no cgroup path: %.80s", path);
	/* openat() would take a path with a leading slash from "/", not from root_fd. */
	memcpy(relative, path + 1, length - 1);
	relative[length - 1] = '\0';
	for (const char *part = relative; *part; part += strcspn(part, "/"), part += *part == '/')
		if (strcspn(part, "/") == 2 && part[0] == '.' && part[1] == '.')
			return error_set(err, EINVAL, "a cgroup path with '..' in it: %.80s", path);

	int fd = openat(root_fd, *relative ? relative : ".", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_errno(err, errno, "cannot open the cgroup %.*s", (int)length, path);
	return fd;
}

int cgroup_open(int root_fd, const char *path, struct error *err)
{
	return cgroup_open_length(root_fd, path, strlen(path), err);
}

int cgroup_effective_limit(int root_fd, const char *path, uint64_t *ret_bytes, size_t *ret_length,
			   struct error *err)
{
	uint64_t least = MEMORY_UNLIMITED;
	size_t least_length = strlen(path);

	/* The root itself has no memory.max. */
	for (size_t length = strlen(path); length > 1;) {
		cleanup_close int fd = cgroup_open_length(root_fd, path, length, err);
		if (fd < 0)
			return fd;

		uint64_t bytes;
		int r = memory_read_max(fd, &bytes, NULL);
		if (r < 0 && r != -ENOTSUP)
			return error_errno(err, -r, "cannot read memory.max of %.*s", (int)length, path);
		if (r > 0)
			return error_set(err, ENOENT, "the cgroup %.*s is gone", (int)length, path);
		if (r == 0 && bytes < least) {
			least = bytes;
			least_length = length;
		}
		while (length > 1 && path[length - 1] != '/')
			length--;
		length--;
	}
	*ret_bytes = least;
	*ret_length = least_length;
	return 0;
}

uint64_t cgroup_id(int dir_fd)
{
	struct stat st;
	return fstat(dir_fd, &st) == 0 ? st.st_ino : 0;
}

int cgroup_is_populated(int dir_fd, struct error *err)
{
	char text[256];

	int r = file_read_at(dir_fd, "cgroup.events", text, sizeof text, NULL, err);
	if (r == -ENOENT || r == -ENODEV)
		return 0;
	if (r < 0)
		return r;
	const char *at = strstr(text, "populated ");
	return at && at[strlen("populated ")] == '1';
}
