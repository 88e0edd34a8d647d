/* SPDX-License-Identifier: Apache-2.0 */

/* malloc() and its kin for the wrapper that is linked with static musl. musl's own made twelve system calls
 * in one creation, and touched three more pages for each large piece.
 *
 * There is one block for the wrapper's whole life. Pieces are handed out from its beginning. The pieces that
 * were handed out last can be used again once they are freed. A piece that does not fit in the block comes
 * from the kernel. Only for one thread. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT  _Alignof(max_align_t)
#define BLOCK_SIZE (128u << 10)

/* Stands before each piece. */
struct head {
	_Alignas(max_align_t) size_t size; /* the piece's size, rounded up */
	struct head *before;               /* the head of the piece before, in the block */
	bool is_free;
};

/* A common symbol: the linker puts the block after all other data, so that the other data shares one page. A
 * page of the block that is never touched costs nothing. */
extern char memory_block[BLOCK_SIZE];
_Alignas(max_align_t) __attribute__((common)) char memory_block[BLOCK_SIZE];
static size_t used;
static struct head *last; /* NULL: nothing of the block is handed out */

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
	size = round_up(size);
	if (sizeof *head + size <= sizeof memory_block - used) {
		head = (struct head *)(memory_block + used);
		*head = (struct head){.size = size, .before = last};
		last = head;
		used += sizeof *head + size;
		return head + 1;
	}
	head = mmap(NULL, sizeof *head + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (head == MAP_FAILED)
		return NULL;
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
	struct head *head = piece ? (struct head *)piece - 1 : NULL;

	if (!piece)
		return take(size);
	if (size <= head->size)
		return piece;
	if (head == last && size <= (size_t)(memory_block + sizeof memory_block - (char *)piece)) {
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
	struct head *head = piece ? (struct head *)piece - 1 : NULL;

	if (!piece)
		return;
	if ((char *)head < memory_block || (char *)head >= memory_block + sizeof memory_block) {
		(void)munmap(head, sizeof *head + head->size);
		return;
	}
	head->is_free = true;
	for (; last && last->is_free; last = last->before)
		used = (size_t)((char *)last - memory_block);
}
