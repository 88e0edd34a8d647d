/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The lines that the water left: the highest working set of each of a workload's last 14 days, and how long its
 * containers lived of late. It looks further back than the window and costs 152 bytes; policies that weigh rare
 * peaks go by it. Pure. Bytes, and microseconds of CLOCK_REALTIME.
 *
 * A day begins at the time of day at which the workload was first measured, so that the first one is whole. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/tune/tuner.h"

#define TIDE_DAYS 14
/* "<since> <day> <peak>… <lives> <longest> <longest>": 19 numbers of up to 20 digits. */
#define TIDE_TEXT_MAX 416

/* A life below this is counted for nothing: to kubelet, too, a container that dies earlier is one of a crash loop,
 * for which it makes its restarts wait. */
#define TIDE_LIFE_MIN_USEC (UINT64_C(600) * 1000 * 1000)
/* As many must have ended before what they say of the next one is believed. */
#define TIDE_LIVES 3

struct tide {
	uint64_t since_usec;            /* of the first sample; 0: there is none */
	uint64_t day;                   /* the newest, counted from since_usec */
	uint64_t peak_bytes[TIDE_DAYS]; /* of each day, at day % TIDE_DAYS; 0: nothing was measured */
	uint64_t lives;                 /* that ended, since there was last none for two days */
	uint64_t longest_usec[2]; /* life, so far or ended, of this day and the one before, at day % 2 */
};

/* A sample or an exit peak. One that is dated before the newest day counts there: a clock that is set back
 * neither loses a peak nor makes a day. Where that would be for more than TIDE_DAYS, as after a clock that
 * was years ahead, it is begun anew: see tide_restart(). */
void tide_add(struct tide *tide, uint64_t now_usec, uint64_t bytes);

/* How long one of its containers has lived until now, while it runs or (ended) when it ended of its own accord or
 * was replaced. One that was killed says nothing of how long it would have lived. */
void tide_add_life(struct tide *tide, uint64_t now_usec, uint64_t life_usec, bool ended);

/* Fills in what an observation has of it: highest_bytes, history_usec, records, life_usec. What it makes of days
 * that have passed without a sample is not written back.
 *
 * life_usec is the longest life of this day of the tide and the one before: it grows at once with the container that
 * has run longest, and shrinks when all of a day, and its night, were shorter; as long as fewer than TIDE_LIVES have
 * ended it is 0. */
void tide_observe(const struct tide *tide, uint64_t now_usec, struct observed *ret);

/* The peaks of the days that are remembered, the newest first, 0 where nothing was measured. */
void tide_peaks(const struct tide *tide, uint64_t now_usec, uint64_t ret_bytes[static TIDE_DAYS]);

/* Another program runs in its place, of which there is no history, nor lives: the highest peak stays, as of today. */
void tide_restart(struct tide *tide, uint64_t now_usec);

/* As text, for a file; and back. tide_parse() returns false, and an empty tide, for what tide_format() has not
 * written; the empty text is an empty tide. Without the last three numbers, as before there were lives, it is one
 * of which no life is known. */
const char *tide_format(const struct tide *tide, char buf[static TIDE_TEXT_MAX]);
bool tide_parse(const char *text, struct tide *ret);
