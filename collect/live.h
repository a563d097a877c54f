/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * live.h - the blocks that are live in one process, by address.
 *
 * Owned by the drain thread; a table of a process that has ended is handed on whole to the writer
 * thread. The path of every allocation and free leads through here, so it is in this header.
 *
 * Open addressing, linear probing, at most a quarter full (larger ones a half, and 5/8), entries of 32 bytes, address 0
 * is empty. A removal moves later entries of the cluster back, so there are no tombstones and a table that has seen billions
 * of blocks is as quick as a new one.
 */
#ifndef MT_COLLECT_LIVE_H
#define MT_COLLECT_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Flags in mt_live_entry.total; the rest is an index of totals.h. */
#define MT_LIVE_OWN       0x80000000u /* memtrace's own: no index */
#define MT_LIVE_INHERITED 0x40000000u /* was live at the fork: no index */
#define MT_LIVE_GONE      0x20000000u /* in past.h only: was not live */
#define MT_LIVE_FLAGS     (MT_LIVE_OWN | MT_LIVE_INHERITED | MT_LIVE_GONE)

struct mt_live_entry {
	uint64_t addr;
	uint64_t size_bytes;
	uint64_t born_ns;
	uint32_t total;
	uint32_t thread; /* index in the process's threads */
};

/* All zero is an empty table. */
struct mt_live {
	struct mt_live_entry *entries;
	uint64_t mask;    /* capacity - 1 */
	unsigned shift;   /* 64 - log2(capacity) */
	uint64_t count;   /* used entries */
	uint64_t limit;   /* grow when count gets here */
	size_t map_bytes; /* 0: entries came from calloc */
	uint64_t secret;  /* of the hash: a program cannot choose addresses that meet */
};

/* Doubles the table, or makes the first one. 0 or -ENOMEM, and then nothing has changed. */
int mt_live_grow(struct mt_live *live);

/* An independent copy. 0 or -ENOMEM. */
int mt_live_copy(const struct mt_live *live, struct mt_live *ret_copy);

void mt_live_free(struct mt_live *live);

/* The memory that it takes. */
static inline uint64_t mt_live_bytes(const struct mt_live *live)
{
	return live->entries ? (live->mask + 1) * sizeof(*live->entries) : 0;
}

/* Moves entries back over the hole; entry comes from mt_live_find(). */
void mt_live_remove(struct mt_live *live, struct mt_live_entry *entry);

/*
 * The multiplication alone puts blocks at some strides side by side (368 bytes: 54 probes at 60 % full, over
 * strides of 16 bytes to 64 KiB 3.9 on average); with the bits above folded in it is 4.8 at worst and 1.7.
 */
static inline uint64_t mt_live_home(const struct mt_live *live, uint64_t addr)
{
	return (addr ^ addr >> 15 ^ live->secret) * 0x9e3779b97f4a7c15ull >> live->shift;
}

/*
 * Always inline: gcc 12 takes a function that only prefetches for one without effect, and leaves out its
 * calls. That cost 60 ns an event at a million live blocks.
 */
static inline __attribute__((always_inline)) void mt_live_prefetch(const struct mt_live *live,
                                                                   uint64_t addr)
{
	if (live->entries)
		__builtin_prefetch(&live->entries[mt_live_home(live, addr)], 1);
}

/* The entry of addr, or NULL. Valid until the next insert or remove. */
static inline struct mt_live_entry *mt_live_find(const struct mt_live *live, uint64_t addr)
{
	struct mt_live_entry *entries = live->entries;
	uint64_t at;

	if (!live->count)
		return NULL;
	for (at = mt_live_home(live, addr); entries[at].addr; at = (at + 1) & live->mask)
		if (entries[at].addr == addr)
			return &entries[at];
	return NULL;
}

/*
 * The entry of addr, which the caller fills in but for its address; *ret_was_live says that it is still
 * there from before. NULL: out of memory. addr is not 0.
 */
static inline struct mt_live_entry *mt_live_insert(struct mt_live *live, uint64_t addr,
                                                   bool *ret_was_live)
{
	struct mt_live_entry *entries;
	uint64_t at;

	if (__builtin_expect(live->count >= live->limit, 0) && mt_live_grow(live) < 0)
		return NULL;
	entries = live->entries;
	for (at = mt_live_home(live, addr); entries[at].addr; at = (at + 1) & live->mask) {
		if (entries[at].addr == addr) {
			*ret_was_live = true;
			return &entries[at];
		}
	}
	live->count++;
	entries[at].addr = addr;
	*ret_was_live = false;
	return &entries[at];
}

#endif
