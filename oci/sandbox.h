/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files in /run that tell the processes of a pod sandbox's virtual machine. Root's programs wrote them,
 * but they are only hints: they outlive their processes. Whoever uses a PID checks it (cgroups/vmm.h). */

#include <sys/types.h>

#include "cgroups/error.h"

/* A unix socket's path has at most 107 bytes: unix(7). */
#define SANDBOX_ADDRESS_SIZE 109

struct sandbox_files {
	/* 0: not told. If the VMM is part of the shim (dragonball), vmm_pid is shim_pid. */
	pid_t shim_pid, vmm_pid, virtiofsd_pid;
	/* The shim's ttrpc socket: its path, or "@" and the name of an abstract socket. Empty: not told. */
	char address[SANDBOX_ADDRESS_SIZE];
};

/* Reads shim.pid and address in the sandbox's bundle (the same for containerd's shim library and kata's).
 * Below run_fd, which is /run, reads vc/sbs/<id>/persist.json (kata's Go runtime; virtcontainers/persist/api)
 * and kata/<id>/state.json (its Rust runtime, which tells only the kind of VMM). A file that is missing, half
 * written or senseless tells nothing. Returns 0; -ENOENT if no file is there; -EINVAL if sandbox_id is no
 * id. */
int sandbox_files_read(int run_fd, const char *bundle, const char *sandbox_id, struct sandbox_files *ret,
		       struct error *err);
