/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For targets whose subject reads a file: a directory in $TMPDIR, removed when the process ends. */

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory_path[256];

static int directory_remove_one(const char *path, const struct stat *stat, int flag, struct FTW *at)
{
	(void)stat, (void)flag, (void)at;
	return remove(path);
}

static void directory_remove(void)
{
	(void)nftw(directory_path, directory_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int directory_open(void)
{
	static int directory_fd = -1;
	const char *parent = getenv("TMPDIR");

	if (directory_fd >= 0)
		return directory_fd;
	(void)snprintf(directory_path, sizeof directory_path, "%.200s/tidemark-fuzz-XXXXXX",
		       parent ? parent : "/tmp");
	ENSURE(mkdtemp(directory_path) && atexit(directory_remove) == 0);
	directory_fd = open(directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ENSURE(directory_fd >= 0);
	return directory_fd;
}

/* Writes the input to a file in the directory. */
static inline void directory_put(const char *name, const uint8_t *data, size_t size)
{
	int fd = openat(directory_open(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ENSURE(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
}
