/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes allocations of the whole process fail on purpose, also those of libraries and of libc. A program that
 * links failing_malloc.c has a malloc() of its own, which calls libc's, or a sanitizer's. One thread only. */

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/error.h"

enum failing_malloc {
	FAILING_ONCE, /* only the nth allocation fails */
	FAILING_ON,   /* the nth allocation and all later ones fail */
	FAILING_MODES,
};

/* Runs a group of tests. If libc uses its own malloc() in spite of this file, the tests are skipped. */
#define FAILING_MALLOC_RUN(tests) \
	(failing_malloc_works() ? cmocka_run_group_tests(tests, NULL, NULL) : failing_malloc_skip())
bool failing_malloc_works(void);
int failing_malloc_skip(void);

/* From here on counts allocations, and makes the nth one fail. nth 0: none fails. */
void failing_malloc_begin(size_t nth, enum failing_malloc mode);

/* No allocation fails any more. Returns the number of allocations since failing_malloc_begin(). */
size_t failing_malloc_end(void);

/* Whether an allocation has failed since failing_malloc_begin(). */
bool failing_malloc_has_failed(void);

/* Sets a function that is called at each allocation that fails. It must not allocate. */
void failing_malloc_tell(void (*told)(void));

/* The number of allocations that are not freed. */
size_t failing_malloc_live(void);

/* An operation that is run again and again, each time with another failing allocation. */
struct failing_operation {
	/* The function whose allocations fail. It asserts nothing, and returns 0 or above, or -errno. */
	int (*run)(void *data);
	/* Called after each run: checks the outcome, and frees what the run has made. result: what run()
	 * returned. failed: an allocation has failed. */
	void (*check)(void *data, int result, bool failed);
	void *data;
	void (*prepare)(void *data); /* called before each run; may be NULL */
};

/* If an operation has more allocations than FAILING_EACH (SQLite's have), only each FAILING_STEPth of
 * the rest fails. With TIDEMARK_FAIL_EACH in the environment each one fails. With TIDEMARK_FAIL_TELL
 * each run is reported. */
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
