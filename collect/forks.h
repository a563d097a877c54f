/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * forks.h - what children inherit, from the parent's MT_EVENT_FORK until the child is seen.
 *
 * Owned by the drain thread. A fork that fails, or a child that dies before it was seen, never comes for
 * its record, so they are kept for a limited time.
 */
#ifndef MT_COLLECT_FORKS_H
#define MT_COLLECT_FORKS_H

#include <stdint.h>

#include "collect/process.h"

#define MT_FORKS_KEEP_NS 10000000000ull

struct mt_fork {
	struct mt_fork *next;
	uint32_t parent_slot;
	uint32_t parent_generation;
	uint64_t serial;
	uint64_t taken_ns; /* the ledger's awake_ns */
	uint32_t parent;   /* row */
	bool was_off;      /* the parent had blocks that are not known */
	struct mt_past *past;
	uint64_t blocks; /* of it, memtrace's own left out */
	uint64_t bytes;
	uint64_t memory_bytes; /* that the record takes, but for what has changed since */
	struct mt_ranges ranges;
	struct mt_growth growth;
	struct mt_regions regions;
	struct mt_identity identity;
};

/* Of a copy beside its tables. */
#define MT_FORKS_SMALL_BYTES 512u

struct mt_forks {
	struct mt_fork *first; /* the newest */
	/*
	 * What copies may take: beyond, the oldest go first, whose children have most likely ended. And
	 * what may be copied in a round: who says that it forks again and again makes no more work.
	 */
	uint64_t bytes_max;
	uint64_t bytes;       /* in all copies */
	uint64_t round_bytes; /* copied in this round; the collector starts it anew */
	uint64_t given_up;    /* copies that were dropped or not made for a limit */
};

/*
 * Keeps what a child would inherit now; the newest record may be larger than the limit. 0, -ENOMEM, or -ENOSPC: too
 * much was kept in this round.
 */
int mt_forks_add(struct mt_forks *forks, struct mt_process *parent, uint64_t serial,
                 uint64_t now_ns);

/* Gives the record to whoever comes for it (free with mt_fork_free()), or NULL. */
struct mt_fork *mt_forks_take(struct mt_forks *forks, uint32_t parent_slot,
                              uint32_t parent_generation, uint64_t serial);

/* Drops the records that nobody came for. */
void mt_forks_expire(struct mt_forks *forks, uint64_t now_ns);

void mt_forks_free(struct mt_forks *forks);
void mt_fork_free(struct mt_fork *fork);

/* Moves the record into the child. */
void mt_fork_inherit(struct mt_fork *fork, struct mt_process *child);

#endif
