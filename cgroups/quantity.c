/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit byte_units[] = {
	{"", 1},
	{"Ki", KIB},
	{"Mi", MIB},
	{"Gi", GIB},
	{"Ti", GIB << 10},
	{"Pi", GIB << 20},
	{"Ei", GIB << 30},
	{"k", 1000},
	{"M", 1000000},
	{"G", 1000000000},
	{"T", UINT64_C(1000000000000)},
	{"P", UINT64_C(1000000000000000)},
	{"E", UINT64_C(1000000000000000000)},
};

static const struct unit duration_units[] = {
	{"", USEC_PER_SEC},    {"us", 1},
	{"ms", USEC_PER_MSEC}, {"s", USEC_PER_SEC},
	{"min", USEC_PER_MIN}, {"h", USEC_PER_HOUR},
	{"d", USEC_PER_DAY},   {"w", 7 * USEC_PER_DAY},
};

/* A plain decimal number. strtod() alone would also accept hexadecimal, "inf", "nan", signs and blanks. */
static int parse_decimal(const char *text, const char **ret_end, double *ret_value)
{
	size_t length = strspn(text, "0123456789.");
	const char *point = memchr(text, '.', length);
	if (length == 0 || !isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[length - 1]) ||
	    (point && memchr(point + 1, '.', length - (size_t)(point + 1 - text))))
		return -EINVAL;
	char *end;
	*ret_value = strtod(text, &end);
	*ret_end = text + length;
	return end >= text + length && isfinite(*ret_value) ? 0 : -EINVAL;
}

int quantity_parse_uint(const char *text, size_t length, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (length == 0)
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		uint64_t digit = (uint64_t)(text[i] - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return 0;
}

static int parse_with_unit(const char *text, const struct unit *units, size_t n_units, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	const char *end = text + digits;
	double value = 0;
	uint64_t whole = 0;
	bool is_whole = digits > 0 && *end != '.';

	int r = is_whole ? quantity_parse_uint(text, digits, &whole) : parse_decimal(text, &end, &value);
	if (r < 0)
		return r;
	if (end[0] == ' ' && end[1])
		end++;

	for (size_t i = 0; i < n_units; i++) {
		if (strcmp(units[i].suffix, end) != 0)
			continue;
		if (is_whole) {
			if (whole > INT64_MAX / units[i].factor)
				return -ERANGE;
			*ret = whole * units[i].factor;
			return 0;
		}
		double product = value * (double)units[i].factor;
		if (product >= 0x1p63)
			return -ERANGE;
		*ret = (uint64_t)(product + 0.5);
		return 0;
	}
	return -EINVAL;
}

int quantity_parse_bytes(const char *text, uint64_t *ret_bytes)
{
	return parse_with_unit(text, byte_units, sizeof byte_units / sizeof *byte_units, ret_bytes);
}

int quantity_parse_duration(const char *text, uint64_t *ret_usec)
{
	return parse_with_unit(text, duration_units, sizeof duration_units / sizeof *duration_units,
			       ret_usec);
}

int quantity_parse_ratio(const char *text, double *ret_ratio)
{
	const char *end;
	double value;

	int r = parse_decimal(text, &end, &value);
	if (r < 0)
		return r;
	if (strcmp(end, "%") == 0 || strcmp(end, " %") == 0)
		value /= 100;
	else if (*end)
		return -EINVAL;
	*ret_ratio = value;
	return 0;
}

const char *quantity_format_bytes(uint64_t bytes, char buf[static QUANTITY_MAX])
{
	size_t unit = 0;

	/* The first seven rows are the binary units. The largest one that the amount reaches is taken. */
	while (unit < 6 && bytes >= byte_units[unit + 1].factor)
		unit++;

	const uint64_t factor = byte_units[unit].factor, rest = bytes % factor;
	double value = (double)bytes / (double)factor;
	if (rest == 0)
		(void)snprintf(buf, QUANTITY_MAX, "%" PRIu64 "%s", bytes / factor, byte_units[unit].suffix);
	else
		(void)snprintf(buf, QUANTITY_MAX, "%.*f%s", value < 99.95 || rest * 10 % factor == 0 ? 1 : 0,
			       value, byte_units[unit].suffix);
	return buf;
}

const char *quantity_format_duration(uint64_t usec, char buf[static QUANTITY_MAX])
{
	static const struct unit steps[] = {
		{"d", USEC_PER_DAY}, {"h", USEC_PER_HOUR}, {"min", USEC_PER_MIN}, {"s", USEC_PER_SEC}};

	if (usec < 10 * USEC_PER_SEC && usec % USEC_PER_SEC != 0) {
		(void)snprintf(buf, QUANTITY_MAX, "%.1fs", (double)usec / (double)USEC_PER_SEC);
		return buf;
	}
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		uint64_t big = usec / steps[i].factor;
		if (big == 0 && i + 1 < sizeof steps / sizeof *steps)
			continue;
		uint64_t small = i + 1 < sizeof steps / sizeof *steps
					 ? usec % steps[i].factor / steps[i + 1].factor
					 : 0;
		if (small > 0 && i < 2)
			(void)snprintf(buf, QUANTITY_MAX, "%" PRIu64 "%s %" PRIu64 "%s", big, steps[i].suffix,
				       small, steps[i + 1].suffix);
		else
			(void)snprintf(buf, QUANTITY_MAX, "%" PRIu64 "%s", big, steps[i].suffix);
		break;
	}
	return buf;
}
