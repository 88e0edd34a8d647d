/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Amounts as people write them. The byte suffixes are those of Kubernetes' resource.Quantity that name
 * whole bytes (Ki, Mi, Gi, Ti, Pi, Ei; k, M, G, T, P, E); durations are those of systemd.time(7) that we
 * need (us, ms, s, min, h, d, w). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)

/* Room for any text that the formatters below write. */
#define QUANTITY_MAX 32

/* "256Mi", "1.5Gi", "67108864". Returns 0 or -EINVAL, or -ERANGE beyond 2^63 - 1. */
int quantity_parse_bytes(const char *text, uint64_t *ret_bytes);

/* "30min", "1h", "500ms", "0"; a bare number is seconds. Returns 0, -EINVAL or -ERANGE. */
int quantity_parse_duration(const char *text, uint64_t *ret_usec);

/* "20 %", "20%", "0.2", "1.5". Returns 0 or -EINVAL; never negative, never infinite. */
int quantity_parse_ratio(const char *text, double *ret_ratio);

/* Decimal digits only, all of length bytes. Returns 0, -EINVAL or -ERANGE. */
int quantity_parse_uint(const char *text, size_t length, uint64_t *ret_value);

/* The shortest exact form where there is one with at most one digit after the point ("512Mi", "1.5Gi"),
 * otherwise rounded to three significant places. Returns buf. */
const char *quantity_format_bytes(uint64_t bytes, char buf[static QUANTITY_MAX]);

/* "2d 3h", "6h", "15min", "42s", "0.3s". Returns buf. */
const char *quantity_format_duration(uint64_t usec, char buf[static QUANTITY_MAX]);
