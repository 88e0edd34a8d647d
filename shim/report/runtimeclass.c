/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/runtimeclass.h"

#include <string.h>

#include "cgroups/quantity.h"

#define HIGH_SHARE 0.95 /* as in overhead_recommend() */

#define AMOUNT(bytes) quantity_format_bytes(bytes, (char[QUANTITY_MAX]){0})

static uint64_t positive(int64_t bytes)
{
	return bytes > 0 ? (uint64_t)bytes : 0;
}

void runtimeclass_advise(const struct handler *handler, double waste_ratio, struct runtimeclass *ret)
{
	int64_t bytes[HANDLER_PODS_MAX];
	struct runtimeclass advice = {.handler = handler->name,
				      .name = handler->name,
				      .n_pods = handler->n_pods,
				      .declared_bytes = handler->declared_bytes};

	_Static_assert(HANDLER_PODS_MAX <= OVERHEAD_PODS_MAX, "all are looked at");
	for (size_t i = 0; i < handler->n_pods; i++) {
		bytes[i] = handler->pods[i].overhead_bytes;
		advice.n_above += positive(bytes[i]) > handler->declared_bytes;
	}
	if (handler->n_pods > 0) {
		advice.high_bytes = overhead_quantile(bytes, handler->n_pods, HIGH_SHARE);
		advice.highest_bytes = overhead_quantile(bytes, handler->n_pods, 1);
		advice.recommended_bytes = overhead_recommend(bytes, handler->n_pods);
		advice.fit = overhead_judge(advice.highest_bytes, advice.declared_bytes, waste_ratio, true);
	}
	*ret = advice;
}

/* Whether it is a label (RFC 1123), as a RuntimeClass's handler has to be. */
static bool is_label(const char *name)
{
	static const char inner[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const size_t length = strlen(name);

	return length > 0 && length <= 63 && name[strspn(name, inner)] == '\0' && name[0] != '-' &&
	       name[length - 1] != '-';
}

const char *runtimeclass_obstacle(const struct runtimeclass *advice, size_t pods_min,
				  char buf[static EXPLAIN_MAX])
{
	if (advice->n_pods < pods_min)
		(void)snprintf(buf, EXPLAIN_MAX, "%zu pod%s measured so far, and --pods asks for %zu",
			       advice->n_pods, advice->n_pods == 1 ? " was" : "s were", pods_min);
	else if (advice->recommended_bytes == 0)
		(void)snprintf(buf, EXPLAIN_MAX,
			       "its VMs have cost nothing beyond what their containers use");
	else if (!is_label(advice->name))
		(void)snprintf(buf, EXPLAIN_MAX,
			       "%s can be no handler's name in Kubernetes: --name gives another (%s is to be "
			       "declared)",
			       advice->name, AMOUNT(advice->recommended_bytes));
	else
		return NULL;
	return buf;
}

const char *runtimeclass_measured(const struct runtimeclass *advice, char buf[static EXPLAIN_MAX])
{
	(void)snprintf(buf, EXPLAIN_MAX,
		       "%zu pod%s of %s measured on this node: 95 %% of them needed %s or less, all %s",
		       advice->n_pods, advice->n_pods == 1 ? "" : "s", advice->handler,
		       AMOUNT(positive(advice->high_bytes)), AMOUNT(positive(advice->highest_bytes)));
	return buf;
}

const char *runtimeclass_verdict(const struct runtimeclass *advice, char buf[static EXPLAIN_MAX])
{
	const uint64_t declared = advice->declared_bytes, recommended = advice->recommended_bytes;

	if (declared == 0)
		(void)snprintf(buf, EXPLAIN_MAX,
			       "nothing is declared: the scheduler does not count it, and such pods can be "
			       "OOM-killed");
	else if (advice->fit == OVERHEAD_TOO_SMALL)
		(void)snprintf(buf, EXPLAIN_MAX,
			       "declared is %s, too little for %zu of them, which can be OOM-killed",
			       AMOUNT(declared), advice->n_above);
	else if (advice->fit == OVERHEAD_WASTEFUL)
		(void)snprintf(buf, EXPLAIN_MAX, "declared is %s, of which %s a pod were never needed",
			       AMOUNT(declared), AMOUNT(declared - positive(advice->highest_bytes)));
	else if (declared == recommended)
		(void)snprintf(buf, EXPLAIN_MAX, "declared is %s, which is right", AMOUNT(declared));
	else
		(void)snprintf(
			buf, EXPLAIN_MAX, "declared is %s, which was enough for all; this is %s %s",
			AMOUNT(declared),
			AMOUNT(declared > recommended ? declared - recommended : recommended - declared),
			declared > recommended ? "less" : "more");
	return buf;
}

void runtimeclass_write(struct document *document, const struct runtimeclass *advice)
{
	document_next(document);
	document_text(document, "apiVersion", "node.k8s.io/v1");
	document_text(document, "kind", "RuntimeClass");
	document_map(document, "metadata", false);
	document_text(document, "name", advice->name);
	document_end_map(document);
	document_text(document, "handler", advice->name);
	document_map(document, "overhead", false);
	document_map(document, "podFixed", false);
	document_amount(document, "memory", advice->recommended_bytes, true);
	document_end_map(document);
	document_end_map(document);
	document_end_map(document);
}
