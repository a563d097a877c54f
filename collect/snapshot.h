/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.h - the live blocks of a process at a moment, ready to be written.
 *
 * Taken by the drain thread in O(stacks): the table of a process that has ended is handed over, not
 * copied. The rest (which blocks count, their order in the file, their number) is done in the writer
 * thread, from the entries themselves and not from any counter.
 */
#ifndef MT_COLLECT_SNAPSHOT_H
#define MT_COLLECT_SNAPSHOT_H

#include <stdint.h>

#include "collect/process.h"

struct mt_snapshot {
	uint32_t id;
	uint32_t process;
	const char *reason; /* static */
	uint64_t time_ns;
	uint64_t sample_bytes; /* 0: every block is there */
	struct mt_live live;
	/* by index of totals.h */
	uint32_t *nodes;
	uint8_t *kinds;
	uint32_t total_count;
	/* by index of the process's threads: rows */
	uint32_t *threads;
	uint32_t thread_count;
	uint64_t sorted; /* entries, by mt_snapshot_sort_all(); 0: not yet */
	/* by mt_snapshot_sort() */
	uint64_t blocks;      /* entries */
	uint64_t live_blocks; /* and what they stand for: the same where every block is there */
	uint64_t live_bytes;
};

/* What a block of the snapshot stands for, if it is a sample. */
struct mt_weight mt_snapshot_weight(const struct mt_snapshot *snapshot, uint64_t size_bytes);

/* Takes process->live away. 0 or -ENOMEM, and then nothing has changed. */
int mt_snapshot_take(struct mt_process *process, uint32_t id, struct mt_snapshot *ret_snapshot);

/* Puts all blocks first in live.entries, by address; the table can no longer be looked up in. Their number. */
uint64_t mt_snapshot_sort_all(struct mt_snapshot *snapshot);

/*
 * Puts the process's own blocks first in live.entries, by address, and counts them; what is memtrace's
 * or was inherited is left out. The table can no longer be looked up in.
 */
void mt_snapshot_sort(struct mt_snapshot *snapshot);

void mt_snapshot_free(struct mt_snapshot *snapshot);

#endif
