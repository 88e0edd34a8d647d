/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "cgroups/oom.h"

static bool ends(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

/* The input is a record of /dev/kmsg. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oom_kill kill, before;

	memset(&kill, 0xa5, sizeof kill);
	memcpy(&before, &kill, sizeof kill);
	if (!oom_parse((const char *)data, size, &kill)) {
		ENSURE(memcmp(&kill, &before, sizeof kill) == 0);
		return 0;
	}
	ENSURE(ends(kill.limit_cgroup, sizeof kill.limit_cgroup) &&
	       ends(kill.task_cgroup, sizeof kill.task_cgroup) && ends(kill.task, sizeof kill.task));
	/* All of it was in the record, and in the first line of it. */
	ENSURE(strlen(kill.limit_cgroup) + strlen(kill.task_cgroup) + strlen(kill.task) < size);
	ENSURE(!strchr(kill.limit_cgroup, '\n') && !strchr(kill.task_cgroup, '\n') &&
	       !strchr(kill.task, '\n'));
	/* The kernel alone has the facility 0: "<0 to 7>,". */
	ENSURE(memchr(data, ',', size) && strtoul((const char *)data, NULL, 10) < 8);
	return 0;
}
