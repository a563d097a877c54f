/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * growth.h - what libc's allocator took from the kernel in one process, and for which call stack.
 *
 * Owned by the drain thread; pure. The break and each heap of another arena grow and shrink at their end alone, so each is
 * a pile of steps; a chunk that is mapped for one block goes with it. A node is one of stacks.h, the whole session's; 0 is nobody.
 *
 *	break  |  node 3  |  node 7     | 3 |            a step each; one that continues the last with its node is part of it
 *	                                    ^ the end
 */
#ifndef MT_COLLECT_GROWTH_H
#define MT_COLLECT_GROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "collect/live.h"
#include "wire/event.h"

/* A process with more than this is not believed; later ones are not kept. */
#define MT_GROWTH_AREAS_MAX  (1u << 16)
#define MT_GROWTH_STEPS_MAX  (1u << 22)
#define MT_GROWTH_CHUNKS_MAX (1u << 22)

struct mt_growth_step {
	uint64_t start;
	uint64_t end;
	uint32_t node;
};

/* The break, or a heap. */
struct mt_growth_area {
	uint64_t base;                /* of a heap; 0: the break */
	struct mt_growth_step *steps; /* by address, without overlap, none empty */
	size_t count;
	size_t capacity;
};

/* What one stack made one kind grow. */
struct mt_growth_sum {
	uint32_t node;
	enum mt_growth_kind kind;
	uint64_t calls; /* for which the kernel was asked */
	uint64_t grown_bytes;
	uint64_t returned_bytes; /* of them, and of what was there at the fork */
	bool is_dirty;           /* the file does not have it like this */
};

/* All zero is empty, but for chunk_min_bytes: mt_growth_init(). */
struct mt_growth {
	struct mt_growth_area *areas; /* by base */
	size_t area_count;
	size_t area_capacity;
	size_t step_count; /* of all */
	struct mt_live
	        chunks; /* by block; size_bytes of the mapping, born_ns is where it starts, total the node */
	uint64_t chunk_min_bytes; /* no block with a chunk of its own is smaller */
	struct mt_growth_sum *sums;
	size_t sum_count;
	size_t sum_capacity;
	struct mt_map index; /* (node, kind) -> sum */
	uint32_t *dirty;
	size_t dirty_count;
	size_t dirty_capacity;
	uint64_t lost; /* for which there was no room or memory */
};

/* In a snapshot, beside enum mt_growth_kind: mapped by the program itself, or by an allocator that is not libc's. */
#define MT_GROWTH_MAPPING MT_GROWTH_COUNT

/* A range that grew; for a snapshot. */
struct mt_growth_range {
	uint64_t start;
	uint64_t end;
	unsigned int kind; /* enum mt_growth_kind, or MT_GROWTH_MAPPING */
	uint32_t node;
};

/* What the file calls them. */
extern const char *const mt_growth_kinds[MT_GROWTH_COUNT];

void mt_growth_init(struct mt_growth *growth);
void mt_growth_free(struct mt_growth *growth);

/* What a forked child starts with: the same heaps, and sums of its own. 0 or -ENOMEM; and the memory that it takes. */
int mt_growth_inherit(const struct mt_growth *growth, struct mt_growth *ret_child);
uint64_t mt_growth_bytes(const struct mt_growth *growth);

/*
 * The break (base 0) or a heap has grown by [start, end). It may be known by now to have grown further: who has seen the
 * first of two growths may be late to say so.
 */
void mt_growth_grow(struct mt_growth *growth, uint64_t base, uint64_t start, uint64_t end,
                    uint32_t node, bool was_asked);

/* It ends at `end` now. */
void mt_growth_shrink(struct mt_growth *growth, uint64_t base, uint64_t end);

/*
 * [start, start + bytes) was mapped for the block, of which size_bytes were asked for. Where blocks are sampled its end is
 * not seen: then it is only counted.
 */
void mt_growth_map(struct mt_growth *growth, uint64_t block, uint64_t size_bytes, uint64_t start,
                   uint64_t bytes, uint32_t node, bool is_kept);

/* The block is given back, and its chunk with it, if it had one; *ret_chunk (may be NULL) is that, else all zero. */
void mt_growth_unmap(struct mt_growth *growth, uint64_t block, struct mt_live_entry *ret_chunk);

/* It was not. */
void mt_growth_undo(struct mt_growth *growth, const struct mt_live_entry *chunk);

/* Where the break ends; 0: it is not known. */
uint64_t mt_growth_break_end(const struct mt_growth *growth);

/* All ranges by address; *ret_ranges is given (free()). 0 or -ENOMEM. */
int mt_growth_copy(const struct mt_growth *growth, struct mt_growth_range **ret_ranges,
                   size_t *ret_count);

/* The list of changed sums was copied. */
void mt_growth_clean(struct mt_growth *growth);

#endif
