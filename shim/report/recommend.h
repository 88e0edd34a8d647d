/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes recommendations as documents, for people or for Kubernetes. */

#include <stddef.h>

#include "shim/report/advice.h"
#include "shim/report/document.h"

/* Is called for a container that is left out, or about which there is something to know. text: "left out: the
 * template of a Job cannot be changed". */
typedef void recommend_remark(const struct advice *advice, const char *text);

/* Each takes advice in the order of advice_compare(), writes one document an object (recommend_write(): one
 * an owner), and returns the number of documents. */

/* For people: every container with what its manifest has, what was observed, the recommendation
 * and its reason. */
size_t recommend_write(struct document *document, const struct advice *advice, size_t count);

/* For server-side apply: a patch that has the memory request and limit of each container whose recommendation
 * is ready, and nothing else. */
size_t recommend_patch(struct document *document, const struct advice *advice, size_t count,
		       recommend_remark *remark);

/* A VerticalPodAutoscaler that recommends only (updateMode Off), with our request and limit as bounds. It
 * changes nothing until a person sets another updateMode. */
size_t recommend_vpa(struct document *document, const struct advice *advice, size_t count,
		     recommend_remark *remark);
