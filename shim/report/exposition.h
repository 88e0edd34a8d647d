/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Metrics as Prometheus reads them, as text in memory: its own text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/) and OpenMetrics 1.0
 * (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exposition_format {
	EXPOSITION_PROMETHEUS,
	EXPOSITION_OPENMETRICS,
	EXPOSITION_FORMATS_COUNT,
};
extern const char *const exposition_content_types[EXPOSITION_FORMATS_COUNT];

/* Which one an Accept header (RFC 9110, 12.5.1) asks for; NULL: there is none. OpenMetrics must be named.
 * Where neither is acceptable it is Prometheus' own, all the same. */
enum exposition_format exposition_negotiate(const char *accept);

enum exposition_type {
	EXPOSITION_GAUGE,
	EXPOSITION_COUNTER,   /* its name ends in _total */
	EXPOSITION_INFO,      /* its name ends in _info, its value is 1 */
	EXPOSITION_HISTOGRAM, /* samples _bucket, _sum and _count */
};
extern const char *const exposition_type_names[];

struct exposition {
	enum exposition_format format;
	char *text; /* owned; it grows */
	size_t length, size;
	bool failed; /* out of memory: told at the end, once */
	bool labelled;
};

void exposition_begin(struct exposition *out, enum exposition_format format);
void exposition_free(struct exposition *out);

/* The head of all samples of this name. unit: "bytes", which the name ends in, or "". */
void exposition_family(struct exposition *out, const char *name, enum exposition_type type, const char *unit,
		       const char *help);

/* One sample: its name (and suffix, or ""), its labels, and its value, which ends it. What is not UTF-8 in a
 * label becomes U+FFFD. */
void exposition_sample(struct exposition *out, const char *name, const char *suffix);
void exposition_label(struct exposition *out, const char *name, const char *value);
/* Labels that were put into another text before, from their brace on; they come first. */
void exposition_labels(struct exposition *out, const char *labels, size_t length);
void exposition_uint(struct exposition *out, uint64_t value);
void exposition_int(struct exposition *out, int64_t value);
void exposition_seconds(struct exposition *out, uint64_t usec);

/* Returns 0, with the text taken over by the caller, or -ENOMEM. */
int exposition_end(struct exposition *out, char **ret_text, size_t *ret_length);
