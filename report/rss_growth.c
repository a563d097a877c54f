/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rss_growth.c - for whom an allocator's free pages were taken from the kernel, and what keeps them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "report/json.h"
#include "report/rss.h"
#include "report/sites.h"
#include "report/stacktext.h"
#include "report/table.h"
#include "report/text.h"

#define NAME_WIDTH 40

static const char free_sql[] =
        "SELECT stack, sum(bytes), sum(CASE kind WHEN 'top' THEN bytes ELSE 0 END) FROM owner"
        " WHERE snapshot = ?1 AND kind IN ('free', 'top') AND stack IS NOT NULL"
        " GROUP BY stack ORDER BY 2 DESC, 1";
/* What lies furthest below a block first. */
static const char pins_sql[] =
        "SELECT kind, start, end, addr, size_bytes, stack, above_bytes FROM pin"
        " WHERE snapshot = ?1 ORDER BY kind <> 'break', addr - start DESC, start";

static int print_free(struct mt_rss_report *report, const struct mt_rss_snapshot *snapshot)
{
	static const struct mt_column columns[] = {
	        {"free", "free", MT_COLUMN_BYTES},
	        {"top", "of it at the top", MT_COLUMN_BYTES},
	        {"function", "taken for", MT_COLUMN_TEXT},
	        {"place", "where", MT_COLUMN_TEXT},
	        {"caller", "called by", MT_COLUMN_TEXT},
	};
	struct mt_rows *rows;
	struct mt_table table;
	size_t count = 0;
	int next = mt_rss_ask(report, free_sql, snapshot->id, &rows);

	if (next < 0)
		return next;
	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_stack *stack;
		struct mt_value *row;
		struct mt_trim trim;

		if (report->limit && count++ >= report->limit)
			continue;
		next = mt_stacks_resolve(report->stacks, mt_rows_integer(rows, 0), &stack);
		if (next < 0)
			break;
		trim = mt_trim_all(stack);
		row = mt_table_add(&table);
		row[0] = mt_value_number(mt_rows_integer(rows, 1));
		row[1] = mt_value_number(mt_rows_integer(rows, 2));
		mt_rss_put_stack(&table.arena, &trim, row + 2);
	}
	mt_rows_close(rows);
	if (next == 0 && table.row_count > 0) {
		puts("\nFree pages of heaps, by the call for which they were taken from the "
		     "kernel\n");
		mt_table_print_text(&table, 0, stdout);
		if (report->limit && count > report->limit)
			printf("and %s (--limit=0 shows all)\n",
			       mt_units_of((int64_t)(count - report->limit), "more site",
			                   "more sites")
			               .text);
	}
	mt_table_free(&table);
	return next;
}

static int print_pin(struct mt_rss_report *report, struct mt_rows *rows)
{
	struct mt_arena *arena = &report->file.arena;
	const char *from = "";
	int64_t start = mt_rows_integer(rows, 1), addr = mt_rows_integer(rows, 3), below;

	if (!mt_rows_is_null(rows, 5)) {
		struct mt_stack *stack;
		struct mt_trim trim;
		int error = mt_stacks_resolve(report->stacks, mt_rows_integer(rows, 5), &stack);

		if (error < 0)
			return error;
		trim = mt_trim_all(stack);
		from = mt_arena_print(arena, " from %s",
		                      mt_stacktext_call(arena, &trim, NAME_WIDTH));
	}
	if (__builtin_sub_overflow(addr, start, &below))
		below = INT64_MAX;
	if (strcmp(mt_rows_text(rows, 0), "break") == 0)
		printf("the break");
	else
		printf("the heap at 0x%" PRIx64, start);
	printf(" cannot go down below 0x%" PRIx64 ", %s from its start: block of %s%s; behind it "
	       "%s\n",
	       addr, mt_units_bytes(below).text, mt_units_bytes(mt_rows_integer(rows, 4)).text,
	       from, mt_units_bytes(mt_rows_integer(rows, 6)).text);
	return 0;
}

static int print_pins(struct mt_rss_report *report, const struct mt_rss_snapshot *snapshot)
{
	struct mt_rows *rows;
	size_t count = 0;
	int next = mt_rss_ask(report, pins_sql, snapshot->id, &rows);

	if (next < 0)
		return next;
	while ((next = mt_rows_next(rows)) == 1) {
		if (report->limit && count >= report->limit) {
			count++;
			continue;
		}
		if (count++ == 0)
			puts("\nWhat holds the ends of heaps, where free() gives memory back\n");
		next = print_pin(report, rows);
		if (next < 0)
			break;
	}
	mt_rows_close(rows);
	if (next == 0 && report->limit && count > report->limit)
		printf("and %s (--limit=0 shows all)\n",
		       mt_units_of((int64_t)(count - report->limit), "more heap", "more heaps")
		               .text);
	return next;
}

int mt_rss_print_growth(struct mt_rss_report *report, const struct mt_rss_snapshot *snapshot)
{
	int error = print_free(report, snapshot);

	return error < 0 ? error : print_pins(report, snapshot);
}

static json_t *pin_json(struct mt_rows *rows, const struct mt_trim *trim)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < trim->count; i++)
		json_array_append_new(lines, mt_json_line(&trim->lines[i]));
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "kind",
	                 mt_json_text(mt_rows_text(rows, 0)), "start",
	                 (json_int_t)mt_rows_integer(rows, 1), "end",
	                 (json_int_t)mt_rows_integer(rows, 2), "address",
	                 (json_int_t)mt_rows_integer(rows, 3), "size_bytes",
	                 (json_int_t)mt_rows_integer(rows, 4), "above_bytes",
	                 (json_int_t)mt_rows_integer(rows, 6), "stack", lines);
}

int mt_rss_pins_json(struct mt_rss_report *report, int64_t snapshot, json_t *ret_pins)
{
	struct mt_rows *rows;
	int next = mt_rss_ask(report, pins_sql, snapshot, &rows);

	if (next < 0)
		return next;
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_trim trim = {0};
		struct mt_stack *stack;

		if (!mt_rows_is_null(rows, 5)) {
			next = mt_stacks_resolve(report->stacks, mt_rows_integer(rows, 5), &stack);
			if (next < 0)
				break;
			trim = mt_trim_own(stack);
		}
		json_array_append_new(ret_pins, pin_json(rows, &trim));
	}
	mt_rows_close(rows);
	return next;
}
