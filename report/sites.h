/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sites.h - the sites of a process (stacks with their totals), ranked by one measure.
 *
 * Used by cmd_top.c and cmd_tree.c. A measure is one row here: the word of --by, its column of the
 * view site, and how it is called in text.
 */
#ifndef MT_REPORT_SITES_H
#define MT_REPORT_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/units.h"
#include "report/file.h"

struct mt_measure {
	const char *word;   /* of --by */
	const char *title;  /* of the column in text */
	const char *phrase; /* behind a figure: "3.4 kB live at the peak" */
	bool is_bytes;      /* else a count */
	size_t offset;      /* of its figure in struct mt_site */
	size_t variance_offset;
};

struct mt_site {
	int64_t stack;
	int64_t allocations;
	int64_t frees;
	int64_t bytes_allocated;
	int64_t bytes_freed;
	int64_t live_blocks;
	int64_t live_bytes;
	int64_t peak_blocks;
	int64_t peak_bytes;
	int64_t temporary;
	int64_t growth; /* of its anonymous memory, by growth.h */
	/* 0 where they are exact */
	double allocations_variance;
	double bytes_allocated_variance;
	double live_blocks_variance;
	double live_bytes_variance;
	double peak_blocks_variance;
	double peak_bytes_variance;
	double temporary_variance;
	double growth_variance;
};

/* The words of --by, for a flag's table of choices. */
#define MT_MEASURE_WORDS "leaked|peak|allocated|calls|temporary|growth"

const struct mt_measure *mt_measure_find(const char *word);
int64_t mt_measure_of(const struct mt_measure *measure, const struct mt_site *site);

double mt_measure_variance(const struct mt_measure *measure, const struct mt_site *site);

/* "3.4 kB" or "1,204", as the measure is; of a sampled session with "≈" and the error. In the arena. */
const char *mt_measure_text(const struct mt_measure *measure, struct mt_arena *arena,
                            const struct mt_file *file, int64_t figure, double variance);

/* The sum of two figures, at most INT64_MAX: only a damaged file has more. */
int64_t mt_sites_add(int64_t a, int64_t b);

/* Those whose figure is not 0, the largest first; give back with free(). 0 or -errno. */
int mt_sites_read(struct mt_file *file, const struct mt_process *process,
                  const struct mt_measure *measure, struct mt_site **ret_sites, size_t *ret_count);

#endif
