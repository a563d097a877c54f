/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * walk.c - the cheap walk.
 *
 * A tail is not valid while it is being changed: count is 0 from the first store to the last, so that a walk
 * that a siglongjmp cuts off leaves nothing behind.
 */
#include "preload/walk.h"

#include <stddef.h>
#include <string.h>

#include "preload/rules.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define HASH_BASE  0xa0761d6478bd642full
#define CHECK_BASE 0xe7037ed1a0b428dbull

/* The kernel keeps at least this much address space below the main thread's stack free of mappings. */
#define MAIN_STACK_BYTES (128ull << 20)
/* On a stack that is not known nothing further up than this is read. */
#define STRIDE_BYTES     (256u << 10)
#define VERIFIED_AT_ONCE 8u

static uintptr_t main_stack_end;

void mt_walk_init(uintptr_t end)
{
	main_stack_end = end;
}

/* A bijection, so that different frames never weigh the same. */
static inline uint64_t weight(uintptr_t pc)
{
	uint64_t value = pc * 0x9fb21c651e98df25u;

	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93u;
	return value ^ value >> 29;
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
		uint64_t value = weight((uintptr_t)walk->frames[i]);

		walk->hash = walk->hash * HASH_BASE + value;
		walk->check = walk->check * CHECK_BASE + value;
	}
}

struct walker {
	struct mt_tail *tail;
	struct mt_step at;
	uintptr_t
	        high; /* the top of the stack that `at` is on; as far as we believe on an unknown one */
	uint32_t epoch;
	uint32_t limit;
	uint32_t cursor; /* the innermost frame of the tail that may still be met; 0: none */
	uint32_t bottom; /* the outermost new frame; MT_WALK_FRAMES: none yet */
	enum mt_cut cut;
	bool is_known; /* the stack is known from here to its top */
	bool is_exact; /* `at` was interrupted, it is no return address */
	bool has_signal;
	bool has_root;
};

static inline uintptr_t load(uintptr_t addr)
{
	return *(const uintptr_t *)addr;
}

/* The stack that sp is on: sets is_known and high. */
static inline void look_at_stack(struct walker *w)
{
	struct mt_tail *tail = w->tail;
	uintptr_t sp = w->at.sp;

	if (unlikely(!tail->has_looked)) {
		uintptr_t low = 0, high = 0;

		mt_step_thread_stack(&low, &high);
		tail->stack_low = low;
		tail->stack_high = high;
		tail->has_looked = true;
	}
	w->is_known = true;
	w->high = tail->stack_high;
	if (sp - tail->stack_low < tail->stack_high - tail->stack_low)
		return;
	w->high = main_stack_end;
	if (main_stack_end - sp < MAIN_STACK_BYTES)
		return;
	w->is_known = false;
	w->high = sp + STRIDE_BYTES;
}

#ifdef MT_STEP

/* --- stepping ----------------------------------------------------------------------------------------- */

/* Where the signal's frame at sp says that it came from. False: that cannot be. */
static bool step_signal(struct walker *w)
{
	uintptr_t frame = w->at.sp;

	if (w->high - frame < MT_STEP_SIGNAL_BYTES || frame & 7)
		return false;
	w->at.pc = load(frame + MT_STEP_SIGNAL_PC);
	w->at.sp = load(frame + MT_STEP_SIGNAL_SP);
	w->at.fp = load(frame + MT_STEP_SIGNAL_FP);
	w->is_exact = true;
	w->has_signal = true;
	w->cursor = 0;
	/* A handler on an alternate stack came from another one. */
	look_at_stack(w);
	return !(w->at.sp & 7);
}

/* Steps from the callee to its caller. False: that would leave the stack. */
static inline bool step(struct walker *w, uint32_t rule)
{
	uintptr_t base = mt_rule_kind(rule) == MT_RULE_SP ? w->at.sp : w->at.fp;
	uintptr_t at = base + (uintptr_t)mt_rule_offset_bytes(rule);
	uintptr_t saved_bytes = mt_rule_saved_bytes(rule);
	uintptr_t cfa = at, saved = at - saved_bytes;

	if (unlikely(mt_rule_kind(rule) == MT_RULE_REALIGNED)) {
		if (at & 7 || at < w->at.sp || at > w->high - 8)
			return false;
		cfa = load(at);
		saved = w->at.fp;
		saved_bytes = 8;
	}
	/* sp + 8 <= cfa <= high, in one comparison */
	if (unlikely(cfa - w->at.sp - 8 > w->high - w->at.sp - 8 || cfa & 7))
		return false;
	if (saved_bytes) {
		if (unlikely(saved < w->at.sp || saved >= cfa))
			return false;
		w->at.fp = load(saved);
	}
	w->at.pc = load(cfa - 8);
	w->at.sp = cfa;
	w->is_exact = false;
	if (unlikely(!w->is_known))
		w->high = cfa + STRIDE_BYTES;
	return true;
}

/* --- the tail ----------------------------------------------------------------------------------------- */

static inline uint32_t slots_up_to(const struct mt_tail *tail, uint32_t index)
{
	return tail->states[index].slots & ~MT_WALK_FP_USED;
}

/* The innermost frame from `inner` outwards that has to be stepped again; `outer`: none before that one. */
static uint32_t find_difference(const struct mt_tail *tail, uint32_t inner, uint32_t outer)
{
	for (uint32_t i = inner; i > outer; i--) {
		if (load(tail->frames[i - 1].sp - 8) != tail->frames[i - 1].pc)
			return i;
		for (uint32_t s = slots_up_to(tail, i - 1); s < slots_up_to(tail, i); s++)
			if (load(tail->slots[s].at) != tail->slots[s].value)
				return i;
	}
	return outer;
}

/* True when every word that the frames from `inner` out to `outer` depend on is what it was. */
static inline bool is_unchanged(const struct mt_tail *tail, uint32_t inner, uint32_t outer)
{
	const struct mt_walk_frame *frame = &tail->frames[inner - 1];
	const struct mt_walk_frame *last = &tail->frames[outer];
	const struct mt_walk_slot *slot = &tail->slots[slots_up_to(tail, outer)];
	const struct mt_walk_slot *end = &tail->slots[slots_up_to(tail, inner)];
	uintptr_t difference = 0;

	while (frame - last >= (ptrdiff_t)VERIFIED_AT_ONCE) {
		for (uint32_t i = 0; i < VERIFIED_AT_ONCE; i++, frame--)
			difference |= load(frame->sp - 8) ^ frame->pc;
		if (difference)
			return false;
	}
	for (; frame >= last; frame--)
		difference |= load(frame->sp - 8) ^ frame->pc;
	for (; slot < end; slot++)
		difference |= load(slot->at) ^ slot->value;
	return difference == 0;
}

/*
 * Takes frames inner ... outer + 1 of the tail over as new ones; the walk goes on at `outer`. The tail has not kept
 * track of an fp that nobody used: that may be another now, so it is followed again.
 */
static void take_over(struct walker *w, uint32_t inner, uint32_t outer)
{
	struct mt_tail *tail = w->tail;
	uint32_t count = inner - outer;
	uintptr_t fp = w->at.fp;

	for (uint32_t i = inner; i > outer; i--) {
		uint32_t rule = tail->states[i].rule;

		tail->states[i].fp = fp;
		if (mt_rule_kind(rule) == MT_RULE_REALIGNED)
			fp = load(fp);
		else if (mt_rule_saved_bytes(rule))
			fp = load(tail->frames[i - 1].sp - mt_rule_saved_bytes(rule));
	}
	w->at = (struct mt_step){tail->frames[outer].pc, tail->frames[outer].sp, fp};
	w->bottom -= count;
	memmove(&tail->frames[w->bottom], &tail->frames[outer + 1], count * sizeof(*tail->frames));
	memmove(&tail->states[w->bottom], &tail->states[outer + 1], count * sizeof(*tail->states));
	/* What is further out than here is still to be met; here it has changed. */
	w->cursor = outer - 1;
}

/*
 * At a frame that the tail has: true when the rest of the stack is the tail's. Otherwise the walk has moved out to
 * the frame that has to be stepped again, or the tail turned out to be of no use.
 */
static bool meet(struct walker *w)
{
	struct mt_tail *tail = w->tail;
	uint32_t inner = w->cursor;
	uint32_t total = inner + MT_WALK_FRAMES - w->bottom;
	uint32_t outer = total > w->limit ? total - w->limit + 1 : 1;

	if (unlikely(!tail->has_root && total < w->limit)) {
		w->cursor = 0;
		return false;
	}
	/* All that counts is new. */
	if (unlikely(outer >= inner))
		return true;
	if (likely(is_unchanged(tail, inner, outer)))
		return true;
	take_over(w, inner, find_difference(tail, inner, outer));
	return false;
}

/* Drops the outer half of the tail, so that there is room for more frames. */
static void drop_root(struct walker *w)
{
	struct mt_tail *tail = w->tail;
	uint32_t dropped = (w->cursor + 1) / 2;
	uint32_t slots = slots_up_to(tail, dropped);
	uint32_t kept = w->cursor - dropped;

	memmove(&tail->frames[1], &tail->frames[1 + dropped], kept * sizeof(*tail->frames));
	memmove(&tail->states[1], &tail->states[1 + dropped], kept * sizeof(*tail->states));
	memmove(tail->slots, tail->slots + slots, (MT_WALK_SLOTS - slots) * sizeof(*tail->slots));
	for (uint32_t i = 1; i <= kept; i++)
		tail->states[i].slots -= slots;
	w->cursor = kept;
	tail->has_root = false;
	tail->cut = MT_CUT_DEPTH;
}

/* Remembers a word that the frames depend on. False: no room. */
static inline bool put_slot(struct mt_tail *tail, uint32_t *count, uintptr_t at, uintptr_t value)
{
	if (unlikely(*count == MT_WALK_SLOTS))
		return false;
	tail->slots[(*count)++] = (struct mt_walk_slot){at, value};
	return true;
}

/* Adds the slots of frame `index`, whose caller is the frame before it; sets whether its fp is used. */
static inline bool put_slots(struct mt_tail *tail, uint32_t index, uint32_t *count)
{
	struct mt_walk_state *state = &tail->states[index];
	const struct mt_walk_frame *caller = &tail->frames[index - 1];
	bool caller_uses = tail->states[index - 1].slots & MT_WALK_FP_USED;
	uintptr_t caller_fp = tail->states[index - 1].fp;
	uintptr_t saved_bytes = mt_rule_saved_bytes(state->rule);
	bool is_used = false, has_room = true;

	switch (mt_rule_kind(state->rule)) {
	case MT_RULE_REALIGNED:
		has_room = put_slot(tail, count,
		                    state->fp + (uintptr_t)mt_rule_offset_bytes(state->rule),
		                    caller->sp);
		if (caller_uses)
			has_room = has_room && put_slot(tail, count, state->fp, caller_fp);
		is_used = true;
		break;
	case MT_RULE_FP: is_used = true; /* fall through */
	case MT_RULE_SP:
		if (caller_uses && saved_bytes)
			has_room = put_slot(tail, count, caller->sp - saved_bytes, caller_fp);
		else if (caller_uses)
			is_used = true;
		break;
	default: break;
	}
	state->slots = *count | (is_used ? MT_WALK_FP_USED : 0);
	return has_room;
}

/*
 * Moves the new frames behind what is kept of the tail, and completes them. The outermost frame of a tail without
 * a root has callers that we have not seen: its fp counts as used.
 */
static bool join(struct walker *w)
{
	struct mt_tail *tail = w->tail;
	uint32_t kept = w->cursor;
	uint32_t added = MT_WALK_FRAMES - w->bottom;
	uint32_t slots = kept ? slots_up_to(tail, kept) : 0;
	bool has_room = true;

	if (kept == 0) {
		tail->states[0] =
		        (struct mt_walk_state){.slots = w->has_root ? 0 : MT_WALK_FP_USED};
		tail->has_root = w->has_root;
		tail->cut = w->cut;
	}
	for (uint32_t i = 0; i < added; i++) {
		uint32_t index = kept + 1 + i;
		struct mt_walk_state *state = &tail->states[index];
		uint64_t value;

		tail->frames[index] = tail->frames[w->bottom + i];
		state->fp = tail->states[w->bottom + i].fp;
		state->rule = tail->states[w->bottom + i].rule;
		value = weight(tail->frames[index].pc);
		state->hash = state[-1].hash * HASH_BASE + value;
		state->check = state[-1].check * CHECK_BASE + value;
		if (index > 1)
			has_room = put_slots(tail, index, &slots) && has_room;
		else
			state->slots = w->has_root ? 0 : MT_WALK_FP_USED;
	}
	tail->top = kept + added;
	return has_room;
}

/* --- the walk ----------------------------------------------------------------------------------------- */

/* Keeps the frame at hand as a new one. False: there is no room for another. */
static inline bool keep(struct walker *w, uint32_t rule)
{
	struct mt_tail *tail = w->tail;

	w->bottom--;
	tail->frames[w->bottom] = (struct mt_walk_frame){w->at.pc, w->at.sp};
	tail->states[w->bottom].fp = w->at.fp;
	tail->states[w->bottom].rule = rule;
	/* One place stays between the new frames and the tail's. */
	if (unlikely(w->bottom - 1 <= w->cursor + 1)) {
		if (w->cursor == 0)
			return false;
		drop_root(w);
	}
	return true;
}

/* Walks until the tail is met or the stack ends; true when it may be remembered. */
static bool run(struct walker *w)
{
	struct mt_tail *tail = w->tail;

	for (;;) {
		const struct mt_walk_frame *met;
		const struct mt_walk_state *state;
		uint32_t rule;

		while (tail->frames[w->cursor].sp < w->at.sp)
			w->cursor--;
		met = &tail->frames[w->cursor];
		state = &tail->states[w->cursor];
		if (met->sp == w->at.sp && met->pc == w->at.pc &&
		    (state->fp == w->at.fp || !(state->slots & MT_WALK_FP_USED)) && meet(w))
			return true;
		rule = mt_rules_find(w->at.pc, w->is_exact, w->epoch);
		if (unlikely(!keep(w, rule))) {
			w->cut = MT_CUT_DEPTH;
			return true;
		}
		switch (mt_rule_kind(rule)) {
		case MT_RULE_NONE: w->cut = mt_rule_reason(rule); /* fall through */
		case MT_RULE_END:
			w->has_root = true;
			w->cursor = 0;
			return true;
		case MT_RULE_SIGNAL:
			if (unlikely(!step_signal(w)))
				w->cut = MT_CUT_OFF_STACK;
			break;
		default:
			if (unlikely(!step(w, rule)))
				w->cut = MT_CUT_OFF_STACK;
		}
		/* A thread that something else than libc has made may end in a null address. */
		if (unlikely(w->cut || w->at.pc == 0))
			break;
		/* Without a tail there is no use in more than is told, and one. */
		if (unlikely((!w->is_known || w->has_signal) &&
		             MT_WALK_FRAMES - w->bottom > w->limit))
			break;
	}
	w->cursor = 0;
	return false;
}

void mt_walk_take(struct mt_tail *tail, struct mt_step start, uint32_t limit, uint32_t epoch,
                  struct mt_walk *ret_walk)
{
	struct walker w = {
	        .tail = tail,
	        .at = start,
	        .epoch = epoch,
	        .limit = limit,
	        .bottom = MT_WALK_FRAMES,
	};
	const struct mt_walk_state *inner, *outer;
	bool may_remember;
	uint32_t depth;

	look_at_stack(&w);
	w.cursor = w.is_known && tail->epoch == epoch ? tail->count : 0;
	tail->count = 0;
	tail->epoch = epoch;
	tail->frames[0].sp = UINTPTR_MAX;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	may_remember = run(&w) && w.is_known && !w.has_signal;
	tail->walks++;
	tail->stepped += MT_WALK_FRAMES - w.bottom;
	tail->kept += w.cursor;
	may_remember = join(&w) && may_remember;
	depth = tail->top < limit ? tail->top : limit;
	inner = &tail->states[tail->top];
	outer = &tail->states[tail->top - depth];
	ret_walk->frames = NULL;
	ret_walk->depth = depth;
	ret_walk->has_signal = w.has_signal;
	ret_walk->hash = inner->hash;
	ret_walk->check = inner->check;
	if (unlikely(tail->top > depth)) {
		ret_walk->hash -= outer->hash * power(HASH_BASE, depth);
		ret_walk->check -= outer->check * power(CHECK_BASE, depth);
		ret_walk->cut = MT_CUT_DEPTH;
	} else {
		ret_walk->cut = tail->cut;
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	tail->count = may_remember ? tail->top : 0;
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
	struct walker w = {.tail = tail, .at = start};
	uint32_t depth = 0;

	look_at_stack(&w);
	for (;;) {
		if (depth == limit) {
			w.cut = MT_CUT_DEPTH;
			break;
		}
		frames[depth++] = (void *)w.at.pc;
		if (w.at.fp == 0)
			break;
		/* The record of a frame: the caller's fp, the return address. */
		if (w.at.fp < w.at.sp || w.at.fp & 7 || w.at.fp > w.high - 16) {
			w.cut = MT_CUT_OFF_STACK;
			break;
		}
		w.at.pc = load(w.at.fp + 8);
		w.at.sp = w.at.fp + 16;
		w.at.fp = load(w.at.fp);
		if (w.at.pc == 0)
			break;
		if (!w.is_known)
			w.high = w.at.sp + STRIDE_BYTES;
	}
	*ret_walk = (struct mt_walk){.depth = depth, .cut = w.cut, .frames = frames};
	mt_walk_identify(ret_walk);
}
