/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Runtimes of containerd's shim API, version 2: programs called containerd-shim-<X>-v2. X is the runtime's
 * name (CRI-O: the handler's). */

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/error.h"

/* What is known of a runtime by its X. */
struct shim_kind {
	const char *pattern; /* matches X: fnmatch(3) */
	/* Its containers run in a guest. The cgroup with their limit is in the guest too. */
	bool is_vm;
	/* Kata's annotations on the sandbox give the guest's size. */
	bool takes_size;
	/* The X of the program that runs instead if X has no program of its own, or NULL. */
	const char *stand_in;
	/* The file in the bundle with the PID of the container's first process on the node, or NULL. */
	const char *pid_file;
};
/* The kind of the runtime with this X; never NULL. Static. */
const struct shim_kind *shim_kind_of(const char *name);

/* What follows "containerd-shim-tidemark-" in our own program's name, such as "kata-qemu-v2". NULL if the
 * name is another one. Borrowed from argv0. */
const char *shim_from_program(const char *argv0);

/* The X of such a name: "kata-qemu" for "kata-qemu-v2", empty for "v2". Cut off at size - 1 bytes. */
void shim_name_of(const char *program, char *ret_name, size_t size);

/* Finds the program "containerd-shim-<program>", else the kind's stand-in. Searches directory (if not empty),
 * then the absolute directories of path ($PATH, may be NULL; containerd searches these), then those where
 * distributions and kata-deploy put shims. Our own file is never accepted. Returns as runtime_find(). */
int shim_find(const char *program, const struct shim_kind *kind, const char *directory, const char *path,
	      char *ret_path, size_t size, struct error *err);
