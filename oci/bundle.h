/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A bundle: the directory that holds a container's config.json (runtime-spec, bundle.md). */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "oci/config.h"

/* Opens the directory (a symbolic link to it will do). Returns a file descriptor or -errno. */
int bundle_open(const char *path, struct error *err);

/* config.json, which the caller frees; at most CONFIG_SIZE_MAX bytes of a regular file. */
int bundle_load_config(int bundle_fd, char **ret_text, size_t *ret_length, struct error *err);

/* The config.json of the sandbox that a container of CRI-O's belongs to, as seen from the container's
 * bundle: ../../<sandbox id>/userdata/config.json. It is there even when no infra container runs. */
int bundle_load_sandbox_config(int bundle_fd, const char *sandbox_id, char **ret_text, size_t *ret_length,
			       struct error *err);

/* A bundle may be created from twice. So that a limit that we wrote is not taken for one that was declared,
 * nor what we put into unified for the pod's own, the file that we write is marked with both, in an extended
 * attribute, which goes when the file is replaced. */
struct bundle_mark {
	uint64_t declared_bytes, limit_bytes;
	struct unified_mark unified;
};

/* Replaces config.json by rename, with the owner, the mode and the SELinux label of the one before, and with this
 * mark if the file system can hold it. Whatever happens, a config.json that is whole stays in its place. */
int bundle_replace_config(int bundle_fd, const char *text, size_t length, const struct bundle_mark *mark,
			  struct error *err);

/* The mark of a config.json that now declares limit_bytes. Where it has none, or one of another limit, that
 * is what was declared, and nothing is ours. */
struct bundle_mark bundle_recall(int bundle_fd, uint64_t limit_bytes);
