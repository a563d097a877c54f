/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * order.c - see order.h.
 */
#include "preload/order.h"

#include "preload/clock.h"

static_assert(MT_RINGS < MT_ORDER_SHARED, "each ring has a number");

MT_COLD bool mt_order_claim(_Atomic uint16_t *district, uint16_t ring)
{
	uint16_t found = 0;

	/* relaxed: as in mt_order_stamp() */
	if (atomic_compare_exchange_strong_explicit(district, &found, ring, memory_order_relaxed,
	                                            memory_order_relaxed))
		return true;
	atomic_store_explicit(district, MT_ORDER_SHARED, memory_order_relaxed);
	return false;
}

/* Out of line: in most events it is one jump over it, and the rest of them is dear anyway. */
__attribute__((noinline)) uint32_t mt_order_now(struct mt_ring_writer *writer, bool is_fenced)
{
	struct mt_segment *segment = mt_process.segment;

	/* relaxed, and before the clock: a tick that goes on meanwhile only makes the next stamp a new one */
	writer->tick = atomic_load_explicit(&segment->tick, memory_order_relaxed);
	writer->stamp = mt_clock_now(segment, is_fenced);
	writer->stamp_uses = writer->tick && writer->share == MT_RING_OWN ? MT_ORDER_STAMP_USES : 0;
	mt_ring_put_word(writer, 0, mt_event_stamp_word(writer->stamp));
	return MT_EVENT_UNIT;
}
