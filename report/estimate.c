/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * estimate.c - see estimate.h.
 */
#include "report/estimate.h"

#include <math.h>

#include "base/units.h"

int64_t mt_estimate_error(double variance)
{
	double error = variance > 0 ? sqrt(variance) : 0;

	/* Only a damaged file has more. */
	return error < 9e18 ? (int64_t)llround(error) : INT64_MAX;
}

const char *mt_estimate_bytes(struct mt_arena *arena, const struct mt_file *file, int64_t bytes,
                              double variance)
{
	if (!file->sample_bytes)
		return mt_arena_text(arena, mt_units_bytes(bytes).text);
	return mt_arena_print(arena, "≈ %s ± %s", mt_units_bytes(bytes).text,
	                      mt_units_bytes(mt_estimate_error(variance)).text);
}

const char *mt_estimate_of(struct mt_arena *arena, const struct mt_file *file, int64_t count,
                           double variance, const char *one, const char *many)
{
	const char *word = count == 1 && !file->sample_bytes ? one : many;
	const char *gap = *word ? " " : "";

	if (!file->sample_bytes)
		return mt_arena_print(arena, "%s%s%s", mt_units_count(count).text, gap, word);
	return mt_arena_print(arena, "≈ %s ± %s%s%s", mt_units_count(count).text,
	                      mt_units_count(mt_estimate_error(variance)).text, gap, word);
}
