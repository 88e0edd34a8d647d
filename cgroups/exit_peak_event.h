/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A removal as exit_peak.bpf.c sends it to exit_peak.c. This file includes nothing, since it is compiled for
 * the kernel as well. */

struct exit_peak_event {
	unsigned long long cgroup_id;
	unsigned long long peak_pages;
	unsigned long long oom, oom_kill; /* of memory.events.local */
	unsigned long long all_oom_kill;  /* of memory.events */
};
