/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * step.h - stepping over one frame: the seam between the walk and the machine.
 *
 * Used by rules.c (making rules) and walk.c (following them). A machine that has no step_<machine>.h has no
 * MT_STEP, and its stacks are walked by libunwind.
 *
 * A rule says everything about one pc: how to get from a frame to its caller.
 */
#ifndef MT_PRELOAD_STEP_H
#define MT_PRELOAD_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/cfi.h"
#include "wire/event.h"

enum mt_rule_kind {
	MT_RULE_MISSING = 0, /* nothing is known yet */
	MT_RULE_SP,          /* CFA = sp + offset */
	MT_RULE_FP,          /* CFA = fp + offset */
	MT_RULE_REALIGNED,   /* CFA = what fp + offset holds; the caller's fp is what fp holds */
	MT_RULE_SIGNAL,      /* everything is in the signal's frame at sp */
	MT_RULE_END,         /* the outermost frame */
	MT_RULE_NONE,        /* no rule can express it: mt_rule_reason() */
	MT_RULE_WIDE,        /* in the table only: see rules.h */
};

#define MT_RULE_WORD_BYTES 8
#define MT_RULE_BYTES_MAX  (1 << 20) /* more than any frame that was seen */

struct mt_rule {
	enum mt_rule_kind kind;
	int32_t offset_bytes;
	uint32_t
	        saved_bytes; /* the caller's fp was saved so far below the CFA; 0: it is still in its register */
	uint32_t shape; /* the same for the same rule (rules.h); 0: not known */
};

/* The registers that a walk carries: a return address (or interrupted pc), its sp and its fp. */
struct mt_step {
	uintptr_t pc;
	uintptr_t sp;
	uintptr_t fp;
};

static inline struct mt_rule mt_rule_none(enum mt_cut reason)
{
	return (struct mt_rule){MT_RULE_NONE, (int32_t)reason * MT_RULE_WORD_BYTES, 0, 0};
}

static inline enum mt_cut mt_rule_reason(struct mt_rule rule)
{
	return (enum mt_cut)(rule.offset_bytes / MT_RULE_WORD_BYTES);
}

/* MT_NO_STEP: as on a machine without one, to see that it still compiles there (tests/check-layers). */
#if defined(__x86_64__) && defined(__LP64__) && !defined(MT_NO_STEP)
#define MT_STEP 1
#include "preload/step_x86_64.h"
#else
static inline bool mt_step_thread_stack(uintptr_t *ret_low, uintptr_t *ret_high)
{
	(void)ret_low;
	(void)ret_high;
	return false;
}

#define MT_STEP_CALL_MAX 8u

static inline bool mt_step_is_after_call(const uint8_t *pc)
{
	(void)pc;
	return false;
}

static inline struct mt_rule mt_step_rule(const struct mt_cfi_row *row, uintptr_t pc)
{
	(void)row;
	(void)pc;
	return mt_rule_none(MT_CUT_NO_RULE);
}
#endif

#endif
