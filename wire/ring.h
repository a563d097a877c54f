/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ring.h - one writer, one reader, bytes of records in between.
 *
 * Written by the traced thread that owns it (preload/emit.c), read by the collector (collect/drain.c).
 *
 *	          tail (reader)              head (writer)
 *	           v                          v
 *	+----------+--------------------------+-----------------+
 *	|  free    |  published, not read     |  free           |   size_bytes, a power of two
 *	+----------+--------------------------+-----------------+
 *
 * head and tail count bytes since the ring was made and never wrap (64 bits); index = count & (size - 1).
 * 0 <= head - tail <= size. A record may span the end; both sides copy it in units of 8 bytes.
 *
 * The writer fills the bytes at head, then stores head (release; partner: the reader's acquire load).
 * The reader copies, then stores tail (release; partner: the writer's acquire load when it looks for space).
 *
 * A signal handler that interrupts the writer uses another ring (preload/thread.c), so a record is never
 * half written where the reader can see it.
 *
 * A ring outlives its thread. The next owner goes on at head, behind what is not yet read, and says who
 * it is with MT_EVENT_THREAD_BEGIN; so nobody waits for a ring to be drained.
 *
 * A shared ring is written by all threads of one process that found none of their own, one at a time
 * (preload/shared.c). Whoever is not the one that wrote last says so first, with MT_EVENT_THREAD_BEGIN.
 */
#ifndef MT_WIRE_RING_H
#define MT_WIRE_RING_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "event.h"

#define MT_RING_BYTES_MIN 16384u

enum mt_ring_state {
	MT_RING_UNUSED = 0, /* no data area yet */
	MT_RING_FREE,       /* has one, no owner */
	MT_RING_OWNED,
	MT_RING_BROKEN, /* the reader has left it alone, for good */
};

/* In the segment's directory. A cache line for each side. */
struct mt_ring {
	/* the writer's line */
	_Alignas(64) _Atomic uint64_t head;
	_Atomic uint32_t state;      /* enum mt_ring_state; FREE <-> OWNED by compare-exchange */
	_Atomic uint32_t owner_slot; /* process slot of the owner, valid while OWNED */
	_Atomic uint32_t owner_tid;
	uint32_t size_bytes;   /* set once, before state leaves UNUSED */
	uint64_t offset_bytes; /* of the data, from the segment's start; set once */
	uint32_t is_shared;    /* set once */
	uint32_t place;        /* of those that are not shared: the how manieth; set once */
	/* the reader's line */
	_Alignas(64) _Atomic uint64_t tail;
	_Atomic uint32_t
	        writer_waits;   /* 1: the writer sleeps on `space` until the reader has read */
	_Atomic uint32_t space; /* futex: counts wake-ups */
};
static_assert(sizeof(struct mt_ring) == 128, "two lines");

/* What a writer's ring is to it. */
enum mt_ring_share {
	MT_RING_OWN = 0,
	MT_RING_SHARED_NEW, /* it has not said yet that it writes there */
	MT_RING_SHARED,
};

/* The writer's private view; lives in the owning thread's own memory. */
struct mt_ring_writer {
	struct mt_ring *ring;
	unsigned char *data;
	uint64_t mask;      /* size - 1 */
	uint64_t head;      /* what was last published */
	uint64_t limit;     /* head may go up to here without a further look; 0: no ring yet */
	uint64_t space_end; /* head may go up to here before tail must be looked at again */
	uint64_t bell_at;   /* past this the collector should be woken */
	enum mt_ring_share share; /* not MT_RING_OWN: limit stays 0, and head is right only ... */
	uint32_t tid;             /* ... while this thread holds the ring (preload/shared.h) */
	/* preload/order.h */
	uint16_t number;     /* of the ring */
	uint16_t stamp_uses; /* how many more events may have the last stamp ... */
	uint32_t tick;       /* ... while the segment's tick is this */
	uint64_t stamp;      /* the last one that was read from the clock, and said in the ring */
};

/* One word at head + at, in place. Not yet visible to the reader. */
static inline void mt_ring_put_word(struct mt_ring_writer *w, uint64_t at, uint64_t word)
{
	*(uint64_t *)(void *)(w->data + ((w->head + at) & w->mask)) = word;
}

/* True when `bytes` fit now. Looks at the reader's line only when its own copy says no. */
static inline bool mt_ring_has_space(struct mt_ring_writer *w, uint32_t bytes)
{
	if (w->head + bytes <= w->space_end)
		return true;
	/* acquire: the reader's copying of the old bytes is done before they are overwritten */
	w->space_end = atomic_load_explicit(&w->ring->tail, memory_order_acquire) + w->mask + 1;
	return w->head + bytes <= w->space_end;
}

/* Copies whole units to head + at; the caller has checked the space. Not yet visible to the reader. */
static inline void mt_ring_put(struct mt_ring_writer *w, uint64_t at, const void *from,
                               uint32_t bytes)
{
	uint64_t index = (w->head + at) & w->mask;
	uint64_t first = w->mask + 1 - index;

	if (bytes <= first) {
		memcpy(w->data + index, from, bytes);
		return;
	}
	memcpy(w->data + index, from, first);
	memcpy(w->data, (const unsigned char *)from + first, bytes - first);
}

/* A record of the fixed sizes at head + at, an ALLOC in the form that has room for it. Its bytes. Not yet visible. */
static inline uint32_t mt_ring_put_fixed(struct mt_ring_writer *w, uint64_t at, uint64_t word,
                                         uint64_t size_bytes, uint32_t stack, uint32_t flags)
{
	unsigned int type = mt_event_type(word);

	if (type == MT_EVENT_ALLOC && __builtin_expect(!mt_event_is_narrow(size_bytes, flags), 0)) {
		type = MT_EVENT_ALLOC_WIDE;
		word += MT_EVENT_ALLOC_WIDE - MT_EVENT_ALLOC;
	}
	mt_ring_put_word(w, at, word);
	if (type == MT_EVENT_ALLOC) {
		mt_ring_put_word(w, at + MT_EVENT_UNIT, mt_event_narrow(size_bytes, stack));
	} else if (type > MT_EVENT_ALLOC) {
		mt_ring_put_word(w, at + MT_EVENT_UNIT, size_bytes);
		mt_ring_put_word(w, at + 2 * MT_EVENT_UNIT, (uint64_t)flags << 32 | stack);
	}
	return mt_event_bytes(type, 0);
}

static inline void mt_ring_publish(struct mt_ring_writer *w, uint32_t bytes)
{
	w->head += bytes;
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(w->data[(w->head + 256) & w->mask]));
#endif
	/* release: the bytes before the count; partner: the reader's acquire load of head */
	atomic_store_explicit(&w->ring->head, w->head, memory_order_release);
}

/* Reader: copies `bytes` at the count `at` out of the ring. Bounds are the caller's to check. */
static inline void mt_ring_get(const unsigned char *data, uint64_t mask, uint64_t at, void *to,
                               uint32_t bytes)
{
	uint64_t index = at & mask;
	uint64_t first = mask + 1 - index;

	if (bytes <= first) {
		memcpy(to, data + index, bytes);
		return;
	}
	memcpy(to, data + index, first);
	memcpy((unsigned char *)to + first, data, bytes - first);
}

#endif
