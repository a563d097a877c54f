/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * define.h - the records that say what stack ids and addresses of code mean.
 *
 * Called by apply.c, in the drain thread. The payload of a large record stands in ledger->payload.
 */
#ifndef MT_COLLECT_DEFINE_H
#define MT_COLLECT_DEFINE_H

#include "collect/ledger.h"

/* MT_EVENT_STACK in a ring of the process. False: the record is impossible. */
bool mt_define_stack(struct mt_ledger *ledger, struct mt_drain *drain, struct mt_process *process,
                     const struct mt_event_large *large);

/* MT_EVENT_MODULE. False: the record is impossible. */
bool mt_define_module(struct mt_ledger *ledger, struct mt_process *process,
                      const struct mt_event_large *large);

/*
 * The total for a stack id that leads to none by itself. One beyond the limit is the stack that was defined
 * last in this ring. One whose frames have not come gets a node of its own, which is put right when they
 * do. 0: memory is out.
 */
uint32_t mt_define_total(struct mt_ledger *ledger, const struct mt_drain *drain,
                         struct mt_process *process, uint32_t stack, unsigned int kind);

/* The ring's thread has another name. False: the record is impossible. */
bool mt_define_name(struct mt_ledger *ledger, const struct mt_drain *drain,
                    struct mt_process *process, const struct mt_event_large *large);

/* Some of the process's code allocates past the hooks: a note says which. False: the record is impossible. */
bool mt_define_unseen(struct mt_ledger *ledger, struct mt_process *process,
                      const struct mt_event_large *large, uint64_t now_ns);

/* MT_EVENT_UNTRACED: a note of it. False: the record is impossible. */
bool mt_define_untraced(struct mt_ledger *ledger, struct mt_process *process,
                        const struct mt_event_large *large, uint64_t now_ns);

#endif
