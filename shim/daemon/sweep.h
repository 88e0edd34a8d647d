/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What nobody else will remove from the directory of records. Records that go are told of as any other
 * that goes. */

#include "shim/daemon/registry.h"
#include "shim/daemon/roots.h"

/* The temporary files of wrappers that were killed while they wrote. */
void sweep_temporary(int containers_fd, uint64_t now_usec);

/* Records of containers without a process: five minutes after the last sign of life, since a runtime's
 * `delete` was not seen; of a shim, which is not asked to delete through us, once the bundle is gone. */
void sweep_records(const struct registry *registry, const struct roots *roots, uint64_t now_usec);
