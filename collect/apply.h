/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * apply.h - records of one ring -> the ledger, in the order in which merge.c asks for them.
 *
 * Runs in the drain thread. This is the path of every event.
 */
#ifndef MT_COLLECT_APPLY_H
#define MT_COLLECT_APPLY_H

#include "collect/ledger.h"

/*
 * Applies the ring's records while they are stamped before `bound`, at most `most` of them. How many it
 * was. Afterwards drain->next_stamp is the stamp of the next one, if there is one.
 */
uint64_t mt_apply_run(struct mt_ledger *ledger, struct mt_drain *drain, uint64_t bound,
                      uint64_t most);

/*
 * Which of several records with one stamp goes first, lower is sooner: definitions; a free of what is
 * live; an allocation of what is not; the rest, whose partner must come first.
 */
unsigned int mt_apply_rank(const struct mt_drain *drain);

#endif
