/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What one image costs under each runtime on this node, now: what "under kata instead of crun" comes to. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/ctl/survey.h"
#include "shim/report/overhead.h"

/* Runtimes beyond these are left out. */
#define COMPARISON_SIDES_MAX 8

/* One runtime's. Amounts are means over its containers or pods, OVERHEAD_UNKNOWN where none has such. */
struct comparison_side {
	const char *runtime;
	bool is_vm;
	uint64_t containers, pods;  /* that run with this image */
	uint64_t limit_bytes;       /* the highest; DECISION_UNLIMITED: one has none */
	uint64_t working_set_bytes; /* a container */
	uint64_t p95_bytes;         /* the highest of its workloads' */
	bool p95_is_shared;         /* of a workload that runs under another of these runtimes, too */
	uint64_t prestart_bytes; /* charged before the program, or a VM's first container, began: a container,
				    or a VM */
	uint64_t cost_bytes;     /* of the host, a pod: with all its containers and what serves them */
	int64_t overhead_bytes;  /* of that, beyond what the containers use; OVERHEAD_UNKNOWN_SIGNED */
	uint64_t declared_bytes; /* a VM, by its RuntimeClass */
};

struct comparison {
	struct comparison_side sides[COMPARISON_SIDES_MAX]; /* those without VMs first, then by name */
	size_t n_sides;
};

/* image: as records have it. *ret borrows from the survey. */
void comparison_make(const struct survey *survey, const struct overhead *overhead, const char *image,
		     struct comparison *ret);

/* The two sides that tell what a VM costs: the first with VMs, and the one without that runs most. False
 * where either is missing, or its cost is not known. */
bool comparison_pair(const struct comparison *comparison, const struct comparison_side **ret_vm,
		     const struct comparison_side **ret_bare);
