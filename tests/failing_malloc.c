/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/failing_malloc.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
	void (*told)(void);
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
	if (state.told)
		state.told();
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

/* A sanitizer has its own, which allocate past malloc(). */
char *strndup(const char *text, size_t size)
{
	const size_t length = strnlen(text, size);
	char *copy = malloc(length + 1);
	if (copy) {
		memcpy(copy, text, length);
		copy[length] = '\0';
	}
	return copy;
}

char *strdup(const char *text)
{
	return strndup(text, strlen(text));
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

void failing_malloc_tell(void (*told)(void))
{
	state.told = told;
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
	DIR *dir = opendir("/"); /* libc's own call */
	(void)failing_malloc_end();
	const bool works = !dir;
	if (dir)
		(void)closedir(dir);
	return works;
}
