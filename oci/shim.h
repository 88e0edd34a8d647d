/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Runtimes of containerd's shim API, version 2: programs that are called containerd-shim-<X>-v2, where X is the
 * runtime's, or in CRI-O's words the handler's, name. */

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/error.h"

/* What there is to know of a runtime, by its X. */
struct shim_kind {
	const char *pattern; /* of X, as fnmatch(3) has it */
	bool is_vm;      /* its containers are in a guest, and so is the cgroup that their limit is set in */
	bool takes_size; /* it sizes that by kata's annotations on the sandbox */
	const char *stand_in; /* the X of the program that is run where X has none of its own, or NULL */
	const char *pid_file; /* in the bundle: of the container's first process on the node, or NULL */
};
const struct shim_kind *shim_kind_of(const char *name);

/* What follows "containerd-shim-tidemark-" in our own program's name, such as "kata-qemu-v2"; NULL for a program of
 * another name. Borrowed from argv0. */
const char *shim_from_program(const char *argv0);

/* Its X: "kata-qemu" of "kata-qemu-v2"; empty where there is none ("v2"). What does not fit is cut off. */
void shim_name_of(const char *program, char *ret_name, size_t size);

/* Finds the program "containerd-shim-<program>", else that of the kind's stand-in, in directory if that is not empty, in
 * the absolute ones of path ($PATH, may be NULL), where containerd looks for it, and in those where distributions and
 * kata-deploy put it. Our own file is never taken for it. Errors as of runtime_find(). */
int shim_find(const char *program, const struct shim_kind *kind, const char *directory, const char *path,
	      char *ret_path, size_t size, struct error *err);
