/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/registry.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cgroup.h"
#include "shim/daemon/node.h"
#include "shim/daemon/sandboxes.h"

/* Appends to a list of pointers, which grows by doubling. */
static int list_add(void *list, size_t *n, size_t *size, void *item)
{
	void **items;
	memcpy(&items, list, sizeof items);
	if (*n == *size) {
		size_t more = *size ? 2 * *size : 64;
		void **grown = reallocarray(items, more, sizeof *grown);
		if (!grown)
			return -ENOMEM;
		memcpy(list, &grown, sizeof grown);
		items = grown;
		*size = more;
	}
	items[(*n)++] = item;
	return 0;
}

struct container *registry_find(const struct node *node, const char *id)
{
	const struct container key = {.id = (char *)id};
	struct container **found = tfind(&key, &node->containers_by_id, container_compare);
	return found ? *found : NULL;
}

struct container *registry_add(struct node *node, const char *id)
{
	struct container *container = container_new(id, &node->settings.sampling);
	if (!container)
		return NULL;
	container->index = node->n_containers;
	container->found_tick = node->tick;
	if (list_add(&node->containers, &node->n_containers, &node->containers_size, container) < 0) {
		container_free(container, &node->sampler);
		return NULL;
	}
	if (!tsearch(container, &node->containers_by_id, container_compare)) {
		node->n_containers--;
		container_free(container, &node->sampler);
		return NULL;
	}
	return container;
}

static int compare_cgroup_id(const void *a, const void *b)
{
	const struct container *left = a, *right = b;
	return (left->cgroup_id > right->cgroup_id) - (left->cgroup_id < right->cgroup_id);
}

struct container *registry_find_by_cgroup_id(const struct node *node, uint64_t cgroup_id)
{
	const struct container key = {.cgroup_id = cgroup_id};
	struct container **found =
		cgroup_id ? tfind(&key, &node->containers_by_cgroup_id, compare_cgroup_id) : NULL;
	return found ? *found : NULL;
}

void registry_set_cgroup_id(struct node *node, struct container *container, uint64_t cgroup_id)
{
	/* Another container's stays the other's. */
	if (registry_find_by_cgroup_id(node, container->cgroup_id) == container)
		tdelete(container, &node->containers_by_cgroup_id, compare_cgroup_id);
	container->cgroup_id = cgroup_id;
	if (cgroup_id && !tsearch(container, &node->containers_by_cgroup_id, compare_cgroup_id))
		container->cgroup_id = 0;
}

void registry_remove(struct node *node, struct container *container)
{
	struct container *last = node->containers[--node->n_containers];

	watch_remove(node, container);
	sandboxes_forget(node, container);
	registry_set_cgroup_id(node, container, 0);
	if (container->workload)
		container->workload->n_containers--;
	node->containers[container->index] = last;
	last->index = container->index;
	tdelete(container, &node->containers_by_id, container_compare);
	/* The list may be long when many go at once. */
	for (struct container **at = &node->unsettled; container->unsettled && *at;
	     at = &(*at)->next_unsettled)
		if (*at == container) {
			*at = container->next_unsettled;
			break;
		}
	container_free(container, &node->sampler);
}

/* Each name in the path, from its end, may be the container's, whole or with the manager's additions:
 * "libpod-1f2e.scope" is 1f2e's. */
struct container *registry_find_by_cgroup(const struct node *node, const char *path)
{
	static const char scope[] = ".scope";

	for (size_t end = strlen(path); end > 0;) {
		char name[CGROUP_PATH_SIZE];
		size_t start = end;
		while (start > 0 && path[start - 1] != '/')
			start--;
		size_t length = end - start;
		end = start > 0 ? start - 1 : 0;
		if (length >= sizeof name)
			continue;
		memcpy(name, path + start, length);
		name[length] = '\0';

		for (int cut = 0; cut < 2; cut++) {
			for (const char *id = name; id; id = strpbrk(id, "-:"), id = id ? id + 1 : NULL) {
				struct container *container = registry_find(node, id);
				if (container)
					return container;
			}
			if (length < sizeof scope || strcmp(name + length - (sizeof scope - 1), scope) != 0)
				break;
			name[length - (sizeof scope - 1)] = '\0';
		}
	}
	return NULL;
}

struct workload *registry_find_workload(const struct node *node, const struct identity *identity)
{
	const struct workload key = {.limits = {.identity = *identity}};
	struct workload **found = tfind(&key, &node->workloads_by_identity, workload_compare);
	return found ? *found : NULL;
}

struct workload *registry_add_workload(struct node *node, const struct limits *limits)
{
	struct workload *workload = workload_new(limits, &node->settings.sampling);
	if (!workload)
		return NULL;
	if (list_add(&node->workloads, &node->n_workloads, &node->workloads_size, workload) < 0) {
		workload_free(workload);
		return NULL;
	}
	if (!tsearch(workload, &node->workloads_by_identity, workload_compare)) {
		node->n_workloads--;
		workload_free(workload);
		return NULL;
	}
	return workload;
}

struct workload *registry_workload_of(struct node *node, const struct record *record)
{
	char path[3 * NAME_MAX];

	/* What has no file name could never be published. */
	if (record->is_sandbox || !record->identity.owner[0] ||
	    identity_path(&record->identity, path, sizeof path) < 0)
		return NULL;
	struct workload *workload = registry_find_workload(node, &record->identity);
	if (workload)
		return workload;
	const struct limits limits = {.identity = record->identity, .declared_bytes = UINT64_MAX};
	return registry_add_workload(node, &limits);
}

/* Those in use first, then by when they were seen last, the newest first. */
static int compare_use(const void *a, const void *b)
{
	const struct workload *left = *(struct workload *const *)a, *right = *(struct workload *const *)b;
	bool left_used = left->n_containers > 0, right_used = right->n_containers > 0;
	if (left_used != right_used)
		return right_used - left_used;
	return (left->seen_usec < right->seen_usec) - (left->seen_usec > right->seen_usec);
}

void registry_sort_workloads(struct node *node)
{
	if (node->n_workloads > 1)
		qsort(node->workloads, node->n_workloads, sizeof(struct workload *), compare_use);
}

void registry_remove_last_workload(struct node *node)
{
	struct workload *workload = node->workloads[--node->n_workloads];
	tdelete(workload, &node->workloads_by_identity, workload_compare);
	workload_free(workload);
}

void registry_free(struct node *node)
{
	while (node->n_containers > 0)
		registry_remove(node, node->containers[node->n_containers - 1]);
	while (node->n_workloads > 0)
		registry_remove_last_workload(node);
	free(node->containers);
	free(node->workloads);
}
