/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frees.c - see frees.h.
 */
#include "collect/frees.h"

#include "collect/ledger.h"
#include "collect/lifecycle.h"

#include <stdlib.h>

#define CAPACITY_MIN 256u

enum family { NO_FAMILY, MALLOC_FAMILY, NEW_FAMILY, NEW_ARRAY_FAMILY };

const uint8_t mt_frees_family[256] = {
        [MT_KIND_MALLOC] = MALLOC_FAMILY,
        [MT_KIND_CALLOC] = MALLOC_FAMILY,
        [MT_KIND_REALLOC] = MALLOC_FAMILY,
        [MT_KIND_MEMALIGN] = MALLOC_FAMILY,
        [MT_KIND_FREE] = MALLOC_FAMILY,
        [MT_KIND_NEW] = NEW_FAMILY,
        [MT_KIND_DELETE] = NEW_FAMILY,
        [MT_KIND_NEW_ARRAY] = NEW_ARRAY_FAMILY,
        [MT_KIND_DELETE_ARRAY] = NEW_ARRAY_FAMILY,
};

void mt_frees_free(struct mt_frees *frees)
{
	free(frees->graves);
	free(frees->rows);
}

void mt_frees_grow(struct mt_frees *frees)
{
	uint32_t capacity = frees->capacity ? 2 * frees->capacity : CAPACITY_MIN;
	struct mt_grave *graves = realloc(frees->graves, capacity * sizeof(*graves));

	if (!graves)
		return;
	frees->graves = graves;
	/* What stands there stays where it is: it is grown at the moment at which it is full. */
	if (frees->next > frees->capacity)
		frees->next = frees->capacity;
	frees->capacity = capacity;
}

/* The youngest grave at this address; NULL: none is remembered. */
static const struct mt_grave *find_grave(struct mt_frees *frees, uint64_t addr)
{
	uint32_t count = frees->next < frees->capacity ? frees->next : frees->capacity;

	if (frees->lookups >= MT_FREES_LOOKUPS)
		return NULL;
	frees->lookups++;
	for (uint32_t back = 1; back <= count; back++) {
		const struct mt_grave *grave =
		        &frees->graves[(frees->next - back) & (frees->capacity - 1)];

		if (grave->addr == addr)
			return grave;
	}
	return NULL;
}

static const struct mt_total *total_of(const struct mt_process *process, uint32_t total)
{
	return total & MT_LIVE_FLAGS ? NULL : &process->totals.rows[total];
}

static void ask_for_stacks(struct mt_ledger *ledger, const struct mt_process *process,
                           bool is_wanted)
{
	_Atomic uint32_t *gate = &mt_segment_slots(ledger->segment)[process->slot].gate;

	if (is_wanted)
		atomic_fetch_or_explicit(gate, MT_GATE_FREE_STACKS, memory_order_relaxed);
	else if (!ledger->wants_free_stacks)
		atomic_fetch_and_explicit(gate, ~MT_GATE_FREE_STACKS, memory_order_relaxed);
}

static struct mt_bad_free *add(struct mt_ledger *ledger, struct mt_drain *drain,
                               struct mt_drain_event head, enum mt_free_problem problem)
{
	struct mt_process *process = drain->process;
	struct mt_frees *frees = &process->frees;
	struct mt_bad_free *row;

	if (frees->count >= MT_FREES_KEPT)
		return NULL;
	if (!frees->rows)
		frees->rows = calloc(MT_FREES_KEPT, sizeof(*frees->rows));
	if (!frees->rows)
		return NULL;
	row = &frees->rows[frees->count++];
	*row = (struct mt_bad_free){
	        .problem = problem,
	        .addr = mt_event_addr(head.word),
	        .time_ns = mt_stamp_ns(&ledger->stamps, head.stamp),
	        .thread = drain->thread,
	        .kind = mt_event_kind(head.word) & ~MT_FREE_LATER,
	        .is_dirty = true,
	};
	if (row->kind >= MT_KIND_COUNT)
		row->kind = MT_KIND_NONE;
	frees->is_dirty = true;
	frees->stacks = 0;
	drain->last_bad_free = frees->count;
	ask_for_stacks(ledger, process, frees->count < MT_FREES_KEPT);
	return row;
}

void mt_frees_unmatched(struct mt_ledger *ledger, struct mt_drain *drain, struct mt_drain_event head)
{
	struct mt_process *process = drain->process;
	const struct mt_grave *grave;
	const struct mt_total *total;
	struct mt_bad_free *row;

	drain->last_bad_free = 0;
	drain->last_grave = 0;
	if (process->frees.count >= MT_FREES_KEPT)
		return;
	grave = find_grave(&process->frees, mt_event_addr(head.word));
	if (!grave) {
		mt_lifecycle_measure(ledger, process);
		/* It may be of a block whose allocation was not recorded. */
		if (!process->was_off && !process->lost_inheritance && !process->dropped_events)
			add(ledger, drain, head, MT_FREE_UNKNOWN);
		return;
	}
	row = add(ledger, drain, head, MT_FREE_DOUBLE);
	if (!row)
		return;
	row->freed_node = grave->node;
	total = total_of(process, grave->total);
	if (total) {
		row->alloc_kind = total->kind;
		row->alloc_node = total->node;
	}
}

void mt_frees_mismatched(struct mt_ledger *ledger, struct mt_drain *drain,
                         struct mt_drain_event head, const struct mt_live_entry *block)
{
	const struct mt_total *total = total_of(drain->process, block->total);
	struct mt_bad_free *row;

	drain->process->frees.mismatched++;
	row = add(ledger, drain, head, MT_FREE_MISMATCHED);
	if (!row)
		return;
	row->size_bytes = block->size_bytes;
	row->alloc_kind = total->kind;
	row->alloc_node = total->node;
}

static uint32_t node_of(const struct mt_drain *drain, const struct mt_process *process,
                        uint32_t stack)
{
	if (drain->last_stack_node && drain->last_stack == stack)
		return drain->last_stack_node;
	return mt_totals_node(&process->totals, stack);
}

void mt_frees_stack(struct mt_ledger *ledger, struct mt_drain *drain, uint64_t addr, uint32_t stack)
{
	struct mt_process *process = drain->process;
	struct mt_frees *frees = &process->frees;
	uint32_t node = node_of(drain, process, stack);

	if (drain->last_bad_free && drain->last_bad_free <= frees->count) {
		struct mt_bad_free *row = &frees->rows[drain->last_bad_free - 1];

		if (row->addr == addr && !row->node) {
			row->node = node;
			row->is_dirty = true;
			frees->is_dirty = true;
		}
	} else if (++frees->stacks == MT_FREES_STACKS) {
		ask_for_stacks(ledger, process, false);
	}
	if (drain->last_grave && frees->capacity) {
		struct mt_grave *grave =
		        &frees->graves[(drain->last_grave - 1) & (frees->capacity - 1)];

		if (grave->addr == addr)
			grave->node = node;
	}
}
