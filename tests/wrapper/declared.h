/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For faults that must not prevent a container's start. Include after <cmocka.h>. */

#include "tests/wrapper/wrapped.h"

static struct outcome outcome;

/* Creates the container with and without the wrapper. Only the administrator, by the log, may see a
 * difference. */
static inline void assert_starts_as_declared(const struct node *node, const struct way *way,
					     const char *reason)
{
	run_both(node, way, CREATE(node), &outcome);
	assert_int_equal(outcome.status, 0);
	assert_string_equal(outcome.out, "");
	assert_string_equal(outcome.err, "");
	if (reason)
		assert_logged(&outcome, reason);
	else
		assert_silent(&outcome);
}
