/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.h - how one frame is stepped over, learned once per pc.
 *
 * Used by walk.c, in the traced process, any context, any thread. The table is lock-free, never grows and never
 * allocates; what finds no room in it is learned again.
 *
 * An entry is two words, written and read without a lock:
 *
 *	value   rule | epoch << 32
 *	key     (pc << 1 | exact) ^ value * MIX
 *
 * Words of two different writers do not fit together, so a torn entry is one that is not found. An entry of
 * another epoch is as good as empty: its code may be gone.
 *
 * `exact` tells an interrupted pc from a return address. The rule of the latter is that of the byte before it:
 * a call that does not return may be the last instruction of its function.
 */
#ifndef MT_PRELOAD_RULES_H
#define MT_PRELOAD_RULES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/step.h"

#define MT_RULES_LEVEL0_BITS 12u
#define MT_RULES_MIX         0xd6e8feb86659fd93u

struct mt_rules_entry {
	_Atomic uint64_t key;
	_Atomic uint64_t value; /* 0: empty */
};

extern struct mt_rules_entry *mt_rules;

/* Makes the table's mapping. -errno. */
int mt_rules_init(void);

/* Looks further than mt_rules_find() does, and learns the rule where nobody knows it. */
uint32_t mt_rules_find_slow(uintptr_t pc, bool exact, uint32_t epoch);

static inline uint64_t mt_rules_hash(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15u;
}

/* The rule in this entry; MT_RULE_MISSING: it is another pc's. */
static inline uint32_t mt_rules_read(const struct mt_rules_entry *entry, uint64_t key,
                                     uint32_t epoch)
{
	uint64_t value = atomic_load_explicit(&entry->value, memory_order_relaxed);

	if ((atomic_load_explicit(&entry->key, memory_order_relaxed) ^ value * MT_RULES_MIX) ==
	            key &&
	    (uint32_t)(value >> 32) == epoch)
		return (uint32_t)value;
	return MT_RULE_MISSING;
}

/* The rule of `pc` in this epoch; never MT_RULE_MISSING. */
static inline uint32_t mt_rules_find(uintptr_t pc, bool exact, uint32_t epoch)
{
	uint64_t key = (uint64_t)pc << 1 | exact;
	uint64_t index = mt_rules_hash(key) >> (64 - MT_RULES_LEVEL0_BITS);
	uint32_t rule = mt_rules_read(&mt_rules[index], key, epoch);

	return __builtin_expect(rule != MT_RULE_MISSING, 1) ? rule
	                                                    : mt_rules_find_slow(pc, exact, epoch);
}

#endif
