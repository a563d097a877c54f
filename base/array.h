/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * array.h - growing an array by doubling.
 *
 * Used wherever the tool side keeps a pointer, a count and a capacity.
 */
#ifndef MT_BASE_ARRAY_H
#define MT_BASE_ARRAY_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * Makes room for `wanted` elements. What is there moves along; the new ones are not initialised.
 * 0 or -ENOMEM, and then nothing has changed.
 */
static inline int mt_array_reserve(void **rows, size_t *capacity, size_t wanted,
                                   size_t element_bytes)
{
	size_t larger = *capacity ? *capacity : 16;
	void *moved;

	if (wanted <= *capacity)
		return 0;
	while (larger < wanted)
		larger *= 2;
	moved = reallocarray(*rows, larger, element_bytes);
	if (!moved)
		return -ENOMEM;
	*rows = moved;
	*capacity = larger;
	return 0;
}

/* The same for a typed pointer: MT_ARRAY_RESERVE(rows, capacity, wanted). */
#define MT_ARRAY_RESERVE(rows, capacity, wanted) \
	mt_array_reserve((void **)&(rows), &(capacity), (wanted), sizeof(*(rows)))

#endif
