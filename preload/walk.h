/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * walk.h - the cheap walk: rules for the frames that are new, a verified tail for those that are not.
 *
 * Called by unwind.c, in the traced process, any thread, with the thread's level 0 held. No lock, no memory but
 * the thread's own place, no system call.
 *
 * The tail is what this thread's last stack was, counted from its root, so that what stays never moves:
 *
 *	frames[]  0          a sentinel, above every stack
 *	          1          the outermost frame that is remembered: the root, unless !has_root
 *	          2 ...      each called by the one before it
 *	          count      the innermost, the hook's caller at the time
 *	          ...
 *	          last       a walk puts the frames it finds at the far end, growing down, and moves them
 *	                     behind the tail when it has met it
 *
 * A frame is its return address (the word below its sp) and its sp; so frames[] is at once the list of what to
 * compare. slots[] holds the other words on which the frames depend: saved frame pointers, where a frame
 * further out uses the value.
 *
 * When a walk comes to a frame with the pc, sp and (if it matters) fp of one in the tail, all that lies further
 * out is a function of those words alone: where they are unchanged, so is the stack. That is a proof only because
 *
 *	- every frame of the tail was stepped by a rule, which depends on the pc alone
 *	- rules and tails carry the epoch, and are not used when it has moved
 *	- sp strictly rises, and every word lies on one stack, known from here to its top; on any other stack (a
 *	  fiber, an alternate one, a signal's) there is no tail
 *
 * The identity of a stack is made of two sums over its frames, each weighed by a power of a constant, so that the
 * sums of the innermost `depth` frames are a difference, and a stack deeper than the tail costs no more.
 */
#ifndef MT_PRELOAD_WALK_H
#define MT_PRELOAD_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/step.h"
#include "wire/event.h"

/* Frames that a tail may have; more than the longest stack that is kept. */
#define MT_WALK_FRAMES 768u
#define MT_WALK_SLOTS  MT_WALK_FRAMES

/* A stack as it is known by. */
struct mt_walk {
	uint64_t hash;
	uint64_t check;
	uint32_t depth;  /* frames; at least 1 */
	enum mt_cut cut; /* why it ends */
	bool has_signal; /* a signal's frame is among them */
	/* Innermost first; NULL: in the thread's tail, mt_walk_frames(). */
	void *const *frames;
};

struct mt_walk_frame {
	uintptr_t pc;
	uintptr_t sp;
};

struct mt_walk_state {
	uint64_t hash; /* of this frame and all further out */
	uint64_t check;
	uintptr_t fp;
	uint32_t rule;
	uint32_t
	        slots; /* how many of slots[] belong to this frame and those further out | MT_WALK_FP_USED */
};

#define MT_WALK_FP_USED 0x80000000u

struct mt_walk_slot {
	uintptr_t at;
	uintptr_t value;
};

struct mt_tail {
	uint32_t count; /* 0: nothing is remembered */
	uint32_t epoch;
	uint32_t top;    /* the innermost frame of the last walk, remembered or not */
	enum mt_cut cut; /* why the root is the root */
	bool has_root;
	bool has_looked;     /* for the thread's own stack: */
	uintptr_t stack_low; /* both 0: not known */
	uintptr_t stack_high;
	uint64_t
	        walks; /* counted for `info`: walks, frames stepped by rule, frames kept from the tail */
	uint64_t stepped;
	uint64_t kept;
	struct mt_walk_frame frames[MT_WALK_FRAMES];
	struct mt_walk_state states[MT_WALK_FRAMES];
	struct mt_walk_slot slots[MT_WALK_SLOTS];
};

/* Says where the main thread's stack ends: any address above its first frame, and on it. */
void mt_walk_init(uintptr_t main_stack_end);

/* Walks from `start`, a frame by its return address, sp and fp. At most `limit` frames are told. */
void mt_walk_take(struct mt_tail *tail, struct mt_step start, uint32_t limit, uint32_t epoch,
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
