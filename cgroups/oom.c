/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/quantity.h"

/* No record is longer: the kernel's CONSOLE_EXT_LOG_MAX, PRINTKRB_RECORD_MAX. */
#define OOM_RECORD_MAX 8192

#define OOM_PREFIX   "oom-kill:constraint="
#define OOM_BY_LIMIT OOM_PREFIX "CONSTRAINT_MEMCG"

/* Cuts the line before key. Returns the text behind key, or NULL if key is missing or stands there twice. */
static const char *oom_cut(char *line, const char *key)
{
	char *at = strstr(line, key);
	if (!at || strstr(at + 1, key))
		return NULL;
	*at = '\0';
	return at + strlen(key);
}

/* Cuts the line before the last key. Returns the text behind this key, or NULL if key is missing. */
static const char *oom_cut_last(char *line, const char *key)
{
	char *last = NULL;
	for (char *at = line; (at = strstr(at, key)); at++)
		last = at;
	if (!last)
		return NULL;
	*last = '\0';
	return last + strlen(key);
}

static bool oom_copy(char *buf, size_t size, const char *text)
{
	size_t length = text ? strlen(text) : size;
	if (length >= size)
		return false;
	memcpy(buf, text, length + 1);
	return true;
}

bool oom_parse(const char *record, size_t length, struct oom_kill *ret)
{
	char line[OOM_RECORD_MAX];
	struct oom_kill kill = {0};

	/* The priority's upper bits are the facility. Only the kernel's own is 0; no program can write this
	 * value. */
	size_t digits = 0;
	uint64_t priority;
	while (digits < length && record[digits] != ',')
		digits++;
	if (quantity_parse_uint(record, digits, &priority) < 0 || priority >> 3 != 0)
		return false;

	const char *text = memchr(record, ';', length);
	if (!text)
		return false;
	text++;
	length -= (size_t)(text - record);
	const char *newline = memchr(text, '\n', length);
	if (newline)
		length = (size_t)(newline - text);
	if (length >= sizeof line || length < strlen(OOM_PREFIX) ||
	    memcmp(text, OOM_PREFIX, strlen(OOM_PREFIX)) != 0 || memchr(text, '\0', length))
		return false;
	memcpy(line, text, length);
	line[length] = '\0';

	/* Parsed from the end, since the process's name stands before these parts and may hold any text. */
	if (!oom_cut_last(line, ",uid="))
		return false;
	const char *pid = oom_cut_last(line, ",pid=");
	if (!pid || quantity_parse_uint(pid, strlen(pid), &kill.pid) < 0)
		return false;
	if (!oom_copy(kill.task, sizeof kill.task, oom_cut(line, ",task=")) ||
	    !oom_copy(kill.task_cgroup, sizeof kill.task_cgroup, oom_cut(line, ",task_memcg=")))
		return false;
	if (strncmp(line, OOM_BY_LIMIT, strlen(OOM_BY_LIMIT)) == 0 &&
	    !oom_copy(kill.limit_cgroup, sizeof kill.limit_cgroup, oom_cut(line, ",oom_memcg=")))
		return false;
	*ret = kill;
	return true;
}

int oom_open(int dev_fd, struct error *err)
{
	int fd = openat(dev_fd, "kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot open the kernel log");
	if (lseek(fd, 0, SEEK_END) < 0) {
		int code = errno;
		(void)close(fd);
		return error_errno(err, code, "cannot go to the end of the kernel log");
	}
	return fd;
}

int oom_read(int kmsg_fd, struct oom_kill *ret, struct error *err)
{
	char record[OOM_RECORD_MAX];

	for (;;) {
		/* Each read() returns one record. */
		ssize_t n = read(kmsg_fd, record, sizeof record);
		if (n == 0 || (n < 0 && errno == EAGAIN))
			return OOM_NONE;
		/* EPIPE: records were overwritten before we read them. The next read continues behind
		 * them. */
		if (n < 0 && (errno == EINTR || errno == EPIPE))
			continue;
		if (n < 0)
			return error_errno(err, errno, "cannot read the kernel log");
		if (oom_parse(record, (size_t)n, ret))
			return 0;
	}
}
