/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a pod's author asks of us, in the pod's annotations. Nothing of it is trusted: each value is taken or
 * passed over on its own, and what the node allows of it is decided elsewhere. */

#include <stddef.h>
#include <stdint.h>

#include "oci/config.h"

#define ANNOTATION_MODE      "tidemark.dev/mode"
#define ANNOTATION_WORKLOAD  "tidemark.dev/workload"
#define ANNOTATION_OVERRIDES "tidemark.dev/overrides"

/* The longest value that is looked at. */
#define ANNOTATION_SIZE_MAX 16384

struct annotations {
	char mode[16];                       /* a word; empty: not given */
	char workload[CONFIG_NAME_SIZE];     /* an owner's name, as Kubernetes has names; empty: not given */
	uint64_t request_bytes, limit_bytes; /* the container's overrides, below 2^63; 0: not given */
};

/* The string that stands at span, or an empty one where span has length 0. Returns 0, -E2BIG, -ENOMEM, or what json_read()
 * does. */
int annotation_text(const char *text, struct json_span span, char *ret_value, size_t size, struct error *err);

/* Reads those of one container. overrides is JSON, {"<container>": {"request": "256Mi", "limit": "512Mi"}};
 * other containers' entries are passed over. text is what config was read from. fault is told of each
 * annotation that cannot be understood, by its key and why; it then counts as not given. */
void annotations_read(const char *text, const struct config *config, struct annotations *ret,
		      void (*fault)(const char *key, const char *why, void *data), void *data);
