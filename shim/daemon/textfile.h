/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The metrics as a file, for node_exporter's textfile collector. */

#include "shim/daemon/metrics.h"

/* Replaces the file atomically, with mode 0644. path: absolute. The metrics of the daemon's process are left
 * out: node_exporter has metrics of the same names about itself. Returns 0 or -errno. */
int textfile_write(const char *path, const struct metrics_source *source, struct error *err);
