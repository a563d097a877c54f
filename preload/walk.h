/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * walk.h - the cheap walk: rules for the frames that are new (rules.h), a verified tail for those that are not
 * (tail.h).
 *
 * Called by unwind.c, in the traced process, any thread, with the thread's level 0 held. No lock, no memory but
 * the thread's own place, no system call.
 */
#ifndef MT_PRELOAD_WALK_H
#define MT_PRELOAD_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/step.h"
#include "preload/tail.h"
#include "wire/event.h"

/* A stack as it is known by. */
struct mt_walk {
	uint64_t hash;
	uint64_t check;
	uint32_t depth;  /* frames; at least 1 */
	enum mt_cut cut; /* why it ends */
	bool has_signal; /* a signal's frame is among them */
	/* Innermost first; NULL: in the thread's tail, mt_walk_frames(). */
	void *const *frames;
	/* Where the stack's id is kept as long as the tail knows the stack, 0 at first; NULL: nowhere. */
	uint32_t *id;
};

/* Says where the main thread's stack ends: any address above its first frame, and on it. */
void mt_walk_init(uintptr_t main_stack_end);

/* Walks from `start`, a frame by its return address, sp and fp. At most `limit` frames are told. */
void mt_walk_take(struct mt_tail *tail, const struct mt_step *start, uint32_t limit, uint32_t epoch,
                  struct mt_walk *ret_walk);

/*
 * Follows saved frame pointers instead of rules, into `frames`, which has room for `limit`. The caller of a
 * function that keeps none is missed, as by every such walk.
 */
void mt_walk_by_fp(struct mt_tail *tail, struct mt_step start, uint32_t limit, void **frames,
                   struct mt_walk *ret_walk);

/* Copies the frames of the walk just taken, innermost first. */
void mt_walk_frames(const struct mt_tail *tail, const struct mt_walk *walk, void **ret_frames);

/* Makes hash and check of a stack given as frames, the same as the walk's. */
void mt_walk_identify(struct mt_walk *walk);

#endif
