/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * growth.c - see growth.h.
 *
 * Nothing here locks, allocates or calls the kernel. What a free has given back is unmapped, maybe, so only the header of
 * a heap is read in which a block of the caller's own lies.
 */
#include "preload/growth.h"

#include <string.h>

#include "preload/gate.h"
#include "preload/module.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/release.h"

#define PAGE_BYTES 4096u
#define CHUNK_MIN  32u /* what the allocator leaves of a heap's last chunk, at least */
#define CHUNK_BITS 7u
/* So many calls leave a growth to the one that made it; should that never look, it is nobody's. */
#define PATIENCE 256u
/* Heaps have looked like this since 2.10; a version that nobody has seen is not trusted with an address. */
#define NEWEST_MINOR 42u

/* libc's word for the break. */
extern void *__curbrk;

static void *const nothing = (void *)1; /* the break of who is not watched */

void *const volatile *mt_growth_break = &nothing;
volatile uintptr_t mt_growth_break_known = 2;
bool mt_growth_is_on;
struct mt_growth_known mt_growth_heaps[MT_GROWTH_HEAPS];
static atomic_bool has_heaps;
static _Atomic uint32_t left_alone; /* looks since the last growth was recorded */

struct chunk {
	uintptr_t start;
	uintptr_t end;
};

static struct chunk chunk_of(const void *block)
{
	const size_t *words = block;
	uintptr_t start = (uintptr_t)block - 2 * sizeof(size_t);

	return (struct chunk){start, start + (words[-1] & ~(size_t)CHUNK_BITS)};
}

static void tell(const struct mt_caller *caller, uintptr_t start, intptr_t change_bytes,
                 uint32_t flags)
{
	if (!(mt_gate() & (change_bytes < 0 ? MT_GATE_UNUSED : MT_GATE_STOPPED)))
		mt_emit_growth(caller, (const void *)start, change_bytes, flags);
}

static const struct mt_caller nobody = {.kind = MT_KIND_NONE};

/* --- whose ------------------------------------------------------------------------------------------- */

/*
 * Who is to record that a heap's end moved from `end`: the caller, NULL: somebody else, or nobody. An aligned block is
 * cut out of a larger chunk, so what it lies in need not begin before the old end.
 */
static const struct mt_caller *find_grower(const struct mt_caller *caller, struct chunk chunk,
                                           uintptr_t end)
{
	bool reaches = chunk.end > end - CHUNK_MIN;

	if (atomic_load_explicit(&mt_process.threads, memory_order_relaxed) <= 1)
		return caller;
	if (reaches && (chunk.start <= end - CHUNK_MIN || caller->kind == MT_KIND_MEMALIGN))
		return caller;
	if (atomic_fetch_add_explicit(&left_alone, 1, memory_order_relaxed) < PATIENCE)
		return NULL;
	return &nobody;
}

/* One thread records that an end has moved. */
static bool claim(volatile uintptr_t *known, uintptr_t from, uintptr_t to)
{
	if (!__atomic_compare_exchange_n(known, &from, to, false, __ATOMIC_RELAXED,
	                                 __ATOMIC_RELAXED))
		return false;
	atomic_store_explicit(&left_alone, 0, memory_order_relaxed);
	return true;
}

/* --- the break --------------------------------------------------------------------------------------- */

MT_COLD void mt_growth_shrunk(void)
{
	uintptr_t known = mt_growth_break_known;
	uintptr_t now = (uintptr_t)*mt_growth_break;

	if (mt_unlikely(!mt_real.found))
		mt_real_init();
	if (mt_unlikely(!mt_growth_is_on))
		mt_growth_break_known = 0;
	else if (now < known && claim(&mt_growth_break_known, known, now))
		tell(&nobody, now, (intptr_t)(now - known), MT_GROWTH_BREAK | MT_GROWTH_ASKED);
}

static void look_at_break(const struct mt_caller *caller, const void *block)
{
	uintptr_t known = mt_growth_break_known;
	uintptr_t now = (uintptr_t)*mt_growth_break;
	const struct mt_caller *grower;

	if (now <= known) {
		mt_growth_shrunk();
		return;
	}
	grower = find_grower(caller, chunk_of(block), known);
	if (grower && claim(&mt_growth_break_known, known, now))
		tell(grower, known, (intptr_t)(now - known), MT_GROWTH_BREAK | MT_GROWTH_ASKED);
}

void mt_growth_moved(const void *before, const void *after)
{
	if (mt_growth_is_on)
		claim(&mt_growth_break_known, (uintptr_t)before, (uintptr_t)after);
}

/* --- other arenas' heaps ----------------------------------------------------------------------------- */

/* No look at a heap any more, and the file says so. */
MT_COLD static void give_heaps_up(void)
{
	if (atomic_exchange(&has_heaps, false))
		tell(&nobody, 0, 0, MT_GROWTH_LOST);
}

/* The place of a heap, a new one if need be; NULL: there is none left. */
static struct mt_growth_known *find_known(uintptr_t base)
{
	for (uint32_t i = 0; i < MT_GROWTH_HEAPS; i++) {
		struct mt_growth_known *known = mt_growth_place_of(base + i * MT_GROWTH_HEAP_BYTES);
		uintptr_t there = atomic_load_explicit(&known->base, memory_order_relaxed);

		if (there == base ||
		    (!there && (atomic_compare_exchange_strong_explicit(&known->base, &there, base,
		                                                        memory_order_relaxed,
		                                                        memory_order_relaxed) ||
		                there == base)))
			return known;
	}
	return NULL;
}

static bool is_plausible(size_t used_bytes, size_t asked_bytes, uintptr_t offset)
{
	return used_bytes % PAGE_BYTES == 0 && used_bytes <= MT_GROWTH_HEAP_BYTES &&
	       offset < used_bytes && asked_bytes % PAGE_BYTES == 0 && asked_bytes >= used_bytes &&
	       asked_bytes <= MT_GROWTH_HEAP_BYTES;
}

MT_COLD static void record_heap(const struct mt_caller *caller, const void *block,
                                struct mt_growth_known *known, size_t used_bytes,
                                size_t asked_bytes)
{
	uintptr_t base = mt_growth_heap_base(block);
	size_t before = known->used_bytes;
	bool was_asked;

	if (!is_plausible(used_bytes, asked_bytes, (uintptr_t)block - base)) {
		give_heaps_up();
		return;
	}
	if (before && used_bytes > before) {
		caller = find_grower(caller, chunk_of(block), base + before);
		if (!caller)
			return;
	}
	if (before == used_bytes || !claim(&known->used_bytes, before, used_bytes))
		return;
	was_asked = atomic_exchange_explicit(&known->asked_bytes, asked_bytes,
	                                     memory_order_relaxed) < asked_bytes;
	if (used_bytes > before)
		tell(caller, base + before, (intptr_t)(used_bytes - before),
		     MT_GROWTH_HEAP | (was_asked ? MT_GROWTH_ASKED : 0));
	else
		tell(&nobody, base + used_bytes, (intptr_t)(used_bytes - before), MT_GROWTH_HEAP);
}

static void look_at_heap(const struct mt_caller *caller, const void *block)
{
	uintptr_t base = mt_growth_heap_base(block);
	const struct mt_growth_heap *heap = (const struct mt_growth_heap *)base;
	struct mt_growth_known *known;
	size_t used_bytes;

	if (mt_unlikely(!atomic_load_explicit(&has_heaps, memory_order_relaxed)))
		return;
	used_bytes = heap->used_bytes;
	known = find_known(base);
	if (!known)
		give_heaps_up();
	else if (known->used_bytes != used_bytes)
		record_heap(caller, block, known, used_bytes, heap->asked_bytes);
}

/* --- a chunk of its own ------------------------------------------------------------------------------ */

MT_COLD static void record_chunk(const struct mt_caller *caller, const void *block)
{
	const size_t *words = block;
	struct chunk chunk = chunk_of(block);
	uintptr_t start = chunk.start - words[-2];
	uintptr_t pages = (chunk.start - start) / PAGE_BYTES;

	mt_release_know(block, chunk.end - start);
	if (start % PAGE_BYTES == 0 && chunk.end % PAGE_BYTES == 0 && start < chunk.end &&
	    pages < 1u << (32 - MT_GROWTH_PAGES_SHIFT))
		tell(caller, (uintptr_t)block, (intptr_t)(chunk.end - start),
		     MT_GROWTH_CHUNK | MT_GROWTH_ASKED | (uint32_t)pages << MT_GROWTH_PAGES_SHIFT);
}

void mt_growth_look(const struct mt_caller *caller, const void *block)
{
	size_t bits = ((const size_t *)block)[-1];

	if (mt_unlikely(bits & MT_GROWTH_CHUNK_MAPPED))
		record_chunk(caller, block);
	else if (bits & MT_GROWTH_CHUNK_FOREIGN)
		look_at_heap(caller, block);
	else
		look_at_break(caller, block);
}

/* --- start ------------------------------------------------------------------------------------------- */

/* glibc.malloc.hugetlb makes heaps of another size. */
static bool has_tunable(char **environment)
{
	for (; *environment; environment++)
		if (strncmp(*environment, "GLIBC_TUNABLES=", 15) == 0 &&
		    strstr(*environment, "glibc.malloc.hugetlb"))
			return true;
	return false;
}

static bool is_version_known(void)
{
	const char *(*version)(void) = (const char *(*)(void))mt_real_find("gnu_get_libc_version");
	const char *text = version ? version() : "";
	unsigned int minor = 0;

	if (strncmp(text, "2.", 2) != 0)
		return false;
	for (text += 2; *text >= '0' && *text <= '9'; text++)
		minor = minor * 10 + (unsigned int)(*text - '0');
	return minor >= 10 && minor <= NEWEST_MINOR;
}

void mt_growth_init(char **environment)
{
	const size_t *block;
	uintptr_t begin;

	if (sizeof(size_t) != 8 || !mt_module_has_libcs_malloc())
		return;
	/* As malloc's own first call does. */
	mt_real.sbrk(0);
	begin = (uintptr_t)__curbrk;
	block = mt_real.malloc(CHUNK_MIN - sizeof(size_t));
	if (!block)
		return;
	/* Of the main arena, below a break that may have grown for it. */
	if ((block[-1] & ~(size_t)1) == CHUNK_MIN && (uintptr_t)block < (uintptr_t)__curbrk &&
	    (uintptr_t)block > (uintptr_t)__curbrk - MT_GROWTH_HEAP_BYTES) {
		/* What grew for it is the first caller's, as it would be without us. */
		mt_growth_break_known = begin;
		mt_growth_break = &__curbrk;
		mt_growth_is_on = true;
		has_heaps = is_version_known() && !has_tunable(environment);
		if (!has_heaps)
			tell(&nobody, 0, 0, MT_GROWTH_LOST);
	}
	mt_real.free((void *)(uintptr_t)block);
}
