/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lifecycle.h - processes come, fork, exec and go.
 *
 * Runs in the drain thread, called by apply.c for what the rings say and by collector.c for what the
 * service thread says.
 */
#ifndef MT_COLLECT_LIFECYCLE_H
#define MT_COLLECT_LIFECYCLE_H

#include "collect/ledger.h"

/* An image joined over the socket: takes the strings of the mail. */
void mt_lifecycle_joined(struct mt_ledger *ledger, struct mt_mail *mail);

/* What it came from. False: that is not known yet, ask again in the next round. */
bool mt_lifecycle_descended(struct mt_ledger *ledger, const struct mt_mail *mail);

/*
 * The process of a slot's generation. One that is not known yet is a forked child that claimed the slot
 * by itself: it is registered. NULL: no such process.
 */
struct mt_process *mt_lifecycle_find(struct mt_ledger *ledger, uint32_t slot, uint32_t generation);

/* Tracing was switched on or off. False: ask again. Takes note of it once, however often it is asked. */
bool mt_lifecycle_switched(struct mt_ledger *ledger, struct mt_mail *mail);

/* Looks at every slot for forked children that were not heard of. True when one is just being claimed. */
bool mt_lifecycle_scan(struct mt_ledger *ledger);

/* A quiet forked child did something: it gets a row. */
void mt_lifecycle_reveal(struct mt_ledger *ledger, struct mt_process *process);

/* MT_EVENT_FORK: keeps what the child will inherit. */
void mt_lifecycle_fork(struct mt_ledger *ledger, struct mt_process *process, uint64_t serial);

/* MT_EVENT_EXIT: the figures are final. */
void mt_lifecycle_exit(struct mt_ledger *ledger, struct mt_process *process, uint64_t stamp,
                       unsigned int how, uint64_t status);

/*
 * The service thread says that nothing of it runs any more; what is published is read first. False: what
 * it inherited is not known yet, ask again in the next round.
 */
bool mt_lifecycle_gone(struct mt_ledger *ledger, const struct mt_mail *mail);

/* The service thread says what an image that did not come back is now. */
void mt_lifecycle_untraced(struct mt_ledger *ledger, const struct mt_mail *mail);

/* After each round: ends what has gone, gives rings and slots back, asks about silent execs. */
void mt_lifecycle_settle(struct mt_ledger *ledger, struct mt_drain *drains, uint32_t drain_count);

/* Looks at the counters that the process itself keeps in its slot. */
void mt_lifecycle_measure(struct mt_ledger *ledger, struct mt_process *process);

/* Tells a process that waits for it what became of its data. Any thread. */
void mt_lifecycle_commit_slot(struct mt_segment *segment, uint32_t slot, enum mt_committed how);

/* Ends all that still live, because the collector has to go. */
void mt_lifecycle_stop(struct mt_ledger *ledger);

#endif
