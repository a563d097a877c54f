/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * release.c - see release.h.
 */
#include "preload/release.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/emit.h"
#include "preload/growth.h"
#include "preload/patience.h"
#include "preload/wait.h"

#define STEP_NS 10000000u
#define WAIT_NS 1000000000u
/* A power of two. Of chunks that meet in one place the last one is known. */
#define PLACES     1024u
#define PAGE_SHIFT 12

#define CHUNK_BITS       7u
#define CHUNK_AFTER_USED 1u /* the chunk before is in use */

/* Blocks with a chunk of their own. What is freed may be unmapped, so it is not looked at before the free is recorded. */
static struct place {
	_Atomic uintptr_t block; /* 0: none */
	_Atomic size_t bytes;
} places[PLACES];

static struct place *place_of(const void *block)
{
	uint64_t page = (uintptr_t)block >> PAGE_SHIFT;

	return &places[(page ^ page / PLACES) % PLACES];
}

/* Has the collector asked to be told of that much? */
static bool is_awaited(size_t bytes)
{
	const struct mt_slot *slot = mt_process.slot;
	uint64_t least_bytes;

	if (atomic_load_explicit(&mt_process.state, memory_order_relaxed) != MT_PROCESS_ON)
		return false;
	least_bytes = atomic_load_explicit(&slot->release_bytes, memory_order_relaxed);
	return least_bytes && bytes >= least_bytes;
}

static void wait_until_seen(struct mt_slot *slot, uint32_t told)
{
	uint64_t waited_ns = 0;

	while (waited_ns < WAIT_NS) {
		uint32_t seen = atomic_load(&slot->releases_seen);

		if ((int32_t)(seen - told) >= 0 ||
		    mt_patience_look(mt_process.segment) != MT_COLLECTOR_ALIVE)
			return;
		waited_ns += mt_wait(&slot->releases_seen, seen, STEP_NS);
	}
}

static uint32_t tell(struct mt_segment *segment, struct mt_slot *slot)
{
	uint32_t told = atomic_fetch_add(&slot->releases_told, 1) + 1;

	atomic_fetch_add(&segment->release_bell, 1);
	syscall(SYS_futex, &segment->release_bell, FUTEX_WAKE, 1, NULL, NULL, 0);
	return told;
}

MT_COLD void mt_release_tell(size_t bytes)
{
	struct mt_slot *slot = mt_process.slot;
	int saved_errno = errno;

	if (!is_awaited(bytes))
		return;
	/* A forked child that has no slot yet; a vfork child, whose memory is its parent's. */
	if (!atomic_load_explicit(&mt_wiped->generation, memory_order_relaxed) ||
	    getpid() != mt_process.pid)
		return;
	if (!atomic_exchange(&slot->release_bytes, 0))
		return;
	wait_until_seen(slot, tell(mt_process.segment, slot));
	errno = saved_errno;
}

MT_COLD void mt_release_know(const void *block, size_t bytes)
{
	struct place *place = place_of(block);

	atomic_store_explicit(&place->bytes, bytes, memory_order_relaxed);
	atomic_store_explicit(&place->block, (uintptr_t)block, memory_order_relaxed);
}

MT_COLD void mt_release_chunk(const void *block)
{
	struct place *place = place_of(block);
	uintptr_t known = (uintptr_t)block;

	if (atomic_compare_exchange_strong_explicit(&place->block, &known, 0, memory_order_relaxed,
	                                            memory_order_relaxed))
		mt_release_tell(atomic_load_explicit(&place->bytes, memory_order_relaxed));
}

/* Of a chunk that ends where the break's last one begins: how much would be free at the break's end. 0: it does not. */
static size_t free_at_end(uintptr_t start, size_t head)
{
	uintptr_t last = start + (head & ~(size_t)CHUNK_BITS);
	uintptr_t end = (uintptr_t)*mt_growth_break;
	size_t last_bytes, before_bytes = 0;

	if (last <= start || last + 2 * sizeof(size_t) > end)
		return 0;
	last_bytes = ((const size_t *)last)[1] & ~(size_t)CHUNK_BITS;
	if (last + last_bytes != end)
		return 0;
	if (!(head & CHUNK_AFTER_USED))
		before_bytes = *(const size_t *)start;
	return end - start + before_bytes;
}

MT_COLD void mt_release_heap(const void *block)
{
	size_t head = ((const size_t *)block)[-1];
	size_t bytes;

	if (!mt_growth_is_on || head & (MT_GROWTH_CHUNK_MAPPED | MT_GROWTH_CHUNK_FOREIGN))
		return;
	if (mt_unlikely((uintptr_t)*mt_growth_break < mt_growth_break_known)) {
		mt_growth_shrunk();
		mt_release_tell(SIZE_MAX);
		return;
	}
	bytes = free_at_end((uintptr_t)block - 2 * sizeof(size_t), head);
	if (mt_unlikely(is_awaited(bytes)))
		mt_release_tell(bytes);
}
