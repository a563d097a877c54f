/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ranges.c - see ranges.h.
 */
#include "report/ranges.h"

#include <stdlib.h>

#include "report/memory.h"

void mt_ranges_add(struct mt_ranges *ranges, uint64_t start, uint64_t end, uint32_t index)
{
	if (start >= end)
		return;
	ranges->items = mt_memory_grow(ranges->items, ranges->count, &ranges->capacity,
	                               sizeof(*ranges->items));
	ranges->items[ranges->count++] = (struct mt_range){start, end, end, index};
}

/* By start; of equal starts the shortest last, so that it is met first from behind. */
static int compare(const void *left, const void *right)
{
	const struct mt_range *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return a->index > b->index ? -1 : a->index < b->index;
}

void mt_ranges_sort(struct mt_ranges *ranges)
{
	uint64_t reach = 0;

	if (ranges->count > 1)
		qsort(ranges->items, ranges->count, sizeof(*ranges->items), compare);
	for (size_t i = 0; i < ranges->count; i++) {
		if (ranges->items[i].end > reach)
			reach = ranges->items[i].end;
		ranges->items[i].reach = reach;
	}
}

const struct mt_range *mt_ranges_find(const struct mt_ranges *ranges, uint64_t addr)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->items[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	while (low-- > 0 && ranges->items[low].reach > addr)
		if (ranges->items[low].end > addr)
			return &ranges->items[low];
	return NULL;
}

void mt_ranges_free(struct mt_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct mt_ranges){0};
}
