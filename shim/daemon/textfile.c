/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"

int textfile_write(const char *path, const struct metrics_source *source, struct error *err)
{
	char directory[PATH_MAX];
	const struct metrics_source without_process = {source->node, NULL, source->started_usec,
						       source->now_usec};
	const char *name = strrchr(path, '/') + 1;
	size_t length = (size_t)(name - path), text_length;

	if (length >= sizeof directory)
		return error_set(err, ENAMETOOLONG, "the path %.64s… is too long", path);
	memcpy(directory, path, length);
	directory[length] = '\0';
	cleanup_close int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", directory);
	cleanup_free char *text = NULL;
	if (metrics_render(&without_process, EXPOSITION_PROMETHEUS, &text, &text_length) < 0)
		return error_errno(err, ENOMEM, "cannot write %s", path);
	return file_replace_at(fd, name, 0644, text, text_length, err);
}
