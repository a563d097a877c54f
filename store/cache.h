/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cache.h - what a report has resolved, kept in the memtrace file.
 *
 * Used by report/stacks.c, once at its end: one short transaction over the tables frame and symbol.
 * The file may be read-only, or locked; then nothing is kept, and the next report resolves again.
 */
#ifndef MT_STORE_CACHE_H
#define MT_STORE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct mt_cache;

/* Begins the transaction. -errno: the file cannot be written. */
int mt_cache_open(const char *path, struct mt_cache **ret_cache);

/* Says how a frame was resolved (frame.symbolized) and forgets its old symbols. */
int mt_cache_frame(struct mt_cache *cache, int64_t frame, const char *symbolized);

/* One of its symbols; function and file may be NULL, line 0: not known. */
int mt_cache_symbol(struct mt_cache *cache, int64_t frame, int64_t depth, const char *function,
                    const char *file, int64_t line, bool is_inlined);

/* Takes the cache; commits, or rolls back when any step failed. */
int mt_cache_close(struct mt_cache *cache);

#endif
