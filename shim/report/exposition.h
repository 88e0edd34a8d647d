/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes metrics into memory as a text for Prometheus. The format is its own, 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/), or OpenMetrics 1.0
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

/* The format that an Accept header (RFC 9110, 12.5.1) asks for. accept NULL: no header. OpenMetrics only if
 * the header names it. If neither is acceptable: Prometheus' own. */
enum exposition_format exposition_negotiate(const char *accept);

enum exposition_type {
	EXPOSITION_GAUGE,
	EXPOSITION_COUNTER,   /* the name ends in _total */
	EXPOSITION_INFO,      /* the name ends in _info, the value is 1 */
	EXPOSITION_HISTOGRAM, /* samples _bucket, _sum and _count */
};
extern const char *const exposition_type_names[];

struct exposition {
	enum exposition_format format;
	char *text; /* owned */
	size_t length, size;
	bool failed;   /* out of memory: exposition_end() returns it */
	bool labelled; /* the sample that is being written has a label */
};

/* exposition_free() frees the text, if exposition_end() did not hand it over. */
void exposition_begin(struct exposition *out, enum exposition_format format);
void exposition_free(struct exposition *out);

/* Writes the head of a family; its samples follow. unit: the unit in which the name ends ("bytes"), or "". */
void exposition_family(struct exposition *out, const char *name, enum exposition_type type, const char *unit,
		       const char *help);

/* A sample is written by several calls, in this order: its name with a suffix (or ""), its labels, its value.
 * In a label each byte that is not UTF-8 becomes U+FFFD. */
void exposition_sample(struct exposition *out, const char *name, const char *suffix);
void exposition_label(struct exposition *out, const char *name, const char *value);
/* Adds labels that were written before: "{" and what follows, without "}". They come before
 * any other label. */
void exposition_labels(struct exposition *out, const char *labels, size_t length);
void exposition_uint(struct exposition *out, uint64_t value);
void exposition_int(struct exposition *out, int64_t value);
void exposition_seconds(struct exposition *out, uint64_t usec);

/* Ends the text. Returns 0 with the text handed over (to be freed by free(3)), or -ENOMEM, also if
 * nothing was written. */
int exposition_end(struct exposition *out, char **ret_text, size_t *ret_length);
