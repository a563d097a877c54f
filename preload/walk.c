/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * walk.c - the cheap walk.
 *
 * Two loops: run_known() on a stack that is known from here to its top, which is nearly always; run_plain() on any
 * other, and from a signal's frame on, without a tail and with every load within a short reach.
 */
#include "preload/walk.h"

#include <stddef.h>
#include <string.h>

#include "preload/process.h"

/* The kernel keeps at least this much address space below the main thread's stack free of mappings. */
#define MAIN_STACK_BYTES (128ull << 20)
/* On a stack that is not known nothing further up than this is read. */
#define REACH_BYTES (256u << 10)

static uintptr_t main_stack_end;

void mt_walk_init(uintptr_t end)
{
	main_stack_end = end;
}

static uint64_t power(uint64_t base, uint32_t exponent)
{
	uint64_t result = 1;

	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			result *= base;
		base *= base;
	}
	return result;
}

void mt_walk_identify(struct mt_walk *walk)
{
	walk->hash = 0;
	walk->check = 0;
	for (uint32_t i = walk->depth; i-- > 0;) {
		uint64_t weight = mt_tail_weight(mt_rules_hash((uintptr_t)walk->frames[i]));

		walk->hash = walk->hash * MT_TAIL_HASH_BASE + weight;
		walk->check = mt_tail_turn(walk->check, MT_TAIL_CHECK_TURN) ^ weight;
	}
}

MT_COLD static void find_own_stack(struct mt_tail *tail)
{
	uintptr_t low = 0, high = 0;

	mt_step_thread_stack(&low, &high);
	tail->stack_low = low;
	tail->stack_high = high;
	tail->has_looked = true;
}

/* The top of the stack that sp is on; 0: it is none that we know. */
static inline uintptr_t top_of_stack(struct mt_tail *tail, uintptr_t sp)
{
	if (mt_unlikely(!tail->has_looked))
		find_own_stack(tail);
	if (sp - tail->stack_low < tail->stack_high - tail->stack_low)
		return tail->stack_high;
	return main_stack_end - sp < MAIN_STACK_BYTES ? main_stack_end : 0;
}

/* How far up may be read. */
static inline uintptr_t reach_of(struct mt_tail *tail, uintptr_t sp)
{
	uintptr_t high = top_of_stack(tail, sp);

	return high ? high : sp + REACH_BYTES;
}

#ifdef MT_STEP

struct walker {
	struct mt_tail *tail;
	struct mt_step at;
	uintptr_t high; /* what may be read ends here */
	uint32_t limit;
	uint32_t cursor;    /* the innermost frame of the tail that may still be met; 0: none */
	uint32_t compared;  /* from there to the cursor the tail holds */
	uint32_t unchanged; /* and from there to here it did so before it was refitted */
	uint32_t bottom;    /* the outermost new frame; MT_TAIL_FRAMES: none yet */
	enum mt_cut cut;
	bool is_exact; /* `at` was interrupted, it is no return address */
	bool lasts;    /* no frame is of code that is being unloaded */
	bool has_signal;
	bool has_root;
};

/* --- the tail ----------------------------------------------------------------------------------------- */

/* The walk is at the sp of the frame at the cursor: is it that frame? */
static inline bool is_met(const struct mt_tail *tail, uint32_t cursor, uintptr_t fp)
{
	const struct mt_tail_state *state = &tail->states[cursor];

	return mt_likely(!(state->bits & MT_TAIL_NEEDS_FP)) || state->fp == fp;
}

/* Does the tail tell enough of the callers of the frame at the cursor? */
static inline bool is_enough(const struct walker *w, uint32_t cursor, uint32_t bottom)
{
	const struct mt_tail *tail = w->tail;
	uint32_t total = cursor + MT_TAIL_FRAMES - bottom;
	uint32_t outer = total > w->limit ? total - w->limit + 1 : 1;
	uint32_t fit;

	if (mt_unlikely(!tail->has_root && total < w->limit))
		return false;
	return mt_likely(outer >= w->compared) ||
	       mt_tail_unchanged(tail, outer, w->compared, &fit) == w->compared;
}

/* Drops the outer half of the tail, so that there is room for more frames. */
MT_COLD static uint32_t drop_root(struct walker *w, uint32_t cursor)
{
	struct mt_tail *tail = w->tail;
	uint32_t dropped = (cursor + 1) / 2;
	uint32_t slots = mt_tail_slots_up_to(tail, dropped);
	uint32_t kept = cursor - dropped;

	memmove(&tail->frames[1], &tail->frames[1 + dropped], kept * sizeof(*tail->frames));
	/* The state before the first one stays: the sums of all that was further out. */
	memmove(&tail->states[0], &tail->states[dropped], (kept + 1) * sizeof(*tail->states));
	memmove(tail->slots, tail->slots + slots, (MT_TAIL_SLOTS - slots) * sizeof(*tail->slots));
	for (uint32_t i = 1; i <= kept; i++)
		tail->states[i].bits -= slots;
	w->compared = w->compared > dropped ? w->compared - dropped : 1;
	tail->has_root = false;
	tail->cut = MT_CUT_DEPTH;
	return kept;
}

/* Moves the new frames behind what is kept of the tail, and completes them. */
static inline void join(struct walker *w)
{
	struct mt_tail *tail = w->tail;
	uint32_t from = w->bottom;
	uint32_t index = w->cursor;
	struct mt_tail_end end;

	if (index == 0) {
		mt_tail_put_first(tail, tail->frames[from], tail->states[from].fp, w->has_root);
		tail->has_root = w->has_root;
		tail->cut = w->cut;
		from++;
		index++;
	}
	end = mt_tail_end_at(tail, index);
	for (; from < MT_TAIL_FRAMES; from++)
		mt_tail_put(tail, &end, ++index, tail->frames[from], tail->states[from].rule,
		            tail->states[from].fp);
	tail->top = index;
}

/* --- stepping ----------------------------------------------------------------------------------------- */

/* Where the signal's frame at sp says that it came from. False: that cannot be. */
static bool step_signal(struct walker *w)
{
	uintptr_t frame = w->at.sp;

	if (w->high - frame < MT_STEP_SIGNAL_BYTES)
		return false;
	w->at.pc = mt_tail_load(frame + MT_STEP_SIGNAL_PC);
	w->at.sp = mt_tail_load(frame + MT_STEP_SIGNAL_SP);
	w->at.fp = mt_tail_load(frame + MT_STEP_SIGNAL_FP);
	w->is_exact = true;
	w->has_signal = true;
	/* A handler on an alternate stack came from another one. */
	w->high = reach_of(w->tail, w->at.sp);
	return !(w->at.sp & 7);
}

/*
 * Steps to the caller. False: that would leave what may be read. `low` is as far down as a register may have been
 * saved: at sp, or where an epilogue was interrupted, in the red zone below it, where the popped ones still are.
 */
static inline bool step(struct mt_step *at, struct mt_rule rule, uintptr_t low, uintptr_t high)
{
	uintptr_t base = rule.kind == MT_RULE_SP ? at->sp : at->fp;
	uintptr_t cfa = base + (uintptr_t)(intptr_t)rule.offset_bytes;
	uintptr_t saved = cfa - rule.saved_bytes;

	if (mt_unlikely(rule.kind == MT_RULE_REALIGNED)) {
		if (cfa & 7 || cfa < at->sp || cfa > high - 8)
			return false;
		cfa = mt_tail_load(cfa);
		saved = at->fp;
	}
	/* sp + 8 <= cfa <= high, in one comparison */
	if (mt_unlikely(cfa - at->sp - 8 > high - at->sp - 8 || cfa & 7))
		return false;
	if (saved != cfa) {
		if (mt_unlikely(saved < low || saved > cfa - 8))
			return false;
		at->fp = mt_tail_load(saved);
	}
	at->pc = mt_tail_load(cfa - 8);
	at->sp = cfa;
	return true;
}

static inline void keep(struct mt_tail *tail, uint32_t bottom, const struct mt_step *at,
                        struct mt_rule rule)
{
	tail->frames[bottom] = (struct mt_tail_frame){at->pc, at->sp};
	tail->states[bottom].fp = at->fp;
	tail->states[bottom].rule = rule;
}

/* The last frame of a walk; false: it is not the last. */
static inline bool is_last(struct walker *w, struct mt_rule rule)
{
	if (rule.kind == MT_RULE_NONE)
		w->cut = mt_rule_reason(rule);
	else if (rule.kind != MT_RULE_END)
		return false;
	w->has_root = true;
	return true;
}

/* Without a tail, until the stack ends, or one more is found than is told. */
MT_COLD static void run_plain(struct walker *w)
{
	w->cursor = 0;
	while (MT_TAIL_FRAMES - w->bottom <= w->limit) {
		struct mt_rule rule = w->is_exact ? mt_rules_learn_exact(w->at.pc)
		                                  : mt_rules_find(mt_rules, w->at.pc, &w->lasts);
		bool has_stepped;

		keep(w->tail, --w->bottom, &w->at, rule);
		if (is_last(w, rule))
			return;
		if (rule.kind == MT_RULE_SIGNAL) {
			has_stepped = step_signal(w);
		} else {
			uintptr_t low = w->at.sp - (w->is_exact ? MT_STEP_RED_ZONE_BYTES : 0);

			has_stepped = step(&w->at, rule, low, w->high);
			w->is_exact = false;
			w->high = reach_of(w->tail, w->at.sp);
		}
		if (!has_stepped) {
			w->cut = MT_CUT_OFF_STACK;
			return;
		}
		/* A thread that something else than libc has made may end in a null address. */
		if (w->at.pc == 0)
			return;
	}
}

/* Until the tail is met or the stack ends. True: what is found may be remembered. */
static bool run_known(struct walker *w)
{
	struct mt_tail *tail = w->tail;
	struct mt_step at = w->at;
	uintptr_t high = w->high;
	uint32_t cursor = w->cursor, bottom = w->bottom;
	const _Atomic uint64_t *rules = mt_rules;
	struct mt_rule rule;

	for (;;) {
		while (tail->frames[cursor].sp < at.sp)
			cursor--;
		if (tail->frames[cursor].sp == at.sp && is_met(tail, cursor, at.fp)) {
			if (mt_likely(is_enough(w, cursor, bottom))) {
				w->cursor = cursor;
				w->bottom = bottom;
				return true;
			}
			cursor = 0;
		}
		rule = mt_rules_find(rules, at.pc, &w->lasts);
		keep(tail, --bottom, &at, rule);
		if (mt_unlikely(rule.kind > MT_RULE_REALIGNED))
			break;
		if (mt_unlikely(!step(&at, rule, at.sp, high))) {
			w->cut = MT_CUT_OFF_STACK;
			break;
		}
		if (mt_unlikely(at.pc == 0))
			break;
		/* One place stays between the new frames and the tail's. */
		if (mt_unlikely(bottom - 1 <= cursor + 1)) {
			if (cursor == 0) {
				w->cut = MT_CUT_DEPTH;
				w->cursor = 0;
				w->bottom = bottom;
				return true;
			}
			cursor = drop_root(w, cursor);
		}
	}
	w->at = at;
	w->cursor = 0;
	w->bottom = bottom;
	if (rule.kind == MT_RULE_SIGNAL) {
		if (step_signal(w))
			run_plain(w);
		else
			w->cut = MT_CUT_OFF_STACK;
		return false;
	}
	return is_last(w, rule);
}

/* The walk ends at tail->top: what it is known by. */
static inline void tell(struct mt_tail *tail, uint32_t limit, struct mt_walk *ret_walk)
{
	struct mt_tail_state *inner = &tail->states[tail->top];

	ret_walk->frames = NULL;
	ret_walk->depth = tail->top;
	ret_walk->hash = inner->hash;
	ret_walk->check = inner->check;
	ret_walk->cut = tail->cut;
	ret_walk->id = &inner->id;
	if (mt_unlikely(tail->top > limit || !tail->has_root)) {
		uint32_t depth = tail->top < limit ? tail->top : limit;
		const struct mt_tail_state *outer = &tail->states[tail->top - depth];

		ret_walk->depth = depth;
		ret_walk->hash -= outer->hash * power(MT_TAIL_HASH_BASE, depth);
		ret_walk->check ^= mt_tail_turn(outer->check, depth * MT_TAIL_CHECK_TURN);
		if (tail->top > limit)
			ret_walk->cut = MT_CUT_DEPTH;
	}
}

/* Where not all of the stack is in the tail. */
static __attribute__((noinline)) void walk_on(struct walker *w, struct mt_walk *ret_walk)
{
	struct mt_tail *tail = w->tail;
	bool may_remember = false;

	w->bottom = MT_TAIL_FRAMES;
	w->lasts = true;
	if (mt_likely(w->high != 0)) {
		may_remember = run_known(w);
	} else {
		w->high = w->at.sp + REACH_BYTES;
		run_plain(w);
	}
	tail->stepped += MT_TAIL_FRAMES - w->bottom;
	tail->kept += w->cursor < w->unchanged ? w->cursor : w->unchanged;
	join(w);
	tell(tail, w->limit, ret_walk);
	ret_walk->has_signal = w->has_signal;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (mt_likely(may_remember && w->lasts))
		tail->count = tail->top;
	else
		ret_walk->id = NULL;
}

/* How much of the tail may be met: what lies below the walk's start is gone. */
static inline uint32_t look_at_tail(struct mt_tail *tail, uintptr_t sp, uint32_t inner,
                                    uint32_t limit, uint32_t *ret_unchanged, uint32_t *ret_compared)
{
	uint32_t compared = inner > limit ? inner - limit + 1 : 1;
	uint32_t unchanged, cursor, fit;

	*ret_unchanged = 0;
	*ret_compared = compared;
	if (mt_unlikely(inner == 0))
		return 0;
	unchanged = mt_tail_unchanged(tail, compared, inner, &fit);
	if (mt_unlikely(unchanged < compared))
		return 0;
	*ret_unchanged = unchanged;
	/* Where the innermost frame is at another sp, few of those in between have kept their shape. */
	if (unchanged == inner || tail->frames[inner].sp != sp)
		return unchanged;
	cursor = mt_tail_refit(tail, unchanged, fit);
	tail->stepped += cursor - unchanged;
	return cursor;
}

void mt_walk_take(struct mt_tail *tail, struct mt_step start, uint32_t limit, uint32_t epoch,
                  struct mt_walk *ret_walk)
{
	uintptr_t high = top_of_stack(tail, start.sp);
	uint32_t inner = mt_likely(tail->epoch == epoch && high) ? tail->count : 0;
	uint32_t unchanged, compared, cursor;

	tail->count = 0;
	tail->epoch = epoch;
	tail->frames[0].sp = UINTPTR_MAX;
	tail->walks++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	while (tail->frames[inner].sp < start.sp)
		inner--;
	cursor = look_at_tail(tail, start.sp, inner, limit, &unchanged, &compared);
	if (cursor && tail->frames[cursor].sp == start.sp && tail->has_root && cursor <= limit &&
	    is_met(tail, cursor, start.fp)) {
		tail->kept += unchanged;
		tail->top = cursor;
		tell(tail, limit, ret_walk);
		ret_walk->has_signal = false;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		tail->count = cursor;
	} else {
		struct walker w = {
		        .tail = tail,
		        .at = start,
		        .high = high,
		        .limit = limit,
		        .cursor = cursor,
		        .compared = compared,
		        .unchanged = unchanged,
		};

		walk_on(&w, ret_walk);
	}
}

void mt_walk_frames(const struct mt_tail *tail, const struct mt_walk *walk, void **ret_frames)
{
	for (uint32_t i = 0; i < walk->depth; i++)
		ret_frames[i] = (void *)tail->frames[tail->top - i].pc;
}

#endif /* MT_STEP */

void mt_walk_by_fp(struct mt_tail *tail, struct mt_step start, uint32_t limit, void **frames,
                   struct mt_walk *ret_walk)
{
	struct mt_step at = start;
	enum mt_cut cut = MT_CUT_DEPTH;
	uint32_t depth = 0;

	while (depth < limit) {
		uintptr_t record = at.fp;

		frames[depth++] = (void *)at.pc;
		cut = MT_CUT_NONE;
		if (record == 0)
			break;
		/* The record of a frame: the caller's fp, the return address. */
		if (record < at.sp || record & 7 || record > reach_of(tail, at.sp) - 16) {
			cut = MT_CUT_OFF_STACK;
			break;
		}
		at.fp = mt_tail_load(record);
		at.pc = mt_tail_load(record + 8);
		at.sp = record + 16;
		if (at.pc == 0)
			break;
		cut = MT_CUT_DEPTH;
	}
	*ret_walk = (struct mt_walk){.depth = depth, .cut = cut, .frames = frames};
	mt_walk_identify(ret_walk);
}
