/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How long processes wait for memory: a cgroup's memory.pressure (PSI; kernel
 * Documentation/accounting/psi.rst). */

#include <stdint.h>

#include "cgroups/error.h"

struct pressure {
	/* Time in which some process waited, and in which all did. avg10: the share of the last 10 s, in
	 * hundredths of a per cent. usec: microseconds of the cgroup's whole life. */
	uint32_t some_avg10, full_avg10;
	uint64_t some_usec, full_usec;
};

/* dir_fd: the cgroup's directory, borrowed. Returns 0; MEMORY_GONE; -ENOTSUP if the kernel was built or
 * booted without PSI; or -errno. */
int pressure_read(int dir_fd, struct pressure *ret, struct error *err);

/* Asks the kernel for an event when some process of the cgroup has waited stall_usec for memory within
 * window_usec, at most once a window. *ret_fd then polls POLLPRI, and POLLERR when the cgroup is gone. The
 * caller closes *ret_fd, which ends the watch. A window of whole 2 s needs no CAP_SYS_RESOURCE (since Linux
 * 6.4). Returns 0, MEMORY_GONE, or -errno. */
int pressure_watch(int dir_fd, uint64_t stall_usec, uint64_t window_usec, int *ret_fd, struct error *err);

/* The parser. text: the whole file with a NUL at its end. Returns 0 or -EBADMSG. */
int pressure_parse(const char *text, struct pressure *ret);

/* "4.50 %". Returns buf. */
#define PRESSURE_TEXT_MAX 16
const char *pressure_text(uint32_t hundredths, char buf[static PRESSURE_TEXT_MAX]);
