/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regions.c - see regions.h.
 */
#include "collect/regions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* The first row that ends behind addr. */
static size_t find(const struct mt_regions *regions, uint64_t addr)
{
	size_t low = 0, high = regions->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (regions->rows[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Who changes rows has them for itself. False: there is no memory, and nothing has changed. */
static bool make_own(struct mt_regions *regions)
{
	struct mt_region *rows;

	if (!regions->users)
		return true;
	if (*regions->users == 1) {
		free(regions->users);
		regions->users = NULL;
		return true;
	}
	if (mt_regions_copy(regions, &rows, &regions->count) < 0) {
		regions->lost++;
		return false;
	}
	--*regions->users;
	regions->users = NULL;
	regions->rows = rows;
	regions->capacity = regions->count + 1;
	return true;
}

/* False: there is no room; then nothing has changed. */
static bool insert(struct mt_regions *regions, size_t at, struct mt_region row)
{
	if (regions->count >= MT_REGIONS_MAX ||
	    MT_ARRAY_RESERVE(regions->rows, regions->capacity, regions->count + 1) < 0) {
		regions->lost++;
		return false;
	}
	memmove(&regions->rows[at + 1], &regions->rows[at],
	        (regions->count - at) * sizeof(*regions->rows));
	regions->rows[at] = row;
	regions->count++;
	return true;
}

/* Cuts [start, end) out of the rows; returns where a row of that range belongs. */
static size_t cut(struct mt_regions *regions, uint64_t start, uint64_t end)
{
	size_t first = find(regions, start);
	size_t last;

	if (first < regions->count && regions->rows[first].start < start) {
		struct mt_region tail = regions->rows[first];

		/* It reaches over the start; what lies behind the end, too, becomes a row of its own. */
		regions->rows[first].end = start;
		first++;
		if (tail.end > end) {
			tail.start = end;
			insert(regions, first, tail);
			return first;
		}
	}
	for (last = first; last < regions->count && regions->rows[last].end <= end;)
		last++;
	if (last < regions->count && regions->rows[last].start < end)
		regions->rows[last].start = end;
	if (last == first)
		return first;
	memmove(&regions->rows[first], &regions->rows[last],
	        (regions->count - last) * sizeof(*regions->rows));
	regions->count -= last - first;
	return first;
}

/* The pages that [start, start + bytes) touches; false: none. */
static bool round_out(uint64_t *start, uint64_t *ret_end, uint64_t bytes, uint64_t page_bytes)
{
	uint64_t end;

	if (bytes == 0 || *start > UINT64_MAX - page_bytes ||
	    bytes > UINT64_MAX - page_bytes - *start)
		return false;
	end = *start + bytes + page_bytes - 1;
	*start -= *start % page_bytes;
	*ret_end = end - end % page_bytes;
	return true;
}

void mt_regions_put(struct mt_regions *regions, uint64_t start, uint64_t bytes,
                    enum mt_region_kind kind, uint32_t key, uint64_t page_bytes)
{
	uint64_t end;
	size_t at;

	if (!round_out(&start, &end, bytes, page_bytes) || !make_own(regions))
		return;
	at = cut(regions, start, end);
	insert(regions, at, (struct mt_region){start, end, kind, key});
}

/* Keeps what is about to go. */
static void keep_removed(struct mt_regions *regions, uint64_t start, uint64_t end)
{
	regions->removed_count = 0;
	for (size_t i = find(regions, start); i < regions->count && regions->rows[i].start < end;
	     i++) {
		struct mt_region row = regions->rows[i];

		if (MT_ARRAY_RESERVE(regions->removed, regions->removed_capacity,
		                     regions->removed_count + 1) < 0)
			return;
		row.start = row.start > start ? row.start : start;
		row.end = row.end < end ? row.end : end;
		regions->removed[regions->removed_count++] = row;
	}
}

void mt_regions_unmap(struct mt_regions *regions, uint64_t start, uint64_t bytes,
                      uint64_t page_bytes)
{
	uint64_t end;

	if (!round_out(&start, &end, bytes, page_bytes))
		return;
	keep_removed(regions, start, end);
	if (make_own(regions))
		cut(regions, start, end);
}

void mt_regions_undo(struct mt_regions *regions, uint64_t start, uint64_t bytes,
                     uint64_t page_bytes)
{
	uint64_t end;

	if (!round_out(&start, &end, bytes, page_bytes) || !make_own(regions))
		return;
	for (size_t i = 0; i < regions->removed_count; i++) {
		const struct mt_region *row = &regions->removed[i];

		/* of another call */
		if (row->start < start || row->end > end)
			continue;
		insert(regions, cut(regions, row->start, row->end), *row);
	}
	regions->removed_count = 0;
}

bool mt_regions_has(const struct mt_regions *regions, uint64_t start, uint64_t end)
{
	size_t at = find(regions, start);

	return at < regions->count && regions->rows[at].start < end;
}

/* Of rows from `first` on, as far as they are of one stack and next to each other. */
static uint64_t bytes_from(const struct mt_region *rows, size_t count, size_t first, uint64_t start)
{
	size_t last = first;

	if (first >= count || rows[first].start != start)
		return 0;
	while (last + 1 < count && rows[last + 1].start == rows[last].end &&
	       rows[last + 1].key == rows[first].key)
		last++;
	return rows[last].end - start;
}

uint64_t mt_regions_bytes(const struct mt_regions *regions, uint64_t start)
{
	return bytes_from(regions->rows, regions->count, find(regions, start), start);
}

uint64_t mt_regions_removed_bytes(const struct mt_regions *regions, uint64_t start)
{
	return bytes_from(regions->removed, regions->removed_count, 0, start);
}

int mt_regions_share(struct mt_regions *regions, struct mt_regions *ret_child)
{
	if (!regions->users) {
		regions->users = malloc(sizeof(*regions->users));
		if (!regions->users)
			return -ENOMEM;
		*regions->users = 1;
	}
	++*regions->users;
	*ret_child = (struct mt_regions){.rows = regions->rows,
	                                 .count = regions->count,
	                                 .capacity = regions->capacity,
	                                 .users = regions->users};
	return 0;
}

int mt_regions_copy(const struct mt_regions *regions, struct mt_region **ret_rows,
                    size_t *ret_count)
{
	struct mt_region *rows = malloc((regions->count + 1) * sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	if (regions->count)
		memcpy(rows, regions->rows, regions->count * sizeof(*rows));
	*ret_rows = rows;
	*ret_count = regions->count;
	return 0;
}

void mt_regions_free(struct mt_regions *regions)
{
	if (!regions->users || --*regions->users == 0) {
		free(regions->rows);
		free(regions->users);
	}
	free(regions->removed);
	memset(regions, 0, sizeof(*regions));
}
