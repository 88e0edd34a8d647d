/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Calculated apart, by whole bytes: "" and "foobar", each with its NUL. */
static void hash_is_fnv_1a_of_text_and_nul(void **state)
{
	(void)state;
	assert_true(hash_text(HASH_BASIS, "") == UINT64_C(0xaf63bd4c8601b7df));
	assert_true(hash_text(HASH_BASIS, "foobar") == UINT64_C(0x34531ca7168b8f38));
}

static void texts_do_not_run_into_one_another(void **state)
{
	(void)state;
	assert_true(hash_text(hash_text(HASH_BASIS, "a"), "bc") !=
		    hash_text(hash_text(HASH_BASIS, "ab"), "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_fnv_1a_of_text_and_nul),
		cmocka_unit_test(texts_do_not_run_into_one_another),
	};
	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
