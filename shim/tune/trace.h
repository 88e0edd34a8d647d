/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A trace of memory use as CSV, one sample a line: series,time_s,bytes. The line that says so may stand first; lines
 * end in \n or \r\n, and blank ones are passed over. A series is any name of up to 255 bytes without a comma; time
 * counts seconds from wherever the trace begins, to six decimals; what bytes has behind a decimal point is dropped.
 * Pure: the text is in memory. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

#define TRACE_SERIES_MAX 255
/* Some three thousand years. */
#define TRACE_TIME_MAX_USEC UINT64_C(100000000000000000)

struct trace {
	const char *name; /* borrowed, for errors */
	const char *at, *end;
	uint64_t line; /* that was read last */
};

struct trace_sample {
	const char *series; /* borrowed from the text, not NUL-ended */
	size_t series_length;
	uint64_t time_usec, bytes;
};

/* What trace_next() returns above 0. */
enum trace_outcome {
	TRACE_SAMPLE = 1, /* a sample was read */
};

/* Returns TRACE_SAMPLE with *ret set; 0 at the end; -EINVAL for a line that cannot be understood, which *err names with
 * file and line. */
int trace_next(struct trace *trace, struct trace_sample *ret, struct error *err);
