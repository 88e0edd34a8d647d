/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The metrics as a file, for node_exporter's textfile collector. */

#include "shim/daemon/metrics.h"

/* Replaces the file at path (absolute) atomically; others may read it. What is said of the daemon's process
 * is left out: node_exporter says the same of its own. Returns 0 or -errno. */
int textfile_write(const char *path, const struct metrics_source *source, struct error *err);
