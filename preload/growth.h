/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * growth.h - which call made libc's allocator take memory from the kernel.
 *
 * glibc's own calls of brk, mmap and mprotect do not come by the hooks. What they leave behind can be read,
 * by the thread whose malloc has just returned:
 *
 *	the break        __curbrk, which libc exports, has moved
 *	another arena    the heap that the block lies in starts at a multiple of 64 MiB, with the arena's address,
 *	                 the heap before, and how far it is used
 *	a chunk          in the word before a block bit 1 says that it is mapped for itself, bit 2 that it is of
 *	                 another arena; a chunk that is mapped has in the word before that where its mapping begins
 *
 * The allocator takes memory when the last chunk of a heap is too small, and then cuts the block from there. So of
 * several threads the one whose chunk lies across the old end has made the heap grow; whoever else looks first leaves
 * it to that one.
 *
 *	           ____________________________________________
 *	 ... used | last chunk |          new                  |
 *	          |#### block ####|                            |
 *	                       old end                     new end
 *
 * Called through gate.h for every block, so what is in line is all that a call usually costs. Where the allocator is not
 * glibc's, nothing is read, and its own mappings come by the hooks (hooks_map.c).
 */
#ifndef MT_PRELOAD_GROWTH_H
#define MT_PRELOAD_GROWTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/emit.h"
#include "preload/process.h"

#define MT_GROWTH_CHUNK_MAPPED  2u
#define MT_GROWTH_CHUNK_FOREIGN 4u /* of another arena than the main one */

/* struct _heap_info of glibc's malloc/arena.c, its first words. */
struct mt_growth_heap {
	void *arena;
	struct mt_growth_heap *before;
	/* Other threads of the arena may be changing it; it is written at once. */
	volatile size_t used_bytes;
	volatile size_t asked_bytes; /* what was ever made accessible */
};

/* What was recorded of a heap. Entries are never taken out: a heap that comes where one has been has its place. */
struct mt_growth_known {
	_Atomic uintptr_t base; /* 0: free */
	volatile uintptr_t used_bytes;
	_Atomic size_t asked_bytes;
};

/* A heap may be as large as 64 MiB, so this is 64 GiB of threads' memory; a power of two. */
#define MT_GROWTH_HEAPS 1024u

/* Variables and not a struct, and hidden where they are declared, so that gcc loads each directly. */
#pragma GCC visibility push(hidden)
extern void *const volatile *mt_growth_break; /* libc's own; or a word that never changes */
/* Up to here it is recorded; changed by compare-exchange. Never what that other word is. */
extern volatile uintptr_t mt_growth_break_known;
extern bool mt_growth_is_on;
extern struct mt_growth_known mt_growth_heaps[MT_GROWTH_HEAPS];
#pragma GCC visibility pop

/* Looks whether the allocator is as described. Called once, by the constructor, before it allocates. */
void mt_growth_init(char **environment);

/* The break has gone down since the last look (some free, or malloc_trim()); or nothing is looked up yet. */
void mt_growth_shrunk(void);

/* A block for which mt_growth_is_due(): records what grew for it, if anything did. */
void mt_growth_look(const struct mt_caller *caller, const void *block);

/* The program itself has moved the break; that is recorded already. */
void mt_growth_moved(const void *before, const void *after);

/*
 * Before the real call: what was given back and is taken again by it would not show. At the first call of all nothing is
 * as it should be, so that it leads to where the real functions are looked up.
 */
static inline void mt_growth_before(void)
{
	if (mt_unlikely((uintptr_t)*mt_growth_break < mt_growth_break_known))
		mt_growth_shrunk();
}

static inline uintptr_t mt_growth_heap_base(const void *block)
{
	return (uintptr_t)block & ~(uintptr_t)(MT_GROWTH_HEAP_BYTES - 1);
}

/* Where a heap has its place, unless another one had it before. */
static inline struct mt_growth_known *mt_growth_place_of(uintptr_t base)
{
	return &mt_growth_heaps[base / MT_GROWTH_HEAP_BYTES % MT_GROWTH_HEAPS];
}

/* Is all recorded of the heap of a block of another arena? */
static inline bool mt_growth_knows_heap(const void *block)
{
	uintptr_t base = mt_growth_heap_base(block);
	const struct mt_growth_known *known = mt_growth_place_of(base);

	return mt_likely(atomic_load_explicit(&known->base, memory_order_relaxed) == base) &&
	       mt_likely(known->used_bytes == ((const struct mt_growth_heap *)base)->used_bytes);
}

/* Where the allocator is libc's: has it taken memory for this block, as far as can be told at once? */
static inline bool mt_growth_shows(const void *block)
{
	unsigned int bits = ((const unsigned char *)block)[-8];

	if (mt_likely(!(bits & (MT_GROWTH_CHUNK_MAPPED | MT_GROWTH_CHUNK_FOREIGN))))
		return mt_unlikely((uintptr_t)*mt_growth_break != mt_growth_break_known);
	return mt_unlikely(bits & MT_GROWTH_CHUNK_MAPPED) || !mt_growth_knows_heap(block);
}

static inline bool mt_growth_is_due(const void *block)
{
	return mt_growth_is_on && mt_growth_shows(block);
}

#endif
