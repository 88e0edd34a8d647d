/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/notices.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cgroups/cleanup.h"

int notices_open(struct notices *notices, struct error *err)
{
	notices->at = notices->length = 0;
	notices->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return notices->fd < 0 ? error_errno(err, errno, "cannot use inotify") : 0;
}

void notices_close(struct notices *notices)
{
	cleanup_close_fd(&notices->fd);
	notices->fd = -1;
	notices->at = notices->length = 0;
}

/* inotify takes paths only: the path goes through the directory's descriptor. */
int notices_watch(struct notices *notices, int dir_fd, const char *name, uint32_t mask)
{
	char path[96];

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir_fd, name);
	int number = inotify_add_watch(notices->fd, path, mask);
	return number < 0 ? -errno : number;
}

void notices_unwatch(struct notices *notices, int number)
{
	(void)inotify_rm_watch(notices->fd, number);
}

size_t notices_read(struct notices *notices)
{
	ssize_t n;

	notices->at = notices->length = 0;
	if (notices->fd < 0)
		return 0;
	do
		n = read(notices->fd, notices->buf, sizeof notices->buf);
	while (n < 0 && errno == EINTR);
	notices->length = n > 0 ? (size_t)n : 0;
	return notices->length;
}

const struct inotify_event *notices_next(struct notices *notices)
{
	if (notices->at >= notices->length)
		return NULL;
	const struct inotify_event *event = (const void *)(notices->buf + notices->at);
	notices->at += sizeof *event + event->len;
	return event;
}

size_t notices_left(const struct notices *notices)
{
	int left = 0;

	return notices->fd < 0 || ioctl(notices->fd, FIONREAD, &left) < 0 || left < 0 ? 0 : (size_t)left;
}
