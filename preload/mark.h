/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mark.h - does libc itself take this block for one that is freed already?
 *
 * glibc's free (from 2.29 on) keeps small blocks in a list of the thread. In the second word of such a block stands a
 * random number, drawn once a process, and free() aborts with "double free detected in tcache" where it finds
 * it there. We read the same two words, a moment earlier. It is a hint only: the collector decides
 * whether a free was bad; what the hint adds is the stack of a call that may not return.
 *
 *	     words[-1]  size of the chunk | flags
 *	     words[0]   the next block of the list
 *	     words[1]   the mark
 *
 * Where the allocator is another one, or does not do this, nothing is read.
 */
#ifndef MT_PRELOAD_MARK_H
#define MT_PRELOAD_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/process.h"
#include "preload/release.h"

#define MT_MARK_CHUNK_MIN 32u /* bytes of the smallest chunk */

/* Learns what the mark is, on two blocks of the real allocator's. Called once, by the constructor. */
void mt_mark_init(void);

/* The caller is about to hand `block` to libc's free or realloc, which read the same words. */
static inline bool mt_mark_says_freed(const void *block)
{
	const uint64_t *words = block;
	size_t limit_bytes = mt_process.mark_limit_bytes;

	if (mt_unlikely(!limit_bytes))
		return false;
	if (mt_likely(words[-1] - MT_MARK_CHUNK_MIN < limit_bytes))
		return mt_unlikely(words[1] == mt_process.mark);
	mt_release_heap(block);
	return false;
}

#endif
