/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a RuntimeClass should declare as overhead of its VMs (overhead.podFixed). The source are the pods of
 * its handler that ran on this node. */

#include "shim/report/document.h"
#include "shim/report/explain.h"
#include "shim/store/handler.h"
#include "shim/tune/overhead.h"

struct runtimeclass {
	const char *handler; /* the X of containerd-shim-X-v2 */
	const char *name;    /* the RuntimeClass and its handler; = handler, unless the caller changes it */
	size_t n_pods, n_above;            /* pods measured; pods that needed more than is declared */
	int64_t high_bytes, highest_bytes; /* the 95th percentile, and the most */
	uint64_t declared_bytes;           /* 0: none */
	uint64_t recommended_bytes;        /* 0: there is nothing to declare */
	enum overhead_fit fit;             /* how declared_bytes fits */
};

/* waste_ratio: see overhead_judge(). *ret borrows the handler's name. */
void runtimeclass_advise(const struct handler *handler, double waste_ratio, struct runtimeclass *ret);

/* Why there can be no document: fewer pods than pods_min, nothing to declare, or a name that Kubernetes would
 * refuse. Returns buf, or NULL if there can be one. */
const char *runtimeclass_obstacle(const struct runtimeclass *advice, size_t pods_min,
				  char buf[static EXPLAIN_MAX]);

/* Write one sentence into buf, and return buf: what was measured, and whether what is declared fits. */
const char *runtimeclass_measured(const struct runtimeclass *advice, char buf[static EXPLAIN_MAX]);
const char *runtimeclass_verdict(const struct runtimeclass *advice, char buf[static EXPLAIN_MAX]);

/* Writes the RuntimeClass as the next document. */
void runtimeclass_write(struct document *document, const struct runtimeclass *advice);
