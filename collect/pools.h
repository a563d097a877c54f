/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pools.h - which mappings an allocator other than libc's has made, to hand them out in pieces.
 *
 * Such an allocator's own calls of mmap() come by the library like the program's. It is known by its deeds: where a block
 * lives in what a shared library has mapped, that library is an allocator, and so all is an allocator's that it has
 * mapped, also where no block lives now. Of the executable, only the mappings with blocks are.
 */
#ifndef MT_COLLECT_POOLS_H
#define MT_COLLECT_POOLS_H

#include "collect/modules.h"
#include "collect/owners.h"
#include "collect/stacks.h"

/*
 * Drain thread: the module that each region, whose key is a stack, was mapped by; 0: the executable, or not known. Gives an
 * array (free()); NULL: out of memory.
 */
uint32_t *mt_pools_modules(const struct mt_region *regions, size_t count,
                           const struct mt_stacks *stacks, const struct mt_modules *modules,
                           const char *executable);

/* Makes regions of an allocator's modules MT_REGION_POOL. 0 or -ENOMEM. */
int mt_pools_mark(struct mt_region *regions, size_t count, const uint32_t *modules,
                  const struct mt_owner_block *blocks, size_t block_count);

#endif
