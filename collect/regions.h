/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regions.h - what a process has mapped itself, by address: which call stack owns which range.
 *
 * Owned by the drain thread. Mappings may be given back in part, and a new one may replace parts of old ones, as
 * mmap(MAP_FIXED), mremap and munmap do. What libc maps for itself does not come by here.
 */
#ifndef MT_COLLECT_REGIONS_H
#define MT_COLLECT_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/owners.h"

/* A process with more mappings of its own than this is not believed; later ones are not kept. */
#define MT_REGIONS_MAX (1u << 20)

/* All zero is empty. */
struct mt_regions {
	struct mt_region *rows; /* by address, without overlap, none empty */
	size_t count;
	size_t capacity;
	/* what the last removal took away, for the case that the call fails */
	struct mt_region *removed;
	size_t removed_count;
	size_t removed_capacity;
	uint64_t lost;   /* ranges for which there was no room or memory */
	uint32_t *users; /* of rows, which belong to so many; NULL: to this one alone */
};

/* [start, start + bytes) is of that kind and key now, whatever was there. Rounded out to pages. */
void mt_regions_put(struct mt_regions *regions, uint64_t start, uint64_t bytes,
                    enum mt_region_kind kind, uint32_t key, uint64_t page_bytes);

/* It is a mapping of the stack `node`. */
static inline void mt_regions_map(struct mt_regions *regions, uint64_t start, uint64_t bytes,
                                  uint32_t node, uint64_t page_bytes)
{
	mt_regions_put(regions, start, bytes, MT_REGION_MMAP, node, page_bytes);
}

/* Nothing is there any more. */
void mt_regions_unmap(struct mt_regions *regions, uint64_t start, uint64_t bytes,
                      uint64_t page_bytes);

/* The last mt_regions_unmap() did not happen, if it was of this range. */
void mt_regions_undo(struct mt_regions *regions, uint64_t start, uint64_t bytes,
                     uint64_t page_bytes);

/* Is anything known of [start, end)? */
bool mt_regions_has(const struct mt_regions *regions, uint64_t start, uint64_t end);

/* How many bytes from start on have been mapped by one call, as far as can be told; 0: no mapping starts there. */
uint64_t mt_regions_bytes(const struct mt_regions *regions, uint64_t start);

/* The same of what the last mt_regions_unmap() took away. */
uint64_t mt_regions_removed_bytes(const struct mt_regions *regions, uint64_t start);

/* What a forked child starts with: the same rows, copied when either side changes them first. 0 or -ENOMEM. */
int mt_regions_share(struct mt_regions *regions, struct mt_regions *ret_child);

/* A copy of the rows; *ret_rows is given (free()). 0 or -ENOMEM. */
int mt_regions_copy(const struct mt_regions *regions, struct mt_region **ret_rows,
                    size_t *ret_count);

void mt_regions_free(struct mt_regions *regions);

#endif
