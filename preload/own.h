/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * own.h - the library's own memory: where it comes from, and that the collector knows it from the program's.
 *
 * Used at start-up by what keeps tables. The ranges stand in the process's slot, so that no snapshot of its pages
 * takes them for the program's.
 */
#ifndef MT_PRELOAD_OWN_H
#define MT_PRELOAD_OWN_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/segment.h"

/* Zeroed memory that takes room only where it is written to; in a forked child empty again if `is_wiped`. NULL: errno. */
void *mt_own_map(size_t bytes, bool is_wiped);

/* Says in a slot what was mapped so far. A forked child has it all, too. */
void mt_own_tell(struct mt_slot *slot);

#endif
