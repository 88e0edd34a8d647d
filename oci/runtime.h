/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Finds the real runtime that tidemark runs in its own place. */

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/error.h"

/* The runtime that our own program's name asks for: crun for "tidemark-crun", NULL for "tidemark". Borrowed
 * from argv0. */
const char *runtime_from_program(const char *argv0);

/* Whether the file is the program of this process. */
bool runtime_is_ourselves(const char *path);

/* Finds the runtime: path if not empty (not checked to exist), else name in the directories where
 * distributions and CRI-O put runtimes. Our own file is never accepted: we would run ourselves without end.
 * Returns 0 with ret_path filled; -ENOENT; -ELOOP if only our own file was found; or -ENAMETOOLONG. */
int runtime_find(const char *name, const char *path, char *ret_path, size_t size, struct error *err);
