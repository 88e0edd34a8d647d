/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The lines that the water left: the highest working set of each of a workload's last 14 days. It looks further
 * back than the window and costs 128 bytes; policies that weigh rare peaks go by it. Pure. Bytes, and microseconds
 * of CLOCK_REALTIME.
 *
 * A day begins at the time of day at which the workload was first measured, so that the first one is whole. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/tune/tuner.h"

#define TIDE_DAYS 14
/* "<since> <day> <peak>…": sixteen numbers of up to 20 digits. */
#define TIDE_TEXT_MAX 352

struct tide {
	uint64_t since_usec; /* of the first sample; 0: there is none */
	uint64_t day;        /* the newest, counted from since_usec */
	uint64_t peak_bytes[TIDE_DAYS]; /* of each day, at day % TIDE_DAYS; 0: nothing was measured */
};

/* A sample or an exit peak. One that is dated before the newest day counts there: a clock that is set back
 * neither loses a peak nor makes a day. */
void tide_add(struct tide *tide, uint64_t now_usec, uint64_t bytes);

/* Fills in what an observation has of it: highest_bytes, history_usec, records. What it makes of days that have
 * passed without a sample is not written back. */
void tide_observe(const struct tide *tide, uint64_t now_usec, struct observed *ret);

/* The peaks of the days that are remembered, the newest first, 0 where nothing was measured. */
void tide_peaks(const struct tide *tide, uint64_t now_usec, uint64_t ret_bytes[static TIDE_DAYS]);

/* Another program runs in its place, of which there is no history: the highest peak stays, as of today. */
void tide_restart(struct tide *tide, uint64_t now_usec);

/* As text, for a file; and back. tide_parse() returns false, and an empty tide, for what tide_format() has not
 * written; the empty text is an empty tide. */
const char *tide_format(const struct tide *tide, char buf[static TIDE_TEXT_MAX]);
bool tide_parse(const char *text, struct tide *ret);
