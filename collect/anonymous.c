/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * anonymous.c - see anonymous.h.
 */
#include "collect/anonymous.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

const char *const mt_anonymous_kinds[MT_ANONYMOUS_KIND_COUNT] = {
#define NAME(name, text) [MT_ANONYMOUS_##name] = text,
        MT_ANONYMOUS_KINDS(NAME)
#undef NAME
};

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- Growers ---- */

int mt_anonymous_growers(const struct mt_growth_range *growth, size_t growth_count,
                         const struct mt_region *regions, size_t region_count,
                         const uint32_t *nodes, struct mt_growth_range **ret_growers,
                         size_t *ret_count)
{
	/* Each range of either side can cut one of the other in two. */
	struct mt_growth_range *growers =
	        malloc((2 * (growth_count + region_count) + 1) * sizeof(*growers));
	size_t count = 0, next = 0;

	if (!growers)
		return -ENOMEM;
	for (size_t i = 0; i < region_count; i++) {
		const struct mt_region *region = &regions[i];
		uint64_t at = max_of(region->start, count ? growers[count - 1].end : 0);

		if (region->kind != MT_REGION_MMAP && region->kind != MT_REGION_POOL &&
		    region->kind != MT_REGION_BREAK)
			continue;
		while (at < region->end) {
			uint64_t end = region->end;

			/* Up to the growth that comes next; what lies in it is the growth's. */
			for (; next < growth_count && growth[next].start <= at; next++) {
				at = max_of(at, growth[next].end);
				growers[count++] = growth[next];
			}
			if (next < growth_count)
				end = min_of(end, growth[next].start);
			if (at < end)
				growers[count++] = (struct mt_growth_range){
				        at, end, MT_GROWTH_MAPPING, nodes[region->key]};
			at = max_of(at, end);
		}
	}
	for (; next < growth_count; next++)
		growers[count++] = growth[next];
	*ret_growers = growers;
	*ret_count = count;
	return 0;
}

/* ---- The sweep over pages ---- */

struct sweep {
	const struct mt_owner_input *in;
	struct mt_anonymous *out;
	size_t capacity;
	size_t region; /* the first that ends behind the current address */
	size_t grower; /* the same */
};

/* Neighbours usually have the same; the rest is put together in the end. */
static int charge(struct sweep *sweep, enum mt_anonymous_kind kind, uint32_t node, uint64_t bytes,
                  uint32_t bits)
{
	struct mt_anonymous *out = sweep->out;
	struct mt_anonymous_row *row = out->count ? &out->rows[out->count - 1] : NULL;

	if (!row || row->kind != kind || row->node != node) {
		if (MT_ARRAY_RESERVE(out->rows, sweep->capacity, out->count + 1) < 0)
			return -ENOMEM;
		row = &out->rows[out->count++];
		*row = (struct mt_anonymous_row){.kind = kind, .node = node};
	}
	if (bits & MT_PAGE_RESIDENT)
		row->resident_bytes += bytes;
	else
		row->swapped_bytes += bytes;
	return 0;
}

static enum mt_anonymous_kind kind_of_growth(unsigned int kind)
{
	switch (kind) {
	case MT_GROWTH_BREAK: return MT_ANONYMOUS_BREAK;
	case MT_GROWTH_HEAP: return MT_ANONYMOUS_HEAP;
	case MT_GROWTH_CHUNK: return MT_ANONYMOUS_CHUNK;
	default: return MT_ANONYMOUS_MAPPING;
	}
}

static enum mt_anonymous_kind kind_of_mapping(enum mt_vma_kind kind)
{
	switch (kind) {
	case MT_VMA_STACK: return MT_ANONYMOUS_STACK;
	case MT_VMA_TEXT:
	case MT_VMA_RODATA:
	case MT_VMA_DATA:
	case MT_VMA_BSS:
	case MT_VMA_FILE: return MT_ANONYMOUS_FILE;
	default: return MT_ANONYMOUS_OTHER;
	}
}

/* The part of [at, end) from `at` on that has one owner; gives where that ends. */
static uint64_t classify(struct sweep *sweep, enum mt_vma_kind mapping, uint64_t at, uint64_t end,
                         enum mt_anonymous_kind *ret_kind, uint32_t *ret_node)
{
	const struct mt_owner_input *in = sweep->in;

	*ret_node = 0;
	for (; sweep->region < in->region_count; sweep->region++) {
		const struct mt_region *region = &in->regions[sweep->region];

		if (region->end <= at ||
		    (region->kind != MT_REGION_STACK && region->kind != MT_REGION_MEMTRACE))
			continue;
		if (region->start > at) {
			end = min_of(end, region->start);
			break;
		}
		*ret_kind = region->kind == MT_REGION_STACK ? MT_ANONYMOUS_STACK
		                                            : MT_ANONYMOUS_MEMTRACE;
		return min_of(end, region->end);
	}
	while (sweep->grower < in->grower_count && in->growers[sweep->grower].end <= at)
		sweep->grower++;
	if (sweep->grower < in->grower_count) {
		const struct mt_growth_range *grower = &in->growers[sweep->grower];

		if (grower->start <= at) {
			*ret_kind = kind_of_growth(grower->kind);
			*ret_node = grower->node;
			return min_of(end, grower->end);
		}
		end = min_of(end, grower->start);
	}
	*ret_kind = kind_of_mapping(mapping);
	return end;
}

static int sweep_run(struct sweep *sweep, const struct mt_vma *vma, uint64_t start, uint64_t end,
                     uint32_t bits)
{
	uint64_t to;

	for (uint64_t at = start; at < end; at = to) {
		enum mt_anonymous_kind kind;
		uint32_t node;
		int r;

		to = classify(sweep, vma->kind, at, end, &kind, &node);
		r = charge(sweep, kind, node, to - at, bits);
		if (r < 0)
			return r;
	}
	return 0;
}

static int sweep_all(struct sweep *sweep)
{
	const struct mt_owner_input *in = sweep->in;
	size_t run = 0;

	for (size_t i = 0; i < in->smaps->count; i++) {
		const struct mt_vma *vma = &in->smaps->vmas[i];

		while (run < in->pages->count && in->pages->runs[run].end <= vma->start)
			run++;
		for (size_t j = run; j < in->pages->count && in->pages->runs[j].start < vma->end;
		     j++) {
			const struct mt_page_run *pages = &in->pages->runs[j];
			int r;

			if (pages->bits & MT_PAGE_FILE ||
			    !(pages->bits & (MT_PAGE_RESIDENT | MT_PAGE_SWAPPED)))
				continue;
			r = sweep_run(sweep, vma, max_of(pages->start, vma->start),
			              min_of(pages->end, vma->end), pages->bits);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int by_kind(const void *left, const void *right)
{
	const struct mt_anonymous_row *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return (a->node > b->node) - (a->node < b->node);
}

static void gather(struct mt_anonymous *anonymous)
{
	struct mt_anonymous_row *rows = anonymous->rows;
	size_t kept = 0;

	if (anonymous->count == 0)
		return;
	qsort(rows, anonymous->count, sizeof(*rows), by_kind);
	for (size_t i = 1; i < anonymous->count; i++) {
		if (by_kind(&rows[kept], &rows[i]) == 0) {
			rows[kept].resident_bytes += rows[i].resident_bytes;
			rows[kept].swapped_bytes += rows[i].swapped_bytes;
		} else {
			rows[++kept] = rows[i];
		}
	}
	anonymous->count = kept + 1;
}

int mt_anonymous_find(const struct mt_owner_input *input, struct mt_anonymous *ret_anonymous)
{
	struct mt_anonymous anonymous = {0};
	struct sweep sweep = {.in = input, .out = &anonymous};
	int r = sweep_all(&sweep);

	if (r < 0) {
		mt_anonymous_free(&anonymous);
		return r;
	}
	gather(&anonymous);
	*ret_anonymous = anonymous;
	return 0;
}

void mt_anonymous_free(struct mt_anonymous *anonymous)
{
	free(anonymous->rows);
	memset(anonymous, 0, sizeof(*anonymous));
}
