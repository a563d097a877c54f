/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ranges.h - address ranges, sorted, and which of them holds an address.
 *
 * Used by the symbolizer for the compile units of a module, the functions of a unit and the symbols
 * of a table. Ranges may nest and overlap; the innermost one is found: that with the highest start,
 * and of equal starts the shortest.
 */
#ifndef MT_REPORT_RANGES_H
#define MT_REPORT_RANGES_H

#include <stddef.h>
#include <stdint.h>

struct mt_range {
	uint64_t start;
	uint64_t end;   /* one past the last; > start */
	uint64_t reach; /* the highest end of this and of all before it; set by mt_ranges_sort */
	uint32_t index; /* the owner's */
};

/* Starts as {0}; what is added is found after mt_ranges_sort. */
struct mt_ranges {
	struct mt_range *items;
	size_t count;
	size_t capacity;
};

/* An empty or inverted range is left out. */
void mt_ranges_add(struct mt_ranges *ranges, uint64_t start, uint64_t end, uint32_t index);
void mt_ranges_sort(struct mt_ranges *ranges);

/* NULL: no range holds it. */
const struct mt_range *mt_ranges_find(const struct mt_ranges *ranges, uint64_t addr);

void mt_ranges_free(struct mt_ranges *ranges);

#endif
