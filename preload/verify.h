/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verify.h - unwind=verify: the cheap walk held against libunwind's.
 *
 * Called by unwind.c for each stack. What differs is counted in the process's slot; the first few differences
 * are said, with both walks from shortly before the first frame that is not the same.
 */
#ifndef MT_PRELOAD_VERIFY_H
#define MT_PRELOAD_VERIFY_H

#include <stdint.h>

#include "preload/walk.h"

/*
 * Compares the walk just taken in `tail` with frames of libunwind that begin with the same caller. Up to our cut
 * they must be the same; without a cut both must end together.
 */
void mt_verify(const struct mt_tail *tail, const struct mt_walk *walk, void *const *frames,
               uint32_t depth);

#endif
