/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a pod sandbox that is a virtual machine leaves in /run of its processes. Written by root's programs, but only
 * hints: the files outlive what they tell of, and who uses a PID checks it (cgroups/vmm.h). */

#include <sys/types.h>

#include "cgroups/error.h"

/* A unix socket's path has at most 107 bytes: unix(7). */
#define SANDBOX_ADDRESS_SIZE 109

struct sandbox_files {
	/* 0: not told. Where the VMM is part of the shim (dragonball), vmm_pid is shim_pid. */
	pid_t shim_pid, vmm_pid, virtiofsd_pid;
	/* Where the shim's ttrpc is: the socket's path, of an abstract one "@" and its name; empty: not told. */
	char address[SANDBOX_ADDRESS_SIZE];
};

/* From the sandbox's bundle (containerd's shim library and kata's alike) shim.pid and address; from run_fd, which is
 * /run, vc/sbs/<id>/persist.json (kata's Go runtime; virtcontainers/persist/api) and kata/<id>/state.json (its Rust
 * runtime, which tells only of what kind the VMM is). A file that is not there, is half written or makes no sense
 * tells nothing. Returns 0; -ENOENT where none of them is there; -EINVAL for what is no id. */
int sandbox_files_read(int run_fd, const char *bundle, const char *sandbox_id, struct sandbox_files *ret,
		       struct error *err);
