/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How much memory the node has: MemTotal of /proc/meminfo, which is what the kubelet calls the node's capacity
 * (cAdvisor, machine info). */

#include <stdint.h>

#include "cgroups/error.h"

/* proc_fd: /proc, borrowed. Returns 0 with *ret_bytes set, -EBADMSG or -errno. */
int capacity_read(int proc_fd, uint64_t *ret_bytes, struct error *err);

/* The parser, on the file's text with its NUL: 0 or -EBADMSG. */
int capacity_parse(const char *text, uint64_t *ret_bytes);
