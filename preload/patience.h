/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * patience.h - how long the collector is waited for, and what is said when that was in vain.
 *
 * Used where a thread of the program waits: for space in its ring (emit.c), for its data to be committed at its end
 * (init.c). One look after each step of the wait:
 *
 *	stopped  the collector has ended in an orderly way
 *	dead     it was killed: the kernel has marked the word that it held (collect/segment.c), at once
 *	hung     it lives, and its heartbeat did not move in 10 s of steps
 *
 * A step counts for what the monotonic clock says that it took, at most for what it was meant to take (wait.h). The
 * clock stands still while the machine is suspended, and a step for which a stopped, frozen or swapped-out thread needs
 * minutes is still one. So what keeps
 * both sides from running is not held against the collector; being kept from running alone for 10 s is.
 *
 * The first process of a session that gives up says so, and the others, which see it in the segment, neither wait
 * as long again nor say it again, unless the heartbeat has moved since.
 */
#ifndef MT_PRELOAD_PATIENCE_H
#define MT_PRELOAD_PATIENCE_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/process.h"
#include "preload/say.h"

#define MT_PATIENCE_NS 10000000000u

enum mt_collector_state {
	MT_COLLECTOR_ALIVE,
	MT_COLLECTOR_STOPPED,
	MT_COLLECTOR_DEAD,
	MT_COLLECTOR_HUNG,
};

struct mt_patience {
	uint64_t beat;    /* the heartbeat at the last look */
	uint64_t lost_ns; /* waited since it moved */
};

/* Whether it can still read what is written. No waiting. */
static inline enum mt_collector_state mt_patience_look(struct mt_segment *segment)
{
	if (atomic_load(&segment->closed))
		return MT_COLLECTOR_STOPPED;
	if (atomic_load(&segment->collector) & FUTEX_OWNER_DIED)
		return MT_COLLECTOR_DEAD;
	return MT_COLLECTOR_ALIVE;
}

/* After a step of waiting; before the first one with step_ns = 0, on a struct of zeros. */
static inline enum mt_collector_state mt_patience_step(struct mt_patience *patience,
                                                       struct mt_segment *segment, uint64_t step_ns)
{
	enum mt_collector_state state = mt_patience_look(segment);
	uint64_t beat = atomic_load(&segment->heartbeat);

	if (state != MT_COLLECTOR_ALIVE)
		return state;
	patience->lost_ns = beat == patience->beat ? patience->lost_ns + step_ns : 0;
	patience->beat = beat;
	/* The heartbeat is not 0 once anybody has joined. */
	if (patience->lost_ns >= MT_PATIENCE_NS ||
	    (step_ns && beat && atomic_load(&segment->hung_beat) == beat))
		return MT_COLLECTOR_HUNG;
	return MT_COLLECTOR_ALIVE;
}

/* Says it, once a session; not where `memtrace run` will, which is there until the end. */
static inline void mt_patience_say(struct mt_segment *segment, enum mt_collector_state state)
{
	uint64_t beat = atomic_load(&segment->heartbeat);
	bool is_said;

	if (state == MT_COLLECTOR_HUNG)
		is_said = atomic_exchange(&segment->hung_beat, beat) == beat;
	else
		is_said = atomic_exchange(&segment->end_said, 1);
	if (is_said || atomic_load(&segment->is_reported))
		return;
	mt_say(state == MT_COLLECTOR_HUNG
	               ? "the collector has not moved for 10 s: tracing stops here, the program "
	                 "goes on"
	       : state == MT_COLLECTOR_DEAD
	               ? "the collector was killed: the file lacks its last second and what "
	                 "follows, the program goes on"
	               : "the collector was told to stop: what follows is not in the file, the "
	                 "program goes on",
	       NULL);
}

#endif
