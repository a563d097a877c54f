/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frees.h - frees that are wrong: of what is not live, or by another family than the block's.
 *
 * Called by apply.c in the drain thread. The first MT_FREES_KEPT of a process are kept, with the stacks that are
 * known. A free carries no stack, because that would double its cost; the library sends one after it where it is
 * asked to (MT_GATE_FREE_STACKS) and where libc itself marks the block as freed already (preload/mark.h).
 * The first bad free of a process makes it ask, for a while: the next ones have their stack.
 *
 * The last blocks that were freed are remembered, so that a free of one of them is known to be its second.
 */
#ifndef MT_COLLECT_FREES_H
#define MT_COLLECT_FREES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/drain.h"
#include "collect/live.h"
#include "wire/event.h"

struct mt_ledger;
struct mt_process;

#define MT_FREES_KEPT 100u
/* Freed blocks that are remembered; a power of two. */
#define MT_FREES_REMEMBERED 32768u
/* Frees of what is not live that are looked up among them: each costs some 20 us. */
#define MT_FREES_LOOKUPS 1000u
/* Stacks of good frees until no more are asked for. */
#define MT_FREES_STACKS (1u << 20)

enum mt_free_problem {
	MT_FREE_DOUBLE,     /* the block was freed before */
	MT_FREE_UNKNOWN,    /* no block is known that was ever there */
	MT_FREE_MISMATCHED, /* of a block that another family allocated */
};

struct mt_bad_free {
	enum mt_free_problem problem;
	uint64_t addr;
	uint64_t time_ns;
	uint64_t size_bytes; /* of a mismatched free's block */
	uint32_t thread;     /* index in the process's threads */
	unsigned int kind;   /* FREE, DELETE, DELETE_ARRAY or REALLOC */
	uint32_t node;       /* where it is freed; 0: not known */
	/* the block; 0: not known */
	unsigned int alloc_kind;
	uint32_t alloc_node;
	uint32_t freed_node; /* of a double free: where it was freed before */
	bool is_dirty;
};

/* A block that was freed. */
struct mt_grave {
	uint64_t addr;
	uint32_t total; /* as in struct mt_live_entry */
	uint32_t node;  /* where; 0: not known */
};

/* All zero is empty. */
struct mt_frees {
	struct mt_grave *graves; /* a ring; may be NULL */
	uint32_t capacity;
	uint32_t next; /* counts all that were put there */
	struct mt_bad_free *rows;
	uint32_t count;
	uint32_t lookups;
	uint32_t stacks; /* since the last bad free */
	uint64_t mismatched;
	bool is_dirty;
};

void mt_frees_free(struct mt_frees *frees);

/* Makes room to remember one more; without memory the oldest is forgotten. */
void mt_frees_grow(struct mt_frees *frees);

/* A block was freed. */
static inline void mt_frees_remember(struct mt_frees *frees, const struct mt_live_entry *block)
{
	if (__builtin_expect(frees->next >= frees->capacity, 0) &&
	    frees->capacity < MT_FREES_REMEMBERED)
		mt_frees_grow(frees);
	if (frees->capacity)
		frees->graves[frees->next++ & (frees->capacity - 1)] =
		        (struct mt_grave){block->addr, block->total, 0};
}

/* What belongs together, by kind; 0: to nothing. */
extern const uint8_t mt_frees_family[256];

/* Can what `kind` allocated be given back in this way? */
static inline bool mt_frees_match(unsigned int kind, unsigned int free_kind)
{
	return mt_frees_family[(uint8_t)kind] ==
	       mt_frees_family[(uint8_t)(free_kind & ~MT_FREE_LATER)];
}

/* A free of an address that is not live. */
void mt_frees_unmatched(struct mt_ledger *ledger, struct mt_drain *drain,
                        struct mt_drain_event head);

/* The free of a block that another family allocated; it is still in the live table. */
void mt_frees_mismatched(struct mt_ledger *ledger, struct mt_drain *drain,
                         struct mt_drain_event head, const struct mt_live_entry *block);

/* MT_EVENT_FREE_STACK: the stack of this ring's last free. */
void mt_frees_stack(struct mt_ledger *ledger, struct mt_drain *drain, uint64_t addr,
                    uint32_t stack);

#endif
