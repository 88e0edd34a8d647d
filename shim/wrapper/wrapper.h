/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The wrapper's own parts: what it does for each verb that does not just pass through, and what these share.
 */

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
	char **argv; /* of the runtime-to-be; update may replace one argument */
	struct command command;
	const char *runtime;          /* "crun"; of a shim-v2 runtime its X, "kata" */
	const struct shim_kind *shim; /* NULL: an OCI runtime */
	int root_fd; /* of all paths: "/" but for a trial of tidemark; -errno: there is none */
	struct settings settings;
};

/* One for each verb. They cannot fail: a fault is one log line, and the runtime is run as it would have
 * been. */
void wrapper_create(struct wrapper *wrapper); /* create, run, restore, a shim's start */
void wrapper_start(struct wrapper *wrapper);  /* the pre-start footprint */
void wrapper_update(struct wrapper *wrapper); /* an in-place resize */
void wrapper_delete(struct wrapper *wrapper); /* the record ends */
void wrapper_shim_delete(struct wrapper *wrapper);

/* How a step of a creation, or of a resize, ends that has not failed. */
enum step_end {
	STEP_DONE,
	STEP_LEAVE_ALONE, /* the container is none of ours: the steps that follow are left out */
};

/* Return a file descriptor that the caller closes, or -errno. path begins with a slash; cgroup paths are
 * those below the cgroup v2 root. */
int wrapper_open_below(const struct wrapper *wrapper, const char *path, struct error *err);
int wrapper_open_containers(const struct wrapper *wrapper, struct error *err);
int wrapper_open_cgroup(const char *path, struct error *err);

uint64_t wrapper_now_usec(void);

/* text may be NULL; what does not fit is cut off. */
void wrapper_copy_text(char *to, size_t size, const char *text);

/* Fills the record's decision from its identity, its mode and what it declares, and what protects it as far
 * as the settings go: the pod's own is not known here. in_use_bytes as in decision_make(). */
void wrapper_decide(const struct wrapper *wrapper, struct record *record, uint64_t in_use_bytes);

/* The same by limits that are at hand. */
void wrapper_decide_by(const struct wrapper *wrapper, struct record *record, const struct limits *limits,
		       uint64_t in_use_bytes);

/* How large the virtual machine of this sandbox is to be, where [vm] sizing asks for it: fills *ret with the
 * change of its annotation and the record's vm_memory_bytes, or leaves both if nothing is to change. */
int wrapper_size_vm(const struct wrapper *wrapper, struct record *record, const struct config *config,
		    const char *text, struct edit *ret, struct error *err);

/* Makes the text that the runtime is to get, in place of one that resources was read from; unified is what of
 * that is by our hand, from before. *ret_text is NULL if nothing changes, else the caller frees it. The
 * record then tells what really protects the container, and *ret_mark what is by our hand now. */
int wrapper_edit(struct record *record, const char *text, size_t length, const struct resources *resources,
		 const struct unified_mark *unified, char **ret_text, size_t *ret_length,
		 struct unified_mark *ret_mark, struct error *err);

/* The record tells that the container keeps this limit, the one that the runtime is given without us, though
 * something else was meant. */
void wrapper_fall_back(struct record *record, uint64_t limit_bytes, const struct error *err);

/* Whether a container of this id runs: the runtime will then refuse to create another, or to delete it
 * without force. */
bool wrapper_is_alive(int containers_fd, const char *id);
