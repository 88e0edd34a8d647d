/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Each test gets a directory of its own in $TMPDIR, which is removed after the test. *state points to struct
 * fixture. Include after <cmocka.h>. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_begin, fixture_end)

struct fixture {
	int root_fd; /* must be first: a test may use *state as int * */
	char path[256];
};

/* Makes the directories of the path name, all but the last component. With a slash at the end the last one as
 * well. */
static inline void fixture_parents(int root_fd, const char *name)
{
	char path[2048];
	assert_true(strlen(name) < sizeof path);
	strcpy(path, name);
	for (char *slash = path; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		if (*path && mkdirat(root_fd, path, 0700) < 0)
			assert_int_equal(errno, EEXIST);
	}
}

static inline void fixture_directory(int root_fd, const char *name)
{
	fixture_parents(root_fd, name);
	assert_int_equal(mkdirat(root_fd, name, 0700), 0);
}

/* Writes in place, as the kernel's files change: a descriptor opened before reads the new text. */
static inline void fixture_write(int root_fd, const char *name, const char *text)
{
	fixture_parents(root_fd, name);
	int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void fixture_remove(int root_fd, const char *name)
{
	int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		(void)unlinkat(root_fd, name, 0);
		return;
	}
	DIR *dir = fdopendir(fd);
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fixture_remove(fd, entry->d_name);
	closedir(dir);
	(void)unlinkat(root_fd, name, AT_REMOVEDIR);
}

static inline int fixture_begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	const char *parent = getenv("TMPDIR");

	snprintf(fixture->path, sizeof fixture->path, "%s/tidemark-test-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(fixture->path))
		return -1;
	fixture->root_fd = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = fixture;
	return fixture->root_fd < 0 ? -1 : 0;
}

static inline int fixture_end(void **state)
{
	struct fixture *fixture = *state;
	close(fixture->root_fd);
	fixture_remove(AT_FDCWD, fixture->path);
	free(fixture);
	return 0;
}
