/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thread.h - a thread's state and its guard.
 *
 * The guard says "this thread is inside memtrace's own code", never inside the real call. It is a level,
 * not a flag: a signal handler that interrupts memtrace enters at the next level, and each level writes to
 * a ring of its own. So the record that was interrupted is never touched, and the handler's own record is
 * whole and in its right place by its stamp.
 *
 * A level stores the stack pointer it was entered with. A siglongjmp out of a handler leaves levels behind;
 * one whose stack pointer lies below the present one, on the same stack, is stale and taken off.
 *
 * TLS is initial-exec and small, so that touching it never allocates. What is large (ring writers, the
 * buffer for a walk) stands in a mapping of ours, one place a ring, touched only by threads that trace.
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

/* A stack that this thread has taken lately, and that does not stand first in the shared table. */
struct mt_recent {
	uint64_t hash;
	uint32_t check;
	uint32_t id; /* 0: none */
};

#define MT_RECENT_BITS 9u

struct mt_thread {
	struct mt_ring_writer writers[MT_LEVELS]; /* ring == NULL: not claimed yet */
	void *frames[MT_EVENT_FRAMES_MAX + MT_WALK_MARGIN];
	struct mt_recent recent[1u << MT_RECENT_BITS]; /* by the hash's upper bits */
	struct mt_tail tail;
};
static_assert(sizeof(struct mt_thread) <= 65536, "memory a thread");

struct mt_tls {
	uint64_t generation;      /* of the process it is attached to; MT_DETACHED at first */
	struct mt_thread *thread; /* valid while attached */
	uint32_t level;
	uint32_t passes;              /* destructor passes seen (thread.c) */
	uintptr_t entered[MT_LEVELS]; /* the stack pointer at which each level was entered */
	uint64_t fork_serial;         /* of the fork in progress in this thread */

	/* What joins an outer hook with the ones it calls, so that nothing is counted twice. */
	unsigned int
	        outer_kind; /* operator new in progress: its kind; taken by the malloc it calls */
	const void *outer_caller;   /* its caller */
	const void *outer_frame;    /* its frame */
	size_t outer_size_bytes;    /* what was asked for */
	bool outer_is_aligned;      /* an aligned form, which rounds up */
	const void *outer_recorded; /* the block that was recorded on its behalf */
	const void *recorded;       /* the last block recorded */
	const void *freeing;        /* the block that operator delete or realloc is giving back */

	/* sample.c; all 0 at first */
	int64_t sample_left;      /* bytes to the next point; negative: it falls into this block */
	uint64_t sample_state;    /* of the random numbers; 0: not seeded yet */
	int64_t sample_left_then; /* sample_left when sample_last was allocated */
	const void *sample_last;  /* the last block sampled */

	/* What is seldom the case, so that one test asks for all of it. */
	union {
		struct {
			bool own;             /* what is allocated now is memtrace's own */
			bool cold;            /* the unwinder may still allocate in this thread */
			bool wants_libunwind; /* it should be made ready when this event is done */
			bool transient; /* past its destructors: detach again after each event */
		};
		uint32_t odd;
	};
	bool libunwind; /* libunwind is ready, where it is not the unwinder but its fallback */
	bool attaching;
};

/* Is this what the operator new in progress was asked for? libstdc++ makes 1 of 0, and rounds up to the alignment. */
static inline bool mt_outer_is_asked(const struct mt_tls *tls, size_t size_bytes)
{
	if (tls->outer_is_aligned)
		return size_bytes >= tls->outer_size_bytes;
	return size_bytes == tls->outer_size_bytes || (size_bytes == 1 && !tls->outer_size_bytes);
}

#define MT_DETACHED UINT64_MAX /* no slot has such an index */

extern __thread struct mt_tls mt_tls __attribute__((tls_model("initial-exec")));

/* Makes the mapping of threads' places. -errno. */
int mt_thread_init(void);

/*
 * Enters memtrace's code. Gives the thread's place and its level, or NULL where this event cannot be
 * recorded: the early log, if it may take it, is the caller's affair. Pair with mt_thread_leave().
 */
struct mt_thread *mt_thread_attach_slow(void);
uint32_t mt_thread_level_slow(uintptr_t here);
void mt_thread_detach(void);

static inline struct mt_thread *mt_thread_enter(uint32_t *ret_level)
{
	struct mt_tls *tls = &mt_tls;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uint32_t level;

	/* relaxed: only this thread's own fork can make it 0; off is noticed sooner or later */
	if (mt_unlikely(tls->generation !=
	                atomic_load_explicit(&mt_wiped->generation, memory_order_relaxed)))
		if (!mt_thread_attach_slow())
			return NULL;
	level = tls->level;
	if (mt_unlikely(level)) {
		level = mt_thread_level_slow(here);
		if (level == MT_LEVELS)
			return NULL;
	}
	tls->entered[level] = here;
	tls->level = level + 1;
	/* a handler that comes from here on sees the level */
	atomic_signal_fence(memory_order_seq_cst);
	*ret_level = level;
	return tls->thread;
}

static inline void mt_thread_leave(uint32_t level)
{
	atomic_signal_fence(memory_order_seq_cst);
	mt_tls.level = level;
	if (mt_unlikely(mt_tls.odd) && mt_tls.transient && level == 0)
		mt_thread_detach();
}

/* The writer of a level, claiming its ring if need be; NULL: no ring is left. */
struct mt_ring_writer *mt_thread_writer_slow(struct mt_thread *thread, uint32_t level);

static inline struct mt_ring_writer *mt_thread_writer(struct mt_thread *thread, uint32_t level)
{
	struct mt_ring_writer *writer = &thread->writers[level];

	return mt_likely(writer->ring != NULL) ? writer : mt_thread_writer_slow(thread, level);
}

#endif
