/* SPDX-License-Identifier: Apache-2.0 */

/* What the node clears away now and then: records that nobody will remove any more, temporary files, workloads and
 * history that are old. */

#include "shim/daemon/node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "shim/daemon/archive.h"
#include "shim/daemon/registry.h"
#include "shim/daemon/voice.h"

/* How old a record is at least that is removed as nobody's. */
#define STALE_USEC (5 * USEC_PER_MIN)

/* How often what is old is looked for. */
#define PRUNE_USEC USEC_PER_HOUR

/* Drops workloads that were last seen before older_than_usec, and more while there are too many. */
static void node_forget(struct node *node, uint64_t older_than_usec)
{
	bool too_many = node->n_workloads > NODE_WORKLOADS_MAX;

	registry_sort_workloads(node);
	while (node->n_workloads > 0) {
		struct workload *workload = node->workloads[node->n_workloads - 1];
		if (workload->n_containers > 0 ||
		    (node->n_workloads <= NODE_WORKLOADS_MAX && workload->seen_usec >= older_than_usec))
			break;
		if (workload->unpublished)
			node->unpublished--;
		(void)limits_remove(node->roots.state_fd, &workload->limits.identity, NULL);
		registry_remove_last_workload(node);
	}
	if (too_many && !node->told_workloads)
		voice_fault(
			&node->journal, LOG_WARNING,
			"more than %d workloads are known: those not seen for the longest time are forgotten",
			NODE_WORKLOADS_MAX);
	node->told_workloads = node->told_workloads || too_many;
}

/* By age only with a clock that goes on as it should: one that has jumped years ahead must not empty all. */
static void node_prune(struct node *node, uint64_t now_usec)
{
	uint64_t since_usec = now_usec - node->pruned_usec; /* huge after a step back */

	if (since_usec >= PRUNE_USEC) {
		node->prune = since_usec < 2 * PRUNE_USEC;
		if (node->prune)
			node_forget(node, now_usec - node->settings.history.keep_usec);
		node->pruned_usec = now_usec;
	}
	if (node->n_workloads > NODE_WORKLOADS_MAX)
		node_forget(node, 0);
}

/* The temporary files of wrappers that were killed while they wrote. */
static void node_sweep_temporary(const struct node *node, uint64_t now_usec)
{
	struct stat st;

	cleanup_dir DIR *dir = NULL;
	if (node_open_records(node, &dir, NULL) < 0)
		return;
	for (const struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] != '.' ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
			continue;
		uint64_t written_usec = (uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC;
		if (written_usec < now_usec && now_usec - written_usec >= STALE_USEC)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
}

static void node_tell_lost(struct node *node)
{
	uint64_t lost = node->exits ? exit_peaks_lost(node->exits) : node->exits_lost;

	if (lost > node->exits_lost)
		voice_fault(&node->journal, LOG_WARNING,
			    "of %llu cgroups the kernel could not tell the exact last peak: too many went at "
			    "once",
			    (unsigned long long)(lost - node->exits_lost));
	node->exits_lost = lost;
}

/* To a daemon with a /tmp of its own a bundle below the node's /tmp is not there, but neither is what is above it. So it
 * is gone only where the directory two above is there: CRI-O's bundles are <containers>/<id>/userdata, containerd's
 * <tasks>/<namespace>/<id>. */
static bool bundle_is_gone(const char *bundle)
{
	char above[sizeof((struct record *)NULL)->bundle];
	struct stat st;

	if (bundle[0] != '/' || stat(bundle, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
		return false;
	(void)snprintf(above, sizeof above, "%s", bundle);
	for (int level = 0; level < 2 && above[0]; level++)
		*strrchr(above, '/') = '\0';
	return above[0] && stat(above, &st) == 0;
}

/* A shim is not asked to delete through us: its containers' records end with their bundles. Returns whether the
 * container is one of a shim. */
static bool node_sweep_shim(const struct node *node, const struct container *container)
{
	struct record record;

	if (container->started_usec > 0 || container->state == CONTAINER_BROKEN ||
	    record_read(node->roots.containers_fd, container->id, &record, NULL) < 0 || !record.is_shim)
		return false;
	if ((record.is_vm || container->state != CONTAINER_RUNNING) &&
	    record.created_usec == container->created_usec && bundle_is_gone(record.bundle))
		(void)record_remove(node->roots.containers_fd, container->id, NULL);
	return true;
}

void node_sweep(struct node *node, uint64_t now_usec)
{
	struct stat st;
	char path[CGROUP_PATH_SIZE];
	struct record record;

	node_prune(node, now_usec);
	node_sweep_temporary(node, now_usec);
	node_tell_lost(node);
	/* inotify says nothing of a directory that we hold open ourselves. */
	node->records_gone = fstat(node->roots.containers_fd, &st) < 0 || st.st_nlink == 0;
	for (size_t i = 0; i < node->n_containers; i++) {
		const struct container *container = node->containers[i];
		if (node_sweep_shim(node, container))
			continue;
		uint64_t last_usec = container->created_usec;
		if (container->started_usec > last_usec)
			last_usec = container->started_usec;
		if (container->state == CONTAINER_RUNNING || container->state == CONTAINER_BROKEN ||
		    now_usec < last_usec || now_usec - last_usec < STALE_USEC)
			continue;
		/* As it is now, not as it was when it was last read. */
		if (record_read(node->roots.containers_fd, container->id, &record, NULL) < 0 ||
		    record.created_usec != container->created_usec ||
		    record.started_usec != container->started_usec)
			continue;
		if (record_find_cgroup(&record, node->roots.proc_fd, path, sizeof path, NULL) == -ESRCH)
			(void)record_remove(node->roots.containers_fd, container->id, NULL);
	}
	/* Ends that wait, where samples are rare. */
	node_settle(node, now_usec);
}
