/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "oci/guest.h"

/* The input is a shim's address. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *address = malloc(size + 1);
	struct guest *guest = NULL;
	struct error err = {0};

	ENSURE(address);
	if (size > 0)
		memcpy(address, data, size);
	address[size] = '\0';
	int r = guest_new(&guest, address, &err);
	if (r < 0) {
		ENSURE(!guest && r == -err.code);
		ENSURE(r == -EINVAL || r == -ENAMETOOLONG);
	} else {
		ENSURE(r == 0 && guest_fd(guest) == -1 && guest_events(guest) == 0);
	}
	guest_free(guest);
	free(address);
	return 0;
}
