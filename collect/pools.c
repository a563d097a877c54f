/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pools.c - see pools.h.
 */
#include "collect/pools.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

uint32_t *mt_pools_modules(const struct mt_region *regions, size_t count,
                           const struct mt_stacks *stacks, const struct mt_modules *modules,
                           const char *executable)
{
	uint32_t *found = calloc(count + 1, sizeof(*found));

	for (size_t i = 0; found && i < count; i++) {
		uint32_t node = regions[i].key, frame, module;

		if (regions[i].kind != MT_REGION_MMAP || !node || node >= stacks->node_count)
			continue;
		frame = stacks->nodes[node].frame;
		if (!frame || frame >= stacks->frame_count)
			continue;
		module = stacks->frames[frame].module;
		if (module && module < modules->count &&
		    !(executable && strcmp(modules->rows[module].path, executable) == 0))
			found[i] = module;
	}
	return found;
}

int mt_pools_mark(struct mt_region *regions, size_t count, const uint32_t *modules,
                  const struct mt_owner_block *blocks, size_t block_count)
{
	size_t block = 0;
	uint32_t modules_end = 1;
	bool *is_allocator;

	for (size_t i = 0; i < count; i++)
		if (modules[i] >= modules_end)
			modules_end = modules[i] + 1;
	is_allocator = calloc(modules_end, sizeof(*is_allocator));
	if (!is_allocator)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		while (block < block_count && blocks[block].addr < regions[i].start)
			block++;
		if (block < block_count && blocks[block].addr < regions[i].end)
			is_allocator[modules[i]] = true;
	}
	for (size_t i = 0; i < count; i++)
		if (modules[i] && is_allocator[modules[i]])
			regions[i].kind = MT_REGION_POOL;
	free(is_allocator);
	return 0;
}
