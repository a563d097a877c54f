/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.h - what of the heap hooks' calls is recorded: all, a sample, or nothing.
 *
 * Called by the hooks, in any context. In line, because for a call that is not recorded this is all that it
 * costs: no stack, no stamp, no guard. The gate is a word of this process's slot (wire/segment.h), which the
 * collector changes.
 *
 *	gate            an allocation                  a free, a realloc of what was there
 *	0               recorded                       recorded
 *	FREE_STACKS     recorded                       recorded with its stack
 *	SAMPLED         recorded when it is drawn      recorded when the block was
 *	STOPPED         not recorded                   recorded: the block may be known
 *	STOPPED|UNUSED  not recorded                   not recorded: no block is known
 *
 * What the allocator has taken from the kernel for a call is recorded where allocations are, sampled or not.
 *
 * An allocation that is decided upon counts as recorded (mt_tls.trail), so that an outer hook does not
 * decide again. Most of those that a sample leaves out come by no gate: mt_sample_passes() has said so, and they leave
 * no trail but the distance to the next point. Nor do their frees, by mt_sample_passes_free().
 */
#ifndef MT_PRELOAD_GATE_H
#define MT_PRELOAD_GATE_H

#include "preload/emit.h"
#include "preload/growth.h"
#include "preload/mark.h"
#include "preload/process.h"
#include "preload/release.h"
#include "preload/sample.h"
#include "preload/thread.h"

static inline uint32_t mt_gate(void)
{
	return atomic_load_explicit(atomic_load_explicit(&mt_process.gate, memory_order_relaxed),
	                            memory_order_relaxed);
}

static inline void mt_gate_alloc(const struct mt_caller *caller, const void *block,
                                 size_t size_bytes)
{
	uint32_t gate = mt_gate();

	if (mt_likely(!(gate & (MT_GATE_SAMPLED | MT_GATE_STOPPED)))) {
		mt_emit_alloc(caller, block, size_bytes);
	} else {
		mt_thread_leave_trail(block);
		if (!(gate & MT_GATE_STOPPED))
			mt_sample_alloc(caller, block, size_bytes);
	}
	if (mt_unlikely(mt_growth_is_due(block)))
		mt_growth_look(caller, block);
}

/* True: the stack is asked for as well, by mt_emit_free_stack(). */
static inline bool mt_gate_free(unsigned int kind, const void *block)
{
	uint32_t gate = mt_gate();

	mt_release_before_free(block);
	if (mt_likely(!gate)) {
		mt_emit_free(kind, block);
		/* Not before: libc may be asked to free what cannot be read. */
		return mt_mark_says_freed(block);
	}
	if (gate & MT_GATE_SAMPLED) {
		if (mt_unlikely(!mt_sample_passes_free(block)))
			mt_sample_free(kind, block);
		return false;
	}
	if (gate & MT_GATE_UNUSED)
		return false;
	mt_emit_free(kind, block);
	return gate & MT_GATE_FREE_STACKS;
}

/* A realloc under way: what has to be taken back if it fails. */
struct mt_gate_realloc {
	_Atomic uintptr_t *place; /* of the block in the set of sampled ones; or NULL */
	bool is_recorded;
	bool wants_stack; /* by mt_emit_free_stack() */
};

static inline struct mt_gate_realloc mt_gate_realloc_begin(const void *block)
{
	struct mt_gate_realloc begun = {NULL, false, false};
	uint32_t gate = mt_gate();

	if (mt_unlikely(gate & MT_GATE_SAMPLED)) {
		if (mt_likely(mt_sample_passes_free(block)))
			return begun;
		begun.place = mt_sample_hold(block);
		begun.is_recorded = begun.place != NULL;
	} else {
		begun.is_recorded = !(gate & MT_GATE_UNUSED);
		begun.wants_stack = gate & MT_GATE_FREE_STACKS && begun.is_recorded;
	}
	if (begun.is_recorded)
		mt_emit_realloc(MT_KIND_REALLOC | (begun.place ? mt_sample_later(block) : 0),
		                block);
	if (mt_unlikely(!gate && mt_mark_says_freed(block)))
		begun.wants_stack = true;
	return begun;
}

static inline void mt_gate_realloc_done(struct mt_gate_realloc begun, const void *block)
{
	if (mt_unlikely(begun.place != NULL))
		mt_sample_drop(begun.place, block);
}

static inline void mt_gate_realloc_failed(struct mt_gate_realloc begun, const void *block)
{
	if (mt_unlikely(begun.place != NULL))
		mt_sample_keep(begun.place, block);
	if (begun.is_recorded)
		mt_emit_realloc_failed(block);
}

#endif
