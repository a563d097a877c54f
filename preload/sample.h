/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sample.h - which blocks are sampled, and which live ones were.
 *
 * Called through gate.h by the hooks of a process that records a sample; any thread, any context.
 *
 * The draw: a Poisson process over the bytes that a thread allocates, with a mean of sample_bytes between two
 * points. A block is sampled when a point falls into it, that is, with the probability
 *
 *	p(size) = 1 - exp(-size / sample_bytes)
 *
 * whatever was allocated before. The thread counts down to the next point; the rest of the distance behind a
 * sampled block is drawn anew, which changes nothing, because the exponential distribution has no memory. A
 * block of 0 bytes is drawn as if it had 1, so that it can be met at all. By the distance an outer hook sees, too, whether
 * one that it called has decided about its block already: each decision changes it.
 *
 * The set of sampled blocks that are live says what to do with a free: a table of addresses, and before it a filter, an
 * array of bytes by some bits of the address. Most frees find there that they are nothing special: one load. An address
 * enters the set before its block is handed out and leaves it before the block is given back, so that nobody ever looks
 * for an address that somebody else is putting in. The set is ordinary memory: a forked child has the one of its
 * parent, as it has the blocks.
 */
#ifndef MT_PRELOAD_SAMPLE_H
#define MT_PRELOAD_SAMPLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/emit.h"
#include "preload/thread.h"

/*
 * For blocks that lie in the same 256 bytes, and for those 8 MiB away, MT_SAMPLE_CLEAR less how many live ones are sampled; 0,
 * for ever: these are looked at. Where no sample is recorded, the mask leaves one byte for all, and that is 0. Coarse and
 * small: what a program frees lies side by side, and the cache is the program's. No free of a sample is looked at for
 * release.h: of a sampled process the collector asks to be told nothing, as most of what is resident is not known.
 */
#define MT_SAMPLE_FILTER_BYTES 32768u
#define MT_SAMPLE_FILTER_SHIFT 8u
#define MT_SAMPLE_CLEAR        255u
#pragma GCC visibility push(hidden)
extern _Atomic uint8_t mt_sample_filter[MT_SAMPLE_FILTER_BYTES];
extern uintptr_t mt_sample_filter_mask;
#pragma GCC visibility pop

/* Makes the set. Called once, before the first block is drawn. 0 or -errno. */
int mt_sample_init(void);

/*
 * From now on the hooks may count down by themselves: no function of the allocator calls another one of them by its
 * hook, so that a block would be counted twice. Called by the constructor.
 */
void mt_sample_let_hooks_pass(void);

/* This thread is the first one of a forked child: it draws numbers of its own. */
void mt_sample_forked(void);

/* A block that was not passed: counts down or draws, and records it when a point falls into it. */
void mt_sample_alloc(const struct mt_caller *caller, const void *block, size_t size_bytes);

/* A block that may be in the set is about to be freed: records that if it is. */
void mt_sample_free(unsigned int kind, const void *block);

/*
 * A realloc of a block that may be in the set: its place, held until the call is over, or NULL. Then the block
 * is dropped, or kept.
 */
_Atomic uintptr_t *mt_sample_hold(const void *block);
void mt_sample_drop(_Atomic uintptr_t *place, const void *block);
void mt_sample_keep(_Atomic uintptr_t *place, const void *block);

/* MT_FREE_LATER unless this thread allocated the block and nothing since. */
unsigned int mt_sample_later(const void *block);

static inline _Atomic uint8_t *mt_sample_filter_of(const void *block)
{
	return &mt_sample_filter[(uintptr_t)block >> MT_SAMPLE_FILTER_SHIFT &
	                         mt_sample_filter_mask];
}

/* Is a sample recorded, and nothing is to be done for this block that is about to be freed? */
static inline bool mt_sample_passes_free(const void *block)
{
	/*
	 * relaxed: the thread that allocated the block counted it before it handed the block out; partner: the
	 * release in count(), and however the program gave the address to this thread
	 */
	return atomic_load_explicit(mt_sample_filter_of(block), memory_order_relaxed) ==
	       MT_SAMPLE_CLEAR;
}

/* As many bytes as a block is drawn with. */
static inline uint64_t mt_sample_bytes(size_t size_bytes)
{
	return size_bytes + !size_bytes;
}

/*
 * Does no point fall into a block of this size? Then the caller counts it down, and is done with it. Never where all is
 * recorded, nor before the thread has drawn, nor where hooks may not, nor for what is memtrace's own: then the distance
 * is 0.
 */
static inline bool mt_sample_passes(size_t size_bytes)
{
	return mt_sample_bytes(size_bytes) <= mt_tls.sample_left;
}

static inline void mt_sample_count_down(size_t size_bytes)
{
	mt_tls.sample_left -= mt_sample_bytes(size_bytes);
}

/* Both at once. */
static inline bool mt_sample_pass(size_t size_bytes)
{
	uint64_t left;

	if (mt_likely(
	            __builtin_sub_overflow(mt_tls.sample_left, mt_sample_bytes(size_bytes), &left)))
		return false;
	mt_tls.sample_left = left;
	return true;
}

/*
 * Where a function of the allocator may call another one by its hook, that one may count a block down, too: so it is counted
 * behind the call, unless the distance shows that somebody has, and leaves a trail for a hook further out. Not inside
 * operator new: what that has left in mt_tls is to be taken, by the malloc of an exception, too (hooks_new.c).
 */
static inline bool mt_sample_passes_kept(size_t size_bytes)
{
	const struct mt_tls *tls = &mt_tls;

	return mt_unlikely(mt_sample_bytes(size_bytes) <= tls->sample_kept) && !tls->own &&
	       !tls->outer_kind;
}

static inline void mt_sample_count_kept(const void *block, size_t size_bytes, uint64_t kept_before)
{
	struct mt_tls *tls = &mt_tls;

	if (mt_unlikely(!block))
		return;
	if (mt_likely(tls->sample_kept == kept_before))
		tls->sample_kept -= mt_sample_bytes(size_bytes);
	mt_thread_leave_trail(block);
}

#endif
