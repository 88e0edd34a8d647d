/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/exits.h"

#include <errno.h>
#include <stdlib.h>

int exits_open(struct exits *exits, struct exit_peaks *peaks, struct error *err)
{
	struct recent_exits *recent = calloc(1, sizeof *recent);
	if (!recent)
		return error_set(err, ENOMEM, "out of memory");
	*exits = (struct exits){.fd = exit_peaks_fd(peaks), .peaks = peaks, .recent = recent};
	return 0;
}

void exits_close(struct exits *exits)
{
	free(exits->recent);
	*exits = EXITS_NONE;
}

void exits_keep(struct exits *exits, const struct exit_peak *exit)
{
	if (exits->recent)
		recent_exits_add(exits->recent, exit);
}

const struct exit_peak *exits_find(const struct exits *exits, uint64_t cgroup_id)
{
	return exits->recent ? recent_exits_find(exits->recent, cgroup_id) : NULL;
}

uint64_t exits_count_lost(struct exits *exits)
{
	const uint64_t before = exits->lost;

	if (exits->peaks)
		exits->lost = exit_peaks_lost(exits->peaks);
	return exits->lost > before ? exits->lost - before : 0;
}
