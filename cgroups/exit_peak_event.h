/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What exit_peak.bpf.c sends to exit_peak.c. Without includes, since it is compiled for the kernel, too. */

struct exit_peak_event {
	unsigned long long cgroup_id;
	unsigned long long peak_pages, swap_peak_pages;
	unsigned long long oom, oom_kill; /* of memory.events.local */
	unsigned long long all_oom_kill;  /* of memory.events */
};
