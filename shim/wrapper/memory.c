/* SPDX-License-Identifier: Apache-2.0 */

/* malloc() and its kin for the wrapper that is linked with static musl. musl's own asked the kernel twelve times in one
 * creation, and touched three pages more for each large piece.
 *
 * One block for the whole life, handed out from its beginning. free() takes back the last piece only. What does not
 * fit in the block comes from the kernel, piece by piece. One thread. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT  _Alignof(max_align_t)
#define BLOCK_SIZE (128u << 10)

/* Before each piece. */
struct head {
	_Alignas(max_align_t) size_t size; /* of the piece, rounded up */
};

/* Common, so that the linker puts the block behind all other data, which then shares one page. A page of the block
 * that is not touched costs nothing. */
extern char memory_block[BLOCK_SIZE];
_Alignas(max_align_t) __attribute__((common)) char memory_block[BLOCK_SIZE];
static size_t used;

static struct head *head_of(void *piece)
{
	return (struct head *)piece - 1;
}

static bool is_in_block(const void *piece)
{
	return (const char *)piece >= memory_block &&
	       (const char *)piece < memory_block + sizeof memory_block;
}

static bool is_last(void *piece)
{
	return is_in_block(piece) && (char *)piece + head_of(piece)->size == memory_block + used;
}

static size_t round_up(size_t size)
{
	return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void *take(size_t size)
{
	struct head *head;

	if (size > PTRDIFF_MAX - sizeof *head - ALIGNMENT) {
		errno = ENOMEM;
		return NULL;
	}
	size = round_up(size > 0 ? size : 1);
	if (sizeof *head + size <= sizeof memory_block - used) {
		head = (struct head *)(memory_block + used);
		used += sizeof *head + size;
	} else {
		head = mmap(NULL, sizeof *head + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
		if (head == MAP_FAILED)
			return NULL;
	}
	head->size = size;
	return head + 1;
}

void *malloc(size_t size)
{
	return take(size);
}

void *calloc(size_t n, size_t size)
{
	if (size > 0 && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	void *piece = take(n * size);
	return piece ? memset(piece, 0, n * size) : NULL;
}

void *realloc(void *piece, size_t size)
{
	if (!piece)
		return take(size);
	struct head *head = head_of(piece);
	if (size <= head->size)
		return piece;
	if (is_last(piece) && size <= (size_t)(memory_block + sizeof memory_block - (char *)piece)) {
		head->size = round_up(size);
		used = (size_t)((char *)piece - memory_block) + head->size;
		return piece;
	}
	void *grown = take(size);
	if (grown) {
		memcpy(grown, piece, head->size);
		free(piece);
	}
	return grown;
}

void free(void *piece)
{
	if (!piece)
		return;
	struct head *head = head_of(piece);
	if (is_last(piece))
		used = (size_t)((char *)head - memory_block);
	else if (!is_in_block(piece))
		(void)munmap(head, sizeof *head + head->size);
}
