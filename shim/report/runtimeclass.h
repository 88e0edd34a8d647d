/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a RuntimeClass should declare for the overhead of its VMs (overhead.podFixed), from the pods of a
 * handler that ran on this node. */

#include "shim/report/document.h"
#include "shim/report/explain.h"
#include "shim/store/handler.h"
#include "shim/tune/overhead.h"

struct runtimeclass {
	const char *handler;    /* as the shim is called */
	const char *name;       /* of the RuntimeClass, and of its handler: the same, unless the caller knows
				   another one */
	size_t n_pods, n_above; /* measured; of these, that needed more than is declared */
	int64_t high_bytes, highest_bytes; /* the 95th percentile, and the most */
	uint64_t declared_bytes;           /* 0: nothing is */
	uint64_t recommended_bytes;        /* 0: there is nothing to declare */
	enum overhead_fit fit;             /* of what is declared */
};

/* *ret borrows the handler's name. */
void runtimeclass_advise(const struct handler *handler, double waste_ratio, struct runtimeclass *ret);

/* Why there can be no document, or NULL: fewer pods than pods_min, nothing to declare, or a name that
 * Kubernetes would refuse. Returns buf, or NULL. */
const char *runtimeclass_obstacle(const struct runtimeclass *advice, size_t pods_min,
				  char buf[static EXPLAIN_MAX]);

/* What was measured, and what that says of what is declared: a sentence each. Return buf. */
const char *runtimeclass_measured(const struct runtimeclass *advice, char buf[static EXPLAIN_MAX]);
const char *runtimeclass_verdict(const struct runtimeclass *advice, char buf[static EXPLAIN_MAX]);

/* The RuntimeClass: the next document. */
void runtimeclass_write(struct document *document, const struct runtimeclass *advice);
