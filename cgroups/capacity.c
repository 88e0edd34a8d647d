/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/capacity.h"

#include <errno.h>
#include <string.h>

#include "cgroups/file.h"
#include "cgroups/quantity.h"

/* "MemTotal: 16384000 kB": the kernel's kB is 1024 bytes. */
static int capacity_parse(const char *text, uint64_t *ret_bytes)
{
	static const char key[] = "MemTotal:";
	uint64_t kib;

	/* MemTotal has always been the first row. */
	if (strncmp(text, key, sizeof key - 1) != 0)
		return -EBADMSG;
	text += sizeof key - 1;
	text += strspn(text, " ");
	size_t length = strcspn(text, " \n");
	if (strncmp(text + length, " kB\n", 4) != 0 || quantity_parse_uint(text, length, &kib) < 0 ||
	    kib == 0 || kib > INT64_MAX / KIB)
		return -EBADMSG;
	*ret_bytes = kib * KIB;
	return 0;
}

int capacity_read(int proc_fd, uint64_t *ret_bytes, struct error *err)
{
	char text[8192];

	int r = file_read_at(proc_fd, "meminfo", text, sizeof text, NULL, err);
	if (r < 0)
		return r;
	r = capacity_parse(text, ret_bytes);
	return r < 0 ? error_set(err, -r, "meminfo does not begin with a MemTotal") : 0;
}
