/* SPDX-License-Identifier: Apache-2.0 */

/* guest_probe ADDRESS ID [DEADLINE_MSEC [TIMES PAUSE_MSEC]]: asks a shim for a container's Stats as the
 * daemon does, over one connection, and prints a line "usage=… limit=…" for each answer; "unknown" for what
 * was not told. When the deadline passes it prints "no answer", asks again to show that this is refused, and
 * waits for the late answer. On an error of the shim's or of the connection it says so and exits with 1. */

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "oci/guest.h"

#define LATE_MSEC 120000

static void figure_print(const char *name, uint64_t bytes)
{
	if (bytes == GUEST_UNKNOWN)
		(void)printf("%s=unknown ", name);
	else
		(void)printf("%s=%" PRIu64 " ", name, bytes);
}

/* Returns 0 if there was no answer in time. */
static int answer_wait(struct guest *guest, int msec, struct guest_stats *ret, struct error *why)
{
	for (;;) {
		struct pollfd fd = {guest_fd(guest), guest_events(guest), 0};
		if (poll(&fd, 1, msec) == 0)
			return 0;
		int r = guest_on_ready(guest, ret, why);
		if (r != 0)
			return r;
	}
}

int main(int argc, char *argv[])
{
	struct guest *guest;
	struct error why;

	if (argc < 3)
		errx(2, "usage: guest_probe ADDRESS ID [DEADLINE_MSEC [TIMES PAUSE_MSEC]]");
	int deadline = argc > 3 ? atoi(argv[3]) : 20000, times = argc > 4 ? atoi(argv[4]) : 1,
	    pause = argc > 5 ? atoi(argv[5]) : 0;
	if (guest_new(&guest, argv[1], &why) < 0)
		errx(1, "%s", why.text);
	setlinebuf(stdout);
	for (int i = 0; i < times; i++) {
		struct guest_stats stats;
		if (i > 0)
			(void)usleep((useconds_t)pause * 1000);
		if (guest_ask(guest, argv[2], (uint64_t)deadline * 1000000, &why) < 0)
			errx(1, "%s", why.text);
		int r = answer_wait(guest, deadline, &stats, &why);
		if (r == 0) {
			(void)printf("no answer\n");
			if (guest_ask(guest, argv[2], 1, &why) != -EBUSY)
				errx(1, "asked twice");
			r = answer_wait(guest, LATE_MSEC, &stats, &why);
			if (r == 0)
				errx(1, "no answer for %d s", LATE_MSEC / 1000);
		}
		if (r < 0)
			errx(1, "%s", why.text);
		figure_print("usage", stats.usage_bytes);
		figure_print("limit", stats.limit_bytes);
		figure_print("anon", stats.anon_bytes);
		figure_print("file", stats.file_bytes);
		figure_print("kernel", stats.kernel_bytes);
		figure_print("inactive_file", stats.inactive_file_bytes);
		figure_print("swap", stats.swap_bytes);
		(void)printf("v%d\n", stats.v1 ? 1 : 2);
	}
	guest_free(guest);
}
