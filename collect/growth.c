/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * growth.c - see growth.h.
 */
#include "collect/growth.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

const char *const mt_growth_kinds[MT_GROWTH_COUNT] = {[MT_GROWTH_BREAK] = "break",
                                                      [MT_GROWTH_HEAP] = "heap",
                                                      [MT_GROWTH_CHUNK] = "chunk",
                                                      [MT_GROWTH_LOST] = "lost"};

void mt_growth_init(struct mt_growth *growth)
{
	*growth = (struct mt_growth){.chunk_min_bytes = UINT64_MAX};
}

void mt_growth_free(struct mt_growth *growth)
{
	for (size_t i = 0; i < growth->area_count; i++)
		free(growth->areas[i].steps);
	free(growth->areas);
	mt_live_free(&growth->chunks);
	free(growth->sums);
	mt_map_free(&growth->index);
	free(growth->dirty);
	mt_growth_init(growth);
}

/* ---- forks ---- */

uint64_t mt_growth_bytes(const struct mt_growth *growth)
{
	return growth->area_count * sizeof(*growth->areas) +
	       growth->step_count * sizeof(*growth->areas->steps) + mt_live_bytes(&growth->chunks);
}

int mt_growth_inherit(const struct mt_growth *growth, struct mt_growth *ret_child)
{
	struct mt_growth child;
	int r;

	mt_growth_init(&child);
	r = MT_ARRAY_RESERVE(child.areas, child.area_capacity, growth->area_count);
	for (size_t i = 0; i < growth->area_count && r == 0; i++) {
		const struct mt_growth_area *from = &growth->areas[i];
		struct mt_growth_area *to = &child.areas[child.area_count++];

		*to = (struct mt_growth_area){.base = from->base};
		r = MT_ARRAY_RESERVE(to->steps, to->capacity, from->count);
		if (r == 0 && from->count)
			memcpy(to->steps, from->steps, from->count * sizeof(*to->steps));
		to->count = r == 0 ? from->count : 0;
	}
	child.step_count = growth->step_count;
	child.chunk_min_bytes = growth->chunk_min_bytes;
	if (r == 0 && growth->chunks.count)
		r = mt_live_copy(&growth->chunks, &child.chunks);
	if (r < 0) {
		mt_growth_free(&child);
		return r;
	}
	*ret_child = child;
	return 0;
}

/* ---- sums ---- */

/* The sum of a node and kind, made if need be, and in the list of changed ones; NULL: out of memory. */
static struct mt_growth_sum *find_sum(struct mt_growth *growth, uint32_t node,
                                      enum mt_growth_kind kind)
{
	struct mt_growth_sum *sum;
	uint32_t at;

	if (!mt_map_find(&growth->index, node, kind, &at)) {
		at = (uint32_t)growth->sum_count;
		if (MT_ARRAY_RESERVE(growth->sums, growth->sum_capacity, growth->sum_count + 1) <
		            0 ||
		    MT_ARRAY_RESERVE(growth->dirty, growth->dirty_capacity, growth->sum_count + 1) <
		            0 ||
		    mt_map_set(&growth->index, node, kind, at) < 0) {
			growth->lost++;
			return NULL;
		}
		growth->sums[growth->sum_count++] =
		        (struct mt_growth_sum){.node = node, .kind = kind};
	}
	sum = &growth->sums[at];
	if (!sum->is_dirty) {
		sum->is_dirty = true;
		growth->dirty[growth->dirty_count++] = at;
	}
	return sum;
}

static void count_growth(struct mt_growth *growth, uint32_t node, enum mt_growth_kind kind,
                         uint64_t bytes, bool was_asked)
{
	struct mt_growth_sum *sum = find_sum(growth, node, kind);

	if (!sum)
		return;
	sum->calls += was_asked;
	sum->grown_bytes += bytes;
}

static void count_return(struct mt_growth *growth, uint32_t node, enum mt_growth_kind kind,
                         uint64_t bytes)
{
	struct mt_growth_sum *sum = find_sum(growth, node, kind);

	if (sum)
		sum->returned_bytes += bytes;
}

void mt_growth_clean(struct mt_growth *growth)
{
	for (size_t i = 0; i < growth->dirty_count; i++)
		growth->sums[growth->dirty[i]].is_dirty = false;
	growth->dirty_count = 0;
}

/* ---- the break and heaps ---- */

/* Where the area stands, or would. */
static size_t find_area(const struct mt_growth *growth, uint64_t base)
{
	size_t low = 0, high = growth->area_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (growth->areas[middle].base < base)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_there(const struct mt_growth *growth, size_t at, uint64_t base)
{
	return at < growth->area_count && growth->areas[at].base == base;
}

static struct mt_growth_area *make_area(struct mt_growth *growth, uint64_t base)
{
	size_t at = find_area(growth, base);

	if (is_there(growth, at, base))
		return &growth->areas[at];
	if (growth->area_count >= MT_GROWTH_AREAS_MAX ||
	    MT_ARRAY_RESERVE(growth->areas, growth->area_capacity, growth->area_count + 1) < 0)
		return NULL;
	memmove(&growth->areas[at + 1], &growth->areas[at],
	        (growth->area_count - at) * sizeof(*growth->areas));
	growth->area_count++;
	growth->areas[at] = (struct mt_growth_area){.base = base};
	return &growth->areas[at];
}

static enum mt_growth_kind kind_of(uint64_t base)
{
	return base ? MT_GROWTH_HEAP : MT_GROWTH_BREAK;
}

static void cut(struct mt_growth *growth, struct mt_growth_area *area, uint64_t end)
{
	while (area->count > 0) {
		struct mt_growth_step *last = &area->steps[area->count - 1];
		uint64_t from = last->start > end ? last->start : end;

		if (last->end <= end)
			break;
		count_return(growth, last->node, kind_of(area->base), last->end - from);
		last->end = from;
		if (last->start == last->end) {
			area->count--;
			growth->step_count--;
		}
	}
}

/* Takes [start, end) out; gives where a step of that range belongs. */
static size_t clear(struct mt_growth *growth, struct mt_growth_area *area, uint64_t start,
                    uint64_t end)
{
	size_t at = area->count;

	while (at > 0 && area->steps[at - 1].start >= end)
		at--;
	for (; at > 0 && area->steps[at - 1].end > start; at--) {
		struct mt_growth_step *step = &area->steps[at - 1];
		uint64_t from = step->start > start ? step->start : start;

		count_return(growth, step->node, kind_of(area->base), step->end - from);
		step->end = from;
		if (step->start < step->end)
			break;
		memmove(step, step + 1, (area->count - at) * sizeof(*step));
		area->count--;
		growth->step_count--;
	}
	return at;
}

static bool add_step(struct mt_growth *growth, struct mt_growth_area *area,
                     struct mt_growth_step step)
{
	size_t at = clear(growth, area, step.start, step.end);
	struct mt_growth_step *last = at ? &area->steps[at - 1] : NULL;

	if (last && last->end == step.start && last->node == step.node) {
		last->end = step.end;
		return true;
	}
	if (growth->step_count >= MT_GROWTH_STEPS_MAX ||
	    MT_ARRAY_RESERVE(area->steps, area->capacity, area->count + 1) < 0)
		return false;
	memmove(&area->steps[at + 1], &area->steps[at], (area->count - at) * sizeof(step));
	area->steps[at] = step;
	area->count++;
	growth->step_count++;
	return true;
}

void mt_growth_grow(struct mt_growth *growth, uint64_t base, uint64_t start, uint64_t end,
                    uint32_t node, bool was_asked)
{
	struct mt_growth_area *area = make_area(growth, base);

	count_growth(growth, node, kind_of(base), end - start, was_asked);
	if (!area || !add_step(growth, area, (struct mt_growth_step){start, end, node}))
		growth->lost++;
}

void mt_growth_shrink(struct mt_growth *growth, uint64_t base, uint64_t end)
{
	size_t at = find_area(growth, base);

	if (is_there(growth, at, base))
		cut(growth, &growth->areas[at], end);
}

uint64_t mt_growth_break_end(const struct mt_growth *growth)
{
	const struct mt_growth_area *area = growth->areas;

	if (!is_there(growth, 0, 0) || !area->count)
		return 0;
	return area->steps[area->count - 1].end;
}

/* ---- chunks ---- */

static void keep_chunk(struct mt_growth *growth, const struct mt_live_entry *chunk)
{
	struct mt_live_entry *entry = NULL;
	bool was_there = false;

	if (growth->chunks.count < MT_GROWTH_CHUNKS_MAX)
		entry = mt_live_insert(&growth->chunks, chunk->addr, &was_there);
	if (!entry) {
		growth->lost++;
		return;
	}
	/* Its free was missed. */
	if (was_there)
		count_return(growth, entry->total, MT_GROWTH_CHUNK, entry->size_bytes);
	*entry = *chunk;
}

void mt_growth_map(struct mt_growth *growth, uint64_t block, uint64_t size_bytes, uint64_t start,
                   uint64_t bytes, uint32_t node, bool is_kept)
{
	count_growth(growth, node, MT_GROWTH_CHUNK, bytes, true);
	if (!is_kept)
		return;
	if (size_bytes < growth->chunk_min_bytes)
		growth->chunk_min_bytes = size_bytes;
	keep_chunk(growth,
	           &(struct mt_live_entry){
	                   .addr = block, .size_bytes = bytes, .born_ns = start, .total = node});
}

void mt_growth_unmap(struct mt_growth *growth, uint64_t block, struct mt_live_entry *ret_chunk)
{
	struct mt_live_entry *chunk = mt_live_find(&growth->chunks, block);

	if (ret_chunk)
		*ret_chunk = chunk ? *chunk : (struct mt_live_entry){0};
	if (!chunk)
		return;
	count_return(growth, chunk->total, MT_GROWTH_CHUNK, chunk->size_bytes);
	mt_live_remove(&growth->chunks, chunk);
}

void mt_growth_undo(struct mt_growth *growth, const struct mt_live_entry *chunk)
{
	struct mt_growth_sum *sum = find_sum(growth, chunk->total, MT_GROWTH_CHUNK);

	if (sum)
		sum->returned_bytes -= chunk->size_bytes;
	keep_chunk(growth, chunk);
}

/* ---- ranges ---- */

static int by_address(const void *left, const void *right)
{
	const struct mt_growth_range *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

int mt_growth_copy(const struct mt_growth *growth, struct mt_growth_range **ret_ranges,
                   size_t *ret_count)
{
	struct mt_growth_range *ranges =
	        malloc((growth->step_count + growth->chunks.count + 1) * sizeof(*ranges));
	size_t count = 0, kept = 0;

	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < growth->area_count; i++) {
		const struct mt_growth_area *area = &growth->areas[i];

		for (size_t j = 0; j < area->count; j++)
			ranges[count++] =
			        (struct mt_growth_range){area->steps[j].start, area->steps[j].end,
			                                 kind_of(area->base), area->steps[j].node};
	}
	for (uint64_t i = 0; growth->chunks.entries && i <= growth->chunks.mask; i++) {
		const struct mt_live_entry *entry = &growth->chunks.entries[i];

		if (entry->addr)
			ranges[count++] = (struct mt_growth_range){
			        entry->born_ns, entry->born_ns + entry->size_bytes, MT_GROWTH_CHUNK,
			        entry->total};
	}
	qsort(ranges, count, sizeof(*ranges), by_address);
	/* Ranges that overlap are not to be believed: the first one stays. */
	for (size_t i = 0; i < count; i++) {
		struct mt_growth_range range = ranges[i];

		if (kept && range.start < ranges[kept - 1].end)
			range.start = ranges[kept - 1].end;
		if (range.start < range.end)
			ranges[kept++] = range;
	}
	*ret_ranges = ranges;
	*ret_count = kept;
	return 0;
}
