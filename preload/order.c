/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * order.c - see order.h.
 */
#include "preload/order.h"

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
