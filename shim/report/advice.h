/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Advice on a container's manifest: what to write, and what it has now. Pure. All sizes in bytes. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/report/explain.h"

/* A container's memory request. config.json does not have it, so it is inferred. */
struct request {
	bool is_known;
	uint64_t bytes;                /* 0: none, or too small to be told */
	uint64_t from_bytes, to_bytes; /* the request's range; both are equal to bytes if it is certain */
};

/* Infers the request from oom_score_adj. The kubelet sets oom_score_adj from the container's own request, not
 * the pod's (pkg/kubelet/qos/policy.go):
 *   BestEffort pod   1000
 *   Guaranteed pod   -997; the request is the limit
 *   Burstable pod    1000 - 1000 × request / capacity, rounded up, within [3, 999]
 * For a Burstable pod the request is known to a thousandth of the capacity; the roundest number of this range
 * is taken. The result is wrong if the kubelet uses another rule: for a pod that is critical for the node, a
 * sidecar that requests less than all others, a pod with a request at pod level.
 *
 * capacity_bytes: the node's memory; 0: not known. limit_bytes may be DECISION_UNLIMITED. */
struct request request_infer(int64_t oom_score_adj, uint64_t limit_bytes, uint64_t capacity_bytes);

struct advice {
	const struct identity *identity; /* borrowed */
	int role;                        /* enum container_role */

	/* What the newest container declares, and the limit that it was given. DECISION_UNLIMITED: none. */
	struct request request;
	uint64_t limit_bytes, applied_bytes;
	bool is_guaranteed; /* the pod is of the QoS class Guaranteed */

	struct observed observed; /* all zero: nothing was measured */

	/* The recommendation; 0: none yet. rationale: the reason of these numbers. not_yet: why they may not
	 * be applied yet. Both are empty if there is nothing to say. */
	uint64_t new_request_bytes, new_limit_bytes;
	char rationale[EXPLAIN_MAX], not_yet[EXPLAIN_MAX];
};

/* Whether the recommendation may be written into a manifest: there is one, and not_yet is empty. */
bool advice_is_ready(const struct advice *advice);

/* limits: the workload's published limits, or NULL. newest: the record of its newest container, or NULL. At
 * least one is given. If both are, newest tells the identity, the role and the limits. ret->identity points
 * into newest or limits. */
void advice_make(const struct limits *limits, const struct record *newest, const struct settings *settings,
		 uint64_t capacity_bytes, uint64_t now_usec, struct advice *ret);

/* For qsort(3), of struct advice. Orders by namespace, object (advice_object()), kind, owner and container:
 * containers of one document come one after the other. */
int advice_compare(const void *a, const void *b);

/* The name of the object that a person would change: the Knative Service if there is one, else the owner. */
const char *advice_object(const struct advice *advice);
