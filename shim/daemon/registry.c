/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/registry.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/array.h"
#include "cgroups/cgroup.h"

/* Appends to a list of pointers. */
static int list_add(void *list, size_t *n, void *item)
{
	void **items;

	memcpy(&items, list, sizeof items);
	items = array_grow(items, *n, sizeof *items);
	if (!items)
		return -ENOMEM;
	memcpy(list, &items, sizeof items);
	items[(*n)++] = item;
	return 0;
}

/* ---- Containers ---- */

struct container *registry_find(const struct registry *registry, const char *id)
{
	const struct container key = {.id = (char *)id};
	struct container **found = tfind(&key, &registry->containers_by_id, container_compare);
	return found ? *found : NULL;
}

struct container *registry_add(struct registry *registry, const char *id,
			       const struct sampling_settings *sampling)
{
	struct container *container = container_new(id, sampling);
	if (!container)
		return NULL;
	assert(!registry_find(registry, id));
	container->index = registry->n_containers;
	if (list_add(&registry->containers, &registry->n_containers, container) < 0) {
		container_free(container, NULL);
		return NULL;
	}
	if (!tsearch(container, &registry->containers_by_id, container_compare)) {
		registry->n_containers--;
		container_free(container, NULL);
		return NULL;
	}
	return container;
}

void registry_yield_id(struct registry *registry, struct container *container)
{
	if (registry_find(registry, container->id) == container)
		tdelete(container, &registry->containers_by_id, container_compare);
}

static int compare_cgroup_id(const void *a, const void *b)
{
	const struct container *left = a, *right = b;
	return (left->cgroup_id > right->cgroup_id) - (left->cgroup_id < right->cgroup_id);
}

struct container *registry_find_by_cgroup_id(const struct registry *registry, uint64_t cgroup_id)
{
	const struct container key = {.cgroup_id = cgroup_id};
	struct container **found =
		cgroup_id ? tfind(&key, &registry->containers_by_cgroup_id, compare_cgroup_id) : NULL;
	return found ? *found : NULL;
}

void registry_set_cgroup_id(struct registry *registry, struct container *container, uint64_t cgroup_id)
{
	/* If another container has the same id, the entry is the other's. */
	if (registry_find_by_cgroup_id(registry, container->cgroup_id) == container)
		tdelete(container, &registry->containers_by_cgroup_id, compare_cgroup_id);
	/* A container that gave up its id gives up its cgroup's as well: the next one has the same cgroup. */
	struct container *other = registry_find_by_cgroup_id(registry, cgroup_id);
	if (other && other != container && registry_find(registry, other->id) != other)
		registry_set_cgroup_id(registry, other, 0);
	container->cgroup_id = cgroup_id;
	if (cgroup_id && !tsearch(container, &registry->containers_by_cgroup_id, compare_cgroup_id))
		container->cgroup_id = 0;
}

void registry_remove(struct registry *registry, struct container *container)
{
	struct container *last = registry->containers[--registry->n_containers];

	assert(registry->containers[container->index] == container && !container->sandbox);
	registry_set_cgroup_id(registry, container, 0);
	registry_yield_id(registry, container);
	if (container->workload) {
		assert(container->workload->n_containers > 0);
		container->workload->n_containers--;
	}
	registry->containers[container->index] = last;
	last->index = container->index;
}

/* Tries each name in the path, the last one first, also without what a manager adds: "libpod-1f2e.scope"
 * is of 1f2e. */
struct container *registry_find_by_cgroup(const struct registry *registry, const char *path)
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
				struct container *container = registry_find(registry, id);
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

struct workload *registry_find_workload(const struct registry *registry, const struct identity *identity)
{
	const struct workload key = {.limits = {.identity = *identity}};
	struct workload **found = tfind(&key, &registry->workloads_by_identity, workload_compare);
	return found ? *found : NULL;
}

struct workload *registry_add_workload(struct registry *registry, const struct limits *limits,
				       const struct sampling_settings *sampling)
{
	struct workload *workload = workload_new(limits, sampling);
	if (!workload)
		return NULL;
	if (list_add(&registry->workloads, &registry->n_workloads, workload) < 0) {
		workload_free(workload);
		return NULL;
	}
	if (!tsearch(workload, &registry->workloads_by_identity, workload_compare)) {
		registry->n_workloads--;
		workload_free(workload);
		return NULL;
	}
	return workload;
}

int registry_workload_of(struct registry *registry, const struct record *record,
			 const struct sampling_settings *sampling, struct workload **ret)
{
	char path[3 * NAME_MAX];

	*ret = NULL;
	/* A workload without a file name could never be published. */
	if (record->is_sandbox || !record->identity.owner[0] ||
	    identity_path(&record->identity, path, sizeof path) < 0)
		return 0;
	const struct limits limits = {.identity = record->identity, .declared_bytes = UINT64_MAX};
	*ret = registry_find_workload(registry, &record->identity);
	if (!*ret)
		*ret = registry_add_workload(registry, &limits, sampling);
	return *ret ? 0 : -ENOMEM;
}

/* Workloads with containers first, then the one that was seen last. */
static int compare_use(const void *a, const void *b)
{
	const struct workload *left = *(struct workload *const *)a, *right = *(struct workload *const *)b;
	bool left_used = left->n_containers > 0, right_used = right->n_containers > 0;
	if (left_used != right_used)
		return right_used - left_used;
	return (left->seen_usec < right->seen_usec) - (left->seen_usec > right->seen_usec);
}

void registry_sort_workloads(struct registry *registry)
{
	if (registry->n_workloads > 1)
		qsort(registry->workloads, registry->n_workloads, sizeof(struct workload *), compare_use);
}

void registry_remove_last_workload(struct registry *registry)
{
	struct workload *workload = registry->workloads[--registry->n_workloads];
	assert(workload->n_containers == 0);
	tdelete(workload, &registry->workloads_by_identity, workload_compare);
	workload_free(workload);
}

/* ---- Pods that are virtual machines ---- */

struct sandbox *registry_find_sandbox(const struct registry *registry, const char *id)
{
	const struct sandbox key = {.id = (char *)id};
	struct sandbox **found = tfind(&key, &registry->sandboxes_by_id, sandbox_compare);
	return found ? *found : NULL;
}

struct sandbox *registry_add_sandbox(struct registry *registry, const char *id)
{
	struct sandbox *sandbox = sandbox_new(id);
	if (!sandbox)
		return NULL;
	if (list_add(&registry->sandboxes, &registry->n_sandboxes, sandbox) < 0) {
		sandbox_free(sandbox);
		return NULL;
	}
	if (!tsearch(sandbox, &registry->sandboxes_by_id, sandbox_compare)) {
		registry->n_sandboxes--;
		sandbox_free(sandbox);
		return NULL;
	}
	return sandbox;
}

void registry_remove_sandbox(struct registry *registry, struct sandbox *sandbox)
{
	size_t i = 0;

	assert(!sandbox->containers);
	while (registry->sandboxes[i] != sandbox)
		i++;
	registry->sandboxes[i] = registry->sandboxes[--registry->n_sandboxes];
	tdelete(sandbox, &registry->sandboxes_by_id, sandbox_compare);
	sandbox_free(sandbox);
}

static void leave(void *item)
{
	(void)item; /* freed by its list */
}

void registry_free(struct registry *registry, struct sampler *sampler)
{
	tdestroy(registry->containers_by_id, leave);
	tdestroy(registry->containers_by_cgroup_id, leave);
	tdestroy(registry->workloads_by_identity, leave);
	tdestroy(registry->sandboxes_by_id, leave);
	for (size_t i = 0; i < registry->n_containers; i++)
		container_free(registry->containers[i], sampler);
	for (size_t i = 0; i < registry->n_workloads; i++)
		workload_free(registry->workloads[i]);
	for (size_t i = 0; i < registry->n_sandboxes; i++)
		sandbox_free(registry->sandboxes[i]);
	free(registry->containers);
	free(registry->workloads);
	free(registry->sandboxes);
	*registry = (struct registry){0};
}
