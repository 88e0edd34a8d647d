/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/trace.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define HEAD "series,time_s,bytes"

/* Reads digits up to the first other character. Returns false for none, or a number above most. */
static bool number_read(const char **at, const char *end, uint64_t most, uint64_t *ret)
{
	const char *p = *at;
	uint64_t value = 0;

	for (; p < end && (unsigned char)(*p - '0') <= 9; p++) {
		unsigned digit = (unsigned)(*p - '0');
		if (value > (most - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (p == *at)
		return false;
	*at = p;
	*ret = value;
	return true;
}

/* Reads ".25" as millionths; finer digits are dropped. Returns true also if there is no fraction. */
static bool fraction_read(const char **at, const char *end, uint64_t *ret_millionths)
{
	*ret_millionths = 0;
	if (*at == end || **at != '.')
		return true;
	const char *p = *at + 1;
	for (unsigned scale = 100000; p < end && (unsigned char)(*p - '0') <= 9; p++, scale /= 10)
		*ret_millionths += (unsigned)(*p - '0') * scale;
	if (p == *at + 1)
		return false;
	*at = p;
	return true;
}

static int trace_fault(const struct trace *trace, const char *fault, struct error *err)
{
	return error_set(err, EINVAL, "%.160s:%llu: %s", trace->name, (unsigned long long)trace->line, fault);
}

int trace_next(struct trace *trace, struct trace_sample *ret, struct error *err)
{
	while (trace->at < trace->end) {
		const char *line = trace->at;
		const char *end = memchr(line, '\n', (size_t)(trace->end - line));
		trace->at = end ? end + 1 : trace->end;
		trace->line++;
		if (!end)
			end = trace->end;
		if (end > line && end[-1] == '\r')
			end--;
		size_t length = (size_t)(end - line);
		if (length == 0 ||
		    (trace->line == 1 && length == strlen(HEAD) && memcmp(line, HEAD, length) == 0))
			continue;

		struct trace_sample sample = {.series = line};
		const char *at = memchr(line, ',', length);
		uint64_t seconds, millionths, ignored;
		if (!at)
			return trace_fault(trace, "not of the form " HEAD, err);
		sample.series_length = (size_t)(at++ - line);
		if (sample.series_length == 0 || sample.series_length > TRACE_SERIES_MAX ||
		    memchr(line, '\0', sample.series_length))
			return trace_fault(trace, "the series has no name, or one that is too long", err);
		if (!number_read(&at, end, TRACE_TIME_MAX_USEC / 1000000 - 1, &seconds) ||
		    !fraction_read(&at, end, &millionths) || at == end || *at++ != ',')
			return trace_fault(trace, "the time is no number of seconds", err);
		if (!number_read(&at, end, INT64_MAX, &sample.bytes) || !fraction_read(&at, end, &ignored) ||
		    at != end)
			return trace_fault(trace, "the size is no number of bytes", err);
		sample.time_usec = seconds * 1000000 + millionths;
		*ret = sample;
		return TRACE_SAMPLE;
	}
	return 0;
}
