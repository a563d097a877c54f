/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * packs.h - of a batch, the rows of stack and total, which the file keeps many in one (store/writer.h).
 *
 * Called by batch.c. A pack with anything new in it is copied whole, and takes the place of what the file had.
 */
#ifndef MT_COLLECT_PACKS_H
#define MT_COLLECT_PACKS_H

#include "collect/batch.h"

/* Make room for what is taken next. 0 or -ENOMEM. */
int mt_packs_reserve_stacks(struct mt_batch *batch, struct mt_stacks *stacks);
int mt_packs_reserve_totals(struct mt_batch *batch, const struct mt_process *process);

/* The packs with nodes that are new or settled. */
void mt_packs_take_stacks(struct mt_batch *batch, struct mt_stacks *stacks);

/* Those with rows that have changed; and what the samples of these rows amount to, where blocks are sampled. */
void mt_packs_take_totals(struct mt_batch *batch, struct mt_process *process);

#endif
