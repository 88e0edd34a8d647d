/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How many instructions a program executes in user mode. */

#include <stdint.h>

enum instructions_source {
	INSTRUCTIONS_NONE,     /* no way to count */
	INSTRUCTIONS_VALGRIND, /* callgrind: the same number each time */
	INSTRUCTIONS_COUNTER,  /* the processor's own, by perf_event_open(2) */
};
extern const char *const instructions_source_names[];

/* Finds the first source that works on this machine. work: a directory for callgrind's file. */
enum instructions_source instructions_probe(const char *work);

/* Runs argv[0] at path to its end, without output, and counts its instructions. Callgrind stops counting at
 * an exec of another program, the counter does not: compare only programs that fail before an exec. Returns
 * 0, or -1 if nothing was counted. */
int instructions_count(enum instructions_source source, const char *work, const char *path,
		       char *const argv[], uint64_t *ret);
