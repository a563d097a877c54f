/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * growth_top.c - memtrace top --by=growth, as text, JSON and CSV; see growth.h.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/units.h"
#include "report/arguments.h"
#include "report/doubts.h"
#include "report/growth.h"
#include "report/json.h"
#include "report/stacktext.h"
#include "report/table.h"
#include "report/text.h"

#define NAME_WIDTH  40
#define PLACE_WIDTH 32

struct report {
	struct mt_file file;
	struct mt_stacks *stacks;
	size_t limit; /* 0: none */
};

/* ---- text ---- */

static void add_figures(struct mt_table *table, const struct mt_growth_diff *diff, int64_t bytes,
                        const char *kind, const char *function)
{
	struct mt_value *row = mt_table_add(table);

	row[0] = mt_value_number(bytes);
	row[1] = mt_value_text(
	        mt_arena_text(&table->arena, mt_units_share(bytes, diff->bytes).text));
	row[2] = mt_value_text(mt_text_clean(&table->arena, kind));
	row[3] = mt_value_text(function);
	row[4] = row[5] = mt_value_text("");
}

static int add_site(struct report *report, struct mt_table *table,
                    const struct mt_growth_diff *diff, const struct mt_growth_row *from)
{
	struct mt_stack *stack;
	struct mt_trim trim;
	struct mt_value *row;
	int error = mt_stacks_resolve(report->stacks, from->stack, &stack);

	if (error < 0)
		return error;
	trim = mt_trim_all(stack);
	add_figures(table, diff, from->bytes, from->kind,
	            mt_stacktext_function_at(&table->arena, &trim, 0, NAME_WIDTH));
	row = &table->values[(table->row_count - 1) * table->column_count];
	if (trim.count)
		row[4] = mt_value_text(mt_stacktext_place(&table->arena, trim.lines, PLACE_WIDTH));
	row[5] = mt_value_text(mt_stacktext_function_at(&table->arena, &trim, 1, NAME_WIDTH));
	return 0;
}

static int print_rows(struct report *report, const struct mt_growth_diff *diff)
{
	static const struct mt_column columns[] = {
	        {"growth", "growth", MT_COLUMN_BYTES}, {"share", "share", MT_COLUMN_TEXT_RIGHT},
	        {"kind", "kind", MT_COLUMN_TEXT},      {"function", "function", MT_COLUMN_TEXT},
	        {"place", "where", MT_COLUMN_TEXT},    {"caller", "called by", MT_COLUMN_TEXT},
	};
	size_t shown = report->limit && report->limit < diff->stack_count ? report->limit
	                                                                  : diff->stack_count;
	int64_t rest = 0;
	struct mt_table table;
	int error = 0;

	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < shown && error >= 0; i++)
		error = add_site(report, &table, diff, &diff->rows[i]);
	for (size_t i = shown; i < diff->stack_count; i++)
		rest = mt_sites_add(rest, diff->rows[i].bytes);
	if (shown < diff->stack_count)
		add_figures(&table, diff, rest, "",
		            mt_arena_print(&table.arena, "(%s: --limit=0 shows all)",
		                           mt_units_of((int64_t)(diff->stack_count - shown),
		                                       "more site", "more sites")
		                                   .text));
	for (size_t i = diff->stack_count; i < diff->count; i++)
		add_figures(&table, diff, diff->rows[i].bytes, diff->rows[i].kind,
		            mt_growth_describe(diff->rows[i].kind));
	add_figures(&table, diff, diff->bytes, "sum", "");
	if (error >= 0)
		mt_table_print_text(&table, 0, stdout);
	mt_table_free(&table);
	return error;
}

static int print_text(struct report *report, const struct mt_process *process,
                      const struct mt_growth_diff *diff)
{
	int error;

	printf("%s, pid %" PRId64 ", %s: its anonymous memory (RssAnon and swap) grew by %s %s\n\n",
	       mt_text_clean(&report->file.arena, process->command), process->pid,
	       mt_file_end(&report->file, process), mt_units_bytes(diff->bytes).text,
	       mt_growth_span(&report->file.arena, diff));
	error = print_rows(report, diff);
	mt_doubts_process(&report->file, process);
	putchar('\n');
	return error;
}

/* ---- JSON and CSV ---- */

static const struct mt_column columns[] = {
        {"pid", "pid", MT_COLUMN_NUMBER},         {"command", "command", MT_COLUMN_TEXT},
        {"from", "from", MT_COLUMN_NUMBER},       {"to", "to", MT_COLUMN_NUMBER},
        {"kind", "kind", MT_COLUMN_TEXT},         {"growth_bytes", "growth", MT_COLUMN_BYTES},
        {"function", "function", MT_COLUMN_TEXT}, {"file", "file", MT_COLUMN_TEXT},
        {"line", "line", MT_COLUMN_NUMBER},       {"stack", "stack", MT_COLUMN_TEXT},
};

static int add_rows(struct report *report, const struct mt_process *process,
                    const struct mt_growth_diff *diff, struct mt_table *table)
{
	for (size_t i = 0; i < diff->count; i++) {
		const struct mt_growth_row *from = &diff->rows[i];
		struct mt_stack *stack = NULL;
		struct mt_value *row;

		if (from->stack) {
			int error = mt_stacks_resolve(report->stacks, from->stack, &stack);

			if (error < 0)
				return error;
		}
		row = mt_table_add(table);
		row[0] = mt_value_number(process->pid);
		row[1] = mt_value_text(process->command);
		row[2] = mt_value_number(diff->from);
		row[3] = mt_value_number(diff->to);
		row[4] = mt_value_text(from->kind);
		row[5] = mt_value_number(from->bytes);
		mt_stacktext_cells(&table->arena, stack, row + 6);
	}
	return 0;
}

static int print_json(struct report *report, const struct mt_process *process,
                      const struct mt_growth_diff *diff, struct mt_json_out *out)
{
	json_t *head = mt_json_process(process);
	int error = 0;

	json_object_set_new(head, "from", json_integer(diff->from));
	json_object_set_new(head, "to", json_integer(diff->to));
	json_object_set_new(head, "growth_bytes", json_integer(diff->bytes));
	mt_json_open(out, head, "sites");
	for (size_t i = 0; i < diff->count && error >= 0; i++) {
		struct mt_trim trim = {0};
		struct mt_stack *stack;

		if (diff->rows[i].stack) {
			error = mt_stacks_resolve(report->stacks, diff->rows[i].stack, &stack);
			if (error < 0)
				break;
			trim = mt_trim_own(stack);
		}
		head = json_object();
		json_object_set_new(head, "kind", mt_json_text(diff->rows[i].kind));
		json_object_set_new(head, "growth_bytes", json_integer(diff->rows[i].bytes));
		mt_json_stack(out, head, &trim);
	}
	mt_json_close(out);
	return error;
}

/* ---- All processes ---- */

static int report_all(struct report *report, enum mt_format format, int64_t from, int64_t to,
                      bool *ret_found)
{
	struct mt_json_out out = {0};
	struct mt_table table;
	int error = 0;

	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	if (format == MT_FORMAT_JSON)
		mt_json_open(&out,
		             json_pack("{s:s, s:s}", "state", mt_json_state(&report->file), "by",
		                       MT_GROWTH_WORD),
		             "processes");
	for (size_t i = 0; i < report->file.process_count && error >= 0; i++) {
		const struct mt_process *process = &report->file.processes[i];
		struct mt_growth_diff diff;

		error = mt_growth_read(&report->file, process, from, to, &diff);
		if (error >= 0 && diff.to) {
			*ret_found = true;
			error = format == MT_FORMAT_JSON  ? print_json(report, process, &diff, &out)
			        : format == MT_FORMAT_CSV ? add_rows(report, process, &diff, &table)
			                                  : print_text(report, process, &diff);
		}
		mt_growth_free(&diff);
	}
	if (format == MT_FORMAT_JSON)
		mt_json_close(&out);
	else if (format == MT_FORMAT_CSV && error >= 0)
		mt_table_print_csv(&table, stdout);
	mt_table_free(&table);
	return error;
}

int mt_growth_top(const struct mt_call *call, size_t limit)
{
	struct report report = {.limit = limit};
	enum mt_format format = mt_arguments_format(call);
	bool found = false;
	int64_t from, to;
	int error, status = mt_growth_asked(call, &from, &to);

	if (status == MT_EXIT_FINE)
		status = mt_file_open(call, &report.file);
	if (status != MT_EXIT_FINE)
		return status;
	report.stacks = mt_stacks_open(&report.file);
	error = report_all(&report, format, from, to, &found);
	if (error < 0)
		status = mt_file_say_error(&report.file, error);
	else if (!found)
		status = mt_growth_none(&report.file, from, to);
	else if (format == MT_FORMAT_TEXT)
		printf("Next: memtrace tree --by=growth %s\n", report.file.shown);
	mt_stacks_close(report.stacks);
	mt_file_close(&report.file);
	return status;
}
