/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The node's tables: containers by their id, workloads by their identity. Both are found in O(log n). */

#include "shim/daemon/container.h"
#include "shim/daemon/workload.h"

struct node;

struct container *registry_find(const struct node *node, const char *id);

/* The container whose cgroup this is or lies below; NULL if it is none's. */
struct container *registry_find_by_cgroup(const struct node *node, const char *path);

/* By the id of its cgroup, and how that is made known. */
struct container *registry_find_by_cgroup_id(const struct node *node, uint64_t cgroup_id);
void registry_set_cgroup_id(struct node *node, struct container *container, uint64_t cgroup_id);

/* Makes one that is not there yet. NULL: out of memory. */
struct container *registry_add(struct node *node, const char *id);
void registry_remove(struct node *node, struct container *container);

struct workload *registry_find_workload(const struct node *node, const struct identity *identity);
struct workload *registry_add_workload(struct node *node, const struct limits *limits);

/* The record's workload, which is made if it is new; NULL where it has none. */
struct workload *registry_workload_of(struct node *node, const struct record *record);

/* For forgetting: sorts the list by use, those with containers first, then those seen last; and takes the last
 * off it, which must have no container. */
void registry_sort_workloads(struct node *node);
void registry_remove_last_workload(struct node *node);

/* Empties both. */
void registry_free(struct node *node);
