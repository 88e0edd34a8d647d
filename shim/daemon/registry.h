/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is known, in tables: containers by their id and by their cgroup's, workloads by their identity,
 * pods that are virtual machines by their id. Each is in a list, to walk, and in a tree (tsearch(3)), to
 * find in O(log n). Nothing is decided here. */

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

struct container *registry_find(const struct registry *registry, const char *id);

/* The container whose cgroup this is or lies below; NULL if it is none's. */
struct container *registry_find_by_cgroup(const struct registry *registry, const char *path);

/* By the id of its cgroup, and how that is made known. A cgroup id is one container's: the second that
 * claims it is left without. */
struct container *registry_find_by_cgroup_id(const struct registry *registry, uint64_t cgroup_id);
void registry_set_cgroup_id(struct registry *registry, struct container *container, uint64_t cgroup_id);

/* Makes one; nobody may have this id. NULL: out of memory. */
struct container *registry_add(struct registry *registry, const char *id,
			       const struct sampling_settings *sampling);

/* It is not found by its id any more, which is free for another one. */
void registry_yield_id(struct registry *registry, struct container *container);

/* Takes it out of all tables; it is the caller's from then on. It is in no sandbox. */
void registry_remove(struct registry *registry, struct container *container);

/* ---- Workloads ---- */

struct workload *registry_find_workload(const struct registry *registry, const struct identity *identity);
struct workload *registry_add_workload(struct registry *registry, const struct limits *limits,
				       const struct sampling_settings *sampling);

/* Finds the record's workload, and makes it if it is new. *ret is NULL where it has none. Returns 0 or -ENOMEM. */
int registry_workload_of(struct registry *registry, const struct record *record,
			 const struct sampling_settings *sampling, struct workload **ret);

/* For forgetting: sorts the list by use, those with containers first, then those seen last; and takes the
 * last off it, which must have no container. */
void registry_sort_workloads(struct registry *registry);
void registry_remove_last_workload(struct registry *registry);

/* ---- Pods that are virtual machines ---- */

struct sandbox *registry_find_sandbox(const struct registry *registry, const char *id);
struct sandbox *registry_add_sandbox(struct registry *registry, const char *id);
void registry_remove_sandbox(struct registry *registry, struct sandbox *sandbox);

/* Empties all. sampler: of the containers' cgroups. */
void registry_free(struct registry *registry, struct sampler *sampler);
