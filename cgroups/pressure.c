/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/memory.h"
#include "cgroups/quantity.h"

/* "1.53": the kernel always writes two decimals. */
static int average_parse(const char *text, size_t length, uint32_t *ret)
{
	const char *point = memchr(text, '.', length);
	uint64_t whole, hundredths;

	if (!point || point + 3 != text + length ||
	    quantity_parse_uint(text, (size_t)(point - text), &whole) < 0 ||
	    quantity_parse_uint(point + 1, 2, &hundredths) < 0 || whole > 100)
		return -EBADMSG;
	*ret = (uint32_t)(whole * 100 + hundredths);
	return 0;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0". Unknown fields are skipped. */
static int line_parse(const char *line, size_t length, uint32_t *ret_avg10, uint64_t *ret_total)
{
	bool has_average = false, has_total = false;

	for (const char *end = line + length; line < end;) {
		size_t word = strcspn(line, " \n");
		if (word > 6 && memcmp(line, "avg10=", 6) == 0)
			has_average = average_parse(line + 6, word - 6, ret_avg10) == 0;
		else if (word > 6 && memcmp(line, "total=", 6) == 0)
			has_total = quantity_parse_uint(line + 6, word - 6, ret_total) == 0;
		line += word + (line + word < end);
	}
	return has_average && has_total ? 0 : -EBADMSG;
}

int pressure_parse(const char *text, struct pressure *ret)
{
	struct pressure pressure = {0};
	bool has_some = false, has_full = false;

	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		if (strncmp(line, "some ", 5) == 0)
			has_some = line_parse(line, length, &pressure.some_avg10, &pressure.some_usec) == 0;
		else if (strncmp(line, "full ", 5) == 0)
			has_full = line_parse(line, length, &pressure.full_avg10, &pressure.full_usec) == 0;
		line += length + (line[length] == '\n');
	}
	if (!has_some || !has_full)
		return -EBADMSG;
	*ret = pressure;
	return 0;
}

int pressure_read(int dir_fd, struct pressure *ret, struct error *err)
{
	char text[512];

	int r = file_read_at(dir_fd, "memory.pressure", text, sizeof text, NULL, NULL);
	/* In a kernel that was booted with psi=0 the file is there, but reading it fails with EOPNOTSUPP. */
	if (r == -EOPNOTSUPP)
		return error_set(err, ENOTSUP, "this kernel measures no pressure");
	if (r < 0)
		return memory_judge(dir_fd, r, "memory.pressure", err);
	r = pressure_parse(text, ret);
	return r < 0 ? error_set(err, -r, "memory.pressure cannot be understood") : 0;
}

int pressure_watch(int dir_fd, uint64_t stall_usec, uint64_t window_usec, int *ret_fd, struct error *err)
{
	char trigger[64];

	cleanup_close int fd = openat(dir_fd, "memory.pressure", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		int code = errno;
		if (memory_judge(dir_fd, -code, "memory.pressure", NULL) == MEMORY_GONE)
			return MEMORY_GONE;
		return error_errno(err, code, "cannot open memory.pressure to be told of it");
	}
	int length = snprintf(trigger, sizeof trigger, "some %" PRIu64 " %" PRIu64, stall_usec, window_usec);
	/* The NUL is written as well, since the kernel cuts off the last byte. */
	if (write(fd, trigger, (size_t)length + 1) < 0) {
		if (errno == ENODEV)
			return MEMORY_GONE;
		return error_errno(err, errno, "the kernel refuses to tell of pressure");
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

const char *pressure_text(uint32_t hundredths, char buf[static PRESSURE_TEXT_MAX])
{
	(void)snprintf(buf, PRESSURE_TEXT_MAX, "%u.%02u %%", (unsigned)(hundredths / 100),
		       (unsigned)(hundredths % 100));
	return buf;
}
