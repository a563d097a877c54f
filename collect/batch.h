/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * batch.h - what the file does not have yet, copied out of the ledger: one transaction.
 *
 * Built by the drain thread, written by the writer thread (commit.c), then given back to the drain
 * thread, which notes what is committed now. One batch is on its way at a time. While it is, what
 * changes waits in the ledger, where it takes no more memory than the live blocks and the distinct
 * stacks do.
 */
#ifndef MT_COLLECT_BATCH_H
#define MT_COLLECT_BATCH_H

#include <stddef.h>

#include "base/array.h"
#include "collect/ledger.h"
#include "collect/snapshot.h"
#include "store/writer.h"

/* A process that the batch has rows of. */
struct mt_batch_member {
	struct mt_process *process; /* the drain thread's: not looked into by the writer thread */
	uint32_t slot;
	uint32_t generation;
	int32_t pid;
	size_t row; /* in processes */
	/* its end is in this batch: then all of it is committed with it */
	bool is_end;
	size_t snapshot; /* in snapshots */
};

/* Rows of one pack (store/writer.h), a part of the list of all packs' rows. */
struct mt_batch_pack {
	uint32_t process; /* whose totals they are */
	uint32_t number;
	size_t first;
	size_t count;
};

#define MT_BATCH_LIST(type, name) \
	struct type *name;        \
	size_t name##_count;      \
	size_t name##_capacity

struct mt_batch {
	MT_BATCH_LIST(mt_writer_module, modules);
	MT_BATCH_LIST(mt_writer_frame, frames);
	MT_BATCH_LIST(mt_writer_stack, stacks);
	MT_BATCH_LIST(mt_batch_pack, stack_packs);
	MT_BATCH_LIST(mt_writer_process, processes);
	MT_BATCH_LIST(mt_writer_thread, threads);
	MT_BATCH_LIST(mt_writer_total, totals);
	MT_BATCH_LIST(mt_batch_pack, total_packs);
	MT_BATCH_LIST(mt_writer_sample, samples);
	MT_BATCH_LIST(mt_writer_growth, growths);
	MT_BATCH_LIST(mt_writer_pause, pauses);
	MT_BATCH_LIST(mt_writer_bad_free, bad_frees);
	MT_BATCH_LIST(mt_writer_timeline, timeline);
	MT_BATCH_LIST(mt_writer_note, notes);
	MT_BATCH_LIST(mt_snapshot, snapshots);
	MT_BATCH_LIST(mt_batch_member, members);
	uint32_t *thinned; /* processes with more points of the timeline than they may have */
	size_t thinned_count;
	size_t thinned_capacity;
	bool *marks; /* while it is built: packs of a process's totals */
	size_t marks_capacity;
	struct mt_resident *residents; /* snapshots of pages, a list */
	uint32_t *dropped;             /* those that are taken out of the file */
	size_t dropped_count;
	bool is_last; /* as far as can be told: every process known has ended in an orderly way */
};

/* Room for so many more in a list, 0 or -ENOMEM; and the next one there. */
#define MT_BATCH_RESERVE(batch, list, wanted) \
	MT_ARRAY_RESERVE((batch)->list, (batch)->list##_capacity, (batch)->list##_count + (wanted))
#define MT_BATCH_APPEND(batch, list) (&(batch)->list[(batch)->list##_count++])

/*
 * Takes everything that changed. Strings are borrowed: they live until the batch is settled. NULL: out of
 * memory; nothing was taken, try again later.
 */
struct mt_batch *mt_batch_build(struct mt_ledger *ledger);

/* Is there nothing to write in it? */
bool mt_batch_is_empty(const struct mt_batch *batch);

/* The writer is done with it, well or not: the drain thread takes note and frees it. */
void mt_batch_settle(struct mt_batch *batch);

#endif
