/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A bundle: the directory with a container's config.json (runtime-spec, bundle.md). bundle_fd is always
 * borrowed. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "oci/config.h"

/* Opens the directory, also through a symbolic link. Returns a file descriptor that the caller closes, or
 * -errno. */
int bundle_open(const char *path, struct error *err);

/* Loads config.json, a regular file of at most CONFIG_SIZE_MAX bytes. The caller frees *ret_text. Returns 0
 * or -errno. */
int bundle_load_config(int bundle_fd, char **ret_text, size_t *ret_length, struct error *err);

/* Loads the config.json of the sandbox that a CRI-O container belongs to: ../../<sandbox
 * id>/userdata/config.json, seen from the container's bundle. This file exists even if no infra container
 * runs. Returns 0, -EINVAL if sandbox_id is no file name, or -errno. */
int bundle_load_sandbox_config(int bundle_fd, const char *sandbox_id, char **ret_text, size_t *ret_length,
			       struct error *err);

/* What we wrote into a config.json, kept in an extended attribute of the file. A container may be created
 * twice from one bundle. The mark then tells our limit from the declared one, and our values in unified from
 * the pod's own. The attribute goes when somebody replaces the file. */
struct bundle_mark {
	uint64_t declared_bytes, limit_bytes;
	struct unified_mark unified;
};

/* Replaces config.json by rename. The new file has the owner, mode and SELinux label of the old one, and this
 * mark if the file system can hold it. A whole config.json is in place at every moment. Returns 0 or
 * -errno. */
int bundle_replace_config(int bundle_fd, const char *text, size_t length, const struct bundle_mark *mark,
			  struct error *err);

/* The mark of a config.json that now declares limit_bytes. Without a mark, or with the mark of another limit,
 * limit_bytes is the declared limit and nothing in unified is ours. */
struct bundle_mark bundle_recall(int bundle_fd, uint64_t limit_bytes);
