/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The daemon gives up capabilities and system calls that it does not need once everything is open. A bug of
 * ours can then be used for little more than what the daemon does anyway. */

#include "cgroups/error.h"

/* Gives up all capabilities but these, for good, and the gain of capabilities by execve(). keep: libcap's
 * names ("cap_dac_read_search"), NULL-ended; those that the process does not have are ignored. Returns 0;
 * -ENOTSUP in a build without libcap; or -errno. */
int shed_capabilities(const char *const keep[], struct error *err);

/* From here on a system call that is not on the list in shed.c ends the process by SIGSYS. Not on the list
 * are all calls that start a program or a process, trace, mount, load code or change the user, and sockets of
 * other families than AF_UNIX. Open descriptors stay usable. Returns 0; -ENOTSUP in a build without
 * libseccomp, or if the kernel has no seccomp; or -errno. */
int shed_system_calls(struct error *err);
