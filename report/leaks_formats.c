/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leaks_formats.c - the leaks of a file as JSON, as CSV and as mtrace(1) lists them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/units.h"
#include "report/estimate.h"
#include "report/json.h"
#include "report/leaks.h"
#include "report/say.h"
#include "report/stacktext.h"
#include "report/table.h"
#include "report/text.h"
#include "report/trim.h"

static const char block_sql[] = "SELECT block.addr, block.size_bytes, block.stack"
                                " FROM block JOIN snapshot ON snapshot.id = block.snapshot"
                                " WHERE snapshot.process = ?1 AND snapshot.reason = 'exit' ORDER "
                                "BY block.born_ns, block.addr";

/* ---- mtrace ---- */

static int print_mtrace_blocks(struct mt_file *file, struct mt_stacks *stacks,
                               const struct mt_process *process, size_t *blocks)
{
	struct mt_arena arena = {0};
	struct mt_rows *rows = NULL;
	int next = mt_rows_open(file->reader, block_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, process->id);
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_stack *stack;
		struct mt_trim trim;
		const struct mt_symbol *symbol;

		next = mt_stacks_resolve(stacks, mt_rows_integer(rows, 2), &stack);
		if (next < 0)
			break;
		if ((*blocks)++ == 0)
			puts("\nMemory not freed:\n-----------------\n           Address     Size  "
			     "   Caller");
		printf("%#018" PRIx64 " %#8" PRIx64 "  at ", mt_rows_integer(rows, 0),
		       mt_rows_integer(rows, 1));
		trim = mt_trim_all(stack);
		symbol = trim.count > 0 ? trim.lines[0].symbol : NULL;
		if (symbol && symbol->file && symbol->line > 0)
			printf("%s:%" PRId64 "\n",
			       mt_text_clean(&arena, mt_text_plain_path(&arena, symbol->file)),
			       symbol->line);
		else if (trim.count > 0)
			printf("%s\n", mt_stacktext_function(&arena, &trim.lines[0]));
		else
			puts("(no stack)");
	}
	mt_rows_close(rows);
	mt_arena_free(&arena);
	return next;
}

int mt_leaks_print_mtrace(struct mt_file *file, struct mt_stacks *stacks)
{
	for (size_t i = 0; i < file->process_count; i++) {
		const struct mt_process *process = &file->processes[i];
		size_t blocks = 0;
		int error;

		if (file->process_count > 1)
			printf("%s%s, pid %" PRId64 ":\n", i > 0 ? "\n" : "",
			       mt_text_clean(&file->arena, process->command), process->pid);
		error = print_mtrace_blocks(file, stacks, process, &blocks);
		if (error < 0)
			return error;
		if (blocks > 0 && file->sample_bytes)
			printf("\nThese are the sampled blocks, one for each %s allocated: there "
			       "are "
			       "more.\n",
			       mt_units_bytes(file->sample_bytes).text);
		if (blocks > 0)
			continue;
		if (mt_leaks_are_measured(file, process))
			puts("No memory leaks.");
		else
			mt_leaks_print_none(file, process);
	}
	return 0;
}

/* ---- JSON and CSV ---- */

static int json_sites(struct mt_stacks *stacks, const struct mt_leaks *leaks,
                      struct mt_json_out *out)
{
	for (size_t i = 0; i < leaks->count; i++) {
		const struct mt_leak *leak = &leaks->items[i];
		struct mt_stack *stack;
		struct mt_trim trim;
		int error = mt_stacks_resolve(stacks, leak->stack, &stack);

		if (error < 0)
			return error;
		trim = mt_trim_own(stack);
		mt_json_stack(out,
		              json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "class",
		                        mt_json_text(leak->class), "blocks",
		                        (json_int_t)leak->blocks, "bytes", (json_int_t)leak->bytes,
		                        "samples", (json_int_t)leak->samples, "blocks_error",
		                        (json_int_t)mt_estimate_error(leak->blocks_variance),
		                        "bytes_error",
		                        (json_int_t)mt_estimate_error(leak->bytes_variance),
		                        "first_ns", (json_int_t)leak->first_ns, "last_ns",
		                        (json_int_t)leak->last_ns, "cut", mt_json_text(stack->cut)),
		              &trim);
	}
	return 0;
}

static int json_process(struct mt_file *file, struct mt_stacks *stacks,
                        const struct mt_process *process, struct mt_json_out *out)
{
	json_t *head = mt_json_process(process);
	struct mt_leaks leaks = {0};
	int error = process->has_snapshot ? mt_leaks_read(file, process, &leaks) : 0;

	json_object_set_new(head, "measured", json_boolean(process->has_snapshot));
	json_object_set_new(head, "dropped_events", json_integer(process->dropped_events));
	json_object_set_new(head, "totals",
	                    process->has_snapshot
	                            ? json_pack("{s:I, s:I}", "blocks", (json_int_t)leaks.blocks,
	                                        "bytes", (json_int_t)leaks.bytes)
	                            : json_null());
	json_object_set_new(head, "samples", json_integer(leaks.samples));
	json_object_set_new(head, "blocks_error",
	                    json_integer(mt_estimate_error(leaks.blocks_variance)));
	json_object_set_new(head, "bytes_error",
	                    json_integer(mt_estimate_error(leaks.bytes_variance)));
	if (error < 0) {
		json_decref(head);
	} else {
		mt_json_open(out, head, "sites");
		error = json_sites(stacks, &leaks, out);
		mt_json_close(out);
	}
	mt_leaks_free(&leaks);
	return error;
}

int mt_leaks_print_json(struct mt_file *file, struct mt_stacks *stacks)
{
	struct mt_json_out out = {0};
	int error = 0;

	mt_json_open(&out,
	             json_pack("{s:s, s:b}", "state", mt_json_state(file), "estimated",
	                       file->sample_bytes != 0),
	             "processes");
	for (size_t i = 0; i < file->process_count && error >= 0; i++)
		error = json_process(file, stacks, &file->processes[i], &out);
	mt_json_close(&out);
	return error;
}

static const struct mt_column columns[] = {
        {"pid", "pid", MT_COLUMN_NUMBER},           {"command", "command", MT_COLUMN_TEXT},
        {"class", "class", MT_COLUMN_TEXT},         {"blocks", "blocks", MT_COLUMN_COUNT},
        {"bytes", "bytes", MT_COLUMN_BYTES},        {"function", "function", MT_COLUMN_TEXT},
        {"file", "file", MT_COLUMN_TEXT},           {"line", "line", MT_COLUMN_NUMBER},
        {"stack", "stack", MT_COLUMN_TEXT},         {"samples", "samples", MT_COLUMN_COUNT},
        {"blocks_error", "error", MT_COLUMN_COUNT}, {"bytes_error", "error", MT_COLUMN_BYTES},
};

static int add_rows(struct mt_stacks *stacks, struct mt_table *table,
                    const struct mt_process *process, const struct mt_leaks *leaks)
{
	for (size_t i = 0; i < leaks->count; i++) {
		const struct mt_leak *leak = &leaks->items[i];
		struct mt_stack *stack;
		struct mt_value *row;
		int error = mt_stacks_resolve(stacks, leak->stack, &stack);

		if (error < 0)
			return error;
		row = mt_table_add(table);
		row[0] = mt_value_number(process->pid);
		row[1] = mt_value_text(process->command);
		row[2] = mt_value_text(leak->class);
		row[3] = mt_value_number(leak->blocks);
		row[4] = mt_value_number(leak->bytes);
		mt_stacktext_cells(&table->arena, stack, row + 5);
		row[9] = mt_value_number(leak->samples);
		row[10] = mt_value_number(mt_estimate_error(leak->blocks_variance));
		row[11] = mt_value_number(mt_estimate_error(leak->bytes_variance));
	}
	return 0;
}

int mt_leaks_print_csv(struct mt_file *file, struct mt_stacks *stacks)
{
	struct mt_table table;
	int error = 0;

	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < file->process_count && error >= 0; i++) {
		const struct mt_process *process = &file->processes[i];
		struct mt_leaks leaks = {0};

		error = mt_leaks_read(file, process, &leaks);
		if (error >= 0)
			error = add_rows(stacks, &table, process, &leaks);
		mt_leaks_free(&leaks);
		/* CSV has no place to say it. */
		if (!process->has_snapshot)
			mt_say("%s, pid %" PRId64 ": leaks not measured: %s", process->command,
			       process->pid, mt_file_end(file, process));
	}
	if (error >= 0)
		mt_table_print_csv(&table, stdout);
	mt_table_free(&table);
	return error;
}
