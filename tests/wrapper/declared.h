/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For faults that must not keep a container from starting. Include after <cmocka.h>. */

#include "tests/wrapper/wrapped.h"

static struct outcome outcome;

/* Creates the container with and without us, and expects that nobody but the administrator can tell. */
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
