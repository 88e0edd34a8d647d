/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper's delete, and a shim's: removes the record. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "shim/report/fault.h"
#include "shim/wrapper/wrapper.h"

void wrapper_delete(struct wrapper *wrapper)
{
	const char *id = wrapper->command.id;
	struct error err;

	cleanup_close int containers_fd = wrapper_open_containers(wrapper, &err);
	if (containers_fd < 0 || (!wrapper->command.force && wrapper_is_alive(containers_fd, id)))
		return;
	if (record_remove(containers_fd, id, &err) < 0 && err.code != ENOENT)
		fault_log("container %s: %s", id, err.text);
}

/* Ids are unique only within a namespace of containerd: another container's record may have this id. So the
 * bundle must be the same too. containerd calls a shim's delete at the end. CRI-O never does: the daemon
 * removes the record then. */
void wrapper_shim_delete(struct wrapper *wrapper)
{
	const char *id = wrapper->command.id, *path = wrapper->command.bundle ? wrapper->command.bundle : ".";
	struct record record;
	struct error err;

	cleanup_close int containers_fd = wrapper_open_containers(wrapper, &err);
	if (containers_fd < 0 || record_read(containers_fd, id, &record, NULL) < 0 || !record.is_shim)
		return;
	cleanup_free char *absolute = realpath(path, NULL);
	if (strcmp(absolute ? absolute : path, record.bundle) == 0 &&
	    record_remove(containers_fd, id, &err) < 0 && err.code != ENOENT)
		fault_log("container %s: %s", id, err.text);
}
