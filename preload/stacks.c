/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacks.c - the table of known stacks.
 *
 * A stack is known by a 64-bit hash of its frames, seeded with the load epoch (stacks.h) and checked by its
 * depth and a second hash. The table is a few levels of growing size, lock-free, insert-only:
 *
 *	level 0: 4096 entries   1: 16384   2: 65536   3: 262144   4: 1048576
 *
 * A hash has one group of 8 entries (two cache lines) a level. Look-up goes through the levels in use from
 * the smallest; the hot stacks were met first and so stand in the first. Small programs touch 64 KiB.
 *
 * The mapping is wiped in a forked child, which so defines its stacks anew under its own ids.
 *
 * Two threads may define the same stack at once under two ids: the collector joins them by their frames.
 * An id is put into the table only after its definition was published, so nobody can use it earlier.
 */
#include "preload/stacks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#include "preload/emit.h"
#include "preload/module.h"
#include "preload/real.h"
#include "preload/unwind.h"

#define LEVELS          5u
#define LEVEL0_BITS     12u
#define LEVEL_STEP_BITS 2u
#define GROUP           8u
/* When the table is full the innermost frames stand for the stack. */
#define FRAMES_WHEN_FULL 8u

struct entry {
	_Atomic uint64_t hash;  /* 0: empty; claimed by compare-exchange */
	_Atomic uint64_t value; /* 0: not yet set; id | check << 32 */
};

static struct entry *entries;

static struct entry *group_of(uint32_t level, uint64_t hash)
{
	size_t before = 0;
	uint32_t bits = LEVEL0_BITS + level * LEVEL_STEP_BITS;

	for (uint32_t i = 0; i < level; i++)
		before += (size_t)1 << (LEVEL0_BITS + i * LEVEL_STEP_BITS);
	return entries + before + ((hash >> (64 - bits)) & ~(uint64_t)(GROUP - 1));
}

int mt_stacks_init(void)
{
	size_t count = 0;
	void *memory;

	for (uint32_t i = 0; i < LEVELS; i++)
		count += (size_t)1 << (LEVEL0_BITS + i * LEVEL_STEP_BITS);
	memory = mt_real.mmap(NULL, count * sizeof(struct entry), PROT_READ | PROT_WRITE,
	                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	if (madvise(memory, count * sizeof(struct entry), MADV_WIPEONFORK) != 0)
		return -errno;
	entries = memory;
	return 0;
}

struct identity {
	uint64_t hash;
	uint32_t check; /* 21 bits of a second hash | 11 bits of depth */
};

static struct identity identify(void *const *frames, uint32_t depth, uint64_t seed)
{
	uint64_t a = seed ^ 0x9e3779b97f4a7c15u;
	uint64_t b = 0;

	for (uint32_t i = 0; i < depth; i++) {
		uint64_t pc = (uintptr_t)frames[i];
		__uint128_t product = (__uint128_t)(a ^ pc) * 0xa0761d6478bd642fu;

		a = (uint64_t)product ^ (uint64_t)(product >> 64);
		b = (b << 7 | b >> 57) + pc;
	}
	b *= 0xe7037ed1a0b428dbu;
	return (struct identity){a ? a : 1, (uint32_t)(b >> 43) << 11 | (depth & 0x7ff)};
}

/* The id; 0: not there. *ret_free: where it may be put, NULL: nowhere. */
static uint32_t look_up(struct identity identity, struct entry **ret_free)
{
	*ret_free = NULL;
	for (uint32_t level = 0; level < LEVELS; level++) {
		struct entry *group = group_of(level, identity.hash);

		for (uint32_t i = 0; i < GROUP; i++) {
			uint64_t hash = atomic_load_explicit(&group[i].hash, memory_order_relaxed);

			if (hash == identity.hash) {
				/* acquire: an id is used after its definition; partner: put() */
				uint64_t value =
				        atomic_load_explicit(&group[i].value, memory_order_acquire);

				if ((uint32_t)(value >> 32) == identity.check && (uint32_t)value)
					return (uint32_t)value;
			} else if (hash == 0) {
				*ret_free = &group[i];
				return 0; /* groups fill from the left, levels from the first */
			}
		}
	}
	return 0;
}

static void put(struct entry *entry, struct identity identity, uint32_t id)
{
	uint64_t empty = 0;

	/* Lost to another thread: the id is used once and not found again. */
	if (!atomic_compare_exchange_strong_explicit(&entry->hash, &empty, identity.hash,
	                                             memory_order_relaxed, memory_order_relaxed))
		return;
	atomic_store_explicit(&entry->value, (uint64_t)identity.check << 32 | id,
	                      memory_order_release);
}

MT_COLD static uint32_t define(struct mt_ring_writer *writer, void *const *frames, uint32_t depth,
                               enum mt_cut cut)
{
	uint32_t id = atomic_fetch_add_explicit(&mt_wiped->next_stack, 1, memory_order_relaxed) + 1;

	mt_module_note(writer, frames, depth);
	if (!mt_emit_large(writer, MT_EVENT_STACK, id, cut, frames,
	                   depth * (uint32_t)sizeof(*frames), NULL, 0))
		return 0;
	return id;
}

uint32_t mt_stacks_take(struct mt_thread *thread, uint32_t level, struct mt_ring_writer *writer,
                        const void *caller)
{
	void *alone[1] = {(void *)caller};
	void **frames = alone;
	enum mt_cut cut = MT_CUT_NESTED;
	struct identity identity;
	uint32_t epoch, depth = 1;
	struct entry *free_entry;
	uint32_t id;

	/* acquire: ranges of the new epoch are looked up after it; partner: mt_module_new_epoch() */
	epoch = atomic_load_explicit(&mt_process.epoch, memory_order_acquire);
	if (mt_likely(level == 0))
		depth = mt_unwind_walk(thread, caller, &frames, &cut);
	if (mt_unlikely(cut > MT_CUT_DEPTH))
		atomic_fetch_add_explicit(&mt_process.slot->stacks_cut, 1, memory_order_relaxed);
	identity = identify(frames, depth, (uint64_t)epoch << 8 | cut);
	id = look_up(identity, &free_entry);
	if (mt_likely(id != 0))
		return id;
	if (!free_entry && depth > FRAMES_WHEN_FULL) {
		depth = FRAMES_WHEN_FULL;
		cut = MT_CUT_TABLE;
		identity = identify(frames, depth, (uint64_t)epoch << 8 | cut);
		id = look_up(identity, &free_entry);
		if (id)
			return id;
	}
	id = define(writer, frames, depth, cut);
	if (id && free_entry)
		put(free_entry, identity, id);
	return id;
}
