/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The real runtimes behind us. */

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/error.h"

/* Which runtime the program's own name asks for: "tidemark-crun" is crun, "tidemark" none (NULL). Borrowed
 * from argv0. */
const char *runtime_from_program(const char *argv0);

/* Whether the file is the one that this process runs. */
bool runtime_is_ourselves(const char *path);

/* Finds the program: path if it is not empty, else name in the directories where distributions and CRI-O
 * put runtimes. Our own file is never taken for the runtime, or we would run ourselves for ever.
 * Returns 0 with ret_path filled; -ENOENT, or -ELOOP where all that was found is ourselves. */
int runtime_find(const char *name, const char *path, char *ret_path, size_t size, struct error *err);
