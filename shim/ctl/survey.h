/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The node as it is now, from the files on disk and from the cgroups. No daemon is asked, so that a survey
 * also works without one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/memory.h"
#include "cgroups/pressure.h"
#include "shim/store/limits.h"
#include "shim/store/record.h"

struct survey_container {
	struct record record;
	/* The cgroup's values now; only if is_running. For a container in a VM: what the guest told the
	 * daemon last, only current_bytes, inactive_file_bytes and the limit. */
	bool is_running;
	struct memory memory;
	uint64_t max_bytes;       /* the cgroup's memory.max, or MEMORY_UNLIMITED */
	uint64_t effective_bytes; /* the lowest memory.max of the cgroup and its ancestors */
	struct pressure pressure; /* all 0 if the kernel measures none */
};

struct survey_workload {
	struct identity identity;
	bool has_limits; /* false: nothing is published yet, limits is empty */
	struct limits limits;
	struct survey_container *containers; /* the oldest first */
	size_t n_containers;
};

struct survey {
	struct survey_workload *workloads; /* by namespace, owner, container; without sandboxes */
	size_t n_workloads;
	size_t n_containers, n_faults; /* n_faults: files that could not be read */
};

/* run_fd: /run/tidemark; state_fd: /var/lib/tidemark; cgroup_fd: the cgroup v2 root; proc_fd: /proc. Each is
 * borrowed; -1: there is none. fault() is called for each file that cannot be read. Returns 0 with *ret to be
 * freed by survey_free(), or -errno. */
int survey_take(int run_fd, int state_fd, int cgroup_fd, int proc_fd, void (*fault)(const char *text),
		struct survey *ret, struct error *err);
void survey_free(struct survey *survey);
