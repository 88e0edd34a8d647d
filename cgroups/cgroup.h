/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a container's cgroup is (cgroup v2; kernel Documentation/admin-guide/cgroup-v2.rst). Paths are those
 * below the cgroup v2 mount, as /proc/PID/cgroup has them: "/machine.slice/libpod-1f.scope/container". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroups/error.h"

#define CGROUP_PATH_SIZE 1024

/* The cgroup that the process is in now, by its "0::" line in /proc/PID/cgroup. Returns 0; -ESRCH where there
 * is no such process, or its cgroup is gone ("/a/b (deleted)"); -ENOTSUP without cgroup v2. */
int cgroup_of_pid(int proc_fd, pid_t pid, char *path, size_t size, struct error *err);

/* The same of the text of /proc/PID/cgroup. Returns 0, -ESRCH, -ENAMETOOLONG or -ENOTSUP. */
int cgroup_parse(const char *text, char *path, size_t size);

/* Whether a component of the path is named after the container: "<id>", "crio-<id>", "libpod-<id>.scope".
 * What a PID leads to is the container's cgroup only if this is so, since PIDs are used again. */
bool cgroup_path_names(const char *path, const char *id);

/* Whether path is below, or is, ancestor. */
bool cgroup_path_below(const char *path, const char *ancestor);

/* The cgroup above, whose path is the first *ret_length bytes of path; false for the root. */
bool cgroup_path_parent(const char *path, size_t *ret_length);

/* Opens the directory path below root_fd. Returns a file descriptor for *at()
 * calls (O_PATH), -ENOENT, or -EINVAL for what is no path from the root or has ".." in it. */
int cgroup_open(int root_fd, const char *path, struct error *err);

/* The smallest memory.max of the cgroup and all above it, UINT64_MAX where none has one, with the length of
 * the path that it belongs to. A cgroup on the way that has no memory controller counts as unlimited. */
int cgroup_effective_limit(int root_fd, const char *path, uint64_t *ret_bytes, size_t *ret_length,
			   struct error *err);

/* The kernel's id of it, which no other cgroup will have: the inode number of its directory (where ino_t has
 * 64 bits; fs/kernfs/inode.c). Returns 0 where that cannot be told. */
uint64_t cgroup_id(int dir_fd);

/* Whether the cgroup or one below it has a process: "populated" of cgroup.events. Returns 1, 0, also where
 * the cgroup is gone, or -errno. */
int cgroup_is_populated(int dir_fd, struct error *err);
