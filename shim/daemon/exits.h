/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The kernel's reports of removed cgroups, with their last peak (cgroups/exit_peak.h). Recent reports that
 * belong to no known container are kept: a container may be gone before its record is read. */

#include "cgroups/exit_peak.h"

struct exits {
	int fd;                   /* to be polled; -1: the kernel reports nothing, and no end waits for it */
	struct exit_peaks *peaks; /* borrowed */
	struct recent_exits *recent; /* owned; NULL: the kernel reports nothing */
	uint64_t lost;               /* exit_peaks_lost() at the last exits_count_lost() */
};
#define EXITS_NONE ((struct exits){.fd = -1})

/* peaks is borrowed. Returns 0 or -ENOMEM. */
int exits_open(struct exits *exits, struct exit_peaks *peaks, struct error *err);
void exits_close(struct exits *exits);

/* Keep a report that belongs to no known container, and find it by the cgroup's id; NULL: there is none. */
void exits_keep(struct exits *exits, const struct exit_peak *exit);
const struct exit_peak *exits_find(const struct exits *exits, uint64_t cgroup_id);

/* The number of reports that the kernel lost since the last call. */
uint64_t exits_count_lost(struct exits *exits);
