/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unwind.c - which walker, and when; when libunwind is opened and entered.
 *
 * Where libunwind is the walker (unwind=libunwind, verify) it is opened by the first allocation after libc is up, or by
 * __libc_start_main: dlopen() in our constructor, which runs first of all, would initialise libc with empty
 * arguments and environment.
 *
 * Where it is the fallback (auto) most programs never need it: of the call sites in libc, libstdc++, cc1plus, node
 * and others none is beyond a rule, only interrupted pcs are. So it is opened by the first allocation after it
 * was missed whose whole stack is known and holds neither a signal's frame nor one of the loader, in a
 * process with one thread: there dlopen() can meet no lock that anybody holds. Until then, the stack is cut.
 *
 * It is never entered where it could hang: in a child forked from a process with several threads (its
 * lock, or the loader's, may be held by a thread that does not exist there). As a fallback it is entered by one
 * thread at a time; who comes second has the stack cut instead of waiting.
 */
#include "preload/unwind.h"

#include <stdatomic.h>

#include "preload/config.h"
#include "preload/libunwind.h"
#include "preload/module.h"
#include "preload/say.h"
#include "preload/verify.h"

atomic_bool mt_unwind_is_missed;
static atomic_flag is_entered = ATOMIC_FLAG_INIT; /* as a fallback */

static bool is_libunwind_walker(void)
{
#ifdef MT_STEP
	return mt_config.unwind == MT_CONFIG_UNWIND_LIBUNWIND ||
	       mt_config.unwind == MT_CONFIG_UNWIND_VERIFY;
#else
	return mt_config.unwind <= MT_CONFIG_UNWIND_LIBUNWIND ||
	       mt_config.unwind == MT_CONFIG_UNWIND_VERIFY;
#endif
}

void mt_unwind_warm_up(const void *caller)
{
	static atomic_bool is_said;
	enum mt_libunwind_state state = mt_libunwind_state();
	struct mt_tls *tls = &mt_tls;
	void *frames[4];
	uint64_t left;

	if (!is_libunwind_walker()) {
		tls->cold = false;
		return;
	}
	if (tls->own || tls->guard || mt_process.fork_was_threaded)
		return;
	/* No dlopen() from within the loader. */
	if (state != MT_LIBUNWIND_OPEN && mt_module_is_loader(caller))
		return;
	left = mt_thread_begin_own();
	state = mt_libunwind_open();
	if (state == MT_LIBUNWIND_OPEN) {
		tls->cold = false;
		mt_libunwind_backtrace(frames, 4);
	} else if (state == MT_LIBUNWIND_MISSING && !atomic_exchange(&is_said, true)) {
		mt_say("cannot open " MT_LIBUNWIND ": stacks are cut to the calling function; "
		       "install libunwind (Debian: libunwind8)",
		       NULL);
	}
	mt_thread_end_own(left);
}

static void walk_caller_only(const struct mt_caller *caller, void **frames, enum mt_cut cut,
                             struct mt_walk *ret_walk)
{
	frames[0] = (void *)caller->address;
	*ret_walk = (struct mt_walk){.frames = frames, .depth = 1, .cut = cut};
	mt_walk_identify(ret_walk);
}

/* --- libunwind ---------------------------------------------------------------------------------------- */

/* Where libunwind finds `caller` on this stack, and how many frames from there. 0: it does not. */
static uint32_t take_libunwind(void **frames, const void *caller, void ***ret_frames)
{
	uint32_t limit = mt_config.depth + MT_WALK_MARGIN;
	int walked = mt_libunwind_backtrace(frames, (int)limit);
	int first = 0;

	while (first < walked && frames[first] != caller)
		first++;
	/* It may end with a null address where a thread's first frame has no caller. */
	while (walked > first + 1 && !frames[walked - 1])
		walked--;
	*ret_frames = frames + first;
	return walked > first ? (uint32_t)(walked - first) : 0;
}

static void walk_libunwind(struct mt_thread *thread, const struct mt_caller *caller,
                           struct mt_walk *ret_walk)
{
	struct mt_walk walk = {.cut = MT_CUT_NONE};
	void **frames;

	if (mt_tls.cold) {
		bool is_early = mt_libunwind_state() == MT_LIBUNWIND_CLOSED;

		walk_caller_only(caller, thread->frames, is_early ? MT_CUT_EARLY : MT_CUT_UNSAFE,
		                 ret_walk);
		return;
	}
	if (mt_process.fork_was_threaded) {
		walk_caller_only(caller, thread->frames, MT_CUT_UNSAFE, ret_walk);
		return;
	}
	walk.depth = take_libunwind(thread->frames, caller->address, &frames);
	if (walk.depth == 0) {
		walk_caller_only(caller, thread->frames, MT_CUT_UNWINDER, ret_walk);
		return;
	}
	if (walk.depth > mt_config.depth) {
		walk.depth = mt_config.depth;
		walk.cut = MT_CUT_DEPTH;
	}
	walk.frames = frames;
	mt_walk_identify(&walk);
	*ret_walk = walk;
}

#ifdef MT_STEP

/* --- the cheap walk ----------------------------------------------------------------------------------- */

/* After a stack that was walked to its end by rules: is this the moment to open libunwind? */
MT_COLD static void consider_libunwind(const struct mt_thread *thread, const struct mt_walk *walk)
{
	const struct mt_tail *tail = &thread->tail;

	if (mt_tls.libunwind || mt_tls.own || walk->cut != MT_CUT_NONE || walk->has_signal ||
	    mt_process.fork_was_threaded || mt_libunwind_state() == MT_LIBUNWIND_MISSING)
		return;
	if (mt_libunwind_state() == MT_LIBUNWIND_CLOSED && atomic_load(&mt_process.threads) > 1)
		return;
	for (uint32_t i = 0; i < walk->depth; i++)
		if (mt_module_is_loader((const void *)tail->frames[tail->top - i].pc))
			return;
	mt_tls.wants_libunwind = true;
}

void mt_unwind_fetch_libunwind(void)
{
	struct mt_tls *tls = &mt_tls;
	void *frames[4];
	uint64_t left;

	tls->wants_libunwind = false;
	left = mt_thread_begin_own();
	if (mt_libunwind_open() == MT_LIBUNWIND_OPEN) {
		mt_libunwind_backtrace(frames, 4);
		tls->libunwind = true;
	}
	mt_thread_end_own(left);
}

/* A frame that no rule can express: the whole stack by libunwind, if that is safe and gives more. */
MT_COLD static void fall_back(struct mt_thread *thread, const struct mt_caller *caller,
                              struct mt_walk *walk)
{
	struct mt_walk other;

	if (!mt_tls.libunwind) {
		atomic_store_explicit(&mt_unwind_is_missed, true, memory_order_relaxed);
		return;
	}
	if (mt_process.fork_was_threaded || atomic_flag_test_and_set(&is_entered))
		return;
	walk_libunwind(thread, caller, &other);
	atomic_flag_clear(&is_entered);
	atomic_fetch_add_explicit(&mt_process.slot->walks_libunwind, 1, memory_order_relaxed);
	if (other.depth > walk->depth)
		*walk = other;
}

MT_COLD void mt_unwind_attend(struct mt_thread *thread, const struct mt_caller *caller,
                              struct mt_walk *walk)
{
	if (walk->cut == MT_CUT_NO_RULE)
		fall_back(thread, caller, walk);
	else if (atomic_load_explicit(&mt_unwind_is_missed, memory_order_relaxed))
		consider_libunwind(thread, walk);
	if (thread->tail.walks >= MT_UNWIND_ACCOUNT_EVERY)
		mt_unwind_account(thread);
}

static void walk_rules(struct mt_thread *thread, const struct mt_caller *caller, uint32_t epoch,
                       struct mt_walk *ret_walk)
{
	struct mt_step start;

	if (!mt_unwind_start(caller, &start)) {
		walk_caller_only(caller, thread->frames, MT_CUT_EARLY, ret_walk);
		return;
	}
	mt_walk_take(&thread->tail, &start, mt_config.depth, epoch, ret_walk);
	if (thread->tail.walks >= MT_UNWIND_ACCOUNT_EVERY)
		mt_unwind_account(thread);
}

static void walk_both(struct mt_thread *thread, const struct mt_caller *caller, uint32_t epoch,
                      struct mt_walk *ret_walk)
{
	void **frames;
	uint32_t depth;

	walk_rules(thread, caller, epoch, ret_walk);
	if (ret_walk->frames || mt_tls.cold || mt_process.fork_was_threaded)
		return;
	depth = take_libunwind(thread->frames, caller->address, &frames);
	if (depth > mt_config.depth)
		depth = mt_config.depth;
	if (depth)
		mt_verify(&thread->tail, ret_walk, frames, depth);
}

static void walk_by_fp(struct mt_thread *thread, const struct mt_caller *caller,
                       struct mt_walk *ret_walk)
{
	struct mt_step start;

	if (mt_unwind_start(caller, &start))
		mt_walk_by_fp(&thread->tail, start, mt_config.depth, thread->frames, ret_walk);
	else
		walk_caller_only(caller, thread->frames, MT_CUT_EARLY, ret_walk);
}

#else

void mt_unwind_fetch_libunwind(void)
{
}

#endif

void mt_unwind_walk_otherwise(struct mt_thread *thread, const struct mt_caller *caller,
                              uint32_t epoch, struct mt_walk *ret_walk)
{
	(void)epoch; /* where there is no cheap walk */
	switch (mt_config.unwind) {
#ifdef MT_STEP
	case MT_CONFIG_UNWIND_AUTO: walk_rules(thread, caller, epoch, ret_walk); break;
	case MT_CONFIG_UNWIND_VERIFY: walk_both(thread, caller, epoch, ret_walk); break;
	case MT_CONFIG_UNWIND_FRAME_POINTER: walk_by_fp(thread, caller, ret_walk); break;
#endif
	case MT_CONFIG_UNWIND_NONE:
		walk_caller_only(caller, thread->frames, MT_CUT_UNWINDER, ret_walk);
		break;
	default: walk_libunwind(thread, caller, ret_walk);
	}
}

void mt_unwind_count_cut(struct mt_thread *thread, uint32_t level)
{
	/* What belongs to the thread is level 0's; and with unwind=none each stack is cut: no line that all write to. */
	if (level != 0)
		atomic_fetch_add_explicit(&mt_process.slot->stacks_cut, 1, memory_order_relaxed);
	else if (++thread->tail.cuts >= MT_UNWIND_ACCOUNT_EVERY)
		mt_unwind_account(thread);
}

void mt_unwind_account(struct mt_thread *thread)
{
	struct mt_tail *tail = &thread->tail;

	if (!mt_process.slot)
		return;
	atomic_fetch_add_explicit(&mt_process.slot->walks, tail->walks, memory_order_relaxed);
	atomic_fetch_add_explicit(&mt_process.slot->frames_stepped, tail->stepped,
	                          memory_order_relaxed);
	atomic_fetch_add_explicit(&mt_process.slot->frames_kept, tail->kept, memory_order_relaxed);
	atomic_fetch_add_explicit(&mt_process.slot->stacks_cut, tail->cuts, memory_order_relaxed);
	tail->cuts = 0;
	tail->walks = 0;
	tail->stepped = 0;
	tail->kept = 0;
}
