/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /var/lib/tidemark/handlers/<handler>.json: what the virtual machines of a runtime handler were seen to cost. Only
 * the daemon writes it; the wrapper takes from it what a guest needs to boot, tidemarkctl what a RuntimeClass should
 * declare. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/store/record.h"

#define HANDLER_VERSION   1
#define HANDLER_SIZE_MAX  65536
#define HANDLER_PODS_MAX  128
#define HANDLER_NAME_SIZE 32 /* as record.runtime */

struct handler_pod {
	char id[RECORD_ID_SIZE]; /* of the sandbox */
	uint64_t seen_usec;      /* last */
	int64_t overhead_bytes;  /* the highest overhead_fixed() of its life; it may be negative */
	uint64_t prestart_bytes; /* charged on the host before the first container; 0: not known */
	uint64_t boot_bytes;     /* guest RAM resident before the first container; 0: not known */
	uint64_t used_bytes;     /* the most that its containers have used at once */
};

struct handler {
	uint64_t version;
	char name[HANDLER_NAME_SIZE]; /* the X of containerd-shim-X-v2 */
	uint64_t written_usec;
	uint64_t declared_bytes; /* the overhead that a pod has declared last; 0: none has */
	size_t n_pods;
	struct handler_pod pods[HANDLER_PODS_MAX]; /* in the order in which they came */
};

/* Whether it can be the X of containerd-shim-X-v2, and so a file's name: letters, digits, "-", "_", "+" and "." inside. */
bool handler_name_is_valid(const char *name);

/* state_fd: /var/lib/tidemark. Returns 0; -ENOENT where there is none yet; -EINVAL for a name that is none; -EBADMSG
 * for a file that is torn, names another handler or holds what cannot be; -ENOTSUP for a newer version. *ret is set only
 * with 0. */
int handler_read(int state_fd, const char *name, struct handler *ret, struct error *err);

/* Makes the directory and replaces the file atomically. The version is always this program's. */
int handler_write(int state_fd, const struct handler *handler, struct error *err);
