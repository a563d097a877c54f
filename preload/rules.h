/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.h - how one frame is stepped over, learned once per return address.
 *
 * Used by tail.h and walk.c, in the traced process, any context, any thread. The table is lock-free, never grows
 * and never allocates; what finds no room in it is learned again.
 *
 * An entry is one word, so it is read and written whole:
 *
 *	bits  0-46   the return address; the word 0: empty
 *	     47-49   enum mt_rule_kind
 *	     50-53   saved words
 *	     54-63   offset in words, signed; of NONE the reason; of WIDE an index into mt_rules_wide
 *
 * Bits 47-63 are the rule's shape: entries of the same shape have the same rule.
 *
 * The rule of a return address is that of the byte before it: a call that does not return may be the last
 * instruction of its function. An interrupted pc has its own rule, which is never in the table: there are many,
 * and each is rare.
 *
 * The table is emptied when code may have been unloaded. A thread that learns a rule meanwhile may put it in: it is
 * about a frame on its own stack, whose code is there.
 */
#ifndef MT_PRELOAD_RULES_H
#define MT_PRELOAD_RULES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/step.h"

#define MT_RULES_LEVEL0_BITS 14u
#define MT_RULES_PC_BITS     47u
#define MT_RULES_WIDE        512u

/* The rule of an entry that has been found. */
extern _Atomic uint64_t *mt_rules;
extern struct mt_rule mt_rules_wide[MT_RULES_WIDE];

/* Makes the table's mapping. -errno. */
int mt_rules_init(void);

/* Code may have been unloaded. */
void mt_rules_forget(void);

/* The object that this address lies in is about to be unloaded: what is learned of it from now on does not last. */
void mt_rules_forget_object(const void *address);

/*
 * Looks further than mt_rules_find() does, and learns the rule where nobody knows it. False in *ret_lasts: only for
 * now, because the code is being unloaded.
 */
struct mt_rule mt_rules_find_slow(uintptr_t pc, bool *ret_lasts);

/* The rule of an interrupted pc. */
struct mt_rule mt_rules_learn_exact(uintptr_t pc);

static inline uint64_t mt_rules_hash(uintptr_t pc)
{
	return pc * 0x9e3779b97f4a7c15u;
}

static inline bool mt_rules_is_of(uint64_t entry, uintptr_t pc)
{
	return (entry & (((uint64_t)1 << MT_RULES_PC_BITS) - 1)) == pc;
}

static inline struct mt_rule mt_rules_decode(uint64_t entry)
{
	struct mt_rule rule = {
	        .kind = (enum mt_rule_kind)(entry >> MT_RULES_PC_BITS & 7),
	        .offset_bytes = (int32_t)((int64_t)entry >> 51) & ~7,
	        .saved_bytes = (uint32_t)(entry >> 47) & 0x78,
	        .shape = (uint32_t)(entry >> MT_RULES_PC_BITS),
	};

	if (__builtin_expect(rule.kind == MT_RULE_WIDE, 0)) {
		uint32_t shape = rule.shape;

		rule = mt_rules_wide[entry >> 54];
		rule.shape = shape;
	}
	return rule;
}

/* What stands where the return address with this hash is looked for first. `rules` is mt_rules. */
static inline uint64_t mt_rules_peek(const _Atomic uint64_t *rules, uint64_t hash)
{
	return atomic_load_explicit(&rules[hash >> (64 - MT_RULES_LEVEL0_BITS)],
	                            memory_order_relaxed);
}

/* The rule of this return address; never MISSING, never WIDE. */
static inline struct mt_rule mt_rules_find(const _Atomic uint64_t *rules, uintptr_t pc,
                                           bool *ret_lasts)
{
	uint64_t index = mt_rules_hash(pc) >> (64 - MT_RULES_LEVEL0_BITS);
	/* acquire: what mt_rules_wide holds; partner: put() */
	uint64_t entry = atomic_load_explicit(&rules[index], memory_order_acquire);

	if (__builtin_expect(mt_rules_is_of(entry, pc), 1))
		return mt_rules_decode(entry);
	entry = atomic_load_explicit(&rules[index ^ 1], memory_order_acquire);
	if (mt_rules_is_of(entry, pc))
		return mt_rules_decode(entry);
	return mt_rules_find_slow(pc, ret_lasts);
}

#endif
