/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * order.h - the stamp that an event gets, as cheap as the order of events allows.
 *
 * Runs in the traced process, for each event, in emit.c. The collector applies the events of one ring in the ring's
 * order, and merges the rings by stamp. A stamp is never late, because it is taken before its event is published. But
 * it may be early: without a fence the processor may read the clock before earlier instructions are done; of 19 million
 * hand-offs between two cores 676 000 came out inverted. The fence costs as much as the rest of the event, and reading
 * the clock as much again.
 *
 * It must not be early where another ring may have written of the same block. A district is 64 KiB of addresses. It
 * belongs to the ring that first wrote of a block in it, until another ring does: from then on it is shared, for ever.
 * So an event with an early stamp is about a block of which no other ring has written, and there the ring's own order is
 * all the order there is. Whoever takes a block over from another thread, by a hand-off or from the allocator, has seen
 * something that came after that thread's event, and so sees its mark: the district is not his, his stamp is read behind
 * a fence, and it is later than the other's, which was not late.
 *
 * So an event in a ring's own district may also have the stamp of the event before it. It does so up to
 * MT_ORDER_STAMP_USES times, while the collector's tick stays: some ms at most,
 * as long as it gets a processor. That is how exact times are, and the order between threads of events that
 * are not about one block, on which the peak of a process depends. What is large has a stamp of its own, so that a
 * peak is not off by that: a block of MT_ORDER_LARGE_BYTES, and the free of one that begins a page, as mapped ones do.
 *
 * A ring that one thread gives back and another takes is one ring here, and so is one that threads share: both are
 * written in the true order; in a shared one each stamp is read. A signal handler that interrupts memtrace has a ring of
 * its own. What is 4 GiB apart counts as one district. A forked child begins with nobody's.
 */
#ifndef MT_PRELOAD_ORDER_H
#define MT_PRELOAD_ORDER_H

#include "preload/process.h"
#include "wire/ring.h"

#define MT_ORDER_DISTRICT_BITS 16u
#define MT_ORDER_SHARED        UINT16_MAX
#define MT_ORDER_STAMP_USES    15u
#define MT_ORDER_LARGE_BYTES   65536u

/* The district is not this ring's: takes it, or makes it shared. Is it this ring's now? */
bool mt_order_claim(_Atomic uint16_t *district, uint16_t ring);

/* The number by which a ring is known here. */
static inline uint16_t mt_order_number(const struct mt_ring *ring)
{
	return (uint16_t)(ring - mt_segment_rings(mt_process.segment) + 1);
}

/*
 * These give the event that comes next in the ring its stamp. They return how many bytes that takes in front of it: those
 * of a STAMP, for which there is room, or 0 where the last stamp stands.
 */

/* One that is read now. */
uint32_t mt_order_now(struct mt_ring_writer *writer, bool is_fenced);

/* One that may be early: of what has an order only in its own ring. */
static inline uint32_t mt_order_early(struct mt_ring_writer *writer)
{
	if (mt_likely(writer->stamp_uses) &&
	    mt_likely(atomic_load_explicit(&mt_process.segment->tick, memory_order_relaxed) ==
	              writer->tick)) {
		writer->stamp_uses--;
		return 0;
	}
	return mt_order_now(writer, false);
}

/* From here on no thread uses a stamp that was read before. */
static inline void mt_order_renew(void)
{
	atomic_store(&mt_process.segment->tick, 0);
}

/* Is it of this size, or, of size 0, begins it a page but for a header of 16 bytes? */
static inline bool mt_order_is_large(uint64_t addr, uint64_t size_bytes)
{
	return size_bytes ? size_bytes >= MT_ORDER_LARGE_BYTES : (addr & 0xfef) == 0;
}

/* Of an event that is about the block at addr. */
static inline uint32_t mt_order_stamp(struct mt_ring_writer *writer, uint64_t addr, bool is_large)
{
	_Atomic uint16_t *district =
	        &mt_wiped->districts[addr >> MT_ORDER_DISTRICT_BITS & (MT_ORDER_DISTRICTS - 1)];
	/* relaxed: who has to see another's mark has synchronised with him over the block itself */
	uint16_t ring = atomic_load_explicit(district, memory_order_relaxed);
	bool is_own = mt_likely(ring == writer->number) ||
	              (ring != MT_ORDER_SHARED && mt_order_claim(district, writer->number));

	if (mt_likely(is_own && !is_large))
		return mt_order_early(writer);
	return mt_order_now(writer, !is_own);
}

#endif
