/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * order.h - the stamp that an event gets, as cheap as the order of events allows.
 *
 * Runs in the traced process, for each event, in emit.c. The collector applies the events of one ring in the ring's
 * order, and merges the rings by stamp. A stamp is never late, because it is taken before its event is published. But
 * without a fence the processor may read the clock before earlier instructions are done, and the stamp is early: of 19
 * million hand-offs between two cores 676 000 came out inverted. The fence costs as much as the rest of the event.
 *
 * It is needed where another ring may have written of the same block. A district is 64 KiB of addresses. It belongs to
 * the ring that first wrote of a block in it, until another ring does: from then on it is shared, for ever. So an event
 * without a fence is about a block of which no other ring has written, and there the ring's own order is all the order
 * there is. Whoever takes a block over from another thread, by a hand-off or from the allocator, has seen something that
 * came after that thread's event, and so sees its mark: the district is not his, his stamp is fenced, and it is later
 * than the other's, which was not late.
 *
 * A ring that one thread gives back and another takes is one ring here, and so is one that threads share: both are
 * written in the true order. A signal handler that interrupts memtrace has a ring of its own. What is 4 GiB apart counts
 * as one district. A forked child begins with nobody's.
 */
#ifndef MT_PRELOAD_ORDER_H
#define MT_PRELOAD_ORDER_H

#include "preload/clock.h"
#include "preload/process.h"
#include "wire/ring.h"

#define MT_ORDER_DISTRICT_BITS 16u
#define MT_ORDER_SHARED        UINT16_MAX

/* The district is not this ring's: takes it, or makes it shared. Is it this ring's now? */
bool mt_order_claim(_Atomic uint16_t *district, uint16_t ring);

/* The number by which a ring is known here. */
static inline uint16_t mt_order_number(const struct mt_ring *ring)
{
	return (uint16_t)(ring - mt_segment_rings(mt_process.segment) + 1);
}

/* Of an event that is not about one block. */
static inline uint64_t mt_order_now(void)
{
	return mt_clock_now(mt_process.segment, true);
}

/* Of an event that is about the block at addr. */
static inline uint64_t mt_order_stamp(const struct mt_ring_writer *writer, uint64_t addr)
{
	_Atomic uint16_t *district =
	        &mt_wiped->districts[addr >> MT_ORDER_DISTRICT_BITS & (MT_ORDER_DISTRICTS - 1)];
	/* relaxed: who has to see another's mark has synchronised with him over the block itself */
	uint16_t ring = atomic_load_explicit(district, memory_order_relaxed);
	bool is_own = mt_likely(ring == writer->number) ||
	              (ring != MT_ORDER_SHARED && mt_order_claim(district, writer->number));

	return mt_clock_now(mt_process.segment, !is_own);
}

#endif
