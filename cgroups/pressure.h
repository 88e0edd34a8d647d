/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How long processes wait for memory: a cgroup's memory.pressure (PSI; Documentation/accounting/psi.rst). */

#include <stdint.h>

#include "cgroups/error.h"

struct pressure {
	/* Shares of the last 10 s in hundredths of a per cent, and all of the cgroup's life in microseconds: in which some
	 * process waited, and in which all did. */
	uint32_t some_avg10, full_avg10;
	uint64_t some_usec, full_usec;
};

/* dir_fd: the cgroup's directory. Returns 0; MEMORY_GONE; -ENOTSUP on a kernel that was built or booted without PSI;
 * or -errno. */
int pressure_read(int dir_fd, struct pressure *ret, struct error *err);

/* Asks to be told when some process of the cgroup has waited for memory for stall_usec within window_usec, at most once a
 * window. The descriptor that is returned polls POLLPRI then, and POLLERR when the cgroup is gone; closing it ends that. A
 * window of whole 2 s needs no CAP_SYS_RESOURCE (since Linux 6.4). Returns 0 with *ret_fd set; MEMORY_GONE; or -errno. */
int pressure_watch(int dir_fd, uint64_t stall_usec, uint64_t window_usec, int *ret_fd, struct error *err);

/* What the file holds; for tests. Returns 0 or -EBADMSG. */
int pressure_parse(const char *text, struct pressure *ret);

/* "4.50 %". Returns buf. */
#define PRESSURE_TEXT_MAX 16
const char *pressure_text(uint32_t hundredths, char buf[static PRESSURE_TEXT_MAX]);
