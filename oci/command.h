/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The command line of an OCI runtime, as far as we must understand it: crun(1) and runc(8), as CRI-O, conmon,
 * conmon-rs, podman and containerd's runc-v2 call them. The caller's argv is never changed. */

#include <stdbool.h>

enum verb {
	VERB_OTHER, /* passes through untouched: also probes such as --version, and what is not understood */
	VERB_CREATE,
	VERB_RUN,
	VERB_RESTORE,
	VERB_START,
	VERB_UPDATE,
	VERB_DELETE,
	VERB_SHIM_START, /* of shim-v2: once for each container, before it is created */
	VERB_SHIM_DELETE,
};

struct command {
	enum verb verb;
	/* Borrowed from argv; NULL where not given. */
	const char *id, *bundle, *pid_file;
	bool force;
	/* update: the value of --resources ("-" is stdin), which ends argv[resources_index]. */
	const char *resources;
	int resources_index;
};

/* Finds the verb: the first argument that is neither a global option nor an option's value. What follows
 * the container's id (an exec's own argv) is never looked at. Whatever it is given, it returns something:
 * a command that it does not understand is VERB_OTHER. */
struct command command_parse(int argc, char *const argv[]);

/* The same for a shim-v2 runtime, as containerd and CRI-O call it: [-namespace N] [-address A] [-publish-binary P] -id ID
 * [-bundle B] [-debug] start|delete. Read as Go's flag package does, which the shims in Rust follow. */
struct command shim_command_parse(int argc, char *const argv[]);
