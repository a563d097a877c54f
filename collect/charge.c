/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * charge.c - see charge.h.
 */
#include "collect/charge.h"

/* A change of this or more is none: addresses have 47 bits. */
#define CHANGE_LIMIT (INT64_C(1) << MT_EVENT_ADDR_BITS)

void mt_charge_break(struct mt_process *process, uint64_t end, int64_t change_bytes, uint32_t node)
{
	if (change_bytes < 0)
		mt_growth_shrink(&process->growth, 0, end);
	else if (change_bytes > 0 && end >= (uint64_t)change_bytes)
		mt_growth_grow(&process->growth, 0, end - (uint64_t)change_bytes, end, node, true);
}

static void lose_heaps(struct mt_ledger *ledger, struct mt_process *process, uint64_t stamp)
{
	if (process->lost_growth)
		return;
	process->lost_growth = true;
	mt_notes_add(&ledger->notes, process->id, mt_stamp_ns(&ledger->stamps, stamp), "growth", 1,
	             "the heaps of the allocator's further arenas are not as memtrace knows them "
	             "(another libc, glibc.malloc.hugetlb, or too many): what they grew for is not "
	             "measured");
}

static bool charge_chunk(struct mt_ledger *ledger, struct mt_process *process, uint64_t addr,
                         uint64_t bytes, uint32_t flags, uint32_t node)
{
	const struct mt_live_entry *block = mt_live_find(&process->live, addr);
	uint64_t start = mt_growth_chunk_start(addr, flags, ledger->page_bytes);

	if (addr < 16 || start >= addr)
		return false;
	mt_growth_map(&process->growth, addr, block ? block->size_bytes : 0, start, bytes, node,
	              block && !process->estimate);
	return true;
}

bool mt_charge_growth(struct mt_ledger *ledger, struct mt_process *process,
                      struct mt_drain_event head, int64_t change_bytes, uint32_t flags,
                      uint32_t node)
{
	uint64_t addr = mt_event_addr(head.word);
	unsigned int kind = flags & 0xff;
	uint64_t base =
	        kind == MT_GROWTH_HEAP ? addr / MT_GROWTH_HEAP_BYTES * MT_GROWTH_HEAP_BYTES : 0;

	if (kind == MT_GROWTH_LOST) {
		lose_heaps(ledger, process, head.stamp);
		return true;
	}
	if (kind >= MT_GROWTH_COUNT || (kind == MT_GROWTH_HEAP && !base) ||
	    change_bytes >= CHANGE_LIMIT || change_bytes <= -CHANGE_LIMIT)
		return false;
	if (kind == MT_GROWTH_CHUNK)
		return change_bytes > 0 &&
		       charge_chunk(ledger, process, addr, (uint64_t)change_bytes, flags, node);
	if (change_bytes > 0)
		mt_growth_grow(&process->growth, base, addr, addr + (uint64_t)change_bytes, node,
		               flags & MT_GROWTH_ASKED);
	else
		mt_growth_shrink(&process->growth, base, addr);
	return true;
}
