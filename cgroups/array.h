/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Arrays that grow by one element at a time. */

#include <stdlib.h>

/* Makes room for one more element in an array of count elements. The capacity is count rounded up to a power
 * of two, so it need not be kept. No other function may size the array. Returns the array, which may have
 * moved; or NULL without memory, and then the old array stays as it is. */
static inline void *array_grow(void *array, size_t count, size_t element_size)
{
	if (count > 0 && (count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count > 0 ? 2 * count : 1, element_size);
}
