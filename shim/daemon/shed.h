/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon gives up once it stands: capabilities and system calls that it never needs again. What a fault of ours
 * could be made to do is then little more than what the daemon does anyway. */

#include "cgroups/error.h"

/* Keeps these capabilities (libcap's names, "cap_dac_read_search"; NULL-ended) of those that there are, and loses all
 * others for good, as well as the way to gain any by execve(). Returns 0, -ENOTSUP where built without libcap, or -errno. */
int shed_capabilities(const char *const keep[], struct error *err);

/* From here on a system call that is not on the list ends the process by SIGSYS: among them all that start a program or
 * a process, trace, mount, load or change who one is, and sockets of any family but AF_UNIX. What was opened before
 * stays usable. Returns 0, -ENOTSUP where built without libseccomp or where the kernel has none, or -errno. */
int shed_system_calls(struct error *err);
