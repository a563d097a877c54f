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

#include <stdint.h>

#include "preload/emit.h"
#include "preload/thread.h"

/*
 * Walks this thread's stack from `caller` outwards, with level 0 held. At least one frame, the caller's; at most
 * the option's depth.
 */
void mt_unwind_walk(struct mt_thread *thread, const struct mt_caller *caller, uint32_t epoch,
                    struct mt_walk *ret_walk);

/*
 * Opens the unwinder when that is possible by now, and lets it allocate what it needs for this thread, both
 * outside the guard and marked as memtrace's own. Called by the malloc family until mt_tls.walked is set.
 */
void mt_unwind_warm_up(const void *caller);

/* The same for libunwind as a fallback: called when mt_tls.wants_libunwind is set, without a level held. */
void mt_unwind_fetch_libunwind(void);

/* Adds what this thread has counted of its walks to the process's slot. */
void mt_unwind_account(struct mt_thread *thread);

#endif
