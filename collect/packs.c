/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * packs.c - see packs.h.
 */
#include "collect/packs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const bool kind_is_heap[MT_KIND_COUNT] = {
#define KIND(name, text, heap) [MT_KIND_##name] = heap,
        MT_KINDS(KIND)
#undef KIND
};

/* --- stacks ------------------------------------------------------------------------------------------ */

static int by_id(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

/* Node 0 is none, so that a pack begins with node number * MT_WRITER_STACKS_PACK + 1. */
static uint32_t stack_pack_of(size_t id)
{
	return (uint32_t)((id - 1) / MT_WRITER_STACKS_PACK);
}

/*
 * The packs that have nodes which the file does not have yet, or not as they are now: `each` is called for them, in
 * their order.
 */
static void find_stack_packs(struct mt_batch *batch, const struct mt_stacks *stacks,
                             void (*each)(struct mt_batch *, const struct mt_stacks *, uint32_t))
{
	uint32_t next = 0; /* those before have been */
	uint32_t end = stacks->node_count > 1 ? stack_pack_of(stacks->node_count - 1) + 1 : 0;

	for (size_t i = 0; i < stacks->settled_count; i++) {
		uint32_t number = stack_pack_of(stacks->settled[i]);

		if (number < next)
			continue;
		each(batch, stacks, number);
		next = number + 1;
	}
	if (stacks->nodes_written >= stacks->node_count)
		return;
	if (next < stack_pack_of(stacks->nodes_written))
		next = stack_pack_of(stacks->nodes_written);
	for (; next < end; next++)
		each(batch, stacks, next);
}

static void count_stack_pack(struct mt_batch *batch, const struct mt_stacks *stacks,
                             uint32_t number)
{
	(void)stacks;
	(void)number;
	batch->stack_packs_count++;
}

int mt_packs_reserve_stacks(struct mt_batch *batch, struct mt_stacks *stacks)
{
	size_t packs;

	/* Row 0 is not used. */
	if (!stacks->nodes_written)
		stacks->nodes_written = 1;
	if (stacks->settled_count)
		qsort(stacks->settled, stacks->settled_count, sizeof(*stacks->settled), by_id);
	find_stack_packs(batch, stacks, count_stack_pack);
	packs = batch->stack_packs_count;
	batch->stack_packs_count = 0;
	return MT_BATCH_RESERVE(batch, stack_packs, packs) < 0 ||
	                       MT_BATCH_RESERVE(batch, stacks, packs * MT_WRITER_STACKS_PACK) < 0
	               ? -ENOMEM
	               : 0;
}

static void take_stack_pack(struct mt_batch *batch, const struct mt_stacks *stacks, uint32_t number)
{
	size_t id = (size_t)number * MT_WRITER_STACKS_PACK + 1;
	size_t end = id + MT_WRITER_STACKS_PACK;
	struct mt_batch_pack *pack = MT_BATCH_APPEND(batch, stack_packs);

	*pack = (struct mt_batch_pack){.number = number, .first = batch->stacks_count};
	for (; id < end && id < stacks->node_count; id++) {
		const struct mt_node *node = &stacks->nodes[id];

		*MT_BATCH_APPEND(batch, stacks) =
		        (struct mt_writer_stack){.parent = node->parent,
		                                 .frame = node->frame,
		                                 .cut = mt_stacks_cut_name(node->cut)};
	}
	pack->count = batch->stacks_count - pack->first;
}

void mt_packs_take_stacks(struct mt_batch *batch, struct mt_stacks *stacks)
{
	find_stack_packs(batch, stacks, take_stack_pack);
	stacks->settled_count = 0;
	if (stacks->nodes_written < stacks->node_count)
		stacks->nodes_written = stacks->node_count;
}

/* --- totals ------------------------------------------------------------------------------------------ */

static void weight_total(const struct mt_process *process, uint32_t at, struct mt_writer_total *row,
                         struct mt_estimate_figures *ret_figures)
{
	mt_estimate_figures(process->estimate, &process->totals, at, ret_figures);
	row->allocations = ret_figures->allocations;
	row->frees = ret_figures->frees;
	row->peak_blocks = ret_figures->peak_blocks;
	row->temporary = ret_figures->temporary;
}

static void take_sample(struct mt_batch *batch, const struct mt_process *process,
                        const struct mt_total *total, const struct mt_estimate_figures *figures)
{
	*MT_BATCH_APPEND(batch, samples) = (struct mt_writer_sample){
	        .process = process->id,
	        .stack = total->node,
	        .kind = total->kind,
	        .allocations = figures->sampled_allocations,
	        .frees = figures->sampled_frees,
	        .allocations_variance = figures->allocations_variance,
	        .bytes_allocated_variance = figures->bytes_allocated_variance,
	        .live_blocks_variance = figures->live_blocks_variance,
	        .live_bytes_variance = figures->live_bytes_variance,
	        .peak_blocks_variance = figures->peak_blocks_variance,
	        .peak_bytes_variance = figures->peak_bytes_variance,
	        .temporary_variance = figures->temporary_variance,
	};
}

static void take_total(struct mt_batch *batch, const struct mt_process *process, uint32_t at)
{
	const struct mt_totals *totals = &process->totals;
	const struct mt_total *total = &totals->rows[at];
	struct mt_writer_total *row = MT_BATCH_APPEND(batch, totals);
	struct mt_estimate_figures figures;

	*row = (struct mt_writer_total){.stack = total->node,
	                                .kind = total->kind,
	                                .allocations = total->allocations,
	                                .frees = total->frees,
	                                .bytes_allocated = total->bytes_allocated,
	                                .bytes_freed = total->bytes_freed,
	                                .temporary = total->temporary};
	if (!kind_is_heap[total->kind])
		return;
	mt_totals_at_peak(totals, total, &row->peak_blocks, &row->peak_bytes);
	if (!process->estimate)
		return;
	weight_total(process, at, row, &figures);
	if (total->is_dirty)
		take_sample(batch, process, total, &figures);
}

/* Of the packs, by their number, that have rows which have changed; how many they are. */
static size_t mark_total_packs(struct mt_batch *batch, const struct mt_totals *totals)
{
	size_t count = 0;

	memset(batch->marks, 0, totals->count / MT_WRITER_TOTALS_PACK + 1);
	for (size_t i = 0; i < totals->dirty_count; i++) {
		bool *mark = &batch->marks[totals->dirty[i] / MT_WRITER_TOTALS_PACK];

		count += !*mark;
		*mark = true;
	}
	return count;
}

/* Each as a whole; row 0 of the totals is not used. */
void mt_packs_take_totals(struct mt_batch *batch, struct mt_process *process)
{
	struct mt_totals *totals = &process->totals;
	size_t left = totals->dirty_count ? mark_total_packs(batch, totals) : 0;

	for (uint32_t number = 0; left; number++) {
		uint32_t at = number * MT_WRITER_TOTALS_PACK, end = at + MT_WRITER_TOTALS_PACK;
		struct mt_batch_pack *pack;

		if (!batch->marks[number])
			continue;
		left--;
		pack = MT_BATCH_APPEND(batch, total_packs);
		*pack = (struct mt_batch_pack){
		        .process = process->id, .number = number, .first = batch->totals_count};
		for (at += !at; at < end && at < totals->count; at++)
			take_total(batch, process, at);
		pack->count = batch->totals_count - pack->first;
	}
	mt_totals_clean(totals);
}

int mt_packs_reserve_totals(struct mt_batch *batch, const struct mt_process *process)
{
	const struct mt_totals *totals = &process->totals;
	size_t packs;

	if (!totals->dirty_count)
		return 0;
	if (MT_ARRAY_RESERVE(batch->marks, batch->marks_capacity,
	                     totals->count / MT_WRITER_TOTALS_PACK + 1) < 0)
		return -ENOMEM;
	packs = mark_total_packs(batch, totals);
	return MT_BATCH_RESERVE(batch, total_packs, packs) < 0 ||
	                       MT_BATCH_RESERVE(batch, totals, packs * MT_WRITER_TOTALS_PACK) < 0
	               ? -ENOMEM
	               : 0;
}
