/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What this process uses, as in Prometheus' process_* metrics. */

#include <stdint.h>

#include "cgroups/error.h"

struct cost {
	uint64_t cpu_usec; /* user and system */
	uint64_t resident_bytes, virtual_bytes;
	uint64_t open_fds, max_fds;
};

/* proc_fd: /proc, borrowed. Returns 0, or -errno with *ret untouched. */
int cost_read(int proc_fd, struct cost *ret, struct error *err);
