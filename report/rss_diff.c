/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rss_diff.c - see rss_diff.h.
 */
#include "report/rss_diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "report/json.h"
#include "report/stacktext.h"
#include "report/table.h"
#include "report/text.h"

#define NAME_WIDTH 48

/* ?1 before, ?2 after. A file and a thread are named, as their numbers differ from process to process. */
static const char resident_sql[] =
        "SELECT (SELECT resident_bytes FROM resident WHERE snapshot = ?1),"
        " (SELECT resident_bytes FROM resident WHERE snapshot = ?2)";
static const char changes_sql[] =
        "SELECT kind, stack, file, tid,"
        " sum(CASE snapshot WHEN ?2 THEN bytes ELSE -bytes END) AS change"
        " FROM resident_owner WHERE snapshot IN (?1, ?2) GROUP BY kind, stack, file, tid"
        " HAVING change <> 0 ORDER BY abs(change) DESC, 1";
static const char kinds_sql[] =
        "SELECT kind, sum(CASE snapshot WHEN ?2 THEN bytes ELSE -bytes END)"
        " FROM owner WHERE snapshot IN (?1, ?2) GROUP BY kind HAVING sum(CASE snapshot WHEN ?2"
        " THEN bytes ELSE -bytes END) <> 0 ORDER BY abs(sum(CASE snapshot"
        " WHEN ?2 THEN bytes ELSE -bytes END)) DESC, 1";

struct diff {
	struct mt_file *file;
	struct mt_stacks *stacks;
	int64_t from;
	int64_t to;
	int64_t before_bytes;
	int64_t after_bytes;
	size_t limit;
};

static int ask(const struct diff *diff, const char *sql, struct mt_rows **ret_rows)
{
	int error = mt_rows_open(diff->file->reader, sql, ret_rows, NULL);

	if (error == 0) {
		mt_rows_bind(*ret_rows, 1, diff->from);
		mt_rows_bind(*ret_rows, 2, diff->to);
	}
	return error;
}

static int read_resident(struct diff *diff)
{
	struct mt_rows *rows;
	int next = ask(diff, resident_sql, &rows);

	if (next < 0)
		return next;
	next = mt_rows_next(rows);
	if (next == 1 && (mt_rows_is_null(rows, 0) || mt_rows_is_null(rows, 1)))
		next = -ENOENT;
	diff->before_bytes = mt_rows_integer(rows, 0);
	diff->after_bytes = mt_rows_integer(rows, 1);
	mt_rows_close(rows);
	return next < 0 ? next : 0;
}

/* "+3.4 MB" */
static struct mt_value change_value(struct mt_arena *arena, int64_t bytes)
{
	return mt_value_text(
	        mt_arena_print(arena, "%s%s", bytes > 0 ? "+" : "", mt_units_bytes(bytes).text));
}

static int print_kinds(const struct diff *diff)
{
	static const struct mt_column columns[] = {
	        {"change", "change", MT_COLUMN_TEXT_RIGHT},
	        {"kind", "kind", MT_COLUMN_TEXT},
	};
	struct mt_rows *rows;
	struct mt_table table;
	int64_t sum = 0;
	int next = ask(diff, kinds_sql, &rows);

	if (next < 0)
		return next;
	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_value *row = mt_table_add(&table);

		if (__builtin_add_overflow(sum, mt_rows_integer(rows, 1), &sum))
			sum = INT64_MAX;
		row[0] = change_value(&table.arena, mt_rows_integer(rows, 1));
		row[1] = mt_value_text(mt_text_clean(
		        &table.arena, mt_arena_text(&table.arena, mt_rows_text(rows, 0))));
	}
	mt_rows_close(rows);
	if (next == 0) {
		struct mt_value *row = mt_table_add(&table);

		row[0] = change_value(&table.arena, sum);
		row[1] = mt_value_text("sum");
		mt_table_print_text(&table, 0, stdout);
	}
	mt_table_free(&table);
	return next;
}

/* Whose it is: the innermost functions, a file, a thread. */
static int owner_text(const struct diff *diff, struct mt_arena *arena, struct mt_rows *rows,
                      const char **ret_text)
{
	struct mt_stack *stack;
	struct mt_trim trim;
	int error;

	*ret_text = "";
	if (!mt_rows_is_null(rows, 3))
		*ret_text = mt_arena_print(arena, "thread %" PRId64, mt_rows_integer(rows, 3));
	else if (!mt_rows_is_null(rows, 2))
		*ret_text = mt_text_clean(arena, mt_arena_text(arena, mt_rows_text(rows, 2)));
	if (mt_rows_is_null(rows, 1))
		return 0;
	error = mt_stacks_resolve(diff->stacks, mt_rows_integer(rows, 1), &stack);
	if (error < 0)
		return error;
	trim = mt_trim_all(stack);
	*ret_text = mt_stacktext_call(arena, &trim, NAME_WIDTH);
	return 0;
}

static int print_changes(const struct diff *diff)
{
	static const struct mt_column columns[] = {
	        {"change", "change", MT_COLUMN_TEXT_RIGHT},
	        {"kind", "kind", MT_COLUMN_TEXT},
	        {"owner", "of", MT_COLUMN_TEXT},
	};
	struct mt_rows *rows;
	struct mt_table table;
	size_t count = 0;
	int next = ask(diff, changes_sql, &rows);

	if (next < 0)
		return next;
	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_value *row;
		const char *owner;
		int error;

		if (diff->limit && count++ >= diff->limit)
			continue;
		error = owner_text(diff, &table.arena, rows, &owner);
		if (error < 0) {
			next = error;
			break;
		}
		row = mt_table_add(&table);
		row[0] = change_value(&table.arena, mt_rows_integer(rows, 4));
		row[1] = mt_value_text(mt_text_clean(
		        &table.arena, mt_arena_text(&table.arena, mt_rows_text(rows, 0))));
		row[2] = mt_value_text(owner);
	}
	mt_rows_close(rows);
	if (next == 0)
		mt_table_print_text(&table, 0, stdout);
	mt_table_free(&table);
	if (next == 0 && diff->limit && count > diff->limit)
		printf("and %s (--limit=0 shows all)\n",
		       mt_units_of((int64_t)(count - diff->limit), "more", "more").text);
	return next;
}

static int print_json(const struct diff *diff)
{
	struct mt_json_out out = {0};
	struct mt_rows *rows;
	int next = ask(diff, changes_sql, &rows);

	if (next < 0)
		return next;
	mt_json_open(&out,
	             json_pack("{s:I, s:I, s:I, s:I, s:I}", "from", (json_int_t)diff->from, "to",
	                       (json_int_t)diff->to, "before_bytes", (json_int_t)diff->before_bytes,
	                       "after_bytes", (json_int_t)diff->after_bytes, "change_bytes",
	                       (json_int_t)(diff->after_bytes - diff->before_bytes)),
	             "owners");
	while ((next = mt_rows_next(rows)) == 1) {
		json_t *owner = json_object();
		struct mt_trim trim = {0};

		json_object_set_new(owner, "kind", mt_json_text(mt_rows_text(rows, 0)));
		json_object_set_new(owner, "change_bytes", json_integer(mt_rows_integer(rows, 4)));
		json_object_set_new(
		        owner, "file",
		        mt_json_text(mt_rows_is_null(rows, 2) ? NULL : mt_rows_text(rows, 2)));
		json_object_set_new(
		        owner, "thread",
		        mt_json_number(!mt_rows_is_null(rows, 3), mt_rows_integer(rows, 3)));
		if (!mt_rows_is_null(rows, 1)) {
			struct mt_stack *stack;
			int error =
			        mt_stacks_resolve(diff->stacks, mt_rows_integer(rows, 1), &stack);

			if (error < 0) {
				json_decref(owner);
				next = error;
				break;
			}
			trim = mt_trim_own(stack);
		}
		mt_json_stack(&out, owner, &trim);
	}
	mt_rows_close(rows);
	mt_json_close(&out);
	return next;
}

int mt_rss_diff_print(struct mt_file *file, struct mt_stacks *stacks, int64_t from, int64_t to,
                      size_t limit, bool is_json)
{
	struct diff diff = {.file = file, .stacks = stacks, .from = from, .to = to, .limit = limit};
	int error = read_resident(&diff);

	if (error < 0)
		return error;
	if (is_json)
		return print_json(&diff);
	printf("resident: %s in snapshot %" PRId64 ", %s in snapshot %" PRId64 "\n\n",
	       mt_units_bytes(diff.before_bytes).text, from, mt_units_bytes(diff.after_bytes).text,
	       to);
	error = print_kinds(&diff);
	if (error == 0) {
		putchar('\n');
		error = print_changes(&diff);
	}
	return error;
}
