/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Arrays that grow by one element at a time. */

#include <stdlib.h>

/* Makes room for one more element behind the count that are there. The capacity is the next power of two, and
 * so need not be kept; it is right only if no other call sizes the array. Returns the array, which may have moved;
 * or NULL without memory: the old array is then as it was. */
static inline void *array_grow(void *array, size_t count, size_t element_size)
{
	if (count > 0 && (count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count > 0 ? 2 * count : 1, element_size);
}
