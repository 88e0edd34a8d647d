/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/presence.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cgroups/cleanup.h"

#define LOCK_FILE "daemon.lock"

int presence_claim(int run_fd, struct error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	cleanup_close int fd = openat(run_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_errno(err, errno, "cannot open " LOCK_FILE);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return errno == EAGAIN || errno == EACCES ? error_set(err, EBUSY, "another tidemarkd runs")
							  : error_errno(err, errno, "cannot lock " LOCK_FILE);
	return take_fd(&fd);
}

bool presence_of_daemon(int run_fd)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	cleanup_close int fd = openat(run_fd, LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
