/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A trace of memory use as CSV, one sample a line: series,time_s,bytes. This header may be the first line.
 * Lines end in \n or \r\n; blank lines are skipped. A series is any name of up to 255 bytes without a comma.
 * Time counts seconds from the trace's beginning, to six decimals. Decimals of bytes are dropped. Pure: the
 * text is in memory. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

#define TRACE_SERIES_MAX 255
/* Microseconds: some three thousand years. */
#define TRACE_TIME_MAX_USEC UINT64_C(100000000000000000)

struct trace {
	const char *name; /* borrowed, for errors */
	const char *at, *end;
	uint64_t line; /* the line read last */
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

/* Reads the next sample. Returns TRACE_SAMPLE with *ret set; 0 at the end; -EINVAL for a line that is not
 * understood, with its file and line in *err. */
int trace_next(struct trace *trace, struct trace_sample *ret, struct error *err);
