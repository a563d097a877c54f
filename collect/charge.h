/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * charge.h - the records of growth: who is charged with it.
 *
 * Called by apply.c, in the drain thread.
 */
#ifndef MT_COLLECT_CHARGE_H
#define MT_COLLECT_CHARGE_H

#include "collect/ledger.h"

/* MT_EVENT_GROWTH; node is that of its stack, 0: it has none. False: the record is impossible. */
bool mt_charge_growth(struct mt_ledger *ledger, struct mt_process *process,
                      struct mt_drain_event head, int64_t change_bytes, uint32_t flags,
                      uint32_t node);

/* MT_EVENT_BREAK: moved by the program itself, or by an allocator that is not libc's, so that it ends at `end` now. */
void mt_charge_break(struct mt_process *process, uint64_t end, int64_t change_bytes, uint32_t node);

#endif
