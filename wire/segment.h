/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * segment.h - the shared memory between the traced processes of a session and its collector.
 *
 * A sealed memfd, made by the collector (collect/session.c) and mapped whole by every traced process
 * (preload/session.c); sparse, so that only what is used takes memory:
 *
 *	+--------------------+ 0
 *	| header             |  one page: magic, version, clock, heartbeat, doorbell
 *	+--------------------+ MT_SEGMENT_SLOTS_AT
 *	| process slots      |  MT_SLOTS of 320 bytes
 *	+--------------------+ MT_SEGMENT_RINGS_AT
 *	| ring directory     |  MT_RINGS of 128 bytes
 *	+--------------------+ MT_SEGMENT_DATA_AT
 *	| ring data          |  handed out from the start, never taken back
 *	+--------------------+ MT_SEGMENT_BYTES
 *
 * Either side may be killed at any moment; the collector believes nothing that it reads here.
 *
 * A slot is claimed by the collector for an image that joins over the socket (hello.h), and by a forked
 * child for itself, without a system call. Only the collector frees one.
 */
#ifndef MT_WIRE_SEGMENT_H
#define MT_WIRE_SEGMENT_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#include "ring.h"

#define MT_SEGMENT_MAGIC   0x4543415254454d4dull /* "MMETRACE" */
#define MT_SEGMENT_VERSION 10u

#define MT_SLOTS 4096u

/* Rings of single threads. Beyond, there is one a slot, so that a process always has one when it needs it. */
#define MT_OWN_RINGS           2048u
#define MT_OWN_RING_DATA_BYTES (64ull << 20)
#define MT_RINGS               (MT_OWN_RINGS + MT_SLOTS)
#define MT_RING_DATA_BYTES     (MT_OWN_RING_DATA_BYTES + (uint64_t)MT_SLOTS * MT_RING_BYTES_MIN)

enum mt_clock {
	MT_CLOCK_TSC = 1,   /* rdtsc: the kernel's own clocksource is tsc */
	MT_CLOCK_MONOTONIC, /* clock_gettime(CLOCK_MONOTONIC), in ns */
};

enum mt_slot_state {
	MT_SLOT_FREE = 0,
	MT_SLOT_CLAIMING, /* its fields are being written */
	MT_SLOT_LIVE,     /* its fields are valid */
};

/*
 * What a process records: bits of slot->gate, which every hook reads (relaxed: a thread that sees a change a
 * moment later has called a moment earlier). 0: everything.
 */
#define MT_GATE_SAMPLED 1u /* of heap blocks only a sample, and frees of those */
#define MT_GATE_STOPPED 2u /* no allocation */
#define MT_GATE_UNUSED  4u /* with STOPPED: nothing was ever recorded, so no free matters either */
/* A free that is recorded is followed by its stack; not where it is SAMPLED. */
#define MT_GATE_FREE_STACKS 16u
/* Left out by the option follow=: STOPPED and UNUSED, and no row in the file. */
#define MT_GATE_UNFOLLOWED (8u | MT_GATE_STOPPED | MT_GATE_UNUSED)
#define MT_GATE_LEFT_OUT   8u

/* The option follow=. */
enum mt_follow { MT_FOLLOW_ALL = 0, MT_FOLLOW_FIRST, MT_FOLLOW_MATCHING };

/* Memory of the library's own in a process; bytes 0: none. */
struct mt_slot_range {
	uint64_t start;
	uint64_t bytes;
};
#define MT_SLOT_RANGES 5u

struct mt_slot {
	_Atomic uint32_t state; /* FREE -> CLAIMING by compare-exchange; -> LIVE (release) */
	_Atomic uint32_t
	        generation;   /* goes up with every claim; with the index it names a process */
	uint32_t pid;         /* what getpid() says there: a hint where namespaces differ */
	uint32_t parent_slot; /* of a forked child; else MT_SLOTS */
	uint32_t parent_generation;
	_Atomic uint32_t gate; /* MT_GATE_*; changed by the collector */
	uint64_t fork_serial;  /* which MT_EVENT_FORK of the parent */
	uint64_t begin_stamp;
	_Atomic uint32_t committed;      /* futex: enum mt_committed, once MT_EVENT_EXIT was read */
	_Atomic uint32_t gave_up;        /* the process stopped tracing: enum mt_gave_up */
	_Atomic uint64_t dropped;        /* events not written */
	_Atomic uint64_t stacks_cut;     /* stacks with a cut other than MT_CUT_DEPTH */
	_Atomic uint64_t early;          /* events before the constructor that found no room */
	_Atomic uint64_t high_addresses; /* events with an address over 48 bits, not recorded */
	/* how the stacks were walked (preload/unwind.c), added up by each thread now and then */
	_Atomic uint64_t walks;
	_Atomic uint64_t frames_stepped;  /* by a rule */
	_Atomic uint64_t frames_kept;     /* from the verified tail */
	_Atomic uint64_t walks_libunwind; /* for what no rule could express */
	_Atomic uint64_t walks_verified;  /* unwind=verify: compared with libunwind's */
	_Atomic uint64_t walks_different; /* and found to differ */
	/* preload/sample.c */
	uint32_t first_gate; /* as it was claimed */
	/* Index of the slot's shared ring, plus one; 0: it has none yet. Kept from claim to claim. */
	_Atomic uint32_t shared_ring;
	_Atomic uint64_t samples_lost; /* sampled blocks for which the set had no room */
	/* memory that tracing takes */
	_Atomic uint64_t rings;      /* that this process had to make; later threads reuse them */
	_Atomic uint64_t ring_bytes; /* of those, shared */
	_Atomic uint64_t
	        stack_table_bytes; /* pages of the table of known stacks that were written */
	struct mt_slot_range own[MT_SLOT_RANGES]; /* preload/own.c */
	_Atomic uint64_t sharers;                 /* threads that found no ring of their own */
	/*
	 * Before so much or more is given back to the kernel, the process tells and waits (preload/release.h): who sets
	 * release_bytes, which the collector has set, to 0. 0: no need to.
	 */
	_Alignas(64) _Atomic uint64_t release_bytes;
	_Atomic uint32_t releases_told;
	_Atomic uint32_t releases_seen; /* futex: the collector has looked, up to this one */
};
static_assert(sizeof(struct mt_slot) == 320, "five lines");

/* What became of a process's data at its end. */
enum mt_committed {
	MT_COMMITTED_NOT_YET = 0,
	MT_COMMITTED,      /* all up to MT_EVENT_EXIT is in the file */
	MT_COMMITTED_LOST, /* the file could not be written to the end: it is incomplete */
};

/* Why a process stopped tracing. */
enum mt_gave_up {
	MT_GAVE_UP_NONE = 0,
	MT_GAVE_UP_HEARTBEAT, /* its ring was full and the collector did not move for 10 s */
	MT_GAVE_UP_RINGS, /* no memory for a thread's state: only that thread's events are missing */
};

struct mt_segment {
	uint64_t magic;
	uint32_t version;
	uint32_t clock;      /* enum mt_clock */
	uint64_t bytes;      /* of the whole segment */
	uint32_t ring_bytes; /* of a new ring while there is room; a power of two */
	_Atomic uint32_t
	        closed; /* 1: the collector has ended in an orderly way, nobody reads any more */
	/* set before anybody joins */
	uint64_t
	        sample_bytes; /* mean distance of two samples in a thread; 0: everything is recorded */
	uint64_t sample_seed; /* of the threads' random numbers */
	uint32_t first_gate;  /* of a process that joins and comes from no other */
	uint32_t follow;      /* enum mt_follow */
	_Alignas(64) _Atomic uint64_t heartbeat; /* the collector's rounds */
	/*
	 * Another number each round, 0 while nothing changes it for longer than MT_SEGMENT_TICK_NS: as long as it
	 * stays, a thread may use its last stamp again (preload/order.h). Whoever needs that nobody does stores 0.
	 */
	_Atomic uint32_t tick;
	_Alignas(64) _Atomic uint32_t doorbell; /* futex: a writer adds 1 and wakes */
	_Atomic uint32_t collector_sleeps;      /* 1: ringing makes sense */
	_Atomic uint32_t
	        release_bell; /* futex: of the collector's thread that looks at what is resident */
	_Alignas(64) _Atomic uint32_t forks_in_flight; /* forked, the child has no slot yet */
	_Atomic uint32_t slot_claims; /* goes up when a forked child has made its slot LIVE */
	_Atomic uint32_t slot_hint;   /* where to look for a free slot */
	_Atomic uint32_t slot_count;  /* no slot behind these was ever claimed: mt_segment_use_slot() */
	_Atomic uint32_t ring_count;  /* directory entries handed out */
	_Atomic uint64_t
	        ring_data_used; /* bytes of the data area handed out; of shared rings too */
	_Atomic uint32_t own_ring_count; /* of ring_count, those of single threads */
	_Atomic uint64_t own_ring_data_used;
	/*
	 * The collector's end, see preload/patience.h. `collector` is its thread's id, in a robust list: when it is
	 * killed, the kernel sets FUTEX_OWNER_DIED in it.
	 */
	_Alignas(64) _Atomic uint32_t collector;
	_Atomic uint32_t end_said;      /* 1: a process has said that the collector is gone */
	_Atomic uint32_t is_reported;   /* 1: `memtrace run` waits for the end and will say it */
	_Atomic uint64_t hung_beat;     /* the heartbeat at which a process gave up waiting */
	_Atomic uint32_t untraced_said; /* 1: it was said that a program runs untraced */
};

/* The longest sleep in which the collector lets a tick stand. */
#define MT_SEGMENT_TICK_NS 4000000ull

#define MT_SEGMENT_SLOTS_AT 4096ull
#define MT_SEGMENT_RINGS_AT (MT_SEGMENT_SLOTS_AT + MT_SLOTS * sizeof(struct mt_slot))
#define MT_SEGMENT_DATA_AT  (MT_SEGMENT_RINGS_AT + MT_RINGS * sizeof(struct mt_ring))
#define MT_SEGMENT_BYTES    (MT_SEGMENT_DATA_AT + MT_RING_DATA_BYTES)
static_assert(sizeof(struct mt_segment) <= MT_SEGMENT_SLOTS_AT, "one page");
static_assert(MT_SEGMENT_DATA_AT % 4096 == 0, "page aligned");

static inline struct mt_slot *mt_segment_slots(struct mt_segment *segment)
{
	return (struct mt_slot *)((unsigned char *)segment + MT_SEGMENT_SLOTS_AT);
}

static inline struct mt_ring *mt_segment_rings(struct mt_segment *segment)
{
	return (struct mt_ring *)((unsigned char *)segment + MT_SEGMENT_RINGS_AT);
}

/*
 * Before a slot is claimed. Nobody looks behind the last one that ever was: to look at all of them would touch a
 * megabyte, in each process that does.
 */
static inline void mt_segment_use_slot(struct mt_segment *segment, uint32_t index)
{
	uint32_t count = atomic_load(&segment->slot_count);

	/* seq_cst, before the claim; partner: mt_segment_slot_count() */
	while (count <= index &&
	       !atomic_compare_exchange_weak(&segment->slot_count, &count, index + 1))
		;
}

/* How many slots there are to look at. `seen`: what the caller was told before; it never becomes less. */
static inline uint32_t mt_segment_slot_count(struct mt_segment *segment, uint32_t seen)
{
	uint32_t count = atomic_load(&segment->slot_count);

	if (count > MT_SLOTS)
		count = MT_SLOTS;
	return count > seen ? count : seen;
}

/* Everything that a slot counts, for whoever has just claimed it. */
static inline void mt_segment_clear_slot(struct mt_slot *slot)
{
	atomic_store(&slot->committed, 0);
	atomic_store(&slot->gave_up, MT_GAVE_UP_NONE);
	atomic_store(&slot->dropped, 0);
	atomic_store(&slot->stacks_cut, 0);
	atomic_store(&slot->early, 0);
	atomic_store(&slot->high_addresses, 0);
	atomic_store(&slot->walks, 0);
	atomic_store(&slot->frames_stepped, 0);
	atomic_store(&slot->frames_kept, 0);
	atomic_store(&slot->walks_libunwind, 0);
	atomic_store(&slot->walks_verified, 0);
	atomic_store(&slot->walks_different, 0);
	atomic_store(&slot->samples_lost, 0);
	atomic_store(&slot->rings, 0);
	atomic_store(&slot->ring_bytes, 0);
	atomic_store(&slot->stack_table_bytes, 0);
	atomic_store(&slot->sharers, 0);
	atomic_store(&slot->release_bytes, 0);
	atomic_store(&slot->releases_told, 0);
	atomic_store(&slot->releases_seen, 0);
	for (unsigned int i = 0; i < MT_SLOT_RANGES; i++)
		slot->own[i] = (struct mt_slot_range){0, 0};
}

/*
 * The size of a thread's new ring: the wanted size while less than an eighth of what there is for those is taken, a
 * quarter of it up to a half, a sixteenth up to three quarters, the minimum after that. So a thousand threads still get
 * one each.
 */
static inline uint32_t mt_segment_ring_bytes(uint32_t wanted_bytes, uint64_t used_bytes)
{
	uint32_t bytes = wanted_bytes;

	if (used_bytes >= MT_OWN_RING_DATA_BYTES / 4 * 3)
		bytes = MT_RING_BYTES_MIN;
	else if (used_bytes >= MT_OWN_RING_DATA_BYTES / 2)
		bytes = wanted_bytes / 16;
	else if (used_bytes >= MT_OWN_RING_DATA_BYTES / 8)
		bytes = wanted_bytes / 4;
	return bytes < MT_RING_BYTES_MIN ? MT_RING_BYTES_MIN : bytes;
}

#endif
