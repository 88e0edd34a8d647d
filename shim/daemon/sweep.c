/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "shim/daemon/records.h"

/* The least age of a record that is removed because nobody owns it. */
#define STALE_USEC (5 * USEC_PER_MIN)

void sweep_temporary(int containers_fd, uint64_t now_usec)
{
	struct stat st;

	cleanup_dir DIR *dir = NULL;
	if (records_list(containers_fd, &dir, NULL) < 0)
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

/* A bundle counts as gone only if the directory two levels above is there: CRI-O's bundles are
 * <containers>/<id>/userdata, containerd's are <tasks>/<namespace>/<id>. A daemon with a /tmp of its own sees
 * no bundle below the node's /tmp, but does not see the directories above it either. */
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

/* Removes the record of a shim's container if the bundle is gone: shims are not asked to delete through us.
 * Returns whether the container is a shim's. */
static bool sweep_shim(const struct roots *roots, const struct container *container)
{
	struct record record;

	if (container->started_usec > 0 || container->state == LIFE_BROKEN ||
	    record_read(roots->containers_fd, container->id, &record, NULL) < 0 || !record.is_shim)
		return false;
	if ((record.is_vm || container->state != LIFE_RUNNING) &&
	    record.created_usec == container->created_usec && bundle_is_gone(record.bundle))
		(void)record_remove(roots->containers_fd, container->id, NULL);
	return true;
}

static void sweep_record(const struct roots *roots, const struct container *container, uint64_t now_usec)
{
	uint64_t last_usec = container->created_usec;
	char path[CGROUP_PATH_SIZE];
	struct record record;

	if (container->started_usec > last_usec)
		last_usec = container->started_usec;
	if (container->state == LIFE_RUNNING || container->state == LIFE_BROKEN || now_usec < last_usec ||
	    now_usec - last_usec < STALE_USEC)
		return;
	/* Read the record again: it may have changed. */
	if (record_read(roots->containers_fd, container->id, &record, NULL) < 0 ||
	    record.created_usec != container->created_usec || record.started_usec != container->started_usec)
		return;
	if (record_find_cgroup(&record, roots->proc_fd, path, sizeof path, NULL) == -ESRCH)
		(void)record_remove(roots->containers_fd, container->id, NULL);
}

void sweep_records(const struct registry *registry, const struct roots *roots, uint64_t now_usec)
{
	for (size_t i = 0; i < registry->n_containers; i++)
		if (!sweep_shim(roots, registry->containers[i]))
			sweep_record(roots, registry->containers[i], now_usec);
}
