/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroups/cleanup.h"

/* flags: O_NOFOLLOW or 0. */
static int file_open_at(int dir_fd, const char *name, int flags, struct error *err)
{
	/* O_NONBLOCK: open() must not wait for the writer of a FIFO that somebody left here. */
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", name);
	return fd;
}

/* Reads until the end of the file, at most size bytes. expected: the size of a regular file. When so many
 * bytes have come, the end is reached, as read() was asked for more. SIZE_MAX: the size is not known, as
 * for other files. */
static int file_read_fd(int fd, const char *name, char *buf, size_t size, size_t expected, size_t *ret_length,
			struct error *err)
{
	size_t length = 0;
	while (length < size) {
		ssize_t n = read(fd, buf + length, size - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "cannot read %s", name);
		if (n == 0)
			break;
		length += (size_t)n;
		if (length == expected)
			break;
	}
	*ret_length = length;
	return 0;
}

int file_read_at(int dir_fd, const char *name, char *buf, size_t size, size_t *ret_length, struct error *err)
{
	cleanup_close int fd = file_open_at(dir_fd, name, O_NOFOLLOW, err);
	if (fd < 0)
		return fd;

	size_t length = 0;
	int r = file_read_fd(fd, name, buf, size, SIZE_MAX, &length, err);
	if (r < 0)
		return r;
	if (length == size)
		return error_set(err, E2BIG, "%s is larger than %zu bytes", name, size - 1);
	buf[length] = '\0';
	if (ret_length)
		*ret_length = length;
	return 0;
}

static int file_load(int dir_fd, const char *name, int flags, size_t max, char **ret_text, size_t *ret_length,
		     struct error *err)
{
	cleanup_close int fd = file_open_at(dir_fd, name, flags, err);
	if (fd < 0)
		return fd;

	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "cannot stat %s", name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s is not a regular file", name);
	if ((uintmax_t)st.st_size > max)
		return error_set(err, E2BIG, "%s is larger than %zu bytes", name, max);

	/* One byte more than the file's size shows that the file grew meanwhile. */
	size_t size = (size_t)st.st_size + 1;
	cleanup_free char *text = malloc(size);
	if (!text)
		return error_errno(err, ENOMEM, "cannot read %s", name);

	size_t length = 0;
	int r = file_read_fd(fd, name, text, size, (size_t)st.st_size, &length, err);
	if (r < 0)
		return r;
	if (length == size)
		return error_set(err, EAGAIN, "%s grew while it was read", name);
	text[length] = '\0';
	*ret_text = take_ptr(text);
	*ret_length = length;
	return 0;
}

int file_load_at(int dir_fd, const char *name, size_t max, char **ret_text, size_t *ret_length,
		 struct error *err)
{
	return file_load(dir_fd, name, O_NOFOLLOW, max, ret_text, ret_length, err);
}

int file_load_link_at(int dir_fd, const char *name, size_t max, char **ret_text, size_t *ret_length,
		      struct error *err)
{
	return file_load(dir_fd, name, 0, max, ret_text, ret_length, err);
}

int file_temporary_name(const char *name, char *buf, size_t size, struct error *err)
{
	int n = snprintf(buf, size, ".%s.%ld.tmp", name, (long)getpid());
	if (n < 0 || (size_t)n >= size)
		return error_set(err, ENAMETOOLONG, "the name %.64s… is too long", name);
	return 0;
}

int file_write(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

int file_replace_at(int dir_fd, const char *name, mode_t mode, const char *text, size_t length,
		    struct error *err)
{
	char temporary[NAME_MAX + 1];
	int r = file_temporary_name(name, temporary, sizeof temporary, err);
	if (r < 0)
		return r;

	cleanup_close int fd =
		openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_errno(err, errno, "cannot create %s", temporary);

	r = file_write(fd, text, length);
	if (r < 0)
		error_errno(err, -r, "cannot write %s", temporary);
	else if (fchmod(fd, mode) < 0)
		r = error_errno(err, errno, "cannot set the mode of %s", temporary);
	else if (renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = error_errno(err, errno, "cannot rename %s to %s", temporary, name);
	if (r < 0)
		(void)unlinkat(dir_fd, temporary, 0);
	return r;
}

int file_open_directory_at(int dir_fd, const char *path, mode_t mode, struct error *err)
{
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;

	int fd = openat(dir_fd, path, flags);
	if (fd >= 0)
		return fd;
	if (errno != ENOENT || path[0] == '\0')
		return error_errno(err, errno, "cannot open the directory %s", path);

	char partial[PATH_MAX];
	size_t length = strlen(path);
	if (length >= sizeof partial)
		return error_set(err, ENAMETOOLONG, "the path %.64s… is too long", path);
	memcpy(partial, path, length + 1);

	for (char *slash = partial + 1;; slash++) {
		slash += strcspn(slash, "/");
		char at = *slash;
		*slash = '\0';
		if (mkdirat(dir_fd, partial, mode) < 0 && errno != EEXIST)
			return error_errno(err, errno, "cannot create the directory %s", partial);
		if (!at)
			break;
		*slash = at;
	}
	fd = openat(dir_fd, path, flags);
	if (fd < 0)
		return error_errno(err, errno, "cannot open the directory %s", path);
	return fd;
}
