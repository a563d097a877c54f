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
#include "preload/process.h"
#include "preload/real.h"

#define LEVELS          3u
#define LEVEL_STEP_BITS 2u
#define GROUP           4u

#define EMPTY 0u
#define BUSY  1u

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
	/* .eh_frame stands beside its header. */
	if (!mt_module_segment(&found, module.header, &module.start, &module.end))
		return mt_rule(MT_RULE_NONE, MT_CUT_NO_CFI, 0);
	switch (mt_cfi_find(&module, looked_up, &row)) {
	case 0: return mt_step_rule(&row, pc);
	case -ENOENT: return mt_rule(MT_RULE_NONE, MT_CUT_NO_CFI, 0);
	default: return mt_rule(MT_RULE_NONE, MT_CUT_NO_RULE, 0);
	}
}

void mt_rules_new_epoch(uint32_t epoch)
{
	uint64_t count = 0;

	if (epoch % MT_RULES_EPOCHS || !mt_rules)
		return;
	for (uint32_t level = 0; level < LEVELS; level++)
		count += level_entries(level);
	for (uint64_t i = 0; i < count; i++)
		atomic_store_explicit(&mt_rules[i].key, EMPTY, memory_order_relaxed);
}

/* Who loses the entry to another thread does without. */
static void put(struct mt_rules_entry *entry, uint64_t old_key, uint64_t key, uint32_t rule)
{
	if (old_key == BUSY ||
	    !atomic_compare_exchange_strong_explicit(&entry->key, &old_key, BUSY,
	                                             memory_order_acquire, memory_order_relaxed))
		return;
	/* release: whoever sees this value does not find the old key any more */
	atomic_store_explicit(&entry->value, rule, memory_order_release);
	atomic_store_explicit(&entry->key, key, memory_order_release);
}

static bool is_free(uint64_t key, uint32_t epoch)
{
	return key != BUSY &&
	       (key == EMPTY || (key >> 1) % MT_RULES_EPOCHS != epoch % MT_RULES_EPOCHS);
}

MT_COLD uint32_t mt_rules_find_slow(uintptr_t pc, bool exact, uint32_t epoch)
{
	uint64_t key = mt_rules_key(pc, exact, epoch);
	uint64_t hash = mt_rules_hash(pc);
	struct mt_rules_entry *free_entry = place(LEVELS - 1, hash, 0);
	uint64_t free_key = atomic_load_explicit(&free_entry->key, memory_order_relaxed);
	bool has_free = false, may_keep;
	uint32_t rule;

	for (uint32_t level = 0; level < LEVELS; level++) {
		for (uint32_t way = 0; way < GROUP; way++) {
			struct mt_rules_entry *entry = place(level, hash, way);
			uint64_t found = atomic_load_explicit(&entry->key, memory_order_relaxed);

			rule = mt_rules_read(entry, key);
			if (rule != MT_RULE_MISSING)
				return rule;
			if (!has_free && is_free(found, epoch)) {
				has_free = true;
				free_entry = entry;
				free_key = found;
			}
		}
	}
	rule = learn(pc, exact, &may_keep);
	if (may_keep)
		put(free_entry, free_key, key, rule);
	return rule;
}
