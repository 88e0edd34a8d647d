/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The ratchet: a program that sizes itself by its limit uses less where it is given less, and a tuner that goes by
 * the use gives it less again. What is known of a workload here is how much it used at which limit, on its way down;
 * from it comes the level below which its limit is not to fall. Pure. Bytes, and microseconds of CLOCK_REALTIME.
 *
 * A limit is a level once a container has lived under it for long enough. Two levels lie side by side: `from`, the
 * lowest at which the use was not seen to follow the limit, and `to`, the next below. If the use fell by a good part
 * of what the limit fell by, it follows, and the limit that it had before is kept. For a program that is known to
 * size itself one such step will do; for others, whose load may have fallen just then, it takes two in a row.
 *
 * What is kept is tested all the time: where the limit is raised again and the use does not come back, it was
 * the load. */

#include <stdbool.h>
#include <stdint.h>

#include "shim/tune/tuner.h"

/* A program that sizes itself is given so much of the lowest limit that it was seen at, until it is seen there. */
#define RATCHET_STEP 0.7

/* The program's name, and nine numbers of up to 20 digits. */
#define RATCHET_TEXT_MAX 208

/* So many samples is the least that a container that has ended tells anything by. */
#define RATCHET_SAMPLES_LEAST 10

struct ratchet_level {
	uint64_t limit_bytes; /* 0: there is none */
	uint64_t use_bytes;   /* p95 of the containers that were seen last; 0: not known yet */
	uint64_t at_usec;     /* when that was; not kept */
};

/* All zero for a workload that is new. */
struct ratchet {
	int program; /* enum sizing */
	struct ratchet_level from, to;
	uint64_t samples;     /* that `from` comes from, counted up to the warm-up's */
	uint64_t steps;       /* in a row that the use followed, from top_bytes down to `to` */
	uint64_t top_bytes;   /* where those steps began; without any, the limit of `from` */
	uint64_t newest_usec; /* when the container was created that made the newest level */
	uint64_t since_usec;  /* since when top_bytes is kept; 0: it is not */
};

/* What one container used at one limit. */
struct ratchet_sight {
	uint64_t limit_bytes; /* UINT64_MAX: none, which is no level: there a JVM goes by the node's memory */
	uint64_t use_bytes;   /* p95 of its working set */
	uint64_t samples;
	uint64_t created_usec;
};

/* A container of the workload was created with this limit: the first is a level before anything was seen there. */
void ratchet_begin(struct ratchet *ratchet, uint64_t limit_bytes);

/* Another image: what is kept, is kept, since a JVM stays a JVM and what is kept is tested; but what was used before
 * is not compared with what will be, and the program is not known any more. */
void ratchet_restart(struct ratchet *ratchet);

/* A container has lived for long enough under the limit that it was created with: for a warm-up, or to its end. Of those
 * that are seen at the same time (now_usec) at the same level the highest use counts. One that ended young among
 * others that did not is passed over: a program that fails at its start uses little. One that was created before the
 * newest level makes no other. Returns whether there is another level, or another floor. */
bool ratchet_observe(struct ratchet *ratchet, const struct tuner_settings *settings,
		     const struct ratchet_sight *sight, uint64_t now_usec);

/* What the limit is not to fall below; 0: nothing is known against it. */
uint64_t ratchet_floor(const struct ratchet *ratchet);

/* The lowest limit that there is a level of. */
uint64_t ratchet_lowest(const struct ratchet *ratchet);

/* By how much of itself the use fell from `from` to `to`, at least 0; for explanations. */
double ratchet_drop(const struct ratchet *ratchet);

/* As text, for a file; and back: "jvm <top> <since> <steps> <samples> <newest> <from limit> <use> <to limit> <use>".
 * ratchet_parse() returns false, and an empty ratchet, for what ratchet_format() has not written; the empty text is an
 * empty ratchet. */
const char *ratchet_format(const struct ratchet *ratchet, char buf[static RATCHET_TEXT_MAX]);
bool ratchet_parse(const char *text, struct ratchet *ret);
