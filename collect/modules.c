/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * modules.c - see modules.h.
 */
#include "collect/modules.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void free_strings(struct mt_module *module)
{
	free(module->path);
	free(module->build_id);
}

void mt_modules_free(struct mt_modules *modules)
{
	for (size_t i = 1; i < modules->count; i++)
		free_strings(&modules->rows[i]);
	free(modules->rows);
	mt_map_free(&modules->index);
	memset(modules, 0, sizeof(*modules));
}

int mt_modules_add(struct mt_modules *modules, const char *path, const uint8_t *build_id,
                   uint32_t build_id_bytes, uint32_t *ret_id)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * MT_BUILD_ID_MAX + 1] = "";
	struct mt_module module;
	uint64_t hash, nth = 0;
	uint32_t id;

	if (build_id_bytes > MT_BUILD_ID_MAX)
		build_id_bytes = MT_BUILD_ID_MAX;
	for (uint32_t i = 0; i < build_id_bytes; i++) {
		hex[2 * i] = digits[build_id[i] >> 4];
		hex[2 * i + 1] = digits[build_id[i] & 15];
	}
	hash = mt_map_hash(mt_map_hash(mt_map_secret(), path, strlen(path)), build_id,
	                   build_id_bytes);
	for (; mt_map_find(&modules->index, hash, nth, &id); nth++) {
		if (strcmp(modules->rows[id].path, path) == 0 &&
		    strcmp(modules->rows[id].build_id, hex) == 0) {
			*ret_id = id;
			return 0;
		}
	}
	id = modules->count ? (uint32_t)modules->count : 1;
	if (id >= MT_MODULES_MAX)
		return -ENOSPC;
	module.path = strdup(path);
	module.build_id = strdup(hex);
	if (!module.path || !module.build_id ||
	    MT_ARRAY_RESERVE(modules->rows, modules->capacity, id + 1u) < 0 ||
	    mt_map_set(&modules->index, hash, nth, id) < 0) {
		free_strings(&module);
		return -ENOMEM;
	}
	modules->rows[id] = module;
	modules->count = id + 1u;
	*ret_id = id;
	return 0;
}

void mt_ranges_free(struct mt_ranges *ranges)
{
	free(ranges->rows);
	memset(ranges, 0, sizeof(*ranges));
}

int mt_ranges_copy(const struct mt_ranges *ranges, struct mt_ranges *ret_copy)
{
	struct mt_ranges copy = {0};

	if (MT_ARRAY_RESERVE(copy.rows, copy.capacity, ranges->count) < 0)
		return -ENOMEM;
	if (ranges->count)
		memcpy(copy.rows, ranges->rows, ranges->count * sizeof(*copy.rows));
	copy.count = ranges->count;
	copy.state = ranges->state;
	*ret_copy = copy;
	return 0;
}

/* The first range that ends behind addr. */
static size_t lower(const struct mt_ranges *ranges, uint64_t addr)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->rows[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Made of all that was added, in its order. */
static uint64_t state_after(uint64_t state, const struct mt_range *range)
{
	const uint64_t words[] = {range->start, range->end, range->base, range->module};

	return mt_map_hash(state, words, sizeof(words));
}

int mt_ranges_add(struct mt_ranges *ranges, const struct mt_range *range)
{
	struct mt_range
	        kept[3]; /* what is left of the first, the new one, what is left of the last */
	size_t first = lower(ranges, range->start), last = first, keep = 0;

	if (range->start >= range->end)
		return -EINVAL;
	if (ranges->count + 2 > MT_RANGES_MAX)
		return -ENOSPC;
	if (MT_ARRAY_RESERVE(ranges->rows, ranges->capacity, ranges->count + 2) < 0)
		return -ENOMEM;
	while (last < ranges->count && ranges->rows[last].start < range->end)
		last++;
	if (last > first && ranges->rows[first].start < range->start) {
		kept[keep] = ranges->rows[first];
		kept[keep++].end = range->start;
	}
	kept[keep++] = *range;
	if (last > first && ranges->rows[last - 1].end > range->end) {
		kept[keep] = ranges->rows[last - 1];
		kept[keep++].start = range->end;
	}
	memmove(ranges->rows + first + keep, ranges->rows + last,
	        (ranges->count - last) * sizeof(*ranges->rows));
	memcpy(ranges->rows + first, kept, keep * sizeof(*kept));
	ranges->count += keep - (last - first);
	ranges->state = state_after(ranges->state, range);
	return 0;
}

const struct mt_range *mt_ranges_find(const struct mt_ranges *ranges, uint64_t addr)
{
	size_t at = lower(ranges, addr);

	if (at == ranges->count || addr < ranges->rows[at].start)
		return NULL;
	return &ranges->rows[at];
}
