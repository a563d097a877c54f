/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * slabs.h - the kernel's caches of equal objects, from /proc/slabinfo, which root alone may read.
 */
#ifndef MT_HOST_SLABS_H
#define MT_HOST_SLABS_H

#include <stddef.h>
#include <stdint.h>

struct mt_slab {
	const char *name; /* borrowed from the mt_slabs */
	uint64_t active_objects;
	uint64_t objects;
	uint64_t object_bytes;
	uint64_t bytes; /* of all its slabs */
};

/* Starts as {0}. */
struct mt_slabs {
	char *text;
	struct mt_slab *rows; /* the largest first */
	size_t count;
	size_t capacity;
	int error; /* why there is nothing: -errno, or 0 */
};

int mt_slabs_read(const char *root, uint64_t page_bytes, struct mt_slabs *ret_slabs);

void mt_slabs_free(struct mt_slabs *slabs);

#endif
