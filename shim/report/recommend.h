/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Recommendations as documents: to be read, or to be given to Kubernetes. */

#include <stddef.h>

#include "shim/report/advice.h"
#include "shim/report/document.h"

/* Of a container that has to be left out, or that there is something to know of: "left out: its template
 * cannot be changed". */
typedef void recommend_remark(const struct advice *advice, const char *text);

/* All take advice in the order of advice_compare(), and return the number of documents, one an object.
 *
 * The first has every container, with what stands in its manifest, what was observed, what is recommended and
 * why. */
size_t recommend_write(struct document *document, const struct advice *advice, size_t count);

/* A patch for server-side apply. It holds what is changed and no more: memory's request and limit of the
 * containers whose recommendation is ready. */
size_t recommend_patch(struct document *document, const struct advice *advice, size_t count,
		       recommend_remark *remark);

/* A VerticalPodAutoscaler that recommends, within the same numbers, and changes nothing until a person lets
 * it. */
size_t recommend_vpa(struct document *document, const struct advice *advice, size_t count,
		     recommend_remark *remark);
