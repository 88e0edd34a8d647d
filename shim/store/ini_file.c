/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/ini_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"

struct reader {
	int (*take)(const char *section, const char *key, const char *value, void *data, struct error *err);
	void *data;
	const char *text; /* the rest of the file */
	int line;
	int fault_line; /* 0: none yet */
	struct error fault;
};

/* Gives libinih one line, as fgets(3) would. libinih would read the rest of a line that is too long as
 * another line: such a line is a fault, or is skipped if it is a comment. libinih would take a line with
 * leading blanks for a continuation of the value above: they are removed. */
static char *next_line(char *buf, int size, void *data)
{
	struct reader *reader = data;

	if (!*reader->text)
		return NULL;
	const char *start = reader->text + strspn(reader->text, " \t");
	size_t length = strcspn(start, "\n"), most = (size_t)size - 2;
	reader->line++;
	reader->text = start + length + (start[length] == '\n');
	if (*start == '[' && length > INI_SECTION_MAX && reader->fault_line == 0) {
		error_set(&reader->fault, EINVAL, "a section's name of more than %d characters",
			  INI_SECTION_MAX - 2);
		reader->fault_line = reader->line;
	}
	if (length > most) {
		bool is_comment = *start == '#' || *start == ';';
		if (!is_comment && reader->fault_line == 0) {
			error_set(&reader->fault, EINVAL, "a line of more than %zu bytes", most);
			reader->fault_line = reader->line;
		}
		length = 0;
	}
	memcpy(buf, start, length);
	buf[length] = '\0';
	return buf;
}

static int on_setting(void *data, const char *section, const char *key, const char *value)
{
	struct reader *reader = data;
	struct error err;

	int r = reader->take(section, key, value, reader->data, &err);
	if (r < 0 && reader->fault_line == 0) {
		reader->fault = err;
		reader->fault_line = reader->line;
	}
	return r == 0;
}

int ini_file_read(int dir_fd, const char *name,
		  int (*take)(const char *section, const char *key, const char *value, void *data,
			      struct error *err),
		  void *data, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t length;

	int r = file_load_link_at(dir_fd, name, INI_FILE_SIZE_MAX, &text, &length, err);
	if (r < 0)
		return r;
	if (memchr(text, '\0', length))
		return error_set(err, EINVAL, "%s holds a NUL", name);

	struct reader reader = {.take = take, .data = data, .text = text};
	int line = ini_parse_stream(next_line, &reader, on_setting, &reader);
	if (line < 0)
		return error_errno(err, ENOMEM, "cannot parse %s", name);
	/* line: the first that libinih did not understand, or that on_setting() refused. The first fault of
	 * the file is reported. */
	if (line > 0 && (reader.fault_line == 0 || line < reader.fault_line))
		return error_set(err, EINVAL, "%s:%d: neither [section] nor key = value", name, line);
	if (reader.fault_line > 0)
		return error_set(err, EINVAL, "%s:%d: %s", name, reader.fault_line, reader.fault.text);
	return 0;
}

static bool is_drop_in(const char *name)
{
	size_t length = strlen(name);
	return name[0] != '.' && length > 5 && strcmp(name + length - 5, ".conf") == 0;
}

int ini_directory_read(int dir_fd, const char *name, bool go_on,
		       int (*take)(const char *section, const char *key, const char *value, void *data,
				   struct error *err),
		       void *data, struct error *err)
{
	size_t count = 0;

	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "cannot open %s", name);
	cleanup_dir DIR *dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return error_errno(err, ENOMEM, "cannot read %s", name);
	}
	cleanup_free char(*names)[NAME_MAX + 1] = malloc(INI_DIRECTORY_FILES * sizeof *names);
	if (!names)
		return error_errno(err, ENOMEM, "cannot read %s", name);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		if (!is_drop_in(entry->d_name))
			continue;
		if (count == INI_DIRECTORY_FILES)
			return error_set(err, E2BIG, "%s holds more than %d files", name,
					 INI_DIRECTORY_FILES);
		/* Inserted in the order of the names. */
		size_t at = count++;
		for (; at > 0 && strcmp(names[at - 1], entry->d_name) > 0; at--)
			memcpy(names[at], names[at - 1], sizeof names[at]);
		(void)snprintf(names[at], sizeof names[at], "%s", entry->d_name);
	}
	for (size_t i = 0; i < count; i++) {
		char path[2 * (NAME_MAX + 1)];
		(void)snprintf(path, sizeof path, "%.*s/%.*s", NAME_MAX, name, NAME_MAX, names[i]);
		int r = ini_file_read(dir_fd, path, take, data, err);
		if (r < 0 && r != -ENOENT && !go_on)
			return r; /* ENOENT: removed since the directory was read */
	}
	return 0;
}
