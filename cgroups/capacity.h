/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The node's memory: MemTotal of /proc/meminfo. The kubelet calls the same figure the node's capacity
 * (cAdvisor, machine info). */

#include <stdint.h>

#include "cgroups/error.h"

/* proc_fd: /proc, borrowed. Returns 0 with *ret_bytes set, -EBADMSG or -errno. */
int capacity_read(int proc_fd, uint64_t *ret_bytes, struct error *err);
