/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper, whose FAILING_NTHth allocation fails, and with FAILING_ON all after it. The file
 * FAILING_TOLD is made when one does. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/failing_malloc.h"

static void tell(void)
{
	const int fd = open(getenv("FAILING_TOLD"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	(void)close(fd);
}

__attribute__((constructor)) static void fail_from_here(void)
{
	const char *nth = getenv("FAILING_NTH");

	failing_malloc_tell(tell);
	failing_malloc_begin(nth ? strtoul(nth, NULL, 10) : 0,
			     getenv("FAILING_ON") ? FAILING_ON : FAILING_ONCE);
}
