/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What to write into a container's manifest, beside what stands there now. Pure. Bytes. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/report/explain.h"

/* What a container requests, which its config.json does not say. */
struct request {
	bool is_known;
	uint64_t bytes;                /* 0: none, or less than can be told */
	uint64_t from_bytes, to_bytes; /* it is one of these; both are bytes where it is certain */
};

/* The request, told from oom_score_adj as the kubelet reckons it (pkg/kubelet/qos/policy.go), from the
 * container's own request, not the pod's: 1000 for a BestEffort pod, -997 for a Guaranteed one, whose
 * requests are its limits, and 1000 - 1000 × request / capacity, rounded up and within [3, 999], for a
 * Burstable one. That leaves a thousandth of the capacity open, of which the roundest number is taken. It is
 * wrong for what the kubelet reckons otherwise: a pod that is critical for the node, a sidecar that requests
 * less than all others, a pod that has a request as a whole. capacity_bytes 0: not known; limit_bytes may be
 * DECISION_UNLIMITED. */
struct request request_infer(int64_t oom_score_adj, uint64_t limit_bytes, uint64_t capacity_bytes);

struct advice {
	const struct identity *identity; /* borrowed */
	int role;                        /* enum container_role */

	/* What the newest container declares, and the limit that it was given. DECISION_UNLIMITED: none. */
	struct request request;
	uint64_t limit_bytes, applied_bytes;
	bool is_guaranteed; /* its pod is of that QoS class, by its declared limit */

	struct observed observed; /* all zero: nothing is known */

	/* 0: none yet. Why is told by rationale, and why not yet by not_yet; empty where there is no reason.
	 */
	uint64_t new_request_bytes, new_limit_bytes;
	char rationale[EXPLAIN_MAX], not_yet[EXPLAIN_MAX];
};

/* Whether it may be written into a manifest: then not_yet is empty. */
bool advice_is_ready(const struct advice *advice);

/* limits: what is published of the workload, or NULL. newest: the record of its newest container, or NULL;
 * not both. The identity is theirs. */
void advice_make(const struct limits *limits, const struct record *newest, const struct settings *settings,
		 uint64_t capacity_bytes, uint64_t now_usec, struct advice *ret);

/* Orders by namespace, object (advice_object()), kind, owner and container: what goes into one document
 * stands side by side. For qsort(3). */
int advice_compare(const void *a, const void *b);

/* The name of the object that a person changes: the owner's, or the Knative Service's. */
const char *advice_object(const struct advice *advice);
