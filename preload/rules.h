/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.h - how one frame is stepped over, learned once per pc.
 *
 * Used by walk.c, in the traced process, any context, any thread. The table is lock-free, never grows and never
 * allocates; what finds no room in it is learned again.
 *
 * An entry is two words:
 *
 *	key     pc << 17 | low bits of the epoch << 1 | exact; 0: empty, 1: being written
 *	value   the rule
 *
 * What a key stands for never changes, so a reader that finds the key before and after it has read the value has
 * read that key's value. An entry of another epoch is as good as empty: its code may be gone.
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
#define MT_RULES_EPOCHS      0x10000u /* then the table is emptied */

struct mt_rules_entry {
	_Atomic uint64_t key;
	_Atomic uint64_t value;
};

extern struct mt_rules_entry *mt_rules;

/* Makes the table's mapping. -errno. */
int mt_rules_init(void);

/* Called when the epoch has moved: keys of long ago must not come to life again. */
void mt_rules_new_epoch(uint32_t epoch);

/* Looks further than mt_rules_find() does, and learns the rule where nobody knows it. */
uint32_t mt_rules_find_slow(uintptr_t pc, bool exact, uint32_t epoch);

/* Also of an interrupted pc: it is told apart by its key only. */
static inline uint64_t mt_rules_hash(uintptr_t pc)
{
	return pc * 0x9e3779b97f4a7c15u;
}

static inline uint64_t mt_rules_key(uintptr_t pc, bool exact, uint32_t epoch)
{
	return (uint64_t)pc << 17 | (uint64_t)(epoch % MT_RULES_EPOCHS) << 1 | exact;
}

/* The rule in this entry; MT_RULE_MISSING: it is another pc's. */
static inline uint32_t mt_rules_read(const struct mt_rules_entry *entry, uint64_t key)
{
	uint32_t rule;

	/* acquire: the value after the key, and the key again after the value; partner: put() */
	if (__builtin_expect(atomic_load_explicit(&entry->key, memory_order_acquire) != key, 0))
		return MT_RULE_MISSING;
	rule = (uint32_t)atomic_load_explicit(&entry->value, memory_order_acquire);
	if (__builtin_expect(atomic_load_explicit(&entry->key, memory_order_relaxed) != key, 0))
		return MT_RULE_MISSING;
	return rule;
}

/* The rule of a return address if it stands in its first place; else MT_RULE_MISSING. */
static inline uint32_t mt_rules_peek(const struct mt_rules_entry *rules, uintptr_t pc,
                                     uint32_t epoch)
{
	uint64_t index = mt_rules_hash(pc) >> (64 - MT_RULES_LEVEL0_BITS);

	return mt_rules_read(&rules[index], mt_rules_key(pc, false, epoch));
}

/* The rule of a return address in this epoch; never MT_RULE_MISSING. `rules` is mt_rules, in a register. */
static inline uint32_t mt_rules_find(const struct mt_rules_entry *rules, uintptr_t pc,
                                     uint32_t epoch)
{
	uint32_t rule = mt_rules_peek(rules, pc, epoch);

	return __builtin_expect(rule != MT_RULE_MISSING, 1) ? rule
	                                                    : mt_rules_find_slow(pc, false, epoch);
}

#endif
