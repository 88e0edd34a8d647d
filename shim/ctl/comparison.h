/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Compares what an image costs under each runtime on this node now: "under kata instead of crun". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/ctl/survey.h"
#include "shim/report/overhead.h"

/* The most runtimes that are compared. Others are left out. */
#define COMPARISON_SIDES_MAX 8

/* One runtime's side. Amounts are means over its containers or pods; OVERHEAD_UNKNOWN: not known of any. */
struct comparison_side {
	const char *runtime;
	bool is_vm;
	uint64_t containers, pods;  /* that run with this image */
	uint64_t limit_bytes;       /* the highest of a container; DECISION_UNLIMITED: one has no limit */
	uint64_t working_set_bytes; /* of a container */
	uint64_t p95_bytes;         /* the highest of a workload */
	bool p95_is_shared;         /* a workload also runs under another of these runtimes */
	uint64_t prestart_bytes;    /* charged before a container's program, or a VM's first container */
	uint64_t cost_bytes;        /* what a pod takes of the host: all its containers, the VM, conmon */
	int64_t overhead_bytes;     /* the part of cost_bytes beyond what the containers use */
	uint64_t declared_bytes;    /* the pod overhead that a VM's RuntimeClass declares */
};

struct comparison {
	struct comparison_side sides[COMPARISON_SIDES_MAX]; /* runtimes without VMs first, then by name */
	size_t n_sides;
};

/* image: record.image_ref. *ret borrows from the survey. */
void comparison_make(const struct survey *survey, const struct overhead *overhead, const char *image,
		     struct comparison *ret);

/* Finds the two sides that tell what a VM costs: the first one with VMs, and the one without VMs that runs
 * the most containers. Returns false if either is missing, or its cost is not known. */
bool comparison_pair(const struct comparison *comparison, const struct comparison_side **ret_vm,
		     const struct comparison_side **ret_bare);
