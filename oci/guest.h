/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What containers use inside a VM, asked of the shim of their pod: one connection to its ttrpc socket, and
 * one request at a time, as a guest that hangs blocks the shim's other calls. Nothing here waits, and there
 * is no clock: the caller polls guest_fd() for guest_events(), and has the deadline. Once that has passed it
 * may do without the answer, but until the late answer or the connection's end has come nothing more is asked
 * of this shim: -EBUSY.
 *
 * In a build without protobuf-c guest_new() is always -EOPNOTSUPP, and the rest is there but never called. */

#include <stdint.h>

#include "cgroups/error.h"
#include "oci/stats.h"

struct guest;

/* Takes a path or "@name", a name in the abstract namespace (not reachable with systemd's PrivateNetwork=), both also
 * with "unix://" before it, as the file `address` of a bundle has it. Connects to nothing yet. Errors: -EINVAL neither,
 * -ENAMETOOLONG longer than a socket's name can be, -EOPNOTSUPP, -ENOMEM. *ret is the caller's, for guest_free(). */
int guest_new(struct guest **ret, const char *address, struct error *err);
void guest_free(struct guest *guest);

/* To be polled, for these events; -1 and 0 while there is no connection. The connection is kept from one
 * request to the next. Where there was none, guest_ask() makes it, so the descriptor may be another one after
 * it. */
int guest_fd(const struct guest *guest);
short guest_events(const struct guest *guest);

/* Asks for a container's Stats; timeout_nsec goes to the shim, as the time after which nobody waits. Errors:
 * -EBUSY a request is under way (also one whose time is over), -EAGAIN the shim takes no more connections for
 * now, -ENOENT, -ECONNREFUSED it is gone, -EPERM its socket is neither root's nor our own user's, -EINVAL no
 * id. */
int guest_ask(struct guest *guest, const char *container_id, uint64_t timeout_nsec, struct error *err);

/* What guest_on_ready() returns above 0. */
enum guest_outcome {
	GUEST_ANSWER = 1,
};

/* When guest_fd() is ready, in any way. GUEST_ANSWER: the answer is in *ret. 0: not yet. -errno: no answer will come to
 * what was asked, and a new request may be made; if guest_fd() is -1 then, the connection is lost as well
 * (the shim ended, or sent what is no answer: -ECONNRESET, -EPROTO, -EMSGSIZE), which may also come when
 * nothing was asked; otherwise the shim refused or its answer is of no use, as stats_response_parse() has it.
 * Takes as much at a time as one answer can have; what is left makes guest_fd() ready again (poll, not
 * edges). */
int guest_on_ready(struct guest *guest, struct guest_stats *ret, struct error *err);
