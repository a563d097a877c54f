/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sample.c - see sample.h.
 *
 * The table has levels of growing size, each address one group of 8 places (a cache line) a level. All
 * operations on one address follow each other, because the allocator hands it to one owner at a time; places
 * change hands by compare-exchange. Nothing here waits or allocates.
 */
#include "preload/sample.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#include "preload/own.h"
#include "preload/process.h"
#include "preload/real.h"

#define LEVELS          5u
#define LEVEL0_BITS     12u
#define LEVEL_STEP_BITS 2u
#define GROUP           8u
/* In the place of a block whose realloc is under way. */
#define HELD 1u

_Atomic uint8_t mt_sample_filter[MT_SAMPLE_FILTER_BYTES];
uintptr_t mt_sample_filter_mask;

static _Atomic uintptr_t *places; /* 0: free */
static _Atomic uint32_t levels_used = 1;
static _Atomic uint64_t threads_seeded;
static bool hooks_pass;

static void clear_filter(void)
{
	for (uintptr_t i = 0; i < MT_SAMPLE_FILTER_BYTES; i++)
		atomic_store_explicit(&mt_sample_filter[i], MT_SAMPLE_CLEAR, memory_order_relaxed);
	mt_sample_filter_mask = MT_SAMPLE_FILTER_BYTES - 1;
}

int mt_sample_init(void)
{
	size_t count = 0;

	for (uint32_t i = 0; i < LEVELS; i++)
		count += (size_t)1 << (LEVEL0_BITS + i * LEVEL_STEP_BITS);
	places = mt_own_map(count * sizeof(*places), false);
	if (!places)
		return -errno;
	clear_filter();
	return 0;
}

/* --- the draw ---------------------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t scramble(uint64_t bits)
{
	bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
	bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
	return bits ^ bits >> 31;
}

static uint64_t next_random(struct mt_tls *tls)
{
	tls->sample_state += 0x9e3779b97f4a7c15u;
	return scramble(tls->sample_state);
}

static void seed(struct mt_tls *tls)
{
	uint64_t thread = atomic_fetch_add_explicit(&threads_seeded, 1, memory_order_relaxed) + 1;
	uint64_t process = (uint64_t)mt_process.slot_index << 32 | mt_process.slot_generation;

	tls->sample_state =
	        scramble(mt_process.segment->sample_seed + scramble(process)) + scramble(~thread);
	if (!tls->sample_state)
		tls->sample_state = 1;
}

/*
 * Bytes to the next point: mean * E, rounded down, E from the exponential distribution. By von Neumann's
 * method (Various techniques used in connection with random digits, 1951), exactly and with comparisons alone:
 * of uniform numbers u1 > u2 > ... the descent has an odd length with the probability exp(-u1); then E is u1
 * plus the tries before. So no logarithm is needed, which libc has in a library of its own. 6 numbers on average.
 */
static uint64_t draw(struct mt_tls *tls)
{
	uint64_t mean = mt_process.segment->sample_bytes;

	for (uint64_t tries = 0;; tries++) {
		uint64_t first = next_random(tls);
		uint64_t last = first, number;
		uint32_t length = 1;

		for (; (number = next_random(tls)) < last; length++)
			last = number;
		if (length % 2)
			return tries * mean + (uint64_t)((unsigned __int128)first * mean >> 64);
	}
}

/* Bytes to the next point, where the hooks see them or where they do not. */
static uint64_t *distance(struct mt_tls *tls)
{
	return hooks_pass ? &tls->sample_left : &tls->sample_kept;
}

void mt_sample_let_hooks_pass(void)
{
	hooks_pass = true;
	mt_tls.sample_left = mt_tls.sample_kept;
}

void mt_sample_forked(void)
{
	mt_tls.sample_state = 0;
	*distance(&mt_tls) = 0;
}

/* --- the set ----------------------------------------------------------------------------------------- */

static uint64_t hash_of(const void *block)
{
	return ((uintptr_t)block >> 4) * 0x9e3779b97f4a7c15u;
}

static _Atomic uintptr_t *group_of(uint32_t level, uint64_t hash)
{
	size_t before = 0;
	uint32_t bits = LEVEL0_BITS + level * LEVEL_STEP_BITS;

	for (uint32_t i = 0; i < level; i++)
		before += (size_t)1 << (LEVEL0_BITS + i * LEVEL_STEP_BITS);
	return places + before + ((hash >> (64 - bits)) & ~(uint64_t)(GROUP - 1));
}

/* What has come down to 0 stays there: how many there are is not known any more. */
static void count(const void *block, int change)
{
	_Atomic uint8_t *byte = mt_sample_filter_of(block);
	uint8_t now = atomic_load_explicit(byte, memory_order_relaxed);

	/* release: the place before its count; partner: see mt_sample_passes_free() */
	while (now &&
	       !atomic_compare_exchange_weak_explicit(byte, &now, (uint8_t)(now - change),
	                                              memory_order_release, memory_order_relaxed))
		;
}

static _Atomic uintptr_t *find(const void *block)
{
	uint64_t hash = hash_of(block);
	uint32_t levels = atomic_load_explicit(&levels_used, memory_order_relaxed);

	for (uint32_t level = 0; level < levels; level++) {
		_Atomic uintptr_t *group = group_of(level, hash);

		for (uint32_t i = 0; i < GROUP; i++)
			if (atomic_load_explicit(&group[i], memory_order_relaxed) ==
			    (uintptr_t)block)
				return &group[i];
	}
	return NULL;
}

static void use_level(uint32_t level)
{
	uint32_t used = atomic_load_explicit(&levels_used, memory_order_relaxed);

	while (used <= level &&
	       !atomic_compare_exchange_weak_explicit(&levels_used, &used, level + 1,
	                                              memory_order_release, memory_order_relaxed))
		;
}

/* False: there is no room for it. */
static bool put(const void *block)
{
	uint64_t hash = hash_of(block);

	/* It is there: a free of it was missed, and what this one is called for will do for both. */
	if (!mt_sample_passes_free(block) && find(block))
		return true;
	for (uint32_t level = 0; level < LEVELS; level++) {
		_Atomic uintptr_t *group = group_of(level, hash);

		for (uint32_t i = 0; i < GROUP; i++) {
			uintptr_t empty = 0;

			if (atomic_load_explicit(&group[i], memory_order_relaxed) ||
			    !atomic_compare_exchange_strong_explicit(
			            &group[i], &empty, (uintptr_t)block, memory_order_release,
			            memory_order_relaxed))
				continue;
			use_level(level);
			count(block, 1);
			return true;
		}
	}
	return false;
}

/* True for one caller, should a program free a block twice. */
static bool take(_Atomic uintptr_t *place, uintptr_t from, uintptr_t to)
{
	return atomic_compare_exchange_strong_explicit(place, &from, to, memory_order_relaxed,
	                                               memory_order_relaxed);
}

static bool remove_block(const void *block)
{
	_Atomic uintptr_t *place = find(block);

	if (!place || !take(place, (uintptr_t)block, 0))
		return false;
	count(block, -1);
	return true;
}

_Atomic uintptr_t *mt_sample_hold(const void *block)
{
	_Atomic uintptr_t *place = find(block);

	return place && take(place, (uintptr_t)block, HELD) ? place : NULL;
}

void mt_sample_drop(_Atomic uintptr_t *place, const void *block)
{
	atomic_store_explicit(place, 0, memory_order_relaxed);
	count(block, -1);
}

void mt_sample_keep(_Atomic uintptr_t *place, const void *block)
{
	atomic_store_explicit(place, (uintptr_t)block, memory_order_release);
}

/* --- allocations and frees --------------------------------------------------------------------------- */

/* Does a point fall into the next bytes? Counts them down, or draws the next distance. */
static bool meets_point(struct mt_tls *tls, uint64_t bytes)
{
	uint64_t *left = distance(tls);

	if (mt_unlikely(!tls->sample_state)) {
		seed(tls);
		*left = draw(tls);
	}
	if (bytes <= *left) {
		*left -= bytes;
		return false;
	}
	*left = draw(tls);
	return true;
}

unsigned int mt_sample_later(const void *block)
{
	struct mt_tls *tls = &mt_tls;

	return tls->sample_last == block && *distance(tls) == tls->sample_left_then ? 0
	                                                                            : MT_FREE_LATER;
}

MT_COLD void mt_sample_alloc(const struct mt_caller *caller, const void *block, size_t size_bytes)
{
	struct mt_tls *tls = &mt_tls;

	/* What is memtrace's own is always recorded, and no part of the program's bytes. */
	if (mt_likely(!tls->own) && !meets_point(tls, mt_sample_bytes(size_bytes)))
		return;
	tls->sample_last = block;
	tls->sample_left_then = *distance(tls);
	if (!put(block))
		atomic_fetch_add_explicit(&mt_process.slot->samples_lost, 1, memory_order_relaxed);
	else if (!mt_emit_alloc(caller, block, size_bytes))
		remove_block(block);
}

MT_COLD void mt_sample_free(unsigned int kind, const void *block)
{
	unsigned int later = mt_sample_later(block);

	if (remove_block(block))
		mt_emit_free(kind | later, block);
}
