/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /run/tidemark/daemon.lock: whether a daemon runs. The daemon holds a write lock on the whole file for as long as
 * it lives: an open-file-description lock (fcntl(2)), of which others can ask without ever taking it, since one
 * who took it to find out could turn away a daemon that starts at that moment. */

#include <stdbool.h>

#include "cgroups/error.h"

#define PRESENCE_FILE "daemon.lock"

/* run_fd: /run/tidemark. Takes the lock. Returns a descriptor that holds it until it is closed, or the process
 * ends; -EBUSY if another daemon has it; or -errno. */
int daemon_lock_take(int run_fd, struct error *err);

/* Whether somebody has it. Also false where that cannot be found out. */
bool daemon_lock_is_held(int run_fd);
