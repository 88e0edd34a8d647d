/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /var/lib/tidemark/handlers/<handler>.json: what was measured of the virtual machines of a runtime handler.
 * Only the daemon writes the file. From it the wrapper takes what a guest needs to boot, and tidemarkctl what
 * a RuntimeClass should declare. */

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
	char id[RECORD_ID_SIZE]; /* the sandbox's */
	uint64_t seen_usec;      /* when the pod was seen last */
	int64_t overhead_bytes;  /* the highest overhead_fixed() of the pod's life; may be negative */
	uint64_t prestart_bytes; /* charged on the host before the first container; 0: not known */
	uint64_t boot_bytes;     /* guest RAM resident before the first container; 0: not known */
	uint64_t used_bytes;     /* the most that the pod's containers have used at once */
};

struct handler {
	uint64_t version;
	char name[HANDLER_NAME_SIZE]; /* the X of containerd-shim-X-v2 */
	uint64_t written_usec;
	uint64_t declared_bytes; /* the overhead that a pod declared last; 0: none did */
	size_t n_pods;
	struct handler_pod pods[HANDLER_PODS_MAX]; /* in the order in which they were first seen */
};

/* Whether name can be the X of containerd-shim-X-v2, and so a file's name: 1 to 31 letters, digits, "-", "_",
 * "+" and ".", the first of which is no ".". */
bool handler_name_is_valid(const char *name);

/* state_fd: /var/lib/tidemark. Returns 0; -ENOENT if there is no file yet; -EINVAL if the name is not valid;
 * -EBADMSG if the file is torn, names another handler or has impossible values; -ENOTSUP for a newer version.
 * *ret is set only with 0. */
int handler_read(int state_fd, const char *name, struct handler *ret, struct error *err);

/* Makes the directory and replaces the file atomically. The version that is written is HANDLER_VERSION.
 * Returns 0 or -errno. */
int handler_write(int state_fd, const struct handler *handler, struct error *err);
