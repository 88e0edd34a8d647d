/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Asks the shim of a pod what its containers use inside the VM. There is one connection to the shim's ttrpc
 * socket, and one request at a time, since a guest that hangs blocks the shim's other calls. Nothing here
 * waits or reads a clock: the caller polls guest_fd() for guest_events(), and keeps the deadline. After the
 * deadline the caller may go on without the answer. The shim cannot be asked again (-EBUSY) until the late
 * answer has come or the connection has ended.
 *
 * Built without protobuf-c, guest_new() returns -EOPNOTSUPP; the other functions are there but never
 * called. */

#include <stdint.h>

#include "cgroups/error.h"
#include "oci/stats.h"

struct guest;

/* address: a path, or "@name" in the abstract namespace (not reachable with systemd's PrivateNetwork=), both
 * also with "unix://" before it, as in a bundle's file `address`. Does not connect yet. Returns 0, -EINVAL
 * for any other address, -ENAMETOOLONG if it is longer than a socket's name can be, -EOPNOTSUPP, or -ENOMEM.
 * The caller frees *ret with guest_free(). */
int guest_new(struct guest **ret, const char *address, struct error *err);
void guest_free(struct guest *guest);

/* The descriptor and the events to poll; -1 and 0 without a connection. The connection is kept for the next
 * request. guest_ask() connects if there is none, so the descriptor may differ after each guest_ask(). */
int guest_fd(const struct guest *guest);
short guest_events(const struct guest *guest);

/* Asks for a container's Stats. timeout_nsec is sent to the shim: nobody waits any longer than this. Returns
 * 0; -EBUSY while a request is under way (also after its deadline); -EAGAIN if the shim takes no more
 * connections for now; -ENOENT or -ECONNREFUSED if the shim is gone; -EPERM if the socket is neither root's
 * nor our own user's; -EINVAL for an invalid id; or another -errno. */
int guest_ask(struct guest *guest, const char *container_id, uint64_t timeout_nsec, struct error *err);

/* What guest_on_ready() returns above 0. */
enum guest_outcome {
	GUEST_ANSWER = 1,
};

/* Call this when guest_fd() is ready in any way. Returns GUEST_ANSWER with the answer in *ret; 0 while it is
 * incomplete; or -errno: no answer will come, and a new request may be made. If guest_fd() is -1 after an
 * error, the connection is lost too: the shim ended or sent something else than an answer (-ECONNRESET,
 * -EPROTO, -EMSGSIZE). This may also happen when nothing was asked. Otherwise the shim refused, or its answer
 * is of no use: errors as of stats_response_parse().
 *
 * One call reads at most as much as the longest answer has. The rest makes guest_fd() ready again: use
 * poll(), not edge-triggered events. */
int guest_on_ready(struct guest *guest, struct guest_stats *ret, struct error *err);
