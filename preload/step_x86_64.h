/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * step_x86_64.h - what is x86-64 about the walk: rows to rules, the signal frame, where a thread's stack is.
 *
 * Included by step.h only.
 */
#ifndef MT_PRELOAD_STEP_X86_64_H
#define MT_PRELOAD_STEP_X86_64_H

#include <string.h>

#include "preload/step.h"

/* DWARF's numbers of the registers that a rule knows. */
#define MT_STEP_FP 6u  /* rbp */
#define MT_STEP_SP 7u  /* rsp */
#define MT_STEP_RA 16u /* the return address */

/* What a handler leaves untouched below the sp that it interrupted. */
#define MT_STEP_RED_ZONE_BYTES 128u

/* DWARF's operations that occur in the expressions below. */
#define MT_STEP_OP_BREG0 0x70u
#define MT_STEP_OP_DEREF 0x06u

/*
 * The signal's frame on return from a handler: a ucontext at sp (the kernel's struct rt_sigframe without its
 * return address), so the registers stand at fixed places.
 */
#define MT_STEP_SIGNAL_FP    120u
#define MT_STEP_SIGNAL_SP    160u
#define MT_STEP_SIGNAL_PC    168u
#define MT_STEP_SIGNAL_BYTES 176u

/* True for "register + offset", dereferenced or not, and nothing else. */
static inline bool mt_step_is_address(const struct mt_cfi_rule *rule, unsigned int reg,
                                      bool is_loaded, int64_t *ret_offset)
{
	const uint8_t *at = (const uint8_t *)(uintptr_t)rule->value;
	const uint8_t *end = at + rule->length_bytes;
	uint64_t value = 0;
	unsigned int shift = 0;
	uint8_t byte;

	if (rule->length_bytes < 2 || *at++ != MT_STEP_OP_BREG0 + reg)
		return false;
	do {
		byte = *at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80 && at < end && shift < 63);
	if (byte & 0x80)
		return false;
	if (byte & 0x40)
		value |= ~(uint64_t)0 << shift;
	if (is_loaded && (at == end || *at++ != MT_STEP_OP_DEREF))
		return false;
	*ret_offset = (int64_t)value;
	return at == end;
}

/* True for a register that was saved at exactly this offset from sp, by an expression. */
static inline bool mt_step_is_saved_at(const struct mt_cfi_row *row, unsigned int reg,
                                       uint32_t offset)
{
	const struct mt_cfi_rule *rule = &row->registers[reg];
	int64_t found;

	return rule->how == MT_CFI_EXPRESSION &&
	       mt_step_is_address(rule, MT_STEP_SP, false, &found) && found == (int64_t)offset;
}

static inline struct mt_rule mt_step_signal_rule(const struct mt_cfi_row *row)
{
	int64_t offset;

	if (row->cfa.how == MT_CFI_EXPRESSION &&
	    mt_step_is_address(&row->cfa, MT_STEP_SP, true, &offset) &&
	    offset == MT_STEP_SIGNAL_SP &&
	    mt_step_is_saved_at(row, MT_STEP_RA, MT_STEP_SIGNAL_PC) &&
	    mt_step_is_saved_at(row, MT_STEP_FP, MT_STEP_SIGNAL_FP))
		return (struct mt_rule){MT_RULE_SIGNAL, 0, 0, 0};
	return mt_rule_none(MT_CUT_NO_RULE);
}

/* The expression of .plt: sp + 8, and 8 more once the entry has pushed its index. 0: it is not that one. */
static inline int64_t mt_step_plt_offset(const struct mt_cfi_rule *rule, uintptr_t pc)
{
	/* breg7 8; breg16 0; lit15; and; lit<at>; ge; lit3; shl; plus */
	static const uint8_t plt[] = {0x77, 8, 0x80, 0, 0x3f, 0x1a, 0, 0x2a, 0x33, 0x24, 0x22};
	const uint8_t *ours = (const uint8_t *)(uintptr_t)rule->value;

	if (rule->length_bytes != sizeof(plt) || memcmp(ours, plt, 6) != 0 || ours[6] < 0x30 ||
	    ours[6] > 0x4f || memcmp(ours + 7, plt + 7, sizeof(plt) - 7) != 0)
		return 0;
	return (pc & 15) >= ours[6] - 0x30u ? 16 : 8;
}

static inline bool mt_step_is_plain(int64_t bytes)
{
	return bytes % MT_RULE_WORD_BYTES == 0 && bytes < MT_RULE_BYTES_MAX &&
	       bytes > -MT_RULE_BYTES_MAX;
}

/* How far below the CFA the caller's fp was saved; 0: it was not; -1: not expressible. */
static inline int32_t mt_step_saved_bytes(const struct mt_cfi_row *row)
{
	const struct mt_cfi_rule *fp = &row->registers[MT_STEP_FP];

	if (fp->how == MT_CFI_UNSAID || fp->how == MT_CFI_SAME)
		return 0;
	/* The word just below the CFA is the return address. */
	if (fp->how != MT_CFI_OFFSET || !mt_step_is_plain(fp->value) ||
	    fp->value > -2 * MT_RULE_WORD_BYTES)
		return -1;
	return (int32_t)-fp->value;
}

/* A frame whose prologue has realigned the stack: r10 or its like was saved at a place known from rbp. */
static inline struct mt_rule mt_step_realigned_rule(const struct mt_cfi_row *row)
{
	const struct mt_cfi_rule *fp = &row->registers[MT_STEP_FP];
	int64_t offset, fp_offset;

	if (mt_step_is_address(&row->cfa, MT_STEP_FP, true, &offset) && mt_step_is_plain(offset) &&
	    fp->how == MT_CFI_EXPRESSION && mt_step_is_address(fp, MT_STEP_FP, false, &fp_offset) &&
	    fp_offset == 0)
		return (struct mt_rule){MT_RULE_REALIGNED, (int32_t)offset, 0, 0};
	return mt_rule_none(MT_CUT_NO_RULE);
}

/* The rule that says what this row says. */
static inline struct mt_rule mt_step_rule(const struct mt_cfi_row *row, uintptr_t pc)
{
	const struct mt_cfi_rule *ra = &row->registers[MT_STEP_RA];
	enum mt_rule_kind kind = MT_RULE_SP;
	int32_t saved_bytes = mt_step_saved_bytes(row);
	int64_t offset = row->cfa.value;

	if (ra->how == MT_CFI_UNDEFINED)
		return (struct mt_rule){MT_RULE_END, 0, 0, 0};
	if (row->is_signal)
		return mt_step_signal_rule(row);
	if (ra->how != MT_CFI_OFFSET || ra->value != -MT_RULE_WORD_BYTES ||
	    row->registers[MT_STEP_SP].how != MT_CFI_UNSAID)
		return mt_rule_none(MT_CUT_NO_RULE);
	if (row->cfa.how == MT_CFI_EXPRESSION) {
		offset = mt_step_plt_offset(&row->cfa, pc);
		if (offset == 0)
			return mt_step_realigned_rule(row);
	} else if (row->cfa.reg == MT_STEP_FP) {
		kind = MT_RULE_FP;
	} else if (row->cfa.reg != MT_STEP_SP) {
		return mt_rule_none(MT_CUT_NO_RULE);
	}
	if (saved_bytes < 0 || !mt_step_is_plain(offset))
		return mt_rule_none(MT_CUT_NO_RULE);
	return (struct mt_rule){kind, (int32_t)offset, (uint32_t)saved_bytes, 0};
}

/*
 * The stack of this thread, as glibc has it in its own record of the thread: four words in a row, its lowest
 * address, its size, the guard's size, twice. They are found by what they must be, as their place differs
 * between versions: nothing else there is a block that ends just behind the record itself.
 * False: not found; so for the main thread, whose stack is the kernel's.
 */
#define MT_STEP_RECORD_WORDS 256u
#define MT_STEP_RECORD_MAX   16384u /* bytes from the record's start to the block's end */

static inline bool mt_step_thread_stack(uintptr_t *ret_low, uintptr_t *ret_high)
{
	uintptr_t here = (uintptr_t)__builtin_thread_pointer();
	const uintptr_t *record = (const uintptr_t *)here;

	for (unsigned int i = 0; i + 3 < MT_STEP_RECORD_WORDS; i++) {
		uintptr_t low = record[i], size_bytes = record[i + 1], guard_bytes = record[i + 2];

		if (low == 0 || low >= here || size_bytes <= here - low ||
		    size_bytes - (here - low) > MT_STEP_RECORD_MAX || guard_bytes >= here - low ||
		    guard_bytes % 4096 != 0 || record[i + 3] > size_bytes)
			continue;
		*ret_low = low + guard_bytes;
		*ret_high = here;
		return true;
	}
	return false;
}

#endif
