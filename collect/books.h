/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * books.h - what a block's beginning and its end change in the books of its process.
 *
 * Used by apply.c alone, for every allocation and free: in line. Blocks of three sorts: the process's own, whose
 * allocation is among its totals; those it inherited at its fork; and memtrace's.
 */
#ifndef MT_COLLECT_BOOKS_H
#define MT_COLLECT_BOOKS_H

#include "collect/drain.h"
#include "collect/past.h"
#include "collect/process.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The block at an address, also one that was inherited; NULL: none is live there. */
static inline __attribute__((always_inline)) struct mt_live_entry *
mt_books_find(struct mt_process *process, uint64_t addr)
{
	struct mt_live_entry *block = mt_live_find(&process->live, addr);

	if (unlikely(!block && process->inherited != NULL))
		block = mt_past_claim(process, addr);
	return block;
}

static inline bool mt_books_is_live(const struct mt_process *process, uint64_t addr)
{
	return mt_live_find(&process->live, addr) || mt_past_find(process->inherited, addr);
}

/* Before the live table changes at an address: forked children may have inherited what is there. */
static inline __attribute__((always_inline)) void
mt_books_keep_past(struct mt_process *process, uint64_t addr, const struct mt_live_entry *block)
{
	if (unlikely(process->source != NULL) && process->source->newest &&
	    mt_past_keep(process, addr, block) < 0)
		process->out_of_memory++;
}

static inline __attribute__((always_inline)) void mt_books_remove(struct mt_process *process,
                                                                  struct mt_live_entry *block)
{
	mt_books_keep_past(process, block->addr, block);
	mt_live_remove(&process->live, block);
}

/* For the caller to fill in; the entry that was there, if *ret_was_live, was kept. */
static inline __attribute__((always_inline)) struct mt_live_entry *
mt_books_insert(struct mt_process *process, uint64_t addr, bool *ret_was_live)
{
	if (unlikely(process->source != NULL))
		mt_books_keep_past(process, addr, mt_live_find(&process->live, addr));
	return mt_live_insert(&process->live, addr, ret_was_live);
}

/* A block goes whose allocation is not among this process's own figures. */
static inline void mt_books_release_flagged(struct mt_process *process,
                                            const struct mt_live_entry *block)
{
	if (!(block->total & MT_LIVE_INHERITED)) {
		process->own_frees++;
	} else if (!(block->total & MT_LIVE_OWN)) {
		process->inherited_frees++;
		process->inherited_freed_bytes += block->size_bytes;
	}
}

static inline void mt_books_restore_flagged(struct mt_process *process,
                                            const struct mt_live_entry *block)
{
	if (!(block->total & MT_LIVE_INHERITED)) {
		process->own_frees--;
	} else if (!(block->total & MT_LIVE_OWN)) {
		process->inherited_frees--;
		process->inherited_freed_bytes -= block->size_bytes;
	}
}

/* The three changes of the books that a block of the process's own causes. */
static inline __attribute__((always_inline)) void
mt_books_alloc(struct mt_process *process, uint32_t total, uint64_t size_bytes, uint64_t ns)
{
	if (unlikely(process->estimate != NULL)) {
		if (!mt_estimate_alloc(process->estimate, &process->totals, total, size_bytes, ns))
			process->out_of_memory++;
		return;
	}
	mt_totals_alloc(&process->totals, total, size_bytes, ns);
}

static inline __attribute__((always_inline)) void
mt_books_end(struct mt_process *process, uint32_t total, uint64_t size_bytes, bool is_temporary)
{
	if (unlikely(process->estimate != NULL))
		mt_estimate_release(process->estimate, &process->totals, total, size_bytes,
		                    is_temporary);
	else
		mt_totals_release(&process->totals, total, size_bytes, is_temporary);
}

static inline void mt_books_undo(struct mt_process *process, uint32_t total, uint64_t size_bytes,
                                 bool was_temporary, uint64_t ns)
{
	if (process->estimate)
		mt_estimate_undo(process->estimate, &process->totals, total, size_bytes,
		                 was_temporary, ns);
	else
		mt_totals_undo(&process->totals, total, size_bytes, was_temporary, ns);
}

/* A block of the process's own is no longer its thread's. */
static inline __attribute__((always_inline)) void mt_books_disown(struct mt_process *process,
                                                                  const struct mt_live_entry *block)
{
	struct mt_thread *owner = &process->threads[block->thread];

	if (unlikely(--owner->live_blocks == 0 && owner->has_ended))
		mt_process_idle(process, block->thread);
}

/* Counts the end of a block; *ret_temporary says whether it was a short one. The entry stays. */
static inline __attribute__((always_inline)) bool
mt_books_release(struct mt_drain *drain, struct mt_process *process,
                 const struct mt_live_entry *block, uint64_t word)
{
	struct mt_thread *thread = &process->threads[drain->thread];
	bool is_temporary;

	if (unlikely(block->total & MT_LIVE_FLAGS)) {
		mt_books_release_flagged(process, block);
		return false;
	}
	is_temporary = thread->last_alloc == block->addr && block->thread == drain->thread &&
	               !(mt_event_kind(word) & MT_FREE_LATER);
	if (is_temporary)
		thread->last_alloc = 0;
	mt_books_end(process, block->total, block->size_bytes, is_temporary);
	mt_books_disown(process, block);
	return is_temporary;
}

/* An allocation at an address that is still live: its free was missed. */
static inline void mt_books_overwrite(struct mt_process *process, const struct mt_live_entry *block)
{
	process->overwritten++;
	if (block->total & MT_LIVE_FLAGS) {
		mt_books_release_flagged(process, block);
		return;
	}
	mt_books_end(process, block->total, block->size_bytes, false);
	mt_books_disown(process, block);
}

#endif
