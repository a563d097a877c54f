/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unwind.h - the stack walk: which walker, and when.
 *
 *	unwind=auto           the cheap walk (walk.h); libunwind for what no rule can express
 *	       libunwind      unw_backtrace()
 *	       frame-pointer  saved frame pointers only
 *	       verify         the cheap walk and libunwind's, compared; the cheap one is recorded
 *	       none           the calling function
 *
 * On a machine that has no cheap walk, auto and verify are libunwind.
 */
#ifndef MT_PRELOAD_UNWIND_H
#define MT_PRELOAD_UNWIND_H

#include <stdatomic.h>
#include <stdint.h>

#include "preload/config.h"
#include "preload/emit.h"
#include "preload/thread.h"

/* How often a thread adds its counts to the slot: a line that all threads share. */
#define MT_UNWIND_ACCOUNT_EVERY 4096u
/* Between an operator new of ours and the malloc that it calls. */
#define MT_UNWIND_OUTER_MAX_BYTES 65536u

extern atomic_bool mt_unwind_is_missed; /* some stack was cut that libunwind could have walked */

/* With any walker. */
void mt_unwind_walk_otherwise(struct mt_thread *thread, const struct mt_caller *caller,
                              uint32_t epoch, struct mt_walk *ret_walk);

/* After a cheap walk: falls back to libunwind, or makes it ready, where that is due; adds up what was counted. */
void mt_unwind_attend(struct mt_thread *thread, const struct mt_caller *caller,
                      struct mt_walk *walk);

/* The hook's caller, as it will be when the hook returns. False: its frame cannot be trusted to be there still. */
static inline bool mt_unwind_start(const struct mt_caller *caller, struct mt_step *ret_step)
{
	const uintptr_t *frame = caller->frame;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	/* An operator new that threw has left its frame's address behind. */
	if (!frame || (uintptr_t)frame - here > MT_UNWIND_OUTER_MAX_BYTES ||
	    frame[1] != (uintptr_t)caller->address)
		return false;
	*ret_step = (struct mt_step){frame[1], (uintptr_t)(frame + 2), frame[0]};
	return true;
}

/*
 * Walks this thread's stack from `caller` outwards, with level 0 held. At least one frame, the caller's; at most
 * the option's depth.
 */
static inline void mt_unwind_walk(struct mt_thread *thread, const struct mt_caller *caller,
                                  uint32_t epoch, struct mt_walk *ret_walk)
{
#ifdef MT_STEP
	struct mt_step start;

	if (mt_likely(mt_config.unwind == MT_CONFIG_UNWIND_AUTO &&
	              mt_unwind_start(caller, &start))) {
		mt_walk_take(&thread->tail, &start, mt_config.depth, epoch, ret_walk);
		if (mt_unlikely(ret_walk->cut == MT_CUT_NO_RULE ||
		                thread->tail.walks >= MT_UNWIND_ACCOUNT_EVERY ||
		                atomic_load_explicit(&mt_unwind_is_missed, memory_order_relaxed)))
			mt_unwind_attend(thread, caller, ret_walk);
		return;
	}
#endif
	mt_unwind_walk_otherwise(thread, caller, epoch, ret_walk);
}

/*
 * Opens the unwinder when that is possible by now, and lets it allocate what it needs for this thread, both
 * outside the guard and marked as memtrace's own. Called by the malloc family while mt_tls.cold is set.
 */
void mt_unwind_warm_up(const void *caller);

/* The same for libunwind as a fallback: called when mt_tls.wants_libunwind is set, without a level held. */
void mt_unwind_fetch_libunwind(void);

/* A stack was cut for another reason than its depth. */
void mt_unwind_count_cut(struct mt_thread *thread, uint32_t level);

/* Adds what this thread has counted of its walks to the process's slot. */
void mt_unwind_account(struct mt_thread *thread);

#endif
