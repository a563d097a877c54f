/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * growth.c - see growth.h.
 */
#include "report/growth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/arguments.h"
#include "report/say.h"

/* ?1 from, ?2 to, ?3 the process: the snapshot `to`, or its last one, and whether there is `from`. */
static const char span_sql[] =
        "SELECT max(CASE WHEN ?2 IN (0, snapshot.id) THEN snapshot.id END),"
        " ?1 = 0 OR sum(snapshot.id = ?1) > 0"
        " FROM snapshot JOIN resident ON resident.snapshot = snapshot.id WHERE process = ?3";
static const char rows_sql[] =
        "SELECT kind, stack, sum(CASE snapshot WHEN ?2 THEN resident_bytes + swapped_bytes"
        " ELSE -resident_bytes - swapped_bytes END) AS bytes"
        " FROM anonymous WHERE snapshot IN (?1, ?2) GROUP BY kind, stack HAVING bytes <> 0"
        " ORDER BY stack IS NULL, bytes DESC, kind, stack";

int mt_growth_asked(const struct mt_call *call, int64_t *ret_from, int64_t *ret_to)
{
	const char *by = mt_arguments_value(call, "by");

	*ret_from = *ret_to = 0;
	if (!mt_arguments_has(call, "diff"))
		return MT_EXIT_FINE;
	if (by && strcmp(by, MT_GROWTH_WORD) == 0)
		return mt_arguments_pair(call, "diff", ret_from, ret_to);
	mt_say("--diff is for --by=growth");
	return MT_EXIT_USAGE;
}

static int read_span(struct mt_file *file, const struct mt_process *process, int64_t from,
                     int64_t to, struct mt_growth_diff *diff)
{
	struct mt_rows *rows;
	int next = mt_rows_open(file->reader, span_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, from);
	mt_rows_bind(rows, 2, to);
	mt_rows_bind(rows, 3, process->id);
	next = mt_rows_next(rows);
	if (next == 1 && !mt_rows_is_null(rows, 0) && mt_rows_integer(rows, 1)) {
		diff->from = from;
		diff->to = mt_rows_integer(rows, 0);
	}
	mt_rows_close(rows);
	return next < 0 ? next : 0;
}

int mt_growth_read(struct mt_file *file, const struct mt_process *process, int64_t from, int64_t to,
                   struct mt_growth_diff *ret_diff)
{
	struct mt_growth_diff diff = {0};
	size_t capacity = 0;
	struct mt_rows *rows;
	int next = read_span(file, process, from, to, &diff);

	if (next == 0 && diff.to)
		next = mt_rows_open(file->reader, rows_sql, &rows, NULL);
	if (next < 0 || !diff.to) {
		*ret_diff = diff;
		return next;
	}
	mt_rows_bind(rows, 1, diff.from);
	mt_rows_bind(rows, 2, diff.to);
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_growth_row row = {
		        .kind = mt_arena_text(&file->arena, mt_rows_text(rows, 0)),
		        .stack = mt_rows_is_null(rows, 1) ? 0 : mt_rows_integer(rows, 1),
		        .bytes = mt_rows_integer(rows, 2)};

		diff.rows = mt_memory_grow(diff.rows, diff.count, &capacity, sizeof(*diff.rows));
		diff.rows[diff.count++] = row;
		diff.stack_count += row.stack != 0;
		diff.bytes = mt_sites_add(diff.bytes, row.bytes);
	}
	mt_rows_close(rows);
	*ret_diff = diff;
	return next;
}

void mt_growth_free(struct mt_growth_diff *diff)
{
	free(diff->rows);
	memset(diff, 0, sizeof(*diff));
}

static int by_stack(const void *left, const void *right)
{
	const struct mt_site *a = left, *b = right;

	return (a->stack > b->stack) - (a->stack < b->stack);
}

struct mt_site *mt_growth_sites(const struct mt_growth_diff *diff, size_t *ret_count)
{
	struct mt_site *sites = mt_memory_new(diff->stack_count + 1, sizeof(*sites));
	size_t count = 0;

	for (size_t i = 0; i < diff->stack_count; i++)
		sites[i] = (struct mt_site){.stack = diff->rows[i].stack,
		                            .growth = diff->rows[i].bytes};
	qsort(sites, diff->stack_count, sizeof(*sites), by_stack);
	for (size_t i = 0; i < diff->stack_count; i++) {
		if (count > 0 && sites[count - 1].stack == sites[i].stack)
			sites[count - 1].growth =
			        mt_sites_add(sites[count - 1].growth, sites[i].growth);
		else
			sites[count++] = sites[i];
	}
	*ret_count = count;
	return sites;
}

const char *mt_growth_span(struct mt_arena *arena, const struct mt_growth_diff *diff)
{
	if (diff->from == 0)
		return mt_arena_print(arena, "from the start to snapshot %" PRId64, diff->to);
	return mt_arena_print(arena, "from snapshot %" PRId64 " to snapshot %" PRId64, diff->from,
	                      diff->to);
}

const char *mt_growth_describe(const char *kind)
{
	static const struct {
		const char *kind;
		const char *words;
	} rows[] = {
	        {"break", "(the heap, by nobody that was seen)"},
	        {"heap", "(a thread's heap, by nobody that was seen)"},
	        {"chunk", "(a block's own mapping, by nobody that was seen)"},
	        {"mapping", "(a mapping, by nobody that was seen)"},
	        {"stack", "(stacks of threads)"},
	        {"file", "(pages of files that were written to)"},
	        {"memtrace", "(memtrace's own)"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].kind, kind) == 0)
			return rows[i].words;
	return "(other: before the program's first line, or not seen)";
}

int mt_growth_none(const struct mt_file *file, int64_t from, int64_t to)
{
	if (from || to)
		mt_say("there are no snapshots %" PRId64 " and %" PRId64
		       " of resident memory of one process in '%s'",
		       from, to, file->path);
	else
		mt_say("there is no snapshot of resident memory in '%s': take one with memtrace "
		       "rss PID while the program runs",
		       file->path);
	return MT_EXIT_CANNOT;
}
