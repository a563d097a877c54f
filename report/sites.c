/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sites.c - see sites.h.
 */
#include "report/sites.h"

#include <stdlib.h>
#include <string.h>

#include "report/estimate.h"

static const char site_sql[] =
        "SELECT stack, allocations, frees, bytes_allocated, bytes_freed, live_blocks, live_bytes,"
        "       peak_blocks, peak_bytes, temporary, allocations_variance,"
        "       bytes_allocated_variance, live_blocks_variance, live_bytes_variance,"
        "       peak_blocks_variance, peak_bytes_variance, temporary_variance"
        " FROM site WHERE process = ?1 ORDER BY stack";

#define FIGURE(name) offsetof(struct mt_site, name), offsetof(struct mt_site, name##_variance)

static const struct mt_measure measures[] = {
        {"leaked", "leaked", "not freed", true, FIGURE(live_bytes)},
        {"peak", "at peak", "live at the peak", true, FIGURE(peak_bytes)},
        {"allocated", "allocated", "allocated, freed or not", true, FIGURE(bytes_allocated)},
        {"calls", "calls", "allocations", false, FIGURE(allocations)},
        {"temporary", "temporary", "allocations, freed before their thread's next one", false,
         FIGURE(temporary)},
        {"growth", "growth", "of anonymous memory (RssAnon and swap) grown", true, FIGURE(growth)},
};

const struct mt_measure *mt_measure_find(const char *word)
{
	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++)
		if (strcmp(measures[i].word, word) == 0)
			return &measures[i];
	return NULL;
}

int64_t mt_measure_of(const struct mt_measure *measure, const struct mt_site *site)
{
	int64_t figure;

	memcpy(&figure, (const char *)site + measure->offset, sizeof(figure));
	return figure;
}

double mt_measure_variance(const struct mt_measure *measure, const struct mt_site *site)
{
	double variance;

	memcpy(&variance, (const char *)site + measure->variance_offset, sizeof(variance));
	return variance;
}

const char *mt_measure_text(const struct mt_measure *measure, struct mt_arena *arena,
                            const struct mt_file *file, int64_t figure, double variance)
{
	return measure->is_bytes ? mt_estimate_bytes(arena, file, figure, variance)
	                         : mt_estimate_of(arena, file, figure, variance, "", "");
}

int64_t mt_sites_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return a < 0 ? INT64_MIN : INT64_MAX;
}

struct ranked {
	struct mt_site site;
	int64_t figure;
};

static int compare(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->figure != b->figure)
		return a->figure > b->figure ? -1 : 1;
	return a->site.stack < b->site.stack ? -1 : a->site.stack > b->site.stack;
}

static struct mt_site read_site(struct mt_rows *rows)
{
	return (struct mt_site){
	        .stack = mt_rows_integer(rows, 0),
	        .allocations = mt_rows_integer(rows, 1),
	        .frees = mt_rows_integer(rows, 2),
	        .bytes_allocated = mt_rows_integer(rows, 3),
	        .bytes_freed = mt_rows_integer(rows, 4),
	        .live_blocks = mt_rows_integer(rows, 5),
	        .live_bytes = mt_rows_integer(rows, 6),
	        .peak_blocks = mt_rows_integer(rows, 7),
	        .peak_bytes = mt_rows_integer(rows, 8),
	        .temporary = mt_rows_integer(rows, 9),
	        .allocations_variance = mt_rows_real(rows, 10),
	        .bytes_allocated_variance = mt_rows_real(rows, 11),
	        .live_blocks_variance = mt_rows_real(rows, 12),
	        .live_bytes_variance = mt_rows_real(rows, 13),
	        .peak_blocks_variance = mt_rows_real(rows, 14),
	        .peak_bytes_variance = mt_rows_real(rows, 15),
	        .temporary_variance = mt_rows_real(rows, 16),
	};
}

int mt_sites_read(struct mt_file *file, const struct mt_process *process,
                  const struct mt_measure *measure, struct mt_site **ret_sites, size_t *ret_count)
{
	struct mt_rows *rows = NULL;
	struct ranked *ranked = NULL;
	struct mt_site *sites;
	size_t count = 0, capacity = 0;
	int next = mt_rows_open(file->reader, site_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, process->id);
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_site site = read_site(rows);
		int64_t figure = mt_measure_of(measure, &site);

		if (figure == 0)
			continue;
		ranked = mt_memory_grow(ranked, count, &capacity, sizeof(*ranked));
		ranked[count++] = (struct ranked){site, figure};
	}
	mt_rows_close(rows);
	if (next < 0) {
		free(ranked);
		return next;
	}
	if (count > 1)
		qsort(ranked, count, sizeof(*ranked), compare);
	sites = mt_memory_new(count, sizeof(*sites));
	for (size_t i = 0; i < count; i++)
		sites[i] = ranked[i].site;
	free(ranked);
	*ret_sites = sites;
	*ret_count = count;
	return 0;
}
