/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * step.h - stepping over one frame: the seam between the walk and the machine.
 *
 * Used by rules.c (making rules) and walk.c (following them). A machine that has no step_<machine>.h has no
 * MT_STEP, and its stacks are walked by libunwind.
 *
 * A rule is 32 bits that say everything about one pc:
 *
 *	bits 0-2    kind, below
 *	bits 3-8    where the caller's frame pointer was saved: words below the CFA; 0: it still is in its register
 *	bits 9-31   offset in words, signed; of NONE: the reason, an enum mt_cut
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
	MT_RULE_NONE,        /* no rule can express it */
};

#define MT_RULE_WORD_BYTES   8u
#define MT_RULE_SAVED_MAX    63
#define MT_RULE_OFFSET_LIMIT (1 << 17) /* words: 1 MiB, more than any frame that was seen */

/* The registers that a walk carries: a return address (or interrupted pc), its sp and its fp. */
struct mt_step {
	uintptr_t pc;
	uintptr_t sp;
	uintptr_t fp;
};

static inline uint32_t mt_rule(enum mt_rule_kind kind, int32_t offset_words, uint32_t saved_words)
{
	return (uint32_t)offset_words << 9 | saved_words << 3 | (uint32_t)kind;
}

static inline enum mt_rule_kind mt_rule_kind(uint32_t rule)
{
	return (enum mt_rule_kind)(rule & 7);
}

static inline intptr_t mt_rule_offset_bytes(uint32_t rule)
{
	return ((int32_t)rule >> 9) * (intptr_t)MT_RULE_WORD_BYTES;
}

static inline uintptr_t mt_rule_saved_bytes(uint32_t rule)
{
	return (rule >> 3 & 0x3f) * MT_RULE_WORD_BYTES;
}

static inline enum mt_cut mt_rule_reason(uint32_t rule)
{
	return (enum mt_cut)(rule >> 9);
}

#if defined(__x86_64__) && defined(__LP64__)
#define MT_STEP 1
#include "preload/step_x86_64.h"
#else
static inline bool mt_step_thread_stack(uintptr_t *ret_low, uintptr_t *ret_high)
{
	(void)ret_low;
	(void)ret_high;
	return false;
}
#endif

#endif
