/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The command line of an OCI runtime, as far as tidemark needs it: crun(1) and runc(8), as CRI-O, conmon,
 * conmon-rs, podman and containerd's runc-v2 call them. The caller's argv is never changed. */

#include <stdbool.h>

enum verb {
	VERB_OTHER, /* all else, also --version and what is not understood: passed on untouched */
	VERB_CREATE,
	VERB_RUN,
	VERB_RESTORE,
	VERB_START,
	VERB_UPDATE,
	VERB_DELETE,
	VERB_SHIM_START, /* shim-v2: once for each container, before its creation */
	VERB_SHIM_DELETE,
};

struct command {
	enum verb verb;
	/* Borrowed from argv; NULL where not given. */
	const char *id, *bundle, *pid_file;
	bool force;
	/* update: the value of --resources ("-" is stdin). argv[resources_index] ends with it. */
	const char *resources;
	int resources_index;
};

/* Finds the verb: the first argument that is neither a global option nor an option's value. An exec's own
 * argv, behind the container's id, is never looked at. Any command line is accepted: what is not understood
 * is VERB_OTHER. */
struct command command_parse(int argc, char *const argv[]);

/* Parses the command line of a shim-v2 runtime, as containerd and CRI-O call it: [-namespace N] [-address A]
 * [-publish-binary P] -id ID [-bundle B] [-debug] start|delete. The rules are those of Go's flag package,
 * which the shims in Rust follow too. */
struct command shim_command_parse(int argc, char *const argv[]);
