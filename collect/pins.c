/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pins.c - see pins.h.
 */
#include "collect/pins.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* The block that ends a heap: of those that begin in [start, end) the last; NULL: none does. */
static const struct mt_owner_block *last_block(const struct mt_owner_input *in, uint64_t start,
                                               uint64_t end)
{
	size_t low = 0, high = in->block_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (in->blocks[middle].addr < end)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && in->blocks[low - 1].addr >= start ? &in->blocks[low - 1] : NULL;
}

static uint64_t resident_in(const struct mt_owner_input *in, uint64_t start, uint64_t end)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < in->pages->count; i++) {
		const struct mt_page_run *run = &in->pages->runs[i];
		uint64_t from = run->start > start ? run->start : start;
		uint64_t to = run->end < end ? run->end : end;

		if (run->bits & MT_PAGE_RESIDENT && from < to)
			sum += to - from;
	}
	return sum;
}

static int add_pin(const struct mt_owner_input *in, struct mt_pins *pins, size_t *capacity,
                   enum mt_growth_kind kind, uint64_t start, uint64_t end)
{
	const struct mt_owner_block *block = last_block(in, start, end);
	uint64_t free_from;

	if (!block)
		return 0;
	if (MT_ARRAY_RESERVE(pins->rows, *capacity, pins->count + 1) < 0)
		return -ENOMEM;
	free_from = (block->addr + block->size_bytes + in->page_bytes - 1) / in->page_bytes *
	            in->page_bytes;
	pins->rows[pins->count++] = (struct mt_pin){.kind = kind,
	                                            .start = start,
	                                            .end = end,
	                                            .block = *block,
	                                            .above_bytes = resident_in(in, free_from, end)};
	return 0;
}

/* The kernel shows the break as one mapping, or as several side by side. */
static int add_break(const struct mt_owner_input *in, struct mt_pins *pins, size_t *capacity)
{
	uint64_t start = 0, end = 0;

	for (size_t i = 0; i < in->smaps->count; i++) {
		const struct mt_vma *vma = &in->smaps->vmas[i];

		if (vma->kind != MT_VMA_HEAP)
			continue;
		if (!end)
			start = vma->start;
		end = vma->end;
	}
	return end ? add_pin(in, pins, capacity, MT_GROWTH_BREAK, start, end) : 0;
}

int mt_pins_find(const struct mt_owner_input *input, struct mt_pins *ret_pins)
{
	struct mt_pins pins = {0};
	size_t capacity = 0;
	int r = add_break(input, &pins, &capacity);

	for (size_t i = 0; i < input->grower_count && r == 0; i++) {
		const struct mt_growth_range *grower = &input->growers[i];
		uint64_t start = grower->start, end = grower->end;

		if (grower->kind != MT_GROWTH_HEAP)
			continue;
		for (;
		     i + 1 < input->grower_count && input->growers[i + 1].kind == MT_GROWTH_HEAP &&
		     input->growers[i + 1].start / MT_GROWTH_HEAP_BYTES ==
		             start / MT_GROWTH_HEAP_BYTES;
		     i++)
			end = input->growers[i + 1].end;
		r = add_pin(input, &pins, &capacity, MT_GROWTH_HEAP, start, end);
	}
	if (r < 0) {
		mt_pins_free(&pins);
		return r;
	}
	*ret_pins = pins;
	return 0;
}

void mt_pins_free(struct mt_pins *pins)
{
	free(pins->rows);
	memset(pins, 0, sizeof(*pins));
}
