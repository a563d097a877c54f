/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * release.h - before much memory goes back to the kernel, the collector is told, and waited for.
 *
 * What was resident at a peak can be found out only while it is there, and a peak ends by memory that is given back. So
 * the collector says in the slot (wire/segment.h) how much would be the end of one; who is about to give back as much says
 * so, and waits until it was looked at or is none. One thread does, once for each time that the collector has asked, and
 * for no longer than WAIT_NS: nothing of ours is held meanwhile, and the collector needs nothing that the thread may hold.
 *
 * Seen beforehand are munmap and mremap, a free of a chunk that was mapped for the block, and a free that joins the free
 * memory below it with that at the end of the break. When the break went down by several frees, it is seen by the next one.
 */
#ifndef MT_PRELOAD_RELEASE_H
#define MT_PRELOAD_RELEASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/process.h"

/* A chunk that was mapped for its block begins with the mapping. */
#define MT_RELEASE_CHUNK_OFFSET 16u

/* So much is about to be given back. Keeps errno. */
void mt_release_tell(size_t bytes);

/* A chunk of so much was mapped for the block. */
void mt_release_know(const void *block, size_t bytes);

/* A block that may have one is about to be freed, and is not recorded as such yet. */
void mt_release_chunk(const void *block);

/* A block that is not small is about to be freed by libc. */
void mt_release_heap(const void *block);

static inline bool mt_release_looks_at(const void *block)
{
	return ((uintptr_t)block & 4095) == MT_RELEASE_CHUNK_OFFSET;
}

static inline void mt_release_before_free(const void *block)
{
	if (mt_unlikely(mt_release_looks_at(block)))
		mt_release_chunk(block);
}

#endif
