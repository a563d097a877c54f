/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * drain.h - the reader's private side of one ring: bytes -> records.
 *
 * Owned by the drain thread. The other side may have crashed in the middle of anything, or mean harm:
 * offset and size are checked once and copied, head is checked in every round, and a record is looked at
 * only after it was copied out. A ring that breaks a rule is left alone from then on.
 */
#ifndef MT_COLLECT_DRAIN_H
#define MT_COLLECT_DRAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wire/segment.h"

struct mt_process;

/*
 * What was read from shared memory is a value of our own from here on: without this a compiler may read it again
 * where it is used, and what was checked would not be what is used.
 */
#define MT_DRAIN_ONCE(value) __asm__ volatile("" : "+r"(value))

/* What a record begins with, and its stamp. */
struct mt_drain_event {
	uint64_t stamp;
	uint64_t word;
};

struct mt_drain {
	struct mt_ring *ring; /* NULL: not known yet */
	const unsigned char *data;
	uint64_t mask;
	uint64_t at;       /* read up to here; ring->tail lags behind until the end of a round */
	uint64_t limit;    /* head as last seen */
	uint64_t ahead;    /* prefetched up to here */
	uint64_t stamp;    /* of the record at `at`, which is no STAMP */
	uint64_t now;      /* when head was seen */
	uint64_t ns_stamp; /* apply.c: the stamp of which `ns` is the time */
	uint64_t ns;
	const char *broken; /* why the ring is left alone; NULL: it is not */
	bool is_noted;      /* that it is broken stands in a note */
	bool is_shared;     /* by threads of one process, which take turns */

	/* apply.c: whose records these are */
	struct mt_process *process; /* NULL: nobody said yet */
	uint32_t thread;
	uint32_t last_stack;      /* id of the stack that was defined last here */
	uint32_t last_stack_node; /* 0: none was */
	/* of its last free, each counted from 1 (frees.h); 0: none */
	uint32_t last_grave;
	uint32_t last_bad_free;
};

/* Which parts of the data area belong to a ring: one bit for each MT_RING_BYTES_MIN of it. */
struct mt_drain_areas {
	uint64_t taken[MT_RING_DATA_BYTES / MT_RING_BYTES_MIN / 64];
};

/*
 * Looks at entry `index` of the ring directory and sets *drain up once the ring has its data area, which it
 * takes. False while it has none, and for good when offset or size is wrong or another ring's (broken is set).
 */
bool mt_drain_open(struct mt_drain *drain, struct mt_segment *segment, uint32_t index,
                   struct mt_drain_areas *areas);

/* Reads head; it is `now`, by the segment's clock. True when there is something to read. */
bool mt_drain_look(struct mt_drain *drain, uint64_t now);

/* Gives what was read back to the writer, and wakes it if it waits for space. */
void mt_drain_release(struct mt_drain *drain);

/* Leaves the ring alone: `why` is static. A writer that waits is let go on, into nothing. */
void mt_drain_break(struct mt_drain *drain, const char *why);

static inline uint64_t mt_drain_pending_bytes(const struct mt_drain *drain)
{
	return drain->limit - drain->at;
}

/* The word at `at`. The caller knows that it is published. */
static inline uint64_t mt_drain_word(const struct mt_drain *drain, uint64_t at)
{
	uint64_t word;

	memcpy(&word, drain->data + (at & drain->mask), sizeof(word));
	MT_DRAIN_ONCE(word);
	return word;
}

/* A STAMP is at `at`: takes it. */
static inline void mt_drain_take_stamp(struct mt_drain *drain, uint64_t word)
{
	drain->stamp = mt_event_stamp(word, drain->now);
	drain->at += MT_EVENT_UNIT;
}

/* Takes all STAMPs at `at`. */
static inline void mt_drain_take_stamps(struct mt_drain *drain)
{
	while (drain->at < drain->limit) {
		uint64_t word = mt_drain_word(drain, drain->at);

		if (mt_event_type(word) != MT_EVENT_STAMP)
			break;
		mt_drain_take_stamp(drain, word);
	}
}

static inline void mt_drain_copy(const struct mt_drain *drain, uint64_t at, void *to,
                                 uint32_t bytes)
{
	mt_ring_get(drain->data, drain->mask, at, to, bytes);
	/* As MT_DRAIN_ONCE, for all of it. */
	__asm__ volatile("" : : "r"(to) : "memory");
}

#endif
