/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pages.c - see pages.h.
 */
#include "report/pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/json.h"
#include "report/table.h"
#include "report/text.h"

#define FLAGS_BYTES 256

static const char *state_of(const struct mt_frame_run *run)
{
	if (run->bits & MT_PAGEMAP_UNMAPPED)
		return "not mapped";
	if (run->bits & MT_PAGEMAP_PRESENT)
		return run->bits & MT_PAGEMAP_FILE ? "file" : "anonymous";
	if (run->bits & MT_PAGEMAP_SWAPPED)
		return "swapped";
	return run->bits & MT_PAGEMAP_GUARD ? "guard" : "not there";
}

static const char *marks_of(struct mt_arena *arena, const struct mt_frame_run *run)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} rows[] = {
	        {MT_PAGEMAP_EXCLUSIVE, "exclusive"},
	        {MT_PAGEMAP_SOFT_DIRTY, "soft-dirty"},
	        {MT_PAGEMAP_WRITE_PROTECTED, "write-protected"},
	};
	const char *marks = "";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (run->bits & rows[i].bit)
			marks = mt_arena_print(arena, "%s%s%s", marks, *marks ? " " : "",
			                       rows[i].name);
	return marks;
}

static struct mt_value flags_of(struct mt_arena *arena, const struct mt_frame_run *run)
{
	char text[FLAGS_BYTES] = "";

	if (!run->has_flags)
		return mt_value_unknown();
	mt_frame_flags_text(run->flags, text, sizeof(text));
	return mt_value_text(mt_arena_text(arena, text));
}

static struct mt_value number_if(bool is_known, uint64_t number)
{
	return is_known ? mt_value_number((int64_t)number) : mt_value_unknown();
}

/* "System RAM" of /proc/iomem, or where in swap. */
static struct mt_value place_of(const struct mt_pages *pages, struct mt_arena *arena,
                                const struct mt_frame_run *run)
{
	char text[FLAGS_BYTES] = "";

	if (run->bits & MT_PAGEMAP_SWAPPED)
		return mt_value_text(mt_arena_print(arena, "swap %u, offset %" PRIu64,
		                                    run->swap_type, run->swap_offset));
	if (run->frame == MT_FRAME_UNKNOWN || !pages->iomem)
		return mt_value_unknown();
	mt_frame_range_name(pages->iomem, run->frame * pages->page_bytes, text, sizeof(text));
	return mt_value_text(*text ? mt_text_clean(arena, mt_arena_text(arena, text)) : NULL);
}

static void fill_row(const struct mt_pages *pages, struct mt_arena *arena,
                     const struct mt_frame_run *run, struct mt_value *row)
{
	row[0] = mt_value_text(mt_arena_print(arena, "%" PRIx64, run->start));
	row[1] = mt_value_number((int64_t)run->pages);
	row[2] = mt_value_number((int64_t)(run->pages * pages->page_bytes));
	row[3] = mt_value_text(state_of(run));
	row[4] = mt_value_text(marks_of(arena, run));
	if (run->frame != MT_FRAME_UNKNOWN)
		row[5] = mt_value_text(mt_arena_print(arena, "%" PRIx64, run->frame));
	row[6] = number_if(run->mapped != MT_FRAME_UNKNOWN, run->mapped);
	row[7] = number_if(run->node != MT_NODE_UNKNOWN, (uint64_t)run->node);
	row[8] = place_of(pages, arena, run);
	row[9] = flags_of(arena, run);
}

/* ---- By kind ---- */

static int by_kind(const void *left, const void *right)
{
	const struct mt_frame_run *a = left, *b = right;

	if (a->bits != b->bits)
		return a->bits > b->bits ? -1 : 1;
	return (a->flags < b->flags) - (a->flags > b->flags);
}

static void fill_summary(struct mt_pages *pages, struct mt_table *table)
{
	struct mt_frames *frames = &pages->frames;
	size_t kept = 0;

	if (frames->count == 0)
		return;
	qsort(frames->runs, frames->count, sizeof(*frames->runs), by_kind);
	for (size_t i = 1; i < frames->count; i++) {
		if (by_kind(&frames->runs[kept], &frames->runs[i]) == 0)
			frames->runs[kept].pages += frames->runs[i].pages;
		else
			frames->runs[++kept] = frames->runs[i];
	}
	for (size_t i = 0; i <= kept; i++) {
		const struct mt_frame_run *run = &frames->runs[i];
		struct mt_value *row = mt_table_add(table);

		row[0] = mt_value_number((int64_t)run->pages);
		row[1] = mt_value_number((int64_t)(run->pages * pages->page_bytes));
		row[2] = mt_value_text(state_of(run));
		row[3] = mt_value_text(marks_of(&table->arena, run));
		row[4] = flags_of(&table->arena, run);
	}
}

/* ---- What cannot be told ---- */

/* Which right is missing, and what it hides; NULL: nothing. */
static const char *missing_of(struct mt_arena *arena, const struct mt_frames *frames)
{
	if (frames->frames_hidden)
		return "frame numbers, and what the kernel says of them, need CAP_SYS_ADMIN (root)";
	if (frames->counts_error || frames->flags_error)
		return mt_arena_print(arena, "/proc/kpagecount, /proc/kpageflags: %s",
		                      strerror(frames->counts_error ? -frames->counts_error
		                                                    : -frames->flags_error));
	return NULL;
}

static void print_text(const struct mt_pages *pages, const struct mt_table *table,
                       const char *missing)
{
	mt_table_print_text(table, 0, stdout);
	if (missing)
		printf("\n%s\n", missing);
	if (pages->frames.nodes_error)
		printf("\nnodes: %s\n", strerror(-pages->frames.nodes_error));
	if (pages->is_cut)
		printf("\nand more (--limit=0 shows all)\n");
}

static void print_json(const struct mt_pages *pages, const struct mt_table *table,
                       const char *missing)
{
	json_t *json = json_object();

	json_object_set_new(json, "pid", json_integer(pages->pid));
	json_object_set_new(json, "page_bytes", json_integer((json_int_t)pages->page_bytes));
	json_object_set_new(json, "missing", mt_json_text(missing));
	json_object_set_new(json, "runs", mt_table_json(table));
	mt_json_print(json);
}

void mt_pages_print(struct mt_pages *pages, enum mt_format format, bool is_summary, bool is_wide)
{
	static const struct mt_column summary_columns[] = {
	        {"pages", "pages", MT_COLUMN_COUNT}, {"bytes", NULL, MT_COLUMN_BYTES},
	        {"state", "state", MT_COLUMN_TEXT},  {"marks", "marks", MT_COLUMN_TEXT},
	        {"flags", "flags", MT_COLUMN_TEXT},
	};
	const struct mt_column columns[] = {
	        {"address", "address", MT_COLUMN_TEXT_RIGHT},
	        {"pages", "pages", MT_COLUMN_COUNT},
	        {"bytes", NULL, MT_COLUMN_BYTES},
	        {"state", "state", MT_COLUMN_TEXT},
	        {"marks", "marks", MT_COLUMN_TEXT},
	        {"frame", "frame", MT_COLUMN_TEXT_RIGHT},
	        {"mapped", "mapped", MT_COLUMN_COUNT},
	        {"node", "node", MT_COLUMN_NUMBER},
	        {"place", is_wide ? "where" : NULL, MT_COLUMN_TEXT},
	        {"flags", is_wide ? "flags" : NULL, MT_COLUMN_TEXT},
	};
	const char *missing;
	struct mt_table table;

	mt_table_init(&table, is_summary ? summary_columns : columns,
	              is_summary ? sizeof(summary_columns) / sizeof(summary_columns[0])
	                         : sizeof(columns) / sizeof(columns[0]));
	if (is_summary)
		fill_summary(pages, &table);
	else
		for (size_t i = 0; i < pages->frames.count; i++)
			fill_row(pages, &table.arena, &pages->frames.runs[i], mt_table_add(&table));
	missing = missing_of(&table.arena, &pages->frames);
	switch (format) {
	case MT_FORMAT_CSV: mt_table_print_csv(&table, stdout); break;
	case MT_FORMAT_JSON: print_json(pages, &table, missing); break;
	case MT_FORMAT_TEXT: print_text(pages, &table, missing); break;
	}
	mt_table_free(&table);
}
