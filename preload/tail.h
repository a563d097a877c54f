/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tail.h - what a thread remembers of its last stack, and what of it still holds.
 *
 * Used by walk.c. The tail is counted from the root, so that what stays never moves:
 *
 *	frames[]  0          a sentinel, above every stack
 *	          1          the outermost frame that is remembered: the root, unless !has_root
 *	          2 ...      each called by the one before it
 *	          count      the innermost, the hook's caller at the time
 *	          ...
 *	          last       a walk puts the frames that it finds at the far end, growing down, and moves them
 *	                     behind what it keeps of the tail when it has met it
 *
 * A frame is its return address, which stands in the word below its sp; so frames[] is at once the list of what to
 * compare. slots[] holds the other words on which the frames depend: saved frame pointers, where a frame further
 * out uses the value.
 *
 * Where the walk comes to an sp of the tail, with the fp that the frames from there on need (if they need any), all
 * that lies further out is a function of those words alone: where they hold what they held, the stack is
 * the same. Where a return address has changed, but its rule is the same, and so its caller's sp, the frame
 * is put right on the spot (most calls of one function come from frames of the same shape). That is a
 * proof only because
 *
 *	- every frame of the tail was stepped by a rule, which depends on the pc alone
 *	- rules and tails carry the epoch, and are not used when it has moved
 *	- sp strictly rises, and every word lies on one stack, known from here to its top; on any other stack (a
 *	  fiber, an alternate one) and with a signal's frame there is no tail
 *
 * The identity of a stack is made of two sums over its frames, each weighed by its place, so that those of the
 * innermost `depth` frames are a difference, and a stack deeper than the tail costs no more.
 *
 * While a tail is being changed its count is 0: a walk that a siglongjmp cuts off leaves nothing behind.
 */
#ifndef MT_PRELOAD_TAIL_H
#define MT_PRELOAD_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/rules.h"
#include "preload/step.h"

/* More than the longest stack that is told, so that most are known to their root. */
#define MT_TAIL_FRAMES 768u
#define MT_TAIL_SLOTS  MT_TAIL_FRAMES

struct mt_tail_frame {
	uintptr_t pc;
	uintptr_t sp;
};

struct mt_tail_state {
	union {
		struct {
			uint64_t hash; /* of this frame and all further out */
			uint64_t check;
		};
		struct mt_rule rule; /* of a new frame that is not yet in its place */
	};
	uintptr_t
	        fp; /* what fp must be here for the frames further out to be what they are, if NEEDS_FP */
	/*
	 * Bits 0-13: how many of slots[] belong to this frame and those further out, 14: MT_TAIL_NEEDS_FP, 15-31: the
	 * rule's shape.
	 */
	uint32_t bits;
	uint32_t id; /* of the stack that ends here, once stacks.c has looked it up; else 0 */
};

#define MT_TAIL_NEEDS_FP    0x4000u
#define MT_TAIL_SLOTS_MASK  0x3fffu
#define MT_TAIL_SHAPE_SHIFT 15u
static_assert(MT_TAIL_SHAPE_SHIFT + 32 == MT_RULES_PC_BITS,
              "a shape stands as high as in an entry");
static_assert(MT_TAIL_SLOTS <= MT_TAIL_SLOTS_MASK, "they can be counted");

struct mt_tail_slot {
	uintptr_t at;
	uintptr_t value;
};

struct mt_tail {
	uint32_t count; /* 0: nothing is remembered */
	uint32_t epoch;
	uint32_t top;        /* the innermost frame of the last walk, remembered or not */
	enum mt_cut cut;     /* why the outermost one is that */
	bool has_root;       /* it is the outermost of the stack */
	bool has_looked;     /* for the thread's own stack: */
	uintptr_t stack_low; /* both 0: not known */
	uintptr_t stack_high;
	uint64_t walks;   /* counted until they are added to the slot */
	uint64_t stepped; /* frames looked up, one way or the other */
	uint64_t kept;    /* frames that were only compared */
	uint64_t cuts;    /* stacks cut for another reason than their depth; also by other walkers */
	struct mt_tail_frame frames[MT_TAIL_FRAMES];
	struct mt_tail_state states[MT_TAIL_FRAMES];
	struct mt_tail_slot slots[MT_TAIL_SLOTS];
};

#define MT_TAIL_HASH_BASE   0xa0761d6478bd642full
#define MT_TAIL_CHECK_TURN  7u
#define MT_TAIL_AT_ONCE     4
#define mt_tail_likely(x)   __builtin_expect(!!(x), 1)
#define mt_tail_unlikely(x) __builtin_expect(!!(x), 0)

/* A word of the stack, whatever it is by now: a sanitizer would see a local variable's end. */
__attribute__((no_sanitize("address"))) static inline uintptr_t mt_tail_load(uintptr_t addr)
{
	return *(const uintptr_t *)addr;
}

/* A bijection, so that different frames never weigh the same. `hash` is mt_rules_hash(pc). */
static inline uint64_t mt_tail_weight(uint64_t hash)
{
	return hash ^ hash >> 32;
}

static inline uint64_t mt_tail_turn(uint64_t value, uint32_t bits)
{
	return value << bits % 64 | value >> (64 - bits % 64) % 64;
}

static inline uint32_t mt_tail_slots_up_to(const struct mt_tail *tail, uint32_t index)
{
	return tail->states[index].bits & MT_TAIL_SLOTS_MASK;
}

/* --- adding a frame ----------------------------------------------------------------------------------- */

/* What a new frame builds on: the state of its caller, which is the frame before it. */
struct mt_tail_end {
	uint64_t hash;
	uint64_t check;
	uintptr_t sp;
	uintptr_t fp;
	uint32_t slots;
	bool needs_fp;
};

static inline struct mt_tail_end mt_tail_end_at(const struct mt_tail *tail, uint32_t index)
{
	const struct mt_tail_state *state = &tail->states[index];

	return (struct mt_tail_end){
	        .hash = state->hash,
	        .check = state->check,
	        .sp = tail->frames[index].sp,
	        .fp = state->fp,
	        .slots = state->bits & MT_TAIL_SLOTS_MASK,
	        .needs_fp = state->bits & MT_TAIL_NEEDS_FP,
	};
}

static inline void mt_tail_put_slot(struct mt_tail *tail, struct mt_tail_end *end, uintptr_t at,
                                    uintptr_t value)
{
	struct mt_tail_slot *last = &tail->slots[MT_TAIL_SLOTS - 1];

	/* Full: a word that is never what it was, so that none of these frames is taken for unchanged. */
	if (mt_tail_unlikely(end->slots == MT_TAIL_SLOTS))
		*last = (struct mt_tail_slot){(uintptr_t)&last->at, 0};
	else
		tail->slots[end->slots++] = (struct mt_tail_slot){at, value};
}

/* Puts a frame behind `end`, and moves that. `fp` is asked for only where the stack was realigned. */
static inline void mt_tail_put(struct mt_tail *tail, struct mt_tail_end *end, uint32_t index,
                               struct mt_tail_frame frame, struct mt_rule rule, uintptr_t fp)
{
	struct mt_tail_state *state = &tail->states[index];
	uint64_t weight = mt_tail_weight(mt_rules_hash(frame.pc));
	bool is_realigned = mt_tail_unlikely(rule.kind == MT_RULE_REALIGNED);

	end->hash = end->hash * MT_TAIL_HASH_BASE + weight;
	end->check = mt_tail_turn(end->check, MT_TAIL_CHECK_TURN) ^ weight;
	if (mt_tail_unlikely(end->needs_fp)) {
		if (is_realigned)
			mt_tail_put_slot(tail, end, fp, end->fp);
		else if (rule.saved_bytes)
			mt_tail_put_slot(tail, end, end->sp - rule.saved_bytes, end->fp);
		/* else it is the same in both, so both need it */
		end->needs_fp = !is_realigned && !rule.saved_bytes;
	}
	if (mt_tail_unlikely(rule.kind != MT_RULE_SP)) {
		if (is_realigned)
			mt_tail_put_slot(tail, end, fp + (uintptr_t)(intptr_t)rule.offset_bytes,
			                 end->sp);
		else
			fp = end->sp - (uintptr_t)(intptr_t)rule.offset_bytes;
		end->fp = fp;
		end->needs_fp = true;
	}
	end->sp = frame.sp;
	tail->frames[index] = frame;
	state->hash = end->hash;
	state->check = end->check;
	state->fp = end->fp;
	state->bits = end->slots | (end->needs_fp ? MT_TAIL_NEEDS_FP : 0) |
	              rule.shape << MT_TAIL_SHAPE_SHIFT;
	state->id = 0;
}

/* The outermost frame; where it is not the root its callers may need its fp. */
static inline void mt_tail_put_first(struct mt_tail *tail, struct mt_tail_frame frame, uintptr_t fp,
                                     bool is_root)
{
	uint64_t weight = mt_tail_weight(mt_rules_hash(frame.pc));

	tail->frames[1] = frame;
	tail->states[0] = (struct mt_tail_state){.hash = 0};
	tail->states[1] = (struct mt_tail_state){
	        .hash = weight,
	        .check = weight,
	        .fp = fp,
	        .bits = is_root ? 0 : MT_TAIL_NEEDS_FP,
	};
}

/* --- what still holds ----------------------------------------------------------------------------------- */

/*
 * Of the frames from `outer` inwards, the innermost up to which no word has changed; outer - 1: not even that.
 * *ret_fit: the innermost up to which no slot has changed, whatever the return addresses.
 */
static inline uint32_t mt_tail_unchanged(const struct mt_tail *tail, uint32_t outer, uint32_t inner,
                                         uint32_t *ret_fit)
{
	const struct mt_tail_frame *frame = &tail->frames[outer];
	const struct mt_tail_frame *end = &tail->frames[inner] + 1;
	uint32_t slot = mt_tail_slots_up_to(tail, outer);
	uint32_t slots = mt_tail_slots_up_to(tail, inner);
	uint32_t at;

	/* All of a block with one branch. */
	for (; end - frame >= MT_TAIL_AT_ONCE; frame += MT_TAIL_AT_ONCE) {
		uintptr_t difference = 0;

#pragma GCC unroll 4
		for (int i = 0; i < MT_TAIL_AT_ONCE; i++)
			difference |= mt_tail_load(frame[i].sp - 8) ^ frame[i].pc;
		if (difference)
			break;
	}
	while (frame < end && mt_tail_load(frame->sp - 8) == frame->pc)
		frame++;
	at = (uint32_t)(frame - tail->frames) - 1;
	*ret_fit = inner;
	if (mt_tail_unlikely(slot < slots)) {
		uint32_t fit = inner;

		while (slot < slots &&
		       mt_tail_load(tail->slots[slot].at) == tail->slots[slot].value)
			slot++;
		/* A changed slot of a frame changes who its caller is. */
		while (fit >= outer && slot < mt_tail_slots_up_to(tail, fit))
			fit--;
		*ret_fit = fit;
		if (fit < at)
			at = fit;
	}
	return at;
}

/*
 * Behind `index`, up to which all is unchanged: puts right the frames up to `inner` that have another return address,
 * but of the same shape, so that it leads to the same caller's frame. Whether they are on the stack at all is seen
 * when the walk meets one of them or not. Gives the last one that holds.
 */
static inline uint32_t mt_tail_refit(struct mt_tail *tail, uint32_t index, uint32_t inner)
{
	const uint64_t shape_mask = ~(uint64_t)0 << MT_RULES_PC_BITS;
	const _Atomic uint64_t *rules = mt_rules;
	struct mt_tail_frame *frame = &tail->frames[index] + 1;
	struct mt_tail_frame *end = &tail->frames[inner] + 1;
	struct mt_tail_state *state = &tail->states[index];
	uint64_t sum = state->hash;
	uint64_t check = state->check;

	for (; frame < end; frame++) {
		uintptr_t pc = mt_tail_load(frame->sp - 8);
		uint64_t hash = mt_rules_hash(pc);
		uint64_t weight = mt_tail_weight(hash);

		state++;
		/* A shape is never 0 in an entry, so an empty one is no match. */
		if (mt_rules_peek(rules, hash) != (((uint64_t)state->bits << 32 & shape_mask) | pc))
			break;
		sum = sum * MT_TAIL_HASH_BASE + weight;
		check = mt_tail_turn(check, MT_TAIL_CHECK_TURN) ^ weight;
		frame->pc = pc;
		state->hash = sum;
		state->check = check;
		state->id = 0;
	}
	return (uint32_t)(frame - tail->frames) - 1;
}

#endif
