/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * drain.c - see drain.h.
 */
#include "collect/drain.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * No two rings share a place: so a round has no more to read than the data area holds, however many rings
 * there are said to be.
 */
static bool take_area(struct mt_drain_areas *areas, uint64_t offset_bytes, uint32_t size_bytes)
{
	uint64_t first = (offset_bytes - MT_SEGMENT_DATA_AT) / MT_RING_BYTES_MIN;
	uint64_t last = first + size_bytes / MT_RING_BYTES_MIN;

	for (uint64_t i = first; i < last; i++)
		if (areas->taken[i / 64] & 1ull << i % 64)
			return false;
	for (uint64_t i = first; i < last; i++)
		areas->taken[i / 64] |= 1ull << i % 64;
	return true;
}

bool mt_drain_open(struct mt_drain *drain, struct mt_segment *segment, uint32_t index,
                   struct mt_drain_areas *areas)
{
	struct mt_ring *ring = &mt_segment_rings(segment)[index];
	uint64_t offset_bytes;
	uint32_t size_bytes;

	if (drain->ring || drain->broken)
		return !drain->broken;
	/* acquire: size and offset; partner: the writer's release when the ring gets its data area */
	if (atomic_load_explicit(&ring->state, memory_order_acquire) == MT_RING_UNUSED)
		return false;
	size_bytes = *(volatile uint32_t *)&ring->size_bytes;
	offset_bytes = *(volatile uint64_t *)&ring->offset_bytes;
	if (size_bytes < MT_RING_BYTES_MIN || (size_bytes & (size_bytes - 1)) != 0 ||
	    offset_bytes < MT_SEGMENT_DATA_AT ||
	    (offset_bytes - MT_SEGMENT_DATA_AT) % MT_RING_BYTES_MIN != 0 ||
	    offset_bytes > MT_SEGMENT_BYTES || size_bytes > MT_SEGMENT_BYTES - offset_bytes ||
	    !take_area(areas, offset_bytes, size_bytes)) {
		drain->broken = "its place in the segment is impossible";
		atomic_store(&ring->state, MT_RING_BROKEN);
		return false;
	}
	drain->is_shared = *(volatile uint32_t *)&ring->is_shared != 0;
	drain->ring = ring;
	drain->data = (const unsigned char *)segment + offset_bytes;
	drain->mask = size_bytes - 1;
	/* A ring starts empty; what its counters say otherwise is not believed. */
	drain->at = drain->limit = drain->ahead = 0;
	return true;
}

bool mt_drain_look(struct mt_drain *drain, uint64_t now)
{
	uint64_t head;

	if (!drain->ring || drain->broken)
		return false;
	/* acquire: the bytes before head; partner: the writer's release in mt_ring_publish() */
	head = atomic_load_explicit(&drain->ring->head, memory_order_acquire);
	if (head < drain->limit || head - drain->at > drain->mask + 1 || head % MT_EVENT_UNIT) {
		mt_drain_break(drain, "its head is impossible");
		return false;
	}
	drain->limit = head;
	drain->now = now;
	mt_drain_take_stamps(drain);
	return drain->at < head;
}

static void wake_writer(struct mt_ring *ring)
{
	/*
	 * seq_cst, both sides: the writer stores writer_waits and then looks at tail, we store tail and
	 * then look at writer_waits, so one of the two sees the other.
	 */
	if (!atomic_load(&ring->writer_waits))
		return;
	atomic_fetch_add(&ring->space, 1);
	syscall(SYS_futex, &ring->space, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* What a broken ring's writer publishes is thrown away, so that the program never waits for us. */
static void skip(struct mt_drain *drain)
{
	drain->at = drain->limit = atomic_load_explicit(&drain->ring->head, memory_order_relaxed);
}

void mt_drain_release(struct mt_drain *drain)
{
	if (!drain->ring)
		return;
	if (drain->broken)
		skip(drain);
	if (atomic_load_explicit(&drain->ring->tail, memory_order_relaxed) == drain->at)
		return;
	/* at least release: our copying is done; partner: the acquire in mt_ring_has_space() */
	atomic_store(&drain->ring->tail, drain->at);
	wake_writer(drain->ring);
}

void mt_drain_break(struct mt_drain *drain, const char *why)
{
	drain->broken = why;
	if (!drain->ring)
		return;
	/* Whoever waits for what it holds to be read need not. */
	atomic_store(&drain->ring->state, MT_RING_BROKEN);
	skip(drain);
}
