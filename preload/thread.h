/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thread.h - a thread's state and its guard.
 *
 * The guard says "this thread is inside memtrace's own code", never inside the real call. It is a level,
 * not a flag: a signal handler that interrupts memtrace enters at the next level, and each level writes to
 * a ring of its own. So the record that was interrupted is never touched, and the handler's own record is
 * whole and in its right place by its stamp.
 *
 * A level stores the address of the frame that entered it. A siglongjmp out of a handler leaves levels behind; one
 * whose frame cannot be further out than the present one, on the same stack, is stale and taken off.
 *
 * TLS is initial-exec and small, so that touching it never allocates. What is large (ring writers, the
 * buffer for a walk) stands in a mapping of ours, one place a ring, touched only by threads that trace. A thread
 * for which no ring is left maps its place itself, and writes to the process's shared ring (shared.h).
 */
#ifndef MT_PRELOAD_THREAD_H
#define MT_PRELOAD_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/process.h"
#include "preload/walk.h"
#include "wire/ring.h"

#define MT_LEVELS 4u
/* A walk also sees memtrace's own frames and operator new's: room for them beside the option's depth. */
#define MT_WALK_MARGIN 16u

/* A power of two. A handler that does more between a malloc and the operator new that called it has both recorded. */
#define MT_TRAIL 16u

/*
 * Places stand side by side, and two lines are fetched at a time: what one thread writes must not be in another's. When
 * they shared a line, churn with two threads cost 60 ns more a pair of calls than with one.
 */
struct mt_thread {
	_Alignas(128) struct mt_ring_writer writers[MT_LEVELS]; /* ring == NULL: not claimed yet */
	uint32_t
	        known_stacks; /* all ids up to this one were published before this thread's last fence */
	bool is_mapped;       /* in a mapping of its own: there was no ring, and with it no place */
	void *frames[MT_EVENT_FRAMES_MAX + MT_WALK_MARGIN];
	struct mt_tail tail;
};
static_assert(sizeof(struct mt_thread) <= 65536, "memory a thread");

struct mt_tls {
	uint64_t generation;      /* of the process it is attached to; MT_DETACHED at first */
	struct mt_thread *thread; /* its place while it is attached, and its last one then */
	/*
	 * The level entered last: where its frame is, in the low bits how many are entered; 0: none is. One word, so that a
	 * handler never sees the one without the other.
	 */
	uintptr_t guard;
	/* Bytes to the next point of the sample, see sample.h; 0: mt_sample_alloc() is to decide. */
	uint64_t sample_left;
	uintptr_t outer[MT_LEVELS]; /* guard before each level was entered; [0] is 0 */
	uint64_t fork_serial;       /* of the fork in progress in this thread; 0: none is */
	uint32_t passes;            /* destructor passes seen (thread.c) */
	uint32_t holding; /* shared.c: the level that holds the shared ring, plus two; 0: none */

	/* What joins an outer hook with the ones it calls, so that nothing is counted twice. */
	unsigned int
	        outer_kind; /* operator new in progress: its kind; taken by the malloc it calls */
	const void *outer_caller;   /* its caller */
	const void *outer_frame;    /* its frame */
	size_t outer_size_bytes;    /* what it was asked for */
	const void *outer_recorded; /* the block that was recorded on its behalf */
	/*
	 * The last blocks that were recorded; with bit 0 set, that were given back. A hook sees by trail_end whether another
	 * one has run since it began: one that it called itself, or a signal handler's, or both.
	 */
	uintptr_t trail[MT_TRAIL];
	uint32_t trail_end;
	const void *freeing; /* the block that operator delete or realloc is giving back */

	/* sample.c; all 0 at first */
	uint64_t sample_kept;      /* sample_left where the hooks may not count it down */
	uint64_t sample_state;     /* of the random numbers; 0: not seeded yet */
	uint64_t sample_left_then; /* the distance when sample_last was allocated */
	const void *sample_last;   /* the last block sampled */

	/* What is seldom the case, so that one test asks for all of it. */
	union {
		struct {
			bool own;             /* what is allocated now is memtrace's own */
			bool cold;            /* the unwinder may still allocate in this thread */
			bool wants_libunwind; /* it should be made ready when this event is done */
			bool transient; /* past its destructors: detach again after each event */
			bool shares;    /* it writes to the shared ring */
		};
		uint64_t odd;
	};
	bool libunwind; /* libunwind is ready, where it is not the unwinder but its fallback */
};

/* Of mt_tls.guard: frames are 16 bytes apart. */
#define MT_GUARD_COUNT ((uintptr_t)15)

#define MT_DETACHED UINT64_MAX /* no slot has such an index */

extern __thread struct mt_tls mt_tls __attribute__((tls_model("initial-exec")));

/* Makes the mapping of threads' places. -errno. */
int mt_thread_init(void);

/*
 * Enters memtrace's code. Gives the thread's place and its level, or NULL where this event cannot be
 * recorded: the early log, if it may take it, is the caller's affair. Pair with mt_thread_leave(). A thread that is not
 * attached yet is, and enters level 0.
 */
struct mt_thread *mt_thread_attach_slow(uintptr_t here);
uint32_t mt_thread_level_slow(uintptr_t here);
void mt_thread_leave_odd(uint32_t level);
void mt_thread_detach(void);

/* Publishes how the threads with rings of their own have walked so far, at the end of the process. */
void mt_thread_account(void);

/* Levels that are entered now. */
static inline uint32_t mt_thread_levels(void)
{
	return (uint32_t)(mt_tls.guard & MT_GUARD_COUNT);
}

static inline struct mt_thread *mt_thread_enter(uint32_t *ret_level)
{
	struct mt_tls *tls = &mt_tls;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uint32_t level;

	level = 0;
	/* relaxed: only this thread's own fork can make it 0; off is noticed sooner or later */
	if (mt_unlikely(tls->generation !=
	                atomic_load_explicit(&mt_wiped->generation, memory_order_relaxed))) {
		/* It enters the level, too. */
		if (!mt_thread_attach_slow(here))
			return NULL;
	} else if (mt_unlikely(tls->guard)) {
		level = mt_thread_level_slow(here);
		if (level == MT_LEVELS)
			return NULL;
	}
	tls->guard = (here & ~MT_GUARD_COUNT) | (level + 1);
	/* a handler that comes from here on sees the level */
	atomic_signal_fence(memory_order_seq_cst);
	*ret_level = level;
	return tls->thread;
}

static inline void mt_thread_leave(uint32_t level)
{
	atomic_signal_fence(memory_order_seq_cst);
	mt_tls.guard = mt_tls.outer[level];
	if (mt_unlikely(mt_tls.odd))
		mt_thread_leave_odd(level);
}

/* What is allocated from here on is memtrace's own: all of it is recorded. Gives what the end takes. */
static inline uint64_t mt_thread_begin_own(void)
{
	struct mt_tls *tls = &mt_tls;
	uint64_t left = tls->sample_left;

	tls->own = true;
	tls->sample_left = 0;
	return left;
}

static inline void mt_thread_end_own(uint64_t left)
{
	mt_tls.own = false;
	mt_tls.sample_left = left;
}

/* A block is recorded. */
static inline void mt_thread_leave_trail(const void *block)
{
	struct mt_tls *tls = &mt_tls;

	tls->trail[tls->trail_end % MT_TRAIL] = (uintptr_t)block;
	tls->trail_end++;
}

/* A block is given back. What was recorded last leaves no trace: so handlers that keep nothing take no room. */
static inline void mt_thread_end_trail(const void *block)
{
	struct mt_tls *tls = &mt_tls;

	if (tls->trail[(tls->trail_end - 1) % MT_TRAIL] == (uintptr_t)block)
		tls->trail_end--;
	else
		mt_thread_leave_trail((const char *)block + 1);
}

/* Was the block recorded since the trail ended at `begin`, and not given back? */
bool mt_thread_is_recorded_slow(const void *block, uint32_t begin);

static inline bool mt_thread_is_recorded(const void *block, uint32_t begin)
{
	return mt_unlikely(mt_tls.trail_end != begin) && mt_thread_is_recorded_slow(block, begin);
}

/* The writer of a level, claiming its ring if need be; NULL: no ring is left. */
struct mt_ring_writer *mt_thread_writer_slow(struct mt_thread *thread, uint32_t level);

static inline struct mt_ring_writer *mt_thread_writer(struct mt_thread *thread, uint32_t level)
{
	struct mt_ring_writer *writer = &thread->writers[level];

	return mt_likely(writer->ring != NULL) ? writer : mt_thread_writer_slow(thread, level);
}

#endif
