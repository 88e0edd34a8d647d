/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Small files below a directory that the caller holds open. Nothing here blocks on a FIFO or, where
 * it is not said, follows a symbolic link in the last component, and no read is longer than its bound. */

#include <stddef.h>
#include <sys/types.h>

#include "cgroups/error.h"

/* Reads the whole file into buf and ends it with NUL. For kernel files, whose size is not known.
 * Returns 0 with *ret_length (may be NULL) set, -E2BIG if the file does not fit in size - 1 bytes,
 * or -errno. */
int file_read_at(int dir_fd, const char *name, char *buf, size_t size, size_t *ret_length, struct error *err);

/* The same for a regular file of at most max bytes, into memory that the caller frees. A file that is
 * not regular is -EINVAL. The text is followed by a NUL that *ret_length does not count. */
int file_load_at(int dir_fd, const char *name, size_t max, char **ret_text, size_t *ret_length,
		 struct error *err);

/* The same, through a symbolic link if name is one: for what an administrator wrote. */
int file_load_link_at(int dir_fd, const char *name, size_t max, char **ret_text, size_t *ret_length,
		      struct error *err);

/* Writes all of the text, through interruptions. Returns 0 or -errno; some of the text may be written then. */
int file_write(int fd, const char *text, size_t length);

/* Writes a new file and renames it over name, so that a reader sees the old one or the new one whole,
 * whenever the writer is killed. The new file has exactly this mode. */
int file_replace_at(int dir_fd, const char *name, mode_t mode, const char *text, size_t length,
		    struct error *err);

/* The name of file_replace_at()'s temporary file: ".<name>.<pid>.tmp". A reader of a directory skips
 * names that begin with a dot. */
int file_temporary_name(const char *name, char *buf, size_t size, struct error *err);

/* Opens the directory path below dir_fd (or an absolute one), making what is missing of it with this
 * mode. Returns a file descriptor that the caller closes, or -errno. */
int file_open_directory_at(int dir_fd, const char *path, mode_t mode, struct error *err);
