/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/presence.h"

#include <errno.h>
#include <fcntl.h>

#include "cgroups/cleanup.h"

/* l_start 0 and l_len 0: the whole file, of any length. */
static const struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

int daemon_lock_take(int run_fd, struct error *err)
{
	struct flock lock = whole_file;

	cleanup_close int fd = openat(run_fd, PRESENCE_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", PRESENCE_FILE);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return error_set(err, EBUSY, "another tidemarkd is running: it holds %s",
					 PRESENCE_FILE);
		return error_errno(err, errno, "cannot lock %s", PRESENCE_FILE);
	}
	return take_fd(&fd);
}

bool daemon_lock_is_held(int run_fd)
{
	struct flock lock = whole_file;

	cleanup_close int fd = openat(run_fd, PRESENCE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
