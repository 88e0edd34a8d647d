/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Allocations that fail on purpose: of the whole process, those of libraries and of libc itself included.
 * A program that links failing_malloc.c has its own malloc(), which passes everything on to libc's, or to
 * a sanitizer's. One thread only. */

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/error.h"

enum failing_malloc {
	FAILING_ONCE, /* the nth allocation fails, those after it do not */
	FAILING_ON,   /* so do all after it */
	FAILING_MODES,
};

/* Runs a group of tests; where libc takes its own malloc() all the same, nothing can be tested, and they
 * are skipped. */
#define FAILING_MALLOC_RUN(tests) \
	(failing_malloc_works() ? cmocka_run_group_tests(tests, NULL, NULL) : failing_malloc_skip())
bool failing_malloc_works(void);
int failing_malloc_skip(void);

/* Counts allocations from here on, and lets the nth fail; 0: none. */
void failing_malloc_begin(size_t nth, enum failing_malloc mode);

/* No allocation fails any more. Returns how many there were since failing_malloc_begin(). */
size_t failing_malloc_end(void);

/* Whether an allocation has failed since failing_malloc_begin(). */
bool failing_malloc_has_failed(void);

/* Calls this at each allocation that fails; it must not allocate. */
void failing_malloc_tell(void (*told)(void));

/* Allocations that have not been freed. */
size_t failing_malloc_live(void);

/* What is run with one allocation failing after the other. */
struct failing_operation {
	/* The allocations of this function fail. It asserts nothing. Returns as what it calls: 0 or above, or
	 * -errno. */
	int (*run)(void *data);
	/* Called after each run: checks what became of it, and frees what it made. result is what run returned;
	 * failed: an allocation had failed. */
	void (*check)(void *data, int result, bool failed);
	void *data;
	void (*prepare)(void *data); /* called before each run; NULL: nothing is to be prepared */
};

/* Of an operation with more allocations than this, SQLite's above all, each FAILING_STEPth of the rest fails. With
 * TIDEMARK_FAIL_EACH in the environment each one does; with TIDEMARK_FAIL_TELL each run is told of. */
#define FAILING_EACH 200
#define FAILING_STEP 17

/* Runs the operation with the 1st, 2nd, 3rd … allocation failing, in each mode, until a run goes through
 * without a failure. Each run and its check leave as many live allocations as they found, else the test
 * fails. Returns how many allocations a run without a failure has: at most allocations_max. Include
 * <cmocka.h> before. */
size_t failing_operation_run(const struct failing_operation *operation, size_t allocations_max);

/* Of what returns 0 or an error: whether it returned 0. The test fails if the error is not -ENOMEM with a
 * text, or no allocation had failed. */
bool failing_malloc_is_done(int result, bool failed, const struct error *err);
