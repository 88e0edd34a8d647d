/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of the wrapper: one for each verb that does not just pass through, and what they share. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "oci/command.h"
#include "oci/edit.h"
#include "oci/shim.h"
#include "shim/store/limits.h"
#include "shim/store/record.h"
#include "shim/store/settings.h"

struct wrapper {
	char **argv; /* for the runtime; update may replace one argument */
	struct command command;
	const char *runtime;          /* "crun"; for a shim-v2 runtime the X of containerd-shim-X-v2 */
	const struct shim_kind *shim; /* NULL: an OCI runtime */
	int root_fd; /* where all paths begin: "/" except in a trial of tidemark; -errno: not there */
	struct settings settings;
};

/* One for each verb. They cannot fail: a fault is one log line, and the runtime is run as without us. */
void wrapper_create(struct wrapper *wrapper);      /* create, run, restore, a shim's start */
void wrapper_start(struct wrapper *wrapper);       /* records the pre-start footprint */
void wrapper_update(struct wrapper *wrapper);      /* a resize of a running container */
void wrapper_delete(struct wrapper *wrapper);      /* removes the record */
void wrapper_shim_delete(struct wrapper *wrapper); /* removes a shim's record */

/* How a step of a creation or of a resize ends, if it does not fail. */
enum step_end {
	STEP_DONE = 0,    /* as a function returns that did not fail: a step may return such a result */
	STEP_LEAVE_ALONE, /* there is nothing for us to do: the other steps are left out */
};

/* Open a directory: path below root_fd; /run/tidemark/containers, which is made if missing; or a cgroup. path
 * begins with a slash; a cgroup's is the one below the cgroup v2 root. Return a descriptor that the caller
 * closes, or -errno. */
int wrapper_open_below(const struct wrapper *wrapper, const char *path, struct error *err);
int wrapper_open_containers(const struct wrapper *wrapper, struct error *err);
int wrapper_open_cgroup(const char *path, struct error *err);

uint64_t wrapper_now_usec(void); /* CLOCK_REALTIME */

/* Copies text, or "" for NULL. A text that does not fit is cut. */
void wrapper_copy_text(char *to, size_t size, const char *text);

/* Makes the decision for the record's identity, mode and declared limit, by the workload's published limits.
 * Fills the record's decision, and its protection by the settings: the pod's own protection is not known
 * here. in_use_bytes: see struct decision_input. */
void wrapper_decide(const struct wrapper *wrapper, struct record *record, uint64_t in_use_bytes);

/* As wrapper_decide(), but by these limits. */
void wrapper_decide_by(const struct wrapper *wrapper, struct record *record, const struct limits *limits,
		       uint64_t in_use_bytes);

/* Sizes the virtual machine of this sandbox, if [vm] sizing asks for it. Fills *ret with the change of
 * the annotation, and the record's vm_memory_bytes. If nothing is to change, both stay as they are.
 * Returns 0 or -errno. */
int wrapper_size_vm(const struct wrapper *wrapper, struct record *record, const struct config *config,
		    const char *text, struct edit *ret, struct error *err);

/* Makes the text that the runtime is to get. text: the text that resources was read from. unified: what we
 * wrote into it before. *ret_text: NULL if nothing changes, else the caller frees it. *ret_mark: what is ours
 * in the new text; may be the same object as *unified. record->protect becomes what really protects the
 * container. Returns 0 or -errno. */
int wrapper_edit(struct record *record, const char *text, size_t length, const struct resources *resources,
		 const struct unified_mark *unified, char **ret_text, size_t *ret_length,
		 struct unified_mark *ret_mark, struct error *err);

/* After a fault: the record tells that the container keeps limit_bytes, which the runtime sets without
 * us, and why. */
void wrapper_fall_back(struct record *record, uint64_t limit_bytes, const struct error *err);

/* Whether a container with this id runs. The runtime then refuses to create another one, and to delete this
 * one without force. */
bool wrapper_is_alive(int containers_fd, const char *id);
