/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/guest.h"

#include <errno.h>

/* Replaces guest.c in a build without protobuf-c. */

int guest_new(struct guest **ret, const char *address, struct error *err)
{
	(void)ret;
	(void)address;
	return error_set(err, EOPNOTSUPP, "built without protobuf-c: what runs inside VMs cannot be asked");
}

void guest_free(struct guest *guest)
{
	(void)guest;
}

int guest_fd(const struct guest *guest)
{
	(void)guest;
	return -1;
}

short guest_events(const struct guest *guest)
{
	(void)guest;
	return 0;
}

int guest_ask(struct guest *guest, const char *container_id, uint64_t timeout_nsec, struct error *err)
{
	(void)guest;
	(void)container_id;
	(void)timeout_nsec;
	return error_set(err, EOPNOTSUPP, "built without protobuf-c");
}

int guest_on_ready(struct guest *guest, struct guest_stats *ret, struct error *err)
{
	(void)guest;
	(void)ret;
	return error_set(err, EOPNOTSUPP, "built without protobuf-c");
}
