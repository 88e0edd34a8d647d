/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The ratchet. A program that sizes itself by its limit uses less under a lower limit; a tuner that follows
 * its use would then lower the limit again and again. This file remembers how much a workload used under
 * which limit, and finds the floor below which the limit must not fall. Pure. Bytes, and microseconds of
 * CLOCK_REALTIME.
 *
 * A limit becomes a level when a container has lived under it for long enough. Two neighbouring levels are
 * kept: `from`, the lowest at which the use did not follow the limit, and `to`, the next below. The use
 * follows if it fell by a good part of the limit's fall. The limit at which this fall began is then held as a
 * floor. One such step is enough for a program that is known to size itself. Others need two in a row, since
 * their load may have fallen at that time.
 *
 * A held floor is tested all the time: if the limit is raised again and the use does not come back, it was
 * the load. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/tune/tuner.h"

/* The floor of a program that sizes itself is this part of the lowest limit that it was seen at. */
#define RATCHET_STEP 0.7

/* Room for the program's name and nine numbers of up to 20 digits. */
#define RATCHET_TEXT_MAX 208

/* A container that ended with fewer samples tells nothing. */
#define RATCHET_SAMPLES_LEAST 10

struct ratchet_level {
	uint64_t limit_bytes; /* 0: there is none */
	uint64_t use_bytes;   /* p95 of the containers seen last; 0: not known yet */
	uint64_t at_usec;     /* when they were seen; not saved */
};

/* All zero for a new workload. */
struct ratchet {
	int program; /* enum sizing */
	struct ratchet_level from, to;
	uint64_t samples;   /* samples behind `from`, counted up to the warm-up's number */
	uint64_t steps;     /* steps in a row that the use followed, from top_bytes to `to` */
	uint64_t top_bytes; /* the limit where these steps began, else that of `from` */
	/* The creation time of the container that made the newest level. */
	uint64_t newest_usec;
	uint64_t since_usec; /* since when top_bytes is the floor; 0: it is not */
};

/* What one container used at one limit. */
struct ratchet_sight {
	uint64_t limit_bytes; /* UINT64_MAX: none; no level, since a JVM then follows the node's memory */
	uint64_t use_bytes;   /* p95 of its working set */
	uint64_t samples;
	uint64_t created_usec;
};

/* A container of the workload was created with this limit. The first such limit is a level before anything
 * was seen there. */
void ratchet_begin(struct ratchet *ratchet, uint64_t limit_bytes);

/* The image changed. A held floor stays: a JVM stays a JVM, and the floor is tested anyway. Earlier use is
 * not compared with later use, and the program is no longer known. */
void ratchet_restart(struct ratchet *ratchet);

/* A container has lived for long enough under the limit that it was created with: for a warm-up, or to its
 * end. Among containers seen at one time (now_usec) at one level the highest use counts. A container that
 * ended with less than half of the samples behind `from` is ignored: a program that fails at its start uses
 * little. A container created before the newest level makes no new one. Returns whether a level or the floor
 * changed. */
bool ratchet_observe(struct ratchet *ratchet, const struct tuner_settings *settings,
		     const struct ratchet_sight *sight, uint64_t now_usec);

/* The floor: the limit must not fall below it. 0: none. */
uint64_t ratchet_floor(const struct ratchet *ratchet);

/* The limit of the lowest level; 0: none. */
uint64_t ratchet_lowest(const struct ratchet *ratchet);

/* The share by which the use fell from `from` to `to`, at least 0; for explanations. */
double ratchet_drop(const struct ratchet *ratchet);

/* As text for a file, and back: "jvm <top> <since> <steps> <samples> <newest> <from limit> <use> <to limit>
 * <use>". An empty text is an empty ratchet. ratchet_parse() returns false, with an empty ratchet, for a text
 * that ratchet_format() cannot have written. */
const char *ratchet_format(const struct ratchet *ratchet, char buf[static RATCHET_TEXT_MAX]);
bool ratchet_parse(const char *text, struct ratchet *ret);
