/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tables of what is known: containers by their id and by their cgroup's id, workloads by their identity, pods
 * that are virtual machines by their id. Each object is in a list, to walk over, and in a tree (tsearch(3)),
 * to be found in O(log n). Nothing is decided here. */

#include "shim/daemon/container.h"
#include "shim/daemon/sandbox.h"
#include "shim/daemon/workload.h"

struct registry {
	struct container **containers; /* in any order: container->index */
	struct workload **workloads;
	struct sandbox **sandboxes;
	size_t n_containers, n_workloads, n_sandboxes;
	void *containers_by_id, *containers_by_cgroup_id, *workloads_by_identity, *sandboxes_by_id;
};

/* ---- Containers ---- */

/* NULL: there is none. */
struct container *registry_find(const struct registry *registry, const char *id);

/* The container whose cgroup has this path, or is above it. NULL: there is none. */
struct container *registry_find_by_cgroup(const struct registry *registry, const char *path);

/* Find a container by the id of its cgroup, and set this id. An id belongs to the first container that was
 * given it, until that one yields its own id: registry_yield_id(). 0: not known. */
struct container *registry_find_by_cgroup_id(const struct registry *registry, uint64_t cgroup_id);
void registry_set_cgroup_id(struct registry *registry, struct container *container, uint64_t cgroup_id);

/* Adds a new container. No other may have this id. NULL: out of memory. */
struct container *registry_add(struct registry *registry, const char *id,
			       const struct sampling_settings *sampling);

/* The container is not found by its id any more. The id is free for another one. */
void registry_yield_id(struct registry *registry, struct container *container);

/* Removes a container, which must be in no sandbox, from all tables. The caller owns it then. */
void registry_remove(struct registry *registry, struct container *container);

/* ---- Workloads ---- */

/* registry_find_workload(): NULL if there is none. registry_add_workload(): the identity must be new; NULL if
 * out of memory. */
struct workload *registry_find_workload(const struct registry *registry, const struct identity *identity);
struct workload *registry_add_workload(struct registry *registry, const struct limits *limits,
				       const struct sampling_settings *sampling);

/* Finds the record's workload, and adds it if it is new. *ret is NULL if the record has none. Returns
 * 0 or -ENOMEM. */
int registry_workload_of(struct registry *registry, const struct record *record,
			 const struct sampling_settings *sampling, struct workload **ret);

/* For learning_forget(). Sort the list: workloads with containers first, then those that were seen last.
 * Remove the last of the list, which must have no container. */
void registry_sort_workloads(struct registry *registry);
void registry_remove_last_workload(struct registry *registry);

/* ---- Pods that are virtual machines ---- */

/* registry_find_sandbox(): NULL if there is none. registry_add_sandbox(): the id must be new; NULL if out of
 * memory. registry_remove_sandbox() frees the sandbox, which must have no containers. */
struct sandbox *registry_find_sandbox(const struct registry *registry, const char *id);
struct sandbox *registry_add_sandbox(struct registry *registry, const char *id);
void registry_remove_sandbox(struct registry *registry, struct sandbox *sandbox);

/* Frees everything. sampler: has the containers' cgroups. */
void registry_free(struct registry *registry, struct sampler *sampler);
