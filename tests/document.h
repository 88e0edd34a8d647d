/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The documents of tests/fixtures, which a real CRI-O wrote. Include after <cmocka.h>. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgroups/file.h"
#include "oci/config.h"

/* The caller frees the text. */
static inline char *document_load(const char *name, size_t *ret_length)
{
	const char *directory = getenv("TIDEMARK_FIXTURES");
	char *text;
	struct error err;

	int fd = open(directory ? directory : "tests/fixtures", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_load_at(fd, name, CONFIG_SIZE_MAX, &text, ret_length, &err), 0);
	close(fd);
	return text;
}
