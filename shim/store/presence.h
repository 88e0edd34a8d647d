/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whether a daemon runs: it holds an open-file-description lock (fcntl(2)) on /run/tidemark/daemon.lock for as long as
 * it lives. */

#include <stdbool.h>

#include "cgroups/error.h"

/* Takes the lock. Returns a file descriptor that holds it until it is closed, -EBUSY where another daemon has it, or
 * -errno. run_fd: /run/tidemark. */
int presence_claim(int run_fd, struct error *err);

/* Asks without taking it, so that a daemon which is starting is never kept from it. */
bool presence_of_daemon(int run_fd);
