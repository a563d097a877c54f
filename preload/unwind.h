/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unwind.h - the stack walk, behind one seam.
 *
 * A walker fills return addresses, innermost first, from its own caller outwards; unwind.c finds the hook's
 * caller among them and drops what lies further in. libunwind's is the first; a cheaper one is a second
 * struct mt_unwinder.
 */
#ifndef MT_PRELOAD_UNWIND_H
#define MT_PRELOAD_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/thread.h"

struct mt_unwinder {
	const char *name;
	int (*open)(void); /* 0 or -errno; may allocate: runs under tls.own */
	int (*walk)(void **frames, int limit);
};

/*
 * Walks this thread's stack from `caller` outwards. *ret_frames points into thread->frames. Returns how many
 * frames there are, at least 1 (the caller alone), at most the option's depth; *ret_cut says why it ends.
 */
uint32_t mt_unwind_walk(struct mt_thread *thread, const void *caller, void ***ret_frames,
                        enum mt_cut *ret_cut);

/*
 * Opens the unwinder when that is possible by now, and lets it allocate what it needs for this thread, both
 * outside the guard and marked as memtrace's own. Called by the malloc family until mt_tls.walked is set.
 */
void mt_unwind_warm_up(const void *caller);

#endif
