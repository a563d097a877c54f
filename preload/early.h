/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * early.h - events that happen before the constructor has run.
 *
 * A few calls of the loader come that early. They are kept in a small static log and written to the ring
 * when there is one; what finds no room is counted in the process's slot.
 */
#ifndef MT_PRELOAD_EARLY_H
#define MT_PRELOAD_EARLY_H

#include <stddef.h>

#include "preload/emit.h"

/* Keeps one event of the malloc family; others are dropped and counted. Any context. */
void mt_early_keep(enum mt_event_type type, const struct mt_caller *caller, const void *addr,
                   size_t size_bytes);

/* Writes what was kept. Called once, by the constructor, when this thread is attached. */
void mt_early_flush(void);

#endif
