/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the kernel tells of removed cgroups (cgroups/exit_peak.h): those that were just told, and the last
 * that were nobody's, since a container may be gone before its record is read. */

#include "cgroups/exit_peak.h"

struct exits {
	int fd; /* to be polled; -1: the kernel tells of no exits, and no end waits for that */
	struct exit_peaks *peaks;    /* borrowed */
	struct recent_exits *recent; /* owned; NULL where there are no peaks */
	uint64_t lost;               /* of exit_peaks_lost(), so many were asked for */
};
#define EXITS_NONE ((struct exits){.fd = -1})

/* Returns 0 or -ENOMEM. */
int exits_open(struct exits *exits, struct exit_peaks *peaks, struct error *err);
void exits_close(struct exits *exits);

/* Keeps one that is nobody's yet; and finds one, NULL where none is known. */
void exits_keep(struct exits *exits, const struct exit_peak *exit);
const struct exit_peak *exits_find(const struct exits *exits, uint64_t cgroup_id);

/* How many the kernel could not tell since this was asked last. */
uint64_t exits_count_lost(struct exits *exits);
