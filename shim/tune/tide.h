/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tide remembers the highest working set of each of a workload's last 14 days, and how long its
 * containers lived lately. It looks further back than the window and costs 152 bytes. Policies that weigh
 * rare peaks use it. Pure. Bytes, and microseconds of CLOCK_REALTIME.
 *
 * A day begins at the time of day of the workload's first sample, so that the first day is whole. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/tune/tuner.h"

#define TIDE_DAYS 14
/* "<since> <day> <peak>… <lives> <longest> <longest>": 19 numbers of up to 20 digits. */
#define TIDE_TEXT_MAX 416

/* Microseconds, 10 min: shorter lives do not count. The kubelet, too, takes a container that dies earlier for
 * a crash loop, and delays its restart. */
#define TIDE_LIFE_MIN_USEC (UINT64_C(600) * 1000 * 1000)
/* The tide tells nothing of lives before this many have ended. */
#define TIDE_LIVES 3

struct tide {
	uint64_t since_usec;            /* time of the first sample; 0: none */
	uint64_t day;                   /* the newest day, counted from since_usec */
	uint64_t peak_bytes[TIDE_DAYS]; /* highest of each day, at day % TIDE_DAYS; 0: not measured */
	/* Lives that ended, at most TIDE_LIVES. Begins at 0 again after two days without one. */
	uint64_t lives;
	/* The longest life, running or ended, of this day and the one before, at day % 2. */
	uint64_t longest_usec[2];
};

/* Adds a sample or an exit peak. One from before the newest day counts for the newest day: a clock that is
 * set back neither loses a peak nor makes a day. If the newest day is more than TIDE_DAYS ahead of now, the
 * clock was wrong: the tide then begins anew by tide_restart(). */
void tide_add(struct tide *tide, uint64_t now_usec, uint64_t bytes);

/* Adds a container's life until now_usec. ended: the container ended by itself or was replaced; false while
 * it runs. Not for one that was killed: its life does not tell how long it would have lived. */
void tide_add_life(struct tide *tide, uint64_t now_usec, uint64_t life_usec, bool ended);

/* Fills in highest_bytes, history_usec, records and life_usec, as of now_usec. The tide itself does not
 * change.
 *
 * life_usec is the longest life of this day and the one before. It grows at once with the container that runs
 * longest, and shrinks after a whole day with shorter lives. It is 0 until TIDE_LIVES have ended. */
void tide_observe(const struct tide *tide, uint64_t now_usec, struct observed *ret);

/* The peaks of the remembered days, the newest first; 0: not measured. */
void tide_peaks(const struct tide *tide, uint64_t now_usec, uint64_t ret_bytes[static TIDE_DAYS]);

/* Another program runs in the workload now, without history and lives. Only the highest peak stays, dated
 * today. */
void tide_restart(struct tide *tide, uint64_t now_usec);

/* As text for a file, and back. An empty text is an empty tide. A text without the last three numbers, from
 * before lives were counted, is a tide without lives. tide_parse() returns false, with an empty tide, for a
 * text that tide_format() cannot have written. */
const char *tide_format(const struct tide *tide, char buf[static TIDE_TEXT_MAX]);
bool tide_parse(const char *text, struct tide *ret);
