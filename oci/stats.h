/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The two messages of a Stats call to a shim of containerd's API version 2 (kata's, containerd-shim-runc-v2):
 * what a container uses, as the shim sees it, which for a VM is from inside the guest. Pure: bytes in, bytes
 * out. stats.c is the only file that knows protobuf-c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

/* Not told. protobuf leaves a 0 out, so what a running container cannot have 0 of is unknown then. */
#define GUEST_UNKNOWN UINT64_MAX

/* One container's memory, bytes. Where it says "told", anything else may be GUEST_UNKNOWN. */
struct guest_stats {
	uint64_t usage_bytes;         /* memory.current, or usage_in_bytes of v1; always told, never 0 */
	uint64_t limit_bytes;         /* GUEST_UNKNOWN also where there is none */
	uint64_t anon_bytes;          /* v1: rss */
	uint64_t file_bytes;          /* v1: cache */
	uint64_t kernel_bytes;        /* v2: kernel stacks and slab; v1: kmem.usage_in_bytes */
	uint64_t inactive_file_bytes; /* unknown only where nothing of memory.stat was told */
	uint64_t swap_bytes;          /* v1: only a 0 is sure, as its memsw.usage_in_bytes has memory in it */
	bool v1; /* said in cgroup v1's terms: runtime-rs does so whatever the guest has */
};

/* The service that a shim of API version n has; what differs between them is not in a Stats call. */
#define STATS_SERVICE_V2 "containerd.task.v2.Task"
#define STATS_SERVICE_V3 "containerd.task.v3.Task"

#define STATS_ID_MAX 128

/* ttrpc's request for the container's Stats. The shim is told that nobody waits for longer than timeout_nsec.
 * Returns 0 with *ret_length set, or -EINVAL if container_id is not fit or size too small. */
int stats_request_pack(const char *service, const char *container_id, uint64_t timeout_nsec, uint8_t *buf,
		       size_t size, size_t *ret_length, struct error *err);

/* ttrpc's response. *ret is untouched unless 0 is returned. Otherwise the shim said no: -ENOENT it has no
 * such container (or not any more), -ETIMEDOUT it had no time, -ENOSYS no such service, -EREMOTEIO anything
 * else, with its own words in *err; or what it says is of no use: -EBADMSG not protobuf, or amounts that no
 * machine has, -EPROTONOSUPPORT figures of an unknown type, -ENODATA no use of memory among them. */
int stats_response_parse(const uint8_t *data, size_t size, struct guest_stats *ret, struct error *err);
