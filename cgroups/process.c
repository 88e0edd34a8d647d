/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/process.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"

/* The beginning of a kernel file: what does not fit is of no interest. */
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
	/* A line that is cut off could be another process's number. */
	for (const char *line = text, *end; count < max && line < text + length; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text + length - line));
		if (!end)
			break;
		/* 0: a process of another PID namespace. */
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
