/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacks.h - frames to a 32-bit id, the same id for the same stack.
 *
 * The process keeps hash -> id only; the frames of a new stack go through the ring once. Ids count from 1
 * within a process, forked children start again. 0: no stack.
 */
#ifndef MT_PRELOAD_STACKS_H
#define MT_PRELOAD_STACKS_H

#include <stdint.h>

#include "preload/emit.h"
#include "preload/thread.h"

/* Makes the table's mapping. -errno. */
int mt_stacks_init(void);

/* The id of this thread's present stack from `caller` outwards; defines it in the ring when it is new. */
uint32_t mt_stacks_take(struct mt_thread *thread, uint32_t level, struct mt_ring_writer *writer,
                        const struct mt_caller *caller);

#endif
