/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Removes from the directory of records what nobody else will remove. The removal of a record is reported
 * like any other. */

#include "shim/daemon/registry.h"
#include "shim/daemon/roots.h"

/* Removes temporary files of wrappers that were killed while they wrote. */
void sweep_temporary(int containers_fd, uint64_t now_usec);

/* Removes records whose `delete` was not seen. A record without a process goes five minutes after the last
 * sign of life. A shim's record goes once the bundle is gone: shims are not asked to delete through us. */
void sweep_records(const struct registry *registry, const struct roots *roots, uint64_t now_usec);
