/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <cmocka.h>

#include "tests/failing_malloc.h"

int failing_malloc_skip(void)
{
	(void)printf("1..0 # SKIP libc does not take the program's own malloc() here\n");
	return 0;
}

/* The allocation that fails after the nth did. */
static size_t next_of(size_t nth)
{
	return nth < FAILING_EACH || getenv("TIDEMARK_FAIL_EACH") ? nth + 1 : nth + FAILING_STEP;
}

size_t failing_operation_run(const struct failing_operation *operation, size_t allocations_max)
{
	size_t count = 0;

	/* What is made once for the process, libc's buffers for instance, is made here. */
	if (operation->prepare)
		operation->prepare(operation->data);
	operation->check(operation->data, operation->run(operation->data), false);
	for (enum failing_malloc mode = FAILING_ONCE; mode < FAILING_MODES; mode++) {
		bool failed = true;
		for (size_t nth = 1; failed; nth = next_of(nth)) {
			const size_t live = failing_malloc_live();
			if (operation->prepare)
				operation->prepare(operation->data);
			failing_malloc_begin(nth, mode);
			const int result = operation->run(operation->data);
			count = failing_malloc_end();
			failed = failing_malloc_has_failed();
			if (getenv("TIDEMARK_FAIL_TELL"))
				print_message("# allocation %zu failing %s: %d\n", nth,
					      mode == FAILING_ON ? "and all after it" : "alone", result);
			operation->check(operation->data, result, failed);
			if (failing_malloc_live() != live)
				fail_msg("with allocation %zu failing %s, %zd are left", nth,
					 mode == FAILING_ON ? "and all after it" : "alone",
					 (ssize_t)(failing_malloc_live() - live));
			assert_true(nth <= allocations_max);
		}
	}
	return count;
}

bool failing_malloc_is_done(int result, bool failed, const struct error *err)
{
	if (result == 0)
		return true;
	if (!failed)
		fail_msg("%d, though no allocation had failed: %s", result, err->text);
	if (result != -ENOMEM || err->code != ENOMEM)
		fail_msg("%d, not -ENOMEM: %s", result, err->text);
	assert_true(err->text[0] != '\0');
	return false;
}
