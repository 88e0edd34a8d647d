/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a pod's author asks of us in the pod's annotations. Nothing is trusted: each value is checked on its
 * own and taken or skipped. What the node allows is decided elsewhere (shim/tune/decision.h). */

#include <stddef.h>
#include <stdint.h>

#include "oci/config.h"

#define ANNOTATION_MODE      "tidemark.dev/mode"
#define ANNOTATION_WORKLOAD  "tidemark.dev/workload"
#define ANNOTATION_OVERRIDES "tidemark.dev/overrides"

/* Bytes: longer values are refused. */
#define ANNOTATION_SIZE_MAX 16384

struct annotations {
	char mode[16];                       /* one word; empty: not given */
	char workload[CONFIG_NAME_SIZE];     /* an owner's name (a DNS subdomain); empty: not given */
	uint64_t request_bytes, limit_bytes; /* the container's overrides, below 2^63; 0: not given */
};

/* Decodes the string at span into ret_value, "" if span has length 0. text: the text that span lies in.
 * Returns 0, -E2BIG above ANNOTATION_SIZE_MAX, -ENOMEM, or what json_read() returns. */
int annotation_text(const char *text, struct json_span span, char *ret_value, size_t size, struct error *err);

/* Reads the annotations of one container. overrides is JSON: {"<container>": {"request": "256Mi", "limit":
 * "512Mi"}}; the entries of other containers are skipped. text: the text that config was read from. An
 * annotation that is not understood counts as not given, and fault is called with its key and the reason. */
void annotations_read(const char *text, const struct config *config, struct annotations *ret,
		      void (*fault)(const char *key, const char *why, void *data), void *data);
