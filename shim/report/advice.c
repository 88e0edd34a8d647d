/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/advice.h"

#include <stdio.h>
#include <string.h>

#define ADJ_BEST_EFFORT 1000
#define ADJ_GUARANTEED  (-997)
#define ADJ_LEAST       3 /* of a Burstable pod */
#define ADJ_MOST        999

/* count thousandths of the capacity, rounded up. In two steps: capacity_bytes × count may not fit
 * in 64 bits. */
static uint64_t thousandths(uint64_t capacity_bytes, uint64_t count)
{
	return capacity_bytes / 1000 * count + (capacity_bytes % 1000 * count + 999) / 1000;
}

/* The number of the range that is a multiple of the highest power of two: a person would have written it. */
static uint64_t roundest(uint64_t from_bytes, uint64_t to_bytes)
{
	if (from_bytes == 0)
		return 0;
	for (uint64_t step = UINT64_C(1) << 62; step > 1; step /= 2)
		if (to_bytes / step * step >= from_bytes)
			return to_bytes / step * step;
	return to_bytes;
}

struct request request_infer(int64_t oom_score_adj, uint64_t limit_bytes, uint64_t capacity_bytes)
{
	struct request request = {.is_known = true};

	if (oom_score_adj == ADJ_BEST_EFFORT)
		return request;
	if (oom_score_adj == ADJ_GUARANTEED && limit_bytes != DECISION_UNLIMITED) {
		request.bytes = request.from_bytes = request.to_bytes = limit_bytes;
		return request;
	}
	if (oom_score_adj < ADJ_LEAST || oom_score_adj > ADJ_MOST || capacity_bytes == 0)
		return (struct request){0};

	const uint64_t share = (uint64_t)(1000 - oom_score_adj);
	/* 3 and 999 also stand for all values beyond them. */
	request.from_bytes = oom_score_adj == ADJ_MOST ? 0 : thousandths(capacity_bytes, share);
	request.to_bytes =
		oom_score_adj == ADJ_LEAST ? capacity_bytes : thousandths(capacity_bytes, share + 1) - 1;
	/* The API server refuses a request above the limit. */
	if (request.to_bytes > limit_bytes)
		request.to_bytes = limit_bytes;
	if (request.from_bytes > request.to_bytes)
		return (struct request){0};
	request.bytes = roundest(request.from_bytes, request.to_bytes);
	return request;
}

bool advice_is_ready(const struct advice *advice)
{
	return advice->new_limit_bytes > 0 && !advice->not_yet[0];
}

static void advise(const struct limits *limits, const struct settings *settings, uint64_t now_usec,
		   struct advice *advice)
{
	const struct recommendation *rec = &limits->recommendation;

	advice->observed = limits->observed;
	if (rec->limit_bytes == 0) {
		if (limits->observed.samples == 0)
			(void)explain_observed(limits, advice->not_yet);
		else
			(void)snprintf(advice->not_yet, EXPLAIN_MAX, "no recommendation has been made yet");
		return;
	}
	advice->new_request_bytes = rec->request_bytes;
	advice->new_limit_bytes = rec->limit_bytes;
	(void)explain_rationale(limits, settings, advice->rationale);
	if (limits->enforced_limit_bytes == 0)
		(void)explain_enforced(limits, settings, now_usec, advice->not_yet);
}

void advice_make(const struct limits *limits, const struct record *newest, const struct settings *settings,
		 uint64_t capacity_bytes, uint64_t now_usec, struct advice *ret)
{
	static const struct limits nothing = {0};
	int64_t oom_score_adj = newest ? newest->oom_score_adj : limits->oom_score_adj;

	*ret = (struct advice){
		.identity = newest ? &newest->identity : &limits->identity,
		.role = newest ? newest->role : limits->role,
		.limit_bytes = newest ? newest->declared_bytes : limits->declared_bytes,
		.applied_bytes = newest ? newest->limit_bytes : limits->applied_bytes,
	};
	/* Outside Kubernetes oom_score_adj says nothing about a request: anybody may set it. */
	if (strcmp(ret->identity->namespace, "-") != 0)
		ret->request = request_infer(oom_score_adj, ret->limit_bytes, capacity_bytes);
	ret->is_guaranteed = ret->request.is_known && oom_score_adj == ADJ_GUARANTEED;
	advise(limits ? limits : &nothing, settings, now_usec, ret);
}

const char *advice_object(const struct advice *advice)
{
	return advice->identity->kind == OWNER_KNATIVE_SERVICE ? advice->identity->service
							       : advice->identity->owner;
}

int advice_compare(const void *a, const void *b)
{
	const struct advice *one = a, *other = b;

	int order = strcmp(one->identity->namespace, other->identity->namespace);
	if (order == 0)
		order = strcmp(advice_object(one), advice_object(other));
	if (order == 0)
		order = one->identity->kind - other->identity->kind;
	return order != 0 ? order : identity_compare(one->identity, other->identity);
}
