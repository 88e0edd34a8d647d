/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a container's cgroup is (cgroup v2; kernel Documentation/admin-guide/cgroup-v2.rst). Paths begin at
 * the cgroup v2 mount, as in /proc/PID/cgroup: "/machine.slice/libpod-1f.scope/container". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroups/error.h"

#define CGROUP_PATH_SIZE 1024

/* The process's cgroup now: the "0::" line of /proc/PID/cgroup. Returns 0; -ESRCH if the process or its
 * cgroup ("/a/b (deleted)") is gone; -ENOTSUP without cgroup v2; -ENAMETOOLONG, or another -errno. */
int cgroup_of_pid(int proc_fd, pid_t pid, char *path, size_t size, struct error *err);

/* The parser of /proc/PID/cgroup. text: the whole file with a NUL at its end. Returns 0, -ESRCH,
 * -ENAMETOOLONG or -ENOTSUP. */
int cgroup_parse(const char *text, char *path, size_t size);

/* Whether a component of the path is named after the container: "<id>", "crio-<id>", "libpod-<id>.scope".
 * PIDs are used again, so a cgroup that was found by a PID is the container's only if this is true. */
bool cgroup_path_names(const char *path, const char *id);

/* Whether path is ancestor or lies below it. */
bool cgroup_path_below(const char *path, const char *ancestor);

/* The parent's path is the first *ret_length bytes of path. Returns false if the parent is the root, or path
 * is. */
bool cgroup_path_parent(const char *path, size_t *ret_length);

/* Opens the directory path below root_fd. Returns a file descriptor (O_PATH) for the *at() calls, -ENOENT,
 * -EINVAL for a path that does not begin with "/" or has ".." in it, or another -errno. */
int cgroup_open(int root_fd, const char *path, struct error *err);

/* The smallest memory.max of the cgroup and all above it, UINT64_MAX if none has a limit. *ret_length is the
 * length of the path of the cgroup with this limit. A cgroup without the memory controller counts as
 * unlimited. Returns 0 or -errno, -ENOENT if a cgroup on the way is gone. */
int cgroup_effective_limit(int root_fd, const char *path, uint64_t *ret_bytes, size_t *ret_length,
			   struct error *err);

/* The kernel's id of the cgroup, which is never used again: the inode number of its directory (if ino_t has
 * 64 bits; fs/kernfs/inode.c). Returns 0 if fstat() fails. */
uint64_t cgroup_id(int dir_fd);

/* Whether the cgroup or one below it has a process: "populated" in cgroup.events. Returns 1 or 0 (also if the
 * cgroup is gone), or -errno. */
int cgroup_is_populated(int dir_fd, struct error *err);
