/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/failing_malloc.h"

/* libc's own, under glibc; and a sanitizer's, where there is one: by these names in both gcc's and
 * clang's. */
#ifdef __GLIBC__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *piece);
#define DEFINE_MALLOC 1
#else
#define DEFINE_MALLOC 0
#endif

#if DEFINE_MALLOC
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *old, size_t size) __attribute__((weak));
void __interceptor_free(void *piece) __attribute__((weak));
#endif

static struct {
	size_t count, nth;
	enum failing_malloc mode;
	bool failed;
	size_t live;
} state;

#if DEFINE_MALLOC
/* Whether the allocation that is asked for now fails. */
static bool fails(void)
{
	state.count++;
	if (state.nth == 0 || (state.mode == FAILING_ON ? state.count < state.nth : state.count != state.nth))
		return false;
	state.failed = true;
	errno = ENOMEM;
	return true;
}

static void *made(void *piece)
{
	state.live += piece != NULL;
	return piece;
}

void *malloc(size_t size)
{
	if (fails())
		return NULL;
	return made(__interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	if (fails())
		return NULL;
	return made(__interceptor_calloc ? __interceptor_calloc(count, size) : __libc_calloc(count, size));
}

void free(void *piece)
{
	state.live -= piece != NULL;
	if (__interceptor_free)
		__interceptor_free(piece);
	else
		__libc_free(piece);
}

void *realloc(void *old, size_t size)
{
	if (!old)
		return malloc(size);
	if (size == 0) {
		free(old);
		return NULL;
	}
	if (fails())
		return NULL;
	return __interceptor_realloc ? __interceptor_realloc(old, size) : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, bytes);
}
#endif

void failing_malloc_begin(size_t nth, enum failing_malloc mode)
{
	state.count = 0;
	state.nth = nth;
	state.mode = mode;
	state.failed = false;
}

size_t failing_malloc_end(void)
{
	state.nth = 0;
	return state.count;
}

bool failing_malloc_has_failed(void)
{
	return state.failed;
}

size_t failing_malloc_live(void)
{
	return state.live;
}

bool failing_malloc_works(void)
{
	failing_malloc_begin(1, FAILING_ON);
	char *copy = strdup("libc's own call");
	(void)failing_malloc_end();
	const bool works = !copy;
	free(copy);
	return works;
}

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
