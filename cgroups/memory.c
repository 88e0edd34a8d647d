/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/memory.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/file.h"
#include "cgroups/quantity.h"

/* A row of a keyed file: where its value goes. */
struct memory_row {
	const char *key;
	size_t offset;
};

int memory_judge(int dir_fd, int r, const char *name, struct error *err)
{
	/* After the cgroup's removal a file that was kept open reads as ENODEV, and opening it again fails
	 * with ENOENT. */
	if (r == -ENODEV)
		return MEMORY_GONE;
	if (r != -ENOENT)
		return error_errno(err, -r, "cannot read %s", name);
	/* Every cgroup but the root has cgroup.type, with or without the memory controller. */
	if (faccessat(dir_fd, "cgroup.type", F_OK, 0) == 0)
		return error_set(err, ENOTSUP, "the cgroup has no %s: no memory controller there", name);
	return MEMORY_GONE;
}

int memory_parse_bytes(const char *text, uint64_t *ret_bytes)
{
	size_t length = strcspn(text, "\n");

	if (length == 3 && memcmp(text, "max", 3) == 0) {
		*ret_bytes = MEMORY_UNLIMITED;
		return 0;
	}
	return quantity_parse_uint(text, length, ret_bytes) < 0 ? -EBADMSG : 0;
}

int memory_parse_limit(const char *text, size_t length, uint64_t *ret_bytes)
{
	static const char units[] = "KMGTPE", blanks[] = " \t\n\v\f\r";
	char buf[64];
	char *end;

	while (length > 0 && strchr(blanks, *text))
		text++, length--;
	while (length > 0 && strchr(blanks, text[length - 1]))
		length--;
	if (length == 0 || length >= sizeof buf || memchr(text, '\0', length))
		return -EINVAL;
	memcpy(buf, text, length);
	buf[length] = '\0';
	if (strcmp(buf, "max") == 0) {
		*ret_bytes = MEMORY_UNLIMITED;
		return 0;
	}
	/* strtoull() would accept a sign as well. */
	if (!isdigit((unsigned char)buf[0]))
		return -EINVAL;
	errno = 0;
	uint64_t bytes = strtoull(buf, &end, 0);
	const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (errno != 0 || end[unit != NULL] != '\0' || bytes > UINT64_MAX >> shift)
		return -EINVAL;
	bytes <<= shift;
	*ret_bytes = bytes >= MEMORY_LIMIT_NONE ? MEMORY_UNLIMITED : bytes;
	return 0;
}

/* Reads "key value" lines. Kernels add rows and may change their order. */
static int memory_parse_rows(const char *text, const struct memory_row *rows, size_t n_rows, void *object)
{
	for (const char *line = text; *line;) {
		size_t length = (size_t)(strchrnul(line, '\n') - line);
		const char *blank = memchr(line, ' ', length);
		size_t key = blank ? (size_t)(blank - line) : length;
		uint64_t value;

		if (key >= length || quantity_parse_uint(line + key + 1, length - key - 1, &value) < 0)
			return -EBADMSG;
		for (size_t i = 0; i < n_rows; i++)
			if (rows[i].key[0] == *line && strncmp(rows[i].key, line, key) == 0 &&
			    rows[i].key[key] == '\0')
				memcpy((char *)object + rows[i].offset, &value, sizeof value);
		line += length + (line[length] == '\n');
	}
	return 0;
}

int memory_parse_stat(const char *text, struct memory *memory)
{
	struct stat_rows {
		uint64_t anon, file, shmem, inactive_file, kernel;
		uint64_t kernel_stack, pagetables, sec_pagetables, percpu, slab, sock;
	} stat = {0};
	static const struct memory_row rows[] = {
		{"anon", offsetof(struct stat_rows, anon)},
		{"file", offsetof(struct stat_rows, file)},
		{"shmem", offsetof(struct stat_rows, shmem)},
		{"inactive_file", offsetof(struct stat_rows, inactive_file)},
		{"kernel", offsetof(struct stat_rows, kernel)},
		{"kernel_stack", offsetof(struct stat_rows, kernel_stack)},
		{"pagetables", offsetof(struct stat_rows, pagetables)},
		{"sec_pagetables", offsetof(struct stat_rows, sec_pagetables)},
		{"percpu", offsetof(struct stat_rows, percpu)},
		{"slab", offsetof(struct stat_rows, slab)},
		{"sock", offsetof(struct stat_rows, sock)},
	};

	int r = memory_parse_rows(text, rows, sizeof rows / sizeof *rows, &stat);
	if (r < 0)
		return r;
	memory->anon_bytes = stat.anon;
	memory->file_bytes = stat.file;
	memory->shmem_bytes = stat.shmem;
	memory->inactive_file_bytes = stat.inactive_file;
	memory->kernel_bytes =
		stat.kernel ? stat.kernel
			    : stat.kernel_stack + stat.pagetables + stat.percpu + stat.slab + stat.sock;
	memory->pagetables_bytes = stat.pagetables + stat.sec_pagetables;
	return 0;
}

int memory_parse_events(const char *text, struct memory_events *ret)
{
	static const struct memory_row rows[] = {
		{"high", offsetof(struct memory_events, high)},
		{"max", offsetof(struct memory_events, max)},
		{"oom", offsetof(struct memory_events, oom)},
		{"oom_kill", offsetof(struct memory_events, oom_kill)},
	};
	struct memory_events events = {0};

	int r = memory_parse_rows(text, rows, sizeof rows / sizeof *rows, &events);
	if (r < 0)
		return r;
	*ret = events;
	return 0;
}

static int memory_read_file(int dir_fd, const char *name, char *text, size_t size, struct error *err)
{
	int r = file_read_at(dir_fd, name, text, size, NULL, NULL);
	return r < 0 ? memory_judge(dir_fd, r, name, err) : 0;
}

static int memory_read_number(int dir_fd, const char *name, uint64_t *ret_bytes, struct error *err)
{
	char text[64];

	int r = memory_read_file(dir_fd, name, text, sizeof text, err);
	if (r != 0)
		return r;
	r = memory_parse_bytes(text, ret_bytes);
	return r < 0 ? error_set(err, -r, "%s holds no number", name) : 0;
}

int memory_read_peak(int dir_fd, uint64_t *ret_bytes, struct error *err)
{
	int r = memory_read_number(dir_fd, "memory.peak", ret_bytes, err);
	if (r == -ENOTSUP) {
		*ret_bytes = 0;
		return 0;
	}
	return r;
}

int memory_read_max(int dir_fd, uint64_t *ret_bytes, struct error *err)
{
	return memory_read_number(dir_fd, "memory.max", ret_bytes, err);
}

int memory_read_bound(int dir_fd, const char *name, uint64_t *ret_bytes, struct error *err)
{
	return memory_read_number(dir_fd, name, ret_bytes, err);
}

int memory_read(int dir_fd, struct memory *ret, struct error *err)
{
	struct memory memory = {0};
	char text[MEMORY_TEXT_SIZE];

	int r = memory_read_number(dir_fd, MEMORY_FILE_CURRENT, &memory.current_bytes, err);
	if (r != 0)
		return r;
	r = memory_read_file(dir_fd, MEMORY_FILE_STAT, text, sizeof text, err);
	if (r != 0)
		return r;
	r = memory_parse_stat(text, &memory);
	if (r < 0)
		return error_set(err, -r, "memory.stat cannot be understood");
	r = memory_read_peak(dir_fd, &memory.peak_bytes, err);
	if (r != 0)
		return r;
	*ret = memory;
	return 0;
}

static int memory_read_events_file(int dir_fd, const char *name, struct memory_events *ret, struct error *err)
{
	char text[512];

	int r = memory_read_file(dir_fd, name, text, sizeof text, err);
	if (r != 0)
		return r;
	r = memory_parse_events(text, ret);
	return r < 0 ? error_set(err, -r, "%s cannot be understood", name) : 0;
}

int memory_read_events(int dir_fd, struct memory_events *ret, struct error *err)
{
	return memory_read_events_file(dir_fd, MEMORY_FILE_EVENTS, ret, err);
}

int memory_read_events_local(int dir_fd, struct memory_events *ret, struct error *err)
{
	return memory_read_events_file(dir_fd, MEMORY_FILE_EVENTS_LOCAL, ret, err);
}

uint64_t memory_working_set(const struct memory *memory)
{
	return memory->current_bytes > memory->inactive_file_bytes
		       ? memory->current_bytes - memory->inactive_file_bytes
		       : 0;
}
