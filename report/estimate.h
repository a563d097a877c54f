/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * estimate.h - figures that may be estimates, as text and as numbers.
 *
 * Used by every command that prints figures of the heap. Where the session recorded a sample (mt_file.sample_bytes),
 * a figure comes with its variance; its error is the standard error, the root of that. Exact figures have the
 * variance 0 and are printed as ever.
 */
#ifndef MT_REPORT_ESTIMATE_H
#define MT_REPORT_ESTIMATE_H

#include <stdint.h>

#include "report/file.h"

/* The standard error, in whole units. */
int64_t mt_estimate_error(double variance);

/* "12.3 MB", or "≈ 12.3 MB ± 410 kB"; in the arena. */
const char *mt_estimate_bytes(struct mt_arena *arena, const struct mt_file *file, int64_t bytes,
                              double variance);

/* "1,204 blocks", or "≈ 1,204 ± 33 blocks"; in the arena. `many` may be "": the number alone. */
const char *mt_estimate_of(struct mt_arena *arena, const struct mt_file *file, int64_t count,
                           double variance, const char *one, const char *many);

#endif
