/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * idmap.h - from a row's id (or any other 64-bit key) to a pointer.
 *
 * Used by report/ for what is read from the file once and needed often. Open addressing, grown at
 * three quarters, nothing is ever removed.
 */
#ifndef MT_REPORT_IDMAP_H
#define MT_REPORT_IDMAP_H

#include <stddef.h>
#include <stdint.h>

/* Starts as {0}. */
struct mt_idmap {
	struct mt_idmap_slot *slots;
	size_t size; /* a power of two, or 0 */
	size_t count;
};

/* NULL: not in it. */
void *mt_idmap_get(const struct mt_idmap *map, int64_t id);

/* `value` must not be NULL; replaces what was there. */
void mt_idmap_put(struct mt_idmap *map, int64_t id, void *value);

/* Frees the map, not what it points to. */
void mt_idmap_free(struct mt_idmap *map);

#endif
