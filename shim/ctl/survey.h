/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The node as it is now, put together from what lies on disk and in the cgroups: no daemon is asked, so that it
 * can be told of one that is not there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/memory.h"
#include "cgroups/pressure.h"
#include "shim/store/limits.h"
#include "shim/store/record.h"

struct survey_container {
	struct record record;
	/* As its cgroup has it now; not valid when !is_running. Of one in a VM it is what the daemon was told by the guest
	 * last: of the memory what is charged and inactive_file, and its limit. */
	bool is_running;
	struct memory memory;
	uint64_t max_bytes;       /* its own memory.max; MEMORY_UNLIMITED */
	uint64_t effective_bytes; /* the smallest of it and its ancestors' */
	struct pressure pressure; /* all 0 where the kernel measures none */
};

struct survey_workload {
	struct identity identity;
	bool has_limits; /* else limits is empty: nothing is published yet */
	struct limits limits;
	struct survey_container *containers; /* the oldest first */
	size_t n_containers;
};

struct survey {
	struct survey_workload *workloads; /* by namespace, owner, container; sandboxes are left out */
	size_t n_workloads;
	size_t n_containers, n_faults; /* files that could not be read */
};

/* run_fd: /run/tidemark, state_fd: /var/lib/tidemark, cgroup_fd: the cgroup v2 root, proc_fd: /proc; each borrowed, -1 where
 * there is none. fault is told of each file that could not be read. Returns 0 with *ret to be freed by
 * survey_free(), or -errno. */
int survey_take(int run_fd, int state_fd, int cgroup_fd, int proc_fd, void (*fault)(const char *text),
		struct survey *ret, struct error *err);
void survey_free(struct survey *survey);
