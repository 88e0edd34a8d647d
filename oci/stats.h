/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The two messages of a Stats call to a shim of containerd's API version 2 (kata's, containerd-shim-runc-v2).
 * The answer is what a container uses as the shim sees it; for a VM, from inside the guest. Pure: bytes in,
 * bytes out. stats.c is the only file that knows protobuf-c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

/* Not told. protobuf does not send a 0: a missing figure is unknown if a running container cannot have 0. */
#define GUEST_UNKNOWN UINT64_MAX

/* One container's memory, bytes. Any but usage_bytes may be GUEST_UNKNOWN. */
struct guest_stats {
	uint64_t usage_bytes;         /* memory.current, v1: usage_in_bytes; never 0 */
	uint64_t limit_bytes;         /* GUEST_UNKNOWN also without a limit */
	uint64_t anon_bytes;          /* v1: rss */
	uint64_t file_bytes;          /* v1: cache */
	uint64_t kernel_bytes;        /* v2: kernel stacks and slab; v1: kmem.usage_in_bytes */
	uint64_t inactive_file_bytes; /* unknown only if memory.stat was not told */
	uint64_t swap_bytes;          /* v1: 0 or unknown, since memsw.usage_in_bytes includes memory */
	/* The figures are in cgroup v1's terms. runtime-rs always uses these, whatever the guest has. */
	bool v1;
};

/* The ttrpc services of shim API versions 2 and 3. A Stats call is the same in both. */
#define STATS_SERVICE_V2 "containerd.task.v2.Task"
#define STATS_SERVICE_V3 "containerd.task.v3.Task"

#define STATS_ID_MAX 128

/* Writes ttrpc's request for the container's Stats. timeout_nsec tells the shim that nobody waits longer.
 * Returns 0 with *ret_length set, or -EINVAL if container_id is not valid or size is too small. */
int stats_request_pack(const char *service, const char *container_id, uint64_t timeout_nsec, uint8_t *buf,
		       size_t size, size_t *ret_length, struct error *err);

/* Reads ttrpc's response. *ret is untouched unless 0 is returned. If the shim refused, with its words in
 * *err: -ENOENT it has no such container (any more), -ETIMEDOUT it had no time, -ENOSYS no such service,
 * -EREMOTEIO anything else. If the answer is of no use: -EBADMSG not protobuf, -EPROTONOSUPPORT figures of an
 * unknown type, -ENODATA no use of memory among them, or one that no machine has.
 * -ENOMEM. */
int stats_response_parse(const uint8_t *data, size_t size, struct guest_stats *ret, struct error *err);
