/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared.h - the ring that is shared by those threads of a process that found none of their own.
 *
 * Called by thread.c and emit.c, in any context. The directory holds a ring for every slot beside those of single
 * threads, so there always is one. One thread holds it at a time, from the first record of an event until it
 * leaves memtrace (mt_thread_leave), and takes its stamps meanwhile: so stamps in the ring rise.
 *
 * Whoever holds it has all signals blocked but those that its own instructions can cause. Else a handler could
 * want the ring that the thread it interrupted holds, or leave it held for ever by a siglongjmp. That takes two
 * system calls an event, both of which pthread_create() makes, too. A handler of what cannot be blocked finds the
 * ring held by its own thread: its events are dropped, and counted.
 */
#ifndef MT_PRELOAD_SHARED_H
#define MT_PRELOAD_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/ring.h"

/* Sets a writer up on this process's shared ring. False: there is none. */
bool mt_shared_join(struct mt_ring_writer *writer, uint32_t tid);

/* Holds the ring for this thread; nothing to do where it does. False: an event further out holds it. */
bool mt_shared_hold(struct mt_ring_writer *writer);

/* Lets it go, where this thread holds it. */
void mt_shared_let_go(void);

/* The same, for an event that was left by a siglongjmp, which has set the signals already. */
void mt_shared_abandon(void);

/* The thread that wrote last, by its tid, while it is held; 0: none. */
uint32_t mt_shared_last(void);
void mt_shared_set_last(uint32_t tid);

#endif
