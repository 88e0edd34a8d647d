/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /run/tidemark/daemon.lock: tells whether a daemon runs. The daemon holds a write lock on the whole file as
 * long as it lives. It is an open-file-description lock (fcntl(2)), so others can ask for its state without
 * taking it. A program that took the lock to find out could turn away a daemon that starts at that moment. */

#include <stdbool.h>

#include "cgroups/error.h"

#define PRESENCE_FILE "daemon.lock"

/* run_fd: /run/tidemark. Takes the lock. Returns a descriptor that holds the lock until it is closed or the
 * process ends; -EBUSY if another daemon has the lock; or -errno. */
int daemon_lock_take(int run_fd, struct error *err);

/* Whether somebody has the lock. false also if this cannot be found out. */
bool daemon_lock_is_held(int run_fd);
