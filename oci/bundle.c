/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"

#define CONFIG_NAME "config.json"

/* Only root can read and write trusted.*. Of the usable namespaces tmpfs has had this one for longest. */
#define DECLARED_ATTRIBUTE "trusted.tidemark.declared"

int bundle_open(const char *path, struct error *err)
{
	/* Not open(): in musl, open() makes a second system call for O_CLOEXEC. */
	int fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot open the bundle %s", path);
	return fd;
}

int bundle_load_config(int bundle_fd, char **ret_text, size_t *ret_length, struct error *err)
{
	return file_load_at(bundle_fd, CONFIG_NAME, CONFIG_SIZE_MAX, ret_text, ret_length, err);
}

int bundle_load_sandbox_config(int bundle_fd, const char *sandbox_id, char **ret_text, size_t *ret_length,
			       struct error *err)
{
	char path[256];

	if (sandbox_id[0] == '\0' || sandbox_id[0] == '.' || strchr(sandbox_id, '/'))
		return error_set(err, EINVAL, "the sandbox id %.80s is no file name", sandbox_id);
	int n = snprintf(path, sizeof path, "../../%s/userdata/" CONFIG_NAME, sandbox_id);
	if (n < 0 || (size_t)n >= sizeof path)
		return error_set(err, ENAMETOOLONG, "the sandbox id %.80s is too long", sandbox_id);
	return file_load_at(bundle_fd, path, CONFIG_SIZE_MAX, ret_text, ret_length, err);
}

/* A file system without labels has none to copy. */
static int copy_selinux_label(int from_fd, int to_fd)
{
	char label[256];

	ssize_t n = fgetxattr(from_fd, "security.selinux", label, sizeof label);
	if (n < 0)
		return errno == ENODATA || errno == ENOTSUP ? 0 : -errno;
	if (fsetxattr(to_fd, "security.selinux", label, (size_t)n, 0) < 0)
		return -errno;
	return 0;
}

static int bundle_write_config(int fd, int old_fd, const char *text, size_t length,
			       const struct bundle_mark *mark)
{
	struct stat st;
	if (fstat(old_fd, &st) < 0)
		return -errno;

	int r = file_write(fd, text, length);
	if (r < 0)
		return r;
	/* The owner first, since chown(2) may clear mode bits. Not called if the owner is right already. */
	struct stat mine;
	if (fstat(fd, &mine) < 0)
		return -errno;
	if ((mine.st_uid != st.st_uid || mine.st_gid != st.st_gid) && fchown(fd, st.st_uid, st.st_gid) < 0)
		return -errno;
	if (fchmod(fd, st.st_mode & 07777) < 0)
		return -errno;
	(void)fsetxattr(fd, DECLARED_ATTRIBUTE, mark, sizeof *mark, 0);
	return copy_selinux_label(old_fd, fd);
}

int bundle_replace_config(int bundle_fd, const char *text, size_t length, const struct bundle_mark *mark,
			  struct error *err)
{
	char temporary[NAME_MAX + 1];
	int r = file_temporary_name(CONFIG_NAME, temporary, sizeof temporary, err);
	if (r < 0)
		return r;

	cleanup_close int old_fd =
		openat(bundle_fd, CONFIG_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (old_fd < 0)
		return error_errno(err, errno, "cannot open " CONFIG_NAME);

	/* Mode 0600: nobody else may read the file before it has its owner and mode. */
	cleanup_close int fd =
		openat(bundle_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_errno(err, errno, "cannot create %s in the bundle", temporary);

	r = bundle_write_config(fd, old_fd, text, length, mark);
	if (r < 0)
		error_errno(err, -r, "cannot write %s in the bundle", temporary);
	else if (renameat(bundle_fd, temporary, bundle_fd, CONFIG_NAME) < 0)
		r = error_errno(err, errno, "cannot replace " CONFIG_NAME);
	if (r < 0)
		(void)unlinkat(bundle_fd, temporary, 0);
	return r;
}

struct bundle_mark bundle_recall(int bundle_fd, uint64_t limit_bytes)
{
	const struct bundle_mark none = {.declared_bytes = limit_bytes, .limit_bytes = limit_bytes};
	struct bundle_mark mark = none;

	cleanup_close int fd = openat(bundle_fd, CONFIG_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return none;
	/* Older marks end before the member unified. */
	ssize_t n = fgetxattr(fd, DECLARED_ATTRIBUTE, &mark, sizeof mark);
	if ((n != (ssize_t)sizeof mark && n != offsetof(struct bundle_mark, unified)) ||
	    mark.limit_bytes != limit_bytes)
		return none;
	return mark;
}
