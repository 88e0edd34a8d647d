/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper's malloc(), beside the real one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

/* gcc 12 at -O3 takes the head before a piece for one outside an array. */
#pragma GCC diagnostic ignored "-Warray-bounds"
#define malloc  memory_malloc
#define calloc  memory_calloc
#define realloc memory_realloc
#define free    memory_free
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *piece, size_t size);
void free(void *piece);
#include "shim/wrapper/memory.c"

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 4096, 100000, 200000, 4 << 20};
	char *pieces[sizeof sizes / sizeof *sizes];
	(void)state;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		pieces[i] = malloc(sizes[i]);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		memset(pieces[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (size_t at = 0; at < sizes[i]; at++)
			assert_int_equal(pieces[i][at], (int)i + 1);
	for (size_t i = sizeof sizes / sizeof *sizes; i-- > 0;)
		free(pieces[i]);
	assert_int_equal(used, 0);
}

static void pieces_freed_at_the_end_are_used_again(void **state)
{
	(void)state;
	char *first = malloc(100), *second = malloc(200), *third = malloc(300);

	free(third);
	assert_ptr_equal(malloc(50), third);
	/* One that another follows has to wait for that. */
	free(second);
	char *fourth = malloc(10);
	assert_true(fourth > third);
	free(fourth);
	free(third);
	assert_ptr_equal(malloc(200), second);
	free(first);
	free(second);
	assert_int_equal(used, 0);
}

static void piece_of_calloc_is_zero_where_another_was_before(void **state)
{
	(void)state;
	char *piece = malloc(1000);

	memset(piece, 'x', 1000);
	free(piece);
	char *zeroed = calloc(10, 100);
	assert_ptr_equal(zeroed, piece);
	for (size_t at = 0; at < 1000; at++)
		assert_int_equal(zeroed[at], 0);
	free(zeroed);
	volatile size_t n = SIZE_MAX / 2;
	assert_null(calloc(n, 3));
	assert_int_equal(errno, ENOMEM);
}

static void piece_keeps_what_it_holds_when_it_grows(void **state)
{
	(void)state;
	char *piece = realloc(NULL, 10);

	memcpy(piece, "012345678", 10);
	/* As the last one it grows in its place, to the block's end; then it moves out. */
	char *const place = piece;
	piece = realloc(piece, BLOCK_SIZE - sizeof(struct head));
	assert_ptr_equal(piece, place);
	assert_int_equal(used, BLOCK_SIZE);
	piece = realloc(piece, BLOCK_SIZE);
	assert_ptr_not_equal(piece, place);
	assert_string_equal(piece, "012345678");
	assert_int_equal(used, 0);
	piece = realloc(piece, 2 * BLOCK_SIZE);
	assert_string_equal(piece, "012345678");
	free(piece);

	/* One that another follows moves. */
	piece = malloc(16);
	memcpy(piece, "012345678", 10);
	char *other = malloc(16);
	char *moved = realloc(piece, 32);
	assert_true(moved > other);
	assert_string_equal(moved, "012345678");
	free(moved);
	free(other);
	assert_int_equal(used, 0);
}

static void what_cannot_be_had_is_refused_and_nothing_is_lost(void **state)
{
	(void)state;
	char *piece = malloc(10);
	const size_t before = used;
	/* More than a size can be, and more than there is; the compiler need not know. */
	volatile size_t sizes[] = {SIZE_MAX, PTRDIFF_MAX - 100};

	memcpy(piece, "012345678", 10);
	for (size_t i = 0; i < 2; i++) {
		errno = 0;
		assert_null(malloc(sizes[i]));
		assert_int_equal(errno, ENOMEM);
		assert_null(realloc(piece, sizes[i]));
	}
	assert_string_equal(piece, "012345678");
	assert_int_equal(used, before);
	free(NULL);
	free(piece);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
		cmocka_unit_test(pieces_freed_at_the_end_are_used_again),
		cmocka_unit_test(piece_of_calloc_is_zero_where_another_was_before),
		cmocka_unit_test(piece_keeps_what_it_holds_when_it_grows),
		cmocka_unit_test(what_cannot_be_had_is_refused_and_nothing_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
