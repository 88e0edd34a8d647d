/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* INI files, one setting at a time. ini_file.c is the only file that knows libinih. */

#include <stdbool.h>

#include "cgroups/error.h"

#define INI_FILE_SIZE_MAX   65536
#define INI_DIRECTORY_FILES 64 /* a directory with more is refused */

/* libinih cuts longer names of sections, with their brackets, which could make another section of them. */
#define INI_SECTION_MAX 50

/* Reads the file and gives take() each setting, also those after a fault. take() returns 0, or -errno with *err
 * saying what is wrong with the setting. Returns 0; -ENOENT if there is no file;
 * -EINVAL for the first fault of the file, with its name and line in *err; or -errno. */
int ini_file_read(int dir_fd, const char *name,
		  int (*take)(const char *section, const char *key, const char *value, void *data,
			      struct error *err),
		  void *data, struct error *err);

/* Reads all files *.conf of the directory in the order of their names, except hidden ones. Returns 0, also if there is
 * no directory, or the first error of a file; with go_on the files after it are read all the same, and no error of a
 * file is returned. */
int ini_directory_read(int dir_fd, const char *name, bool go_on,
		       int (*take)(const char *section, const char *key, const char *value, void *data,
				   struct error *err),
		       void *data, struct error *err);
