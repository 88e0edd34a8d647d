/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/quantity.h"

/* Reads the first size bytes of a kernel file. Returns the length, 0 on any error. */
static size_t read_head(int dir_fd, const char *name, char *buf, size_t size)
{
	size_t length = 0;

	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return 0;
	while (length < size) {
		ssize_t n = read(fd, buf + length, size - length);
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	return length;
}

size_t process_list(int dir_fd, pid_t pids[], size_t max)
{
	char text[512];
	size_t count = 0;
	uint64_t pid;

	size_t length = read_head(dir_fd, "cgroup.procs", text, sizeof text);
	/* The last line may be cut off, and would then be the PID of another process. */
	for (const char *line = text, *end; count < max && line < text + length; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text + length - line));
		if (!end)
			break;
		/* 0: the process is outside our PID namespace. */
		if (quantity_parse_uint(line, (size_t)(end - line), &pid) == 0 && pid > 0 && pid <= INT_MAX)
			pids[count++] = (pid_t)pid;
	}
	return count;
}

size_t process_arguments(int proc_fd, pid_t pid, char *buf, size_t size)
{
	char name[32];

	(void)snprintf(name, sizeof name, "%ld/cmdline", (long)pid);
	return read_head(proc_fd, name, buf, size);
}

size_t process_arguments_at(int dir_fd, char *buf, size_t size)
{
	return read_head(dir_fd, "cmdline", buf, size);
}

int process_open(int proc_fd, pid_t pid, struct error *err)
{
	char name[32];

	if (pid <= 0)
		return error_set(err, ESRCH, "there is no process %ld", (long)pid);
	(void)snprintf(name, sizeof name, "%ld", (long)pid);
	int fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_errno(err, errno == ENOENT ? ESRCH : errno, "cannot look at process %ld",
				   (long)pid);
	return fd;
}

int process_children(int dir_fd, pid_t pids[], size_t max, struct error *err)
{
	size_t count = 0;
	bool told = false;

	int fd = openat(dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int code = errno;
		cleanup_close_fd(&fd);
		return error_errno(err, code, "cannot list a process's threads");
	}
	for (const struct dirent *entry; (entry = readdir(dir));) {
		char name[sizeof entry->d_name + sizeof "/children"], text[2048];
		uint64_t pid;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		(void)snprintf(name, sizeof name, "%s/children", entry->d_name);
		int r = file_read_at(fd, name, text, sizeof text, NULL, NULL);
		if (r < 0)
			continue; /* the thread has ended, has too long a list, or has no such file */
		told = true;
		for (const char *word = text; count < max && *word; word += strspn(word, " \n")) {
			size_t length = strcspn(word, " \n");
			if (quantity_parse_uint(word, length, &pid) == 0 && pid > 0 && pid <= INT_MAX)
				pids[count++] = (pid_t)pid;
			word += length;
		}
	}
	return told ? (int)count : error_set(err, ENOTSUP, "the kernel does not tell of children");
}

/* " 17652 kB" or a number alone. Only the first number is read. */
static int number_parse(const char *text, const char *end, uint64_t max, uint64_t *ret)
{
	text += strspn(text, " \t");
	size_t length = strspn(text, "0123456789");
	if (text + length > end || quantity_parse_uint(text, length, ret) < 0 || *ret > max)
		return -EBADMSG;
	return 0;
}

static unsigned words_count(const char *text, const char *end)
{
	unsigned count = 0;

	for (;;) {
		text += strspn(text, " \t");
		if (text >= end)
			return count;
		text += strcspn(text, " \t\n");
		count++;
	}
}

int process_parse_status(const char *text, struct process_status *ret)
{
	static const struct {
		const char *key;
		size_t offset;
	} sizes[] = {
		{"RssAnon:", offsetof(struct process_status, anon_bytes)},
		{"RssFile:", offsetof(struct process_status, file_bytes)},
		{"RssShmem:", offsetof(struct process_status, shmem_bytes)},
		{"HugetlbPages:", offsetof(struct process_status, hugetlb_bytes)},
		{"VmPTE:", offsetof(struct process_status, pagetables_bytes)},
	};
	struct process_status status = {0};
	bool has_parent = false, has_uid = false;
	unsigned n_resident = 0;
	uint64_t value;

	for (const char *line = text, *end; *line; line = end + (*end == '\n')) {
		end = strchrnul(line, '\n');
		if (strncmp(line, "PPid:", 5) == 0) {
			if (number_parse(line + 5, end, INT_MAX, &value) < 0)
				return -EBADMSG;
			status.parent = (pid_t)value;
			has_parent = true;
		} else if (strncmp(line, "Uid:", 4) == 0) {
			if (number_parse(line + 4, end, UINT32_MAX, &value) < 0)
				return -EBADMSG;
			status.uid = (uid_t)value;
			has_uid = true;
		} else if (strncmp(line, "NSpid:", 6) == 0) {
			status.namespaces = words_count(line + 6, end);
		} else if (*line == 'R' || *line == 'H' || *line == 'V') {
			for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
				size_t length = strlen(sizes[i].key);
				if (strncmp(line, sizes[i].key, length) != 0)
					continue;
				if (number_parse(line + length, end, INT64_MAX / 1024, &value) < 0)
					return -EBADMSG;
				value *= 1024;
				memcpy((char *)&status + sizes[i].offset, &value, sizeof value);
				n_resident += *line == 'R';
			}
		}
	}
	if (!has_parent || !has_uid || status.namespaces == 0)
		return -EBADMSG;
	status.has_memory = n_resident == 3;
	*ret = status;
	return 0;
}
