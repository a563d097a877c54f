/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.c - the table of rules, and how a rule is learned from .eh_frame.
 *
 * The table has levels of growing size, so that a small program touches little:
 *
 *	level 0: 4096 entries   1: 16384   2: 65536       64 KiB + 256 KiB + 1 MiB
 *
 * A pc has one cache line of 4 entries a level, its own place in it first. Where all of them are taken the
 * last level's first is overwritten.
 *
 * Finding the object takes no lock (module.h). It cannot be unloaded meanwhile: a frame of ours is executing
 * in it. What lies in no object (code made at run time) is not remembered: an object may be loaded there
 * later without the epoch moving.
 */
#include "preload/rules.h"

#include <errno.h>
#include <sys/mman.h>

#include "preload/module.h"
#include "preload/real.h"

#define LEVELS          3u
#define LEVEL_STEP_BITS 2u
#define GROUP           4u

struct mt_rules_entry *mt_rules;

static uint64_t level_entries(uint32_t level)
{
	return (uint64_t)1 << (MT_RULES_LEVEL0_BITS + level * LEVEL_STEP_BITS);
}

int mt_rules_init(void)
{
	size_t count = 0;
	void *memory;

	for (uint32_t level = 0; level < LEVELS; level++)
		count += level_entries(level);
	memory = mt_real.mmap(NULL, count * sizeof(struct mt_rules_entry), PROT_READ | PROT_WRITE,
	                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	mt_rules = memory;
	return 0;
}

static struct mt_rules_entry *place(uint32_t level, uint64_t hash, uint32_t way)
{
	uint64_t before = 0;

	for (uint32_t i = 0; i < level; i++)
		before += level_entries(i);
	return mt_rules + before +
	       (hash >> (64 - MT_RULES_LEVEL0_BITS - level * LEVEL_STEP_BITS) ^ way);
}

static uint32_t learn(uintptr_t pc, bool exact, bool *ret_may_keep)
{
	struct mt_module_found found;
	struct mt_cfi_module module;
	struct mt_cfi_row row;
	uintptr_t looked_up = exact ? pc : pc - 1;

	*ret_may_keep = false;
	if (!mt_module_find((const void *)looked_up, &found))
		return mt_rule(MT_RULE_NONE, MT_CUT_NO_CFI, 0);
	*ret_may_keep = true;
	module.header = (uintptr_t)found.eh_frame;
	module.start = (uintptr_t)found.map_start;
	module.end = (uintptr_t)found.map_end;
	switch (mt_cfi_find(&module, looked_up, &row)) {
	case 0: return mt_step_rule(&row, pc);
	case -ENOENT: return mt_rule(MT_RULE_NONE, MT_CUT_NO_CFI, 0);
	default: return mt_rule(MT_RULE_NONE, MT_CUT_NO_RULE, 0);
	}
}

__attribute__((cold, noinline)) uint32_t mt_rules_find_slow(uintptr_t pc, bool exact,
                                                            uint32_t epoch)
{
	uint64_t key = (uint64_t)pc << 1 | exact;
	uint64_t hash = mt_rules_hash(key);
	struct mt_rules_entry *free_entry = NULL;
	bool may_keep;
	uint64_t value;
	uint32_t rule;

	for (uint32_t level = 0; level < LEVELS; level++) {
		for (uint32_t way = 0; way < GROUP; way++) {
			struct mt_rules_entry *entry = place(level, hash, way);

			rule = mt_rules_read(entry, key, epoch);
			if (rule != MT_RULE_MISSING)
				return rule;
			value = atomic_load_explicit(&entry->value, memory_order_relaxed);
			if (!free_entry && (value == 0 || (uint32_t)(value >> 32) != epoch))
				free_entry = entry;
		}
	}
	rule = learn(pc, exact, &may_keep);
	if (may_keep) {
		if (!free_entry)
			free_entry = place(LEVELS - 1, hash, 0);
		value = rule | (uint64_t)epoch << 32;
		atomic_store_explicit(&free_entry->value, value, memory_order_relaxed);
		atomic_store_explicit(&free_entry->key, key ^ value * MT_RULES_MIX,
		                      memory_order_relaxed);
	}
	return rule;
}
