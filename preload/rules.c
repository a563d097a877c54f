/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.c - the table of rules, and how a rule is learned from .eh_frame.
 *
 *	level 0: 16384 entries, 128 KiB   level 1: 131072 entries, 1 MiB
 *
 * A return address has one cache line of 8 entries a level, its own place in it first. Where all of them are taken
 * one of the last level is overwritten.
 *
 * Finding the object takes no lock (module.h). It cannot be unloaded meanwhile: a frame of ours is executing
 * in it. What lies in no object (code made at run time) is not remembered: an object may be loaded there
 * later, which nobody tells us of.
 */
#include "preload/rules.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "preload/module.h"
#include "preload/own.h"
#include "preload/process.h"
#include "preload/real.h"

#define LEVELS          2u
#define LEVEL_STEP_BITS 3u
#define GROUP           8u
#define LEAVING         8u
/* What is known to be in use of the table, by pages. */
#define PAGE_ENTRIES 512u
#define PAGES        ((((1u << LEVEL_STEP_BITS) + 1) << MT_RULES_LEVEL0_BITS) / PAGE_ENTRIES)

static_assert(LEVELS == 2, "as PAGES has it");

_Atomic uint64_t *mt_rules;
_Atomic uint64_t mt_rules_wide[MT_RULES_WIDE];

/* Objects that are about to be unloaded; the oldest is forgotten first. */
struct leaving {
	_Atomic uintptr_t start;
	_Atomic uintptr_t end;
};

static struct {
	_Atomic uint32_t wide_count;
	_Atomic uint32_t kept;                    /* entries put in since the table was empty */
	_Atomic uint64_t used[(PAGES + 63) / 64]; /* pages that ever held one, by bits */
	_Atomic uint32_t leaving_count;
	struct leaving leaving[LEAVING];
} rules;

static size_t level_entries(uint32_t level)
{
	return (size_t)1 << (MT_RULES_LEVEL0_BITS + level * LEVEL_STEP_BITS);
}

static size_t all_entries(void)
{
	size_t count = 0;

	for (uint32_t level = 0; level < LEVELS; level++)
		count += level_entries(level);
	return count;
}

int mt_rules_init(void)
{
	mt_rules = mt_own_map(all_entries() * sizeof(*mt_rules), false);
	return mt_rules ? 0 : -errno;
}

static void forget_page(size_t page)
{
	_Atomic uint64_t *entries = mt_rules + page * PAGE_ENTRIES;

	for (size_t i = 0; i < PAGE_ENTRIES; i++)
		if (atomic_load_explicit(&entries[i], memory_order_relaxed))
			atomic_store_explicit(&entries[i], 0, memory_order_relaxed);
}

/* Most of the table was never written to: a look at each page would be a fault, and 2 ms at the end of each program. */
void mt_rules_forget(void)
{
	/* acquire: the pages of what is counted; partner: put() */
	if (!mt_rules || !atomic_exchange(&rules.kept, 0))
		return;
	for (size_t page = 0; page < PAGES; page++)
		if (atomic_load_explicit(&rules.used[page / 64], memory_order_relaxed) >>
		            page % 64 &
		    1)
			forget_page(page);
}

void mt_rules_forget_object(const void *address)
{
	uint32_t index = atomic_fetch_add(&rules.leaving_count, 1) % LEAVING;
	struct mt_module_found found;

	if (mt_module_find(address, &found)) {
		atomic_store(&rules.leaving[index].start, (uintptr_t)found.map_start);
		atomic_store(&rules.leaving[index].end, (uintptr_t)found.map_end);
	}
	mt_rules_forget();
}

static bool is_leaving(uintptr_t pc)
{
	for (uint32_t i = 0; i < LEAVING; i++)
		if (pc >= atomic_load_explicit(&rules.leaving[i].start, memory_order_relaxed) &&
		    pc < atomic_load_explicit(&rules.leaving[i].end, memory_order_relaxed))
			return true;
	return false;
}

static _Atomic uint64_t *place(uint32_t level, uint64_t hash, uint32_t way)
{
	size_t before = 0;

	for (uint32_t i = 0; i < level; i++)
		before += level_entries(i);
	return mt_rules + before +
	       (hash >> (64 - MT_RULES_LEVEL0_BITS - level * LEVEL_STEP_BITS) ^ way);
}

/* What .eh_frame says of the code at `looked_up`. *ret_is_code: it lies in an object. */
static struct mt_rule learn(uintptr_t pc, uintptr_t looked_up, bool *ret_is_code)
{
	struct mt_module_found found;
	struct mt_cfi_module module;
	struct mt_cfi_row row;

	*ret_is_code = mt_module_find((const void *)looked_up, &found);
	if (!*ret_is_code)
		return mt_rule_none(MT_CUT_NO_CFI);
	module.header = (uintptr_t)found.eh_frame;
	/* .eh_frame stands beside its header. */
	if (!mt_module_segment(&found, module.header, &module.start, &module.end))
		return mt_rule_none(MT_CUT_NO_CFI);
	switch (mt_cfi_find(&module, looked_up, &row)) {
	case 0: return mt_step_rule(&row, pc);
	case -ENOENT:
		/* The kernel enters the loader there: nobody called it, and it has no frame information. */
		if (mt_module_is_loader((const void *)pc))
			return (struct mt_rule){MT_RULE_END, 0, 0, 0};
		return mt_rule_none(MT_CUT_NO_CFI);
	default: return mt_rule_none(MT_CUT_NO_RULE);
	}
}

struct mt_rule mt_rules_learn_exact(uintptr_t pc)
{
	bool is_code;

	return learn(pc, pc, &is_code);
}

bool mt_rules_is_return(uintptr_t pc)
{
	struct mt_module_found found;
	uintptr_t start, end;
	bool is_code;

	if (!mt_module_find((const void *)(pc - 1), &found) ||
	    !mt_module_segment(&found, pc - 1, &start, &end))
		return false;
	if (pc - start >= MT_STEP_CALL_MAX && mt_step_is_after_call((const uint8_t *)pc))
		return true;
	switch (learn(pc, pc - 1, &is_code).kind) {
	case MT_RULE_SIGNAL:
	case MT_RULE_END: return true;
	default: return false;
	}
}

/* The index of a rule that is too large for an entry; MT_RULES_WIDE: there is no room for it. */
static uint32_t put_wide(struct mt_rule rule)
{
	uint64_t wide = (uint64_t)(uint32_t)rule.offset_bytes << 32 | rule.saved_bytes |
	                (uint64_t)rule.kind;
	uint32_t count = atomic_load_explicit(&rules.wide_count, memory_order_relaxed);

	for (uint32_t i = 0; i < count && i < MT_RULES_WIDE; i++)
		/* acquire: who finds the entry that we put then sees it, too; partner below */
		if (atomic_load_explicit(&mt_rules_wide[i], memory_order_acquire) == wide)
			return i;
	if (count < MT_RULES_WIDE)
		count = atomic_fetch_add(&rules.wide_count, 1);
	if (count >= MT_RULES_WIDE)
		return MT_RULES_WIDE;
	atomic_store_explicit(&mt_rules_wide[count], wide, memory_order_release);
	return count;
}

/* The entry's bits of a rule; 0: it cannot be kept. */
static uint64_t encode(struct mt_rule rule)
{
	int32_t offset_words = rule.offset_bytes / MT_RULE_WORD_BYTES;
	uint32_t saved_words = rule.saved_bytes / MT_RULE_WORD_BYTES;
	uint32_t index;

	if (saved_words < 16 && offset_words < 512 && offset_words >= -512)
		return (uint64_t)offset_words << 54 | (uint64_t)saved_words << 50 |
		       (uint64_t)rule.kind << MT_RULES_PC_BITS;
	index = put_wide(rule);
	return index < MT_RULES_WIDE
	               ? (uint64_t)index << 54 | (uint64_t)MT_RULE_WIDE << MT_RULES_PC_BITS
	               : 0;
}

/* Where many threads put the same rule at once, some of them leave two; that is no harm. */
static void put(_Atomic uint64_t *entry, uintptr_t pc, struct mt_rule rule)
{
	uint64_t bits = encode(rule);
	size_t page = (size_t)(entry - mt_rules) / PAGE_ENTRIES;
	uint64_t page_bit = 1ull << page % 64;

	if (bits == 0)
		return;
	if (!(atomic_load_explicit(&rules.used[page / 64], memory_order_relaxed) & page_bit))
		atomic_fetch_or_explicit(&rules.used[page / 64], page_bit, memory_order_relaxed);
	/* release: mt_rules_wide; partner: mt_rules_find() */
	atomic_store_explicit(entry, bits | pc, memory_order_release);
	/* Afterwards, so that mt_rules_forget() never leaves an entry uncounted. */
	atomic_fetch_add_explicit(&rules.kept, 1, memory_order_release);
}

__attribute__((noinline)) struct mt_rule mt_rules_find_slow(uintptr_t pc, bool *ret_lasts)
{
	uint64_t hash = mt_rules_hash(pc);
	_Atomic uint64_t *free_entry = NULL;
	struct mt_rule rule;
	bool is_code;

	if (pc >> MT_RULES_PC_BITS)
		return mt_rule_none(MT_CUT_NO_CFI);
	for (uint32_t level = 0; level < LEVELS && !free_entry; level++) {
		for (uint32_t way = 0; way < GROUP && !free_entry; way++) {
			_Atomic uint64_t *at = place(level, hash, way);
			uint64_t entry = atomic_load_explicit(at, memory_order_acquire);

			if (mt_rules_is_of(entry, pc))
				return mt_rules_decode(entry);
			if (entry == 0)
				free_entry = at;
		}
	}
	rule = learn(pc, pc - 1, &is_code);
	if (is_leaving(pc - 1))
		*ret_lasts = false;
	else if (is_code)
		put(free_entry ? free_entry : place(LEVELS - 1, hash, 0), pc, rule);
	return rule;
}
