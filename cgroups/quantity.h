/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Amounts as people write them. Byte suffixes are those of Kubernetes' resource.Quantity for whole bytes (Ki,
 * Mi, Gi, Ti, Pi, Ei; k, M, G, T, P, E). Duration suffixes are some of systemd.time(7) (us, ms, s, min, h, d,
 * w). */

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

/* "256Mi", "1.5Gi", "67108864". Returns 0, -EINVAL, or -ERANGE above 2^63 - 1. */
int quantity_parse_bytes(const char *text, uint64_t *ret_bytes);

/* "30min", "1h", "500ms", "0"; a bare number is seconds. Returns 0, -EINVAL or -ERANGE. */
int quantity_parse_duration(const char *text, uint64_t *ret_usec);

/* "20 %", "20%", "0.2", "1.5". Returns 0 or -EINVAL; never negative, never infinite. */
int quantity_parse_ratio(const char *text, double *ret_ratio);

/* Exactly length decimal digits. Returns 0, -EINVAL or -ERANGE. */
int quantity_parse_uint(const char *text, size_t length, uint64_t *ret_value);

/* "512Mi", "1.5Gi", in the largest binary unit that the amount reaches. Whole numbers of this unit are exact.
 * Others are rounded to one digit after the point, from 100 on to none if that digit would not be exact.
 * Returns buf. */
const char *quantity_format_bytes(uint64_t bytes, char buf[static QUANTITY_MAX]);

/* "2d 3h", "6h", "15min", "42s", "0.3s". Returns buf. */
const char *quantity_format_duration(uint64_t usec, char buf[static QUANTITY_MAX]);
