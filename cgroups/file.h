/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Small files below a directory that the caller holds open. Opening never blocks on a FIFO. No read is longer
 * than its bound. A symbolic link in the last component is followed only by file_load_link_at() and
 * file_open_directory_at(). */

#include <stddef.h>
#include <sys/types.h>

#include "cgroups/error.h"

/* Reads the whole file into buf, with a NUL at its end. For kernel files, whose size is not known before.
 * Returns 0 with *ret_length (may be NULL) set, -E2BIG if the file has more than size - 1 bytes, or
 * -errno. */
int file_read_at(int dir_fd, const char *name, char *buf, size_t size, size_t *ret_length, struct error *err);

/* Reads a regular file of at most max bytes into memory that the caller frees, with a NUL at its end that
 * *ret_length does not count. Returns 0, -EINVAL if the file is not regular, -E2BIG, -EAGAIN if it grew
 * meanwhile, or -errno. */
int file_load_at(int dir_fd, const char *name, size_t max, char **ret_text, size_t *ret_length,
		 struct error *err);

/* file_load_at() that follows a symbolic link: for files that an administrator wrote. */
int file_load_link_at(int dir_fd, const char *name, size_t max, char **ret_text, size_t *ret_length,
		      struct error *err);

/* Writes all of the text, through interruptions. Returns 0 or -errno. After an error a part may be written. */
int file_write(int fd, const char *text, size_t length);

/* Writes a new file and renames it over name. A reader sees the whole old file or the whole new one, whenever
 * the writer is killed. The new file has exactly this mode. Returns 0 or -errno. */
int file_replace_at(int dir_fd, const char *name, mode_t mode, const char *text, size_t length,
		    struct error *err);

/* The name of file_replace_at()'s temporary file: ".<name>.<pid>.tmp". A reader of a directory skips names
 * that begin with a dot. Returns 0 or -ENAMETOOLONG. */
int file_temporary_name(const char *name, char *buf, size_t size, struct error *err);

/* Opens the directory path below dir_fd (or an absolute path). Makes its missing components with this mode.
 * Returns a file descriptor (O_PATH) that the caller closes, or -errno. */
int file_open_directory_at(int dir_fd, const char *path, mode_t mode, struct error *err);
