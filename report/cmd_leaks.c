/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_leaks.c - memtrace leaks: what a program had not given back when it ended, by site.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/doubts.h"
#include "report/file.h"
#include "report/json.h"
#include "report/say.h"
#include "report/sites.h"
#include "report/stacks.h"
#include "report/stacktext.h"
#include "report/table.h"
#include "report/text.h"

#define LIMIT_DEFAULT 20

static const char leak_sql[] = "SELECT stack, class, blocks, bytes, first_ns, last_ns FROM leak"
                               " WHERE process = ?1 ORDER BY bytes DESC, blocks DESC, stack, class";

static const char block_sql[] = "SELECT block.addr, block.size_bytes, block.stack"
                                " FROM block JOIN snapshot ON snapshot.id = block.snapshot"
                                " WHERE snapshot.process = ?1 AND snapshot.reason = 'exit' ORDER "
                                "BY block.born_ns, block.addr";

struct leak {
	int64_t stack;
	const char *class;
	int64_t blocks;
	int64_t bytes;
	int64_t first_ns;
	int64_t last_ns;
};

/* What one process left. */
struct leaks {
	struct leak *items;
	size_t count;
	size_t capacity;
	int64_t blocks;
	int64_t bytes;
	bool is_classified; /* some class is known */
};

struct report {
	struct mt_file file;
	struct mt_stacks *stacks;
	size_t limit; /* 0: none */
	bool is_coloured;
};

static int read_leaks(struct report *report, const struct mt_process *process, struct leaks *leaks)
{
	struct mt_rows *rows = NULL;
	int next = mt_rows_open(report->file.reader, leak_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, process->id);
	while ((next = mt_rows_next(rows)) == 1) {
		struct leak leak = {
		        .stack = mt_rows_integer(rows, 0),
		        .class = mt_arena_text(&report->file.arena, mt_rows_text(rows, 1)),
		        .blocks = mt_rows_integer(rows, 2),
		        .bytes = mt_rows_integer(rows, 3),
		        .first_ns = mt_rows_integer(rows, 4),
		        .last_ns = mt_rows_integer(rows, 5),
		};

		leaks->items = mt_memory_grow(leaks->items, leaks->count, &leaks->capacity,
		                              sizeof(*leaks->items));
		leaks->items[leaks->count++] = leak;
		leaks->blocks = mt_sites_add(leaks->blocks, leak.blocks);
		leaks->bytes = mt_sites_add(leaks->bytes, leak.bytes);
		if (strcmp(leak.class, "unclassified") != 0)
			leaks->is_classified = true;
	}
	mt_rows_close(rows);
	return next;
}

/* ---- text ---- */

static void print_site(struct report *report, const struct leaks *leaks, const struct leak *leak,
                       const struct mt_stack *stack)
{
	const char *bold = report->is_coloured ? "\033[1m" : "";
	const char *plain = report->is_coloured ? "\033[0m" : "";
	struct mt_trim trim = mt_trim_all(stack);
	bool is_whole =
	        trim.count > 0 && trim.lines + trim.count == stack->lines + stack->line_count;

	printf("\n  %s%s%s in %s", bold, mt_units_bytes(leak->bytes).text, plain,
	       mt_units_of(leak->blocks, "block", "blocks").text);
	if (leaks->is_classified)
		printf(", %s", mt_text_clean(&report->file.arena, leak->class));
	putchar('\n');
	if (trim.count == 0)
		puts("      (no stack was recorded)");
	mt_stacktext_print(&trim, is_whole ? stack->cut : NULL, "      ", report->is_coloured,
	                   stdout);
}

static void print_nothing(struct report *report, const struct mt_process *process)
{
	const char *command = mt_text_clean(&report->file.arena, process->command);

	printf("%s, pid %" PRId64 ", %s: ", command, process->pid,
	       mt_file_end(&report->file, process));
	if (!process->has_snapshot || !process->has_ended)
		printf("leaks not measured; %s, %s live when last recorded\n",
		       mt_units_of(process->live_blocks, "block", "blocks").text,
		       mt_units_bytes(process->live_bytes).text);
	else if (process->dropped_events > 0)
		printf("no leaks seen, but %s lost\n",
		       mt_units_of(process->dropped_events, "event was", "events were").text);
	else
		printf("no leaks (%s, all given back)\n",
		       mt_units_of(process->allocations, "allocation", "allocations").text);
}

static int print_process(struct report *report, const struct mt_process *process)
{
	struct leaks leaks = {0};
	int64_t rest_blocks = 0, rest_bytes = 0;
	size_t shown;
	int error = process->has_snapshot ? read_leaks(report, process, &leaks) : 0;

	if (error < 0 || leaks.count == 0) {
		if (error >= 0)
			print_nothing(report, process);
		free(leaks.items);
		return error;
	}
	printf("%s, pid %" PRId64 ", %s: %s, %s not freed, from %s\n",
	       mt_text_clean(&report->file.arena, process->command), process->pid,
	       mt_file_end(&report->file, process),
	       mt_units_of(leaks.blocks, "block", "blocks").text, mt_units_bytes(leaks.bytes).text,
	       mt_units_of((int64_t)leaks.count, "site", "sites").text);
	shown = report->limit && report->limit < leaks.count ? report->limit : leaks.count;
	for (size_t i = 0; i < leaks.count; i++) {
		struct mt_stack *stack;

		if (i >= shown) {
			rest_blocks = mt_sites_add(rest_blocks, leaks.items[i].blocks);
			rest_bytes = mt_sites_add(rest_bytes, leaks.items[i].bytes);
			continue;
		}
		error = mt_stacks_resolve(report->stacks, leaks.items[i].stack, &stack);
		if (error < 0)
			break;
		print_site(report, &leaks, &leaks.items[i], stack);
	}
	if (error >= 0 && shown < leaks.count)
		printf("\n  and %s: %s, %s (--limit=0 shows all)\n",
		       mt_units_of((int64_t)(leaks.count - shown), "more site", "more sites").text,
		       mt_units_of(rest_blocks, "block", "blocks").text,
		       mt_units_bytes(rest_bytes).text);
	if (error >= 0) {
		putchar('\n');
		mt_doubts_process(process);
		if (!leaks.is_classified)
			puts("  Not checked: whether anything still pointed at these blocks.");
	}
	free(leaks.items);
	return error;
}

static int print_text(struct report *report)
{
	struct mt_file *file = &report->file;

	for (size_t i = 0; i < file->process_count; i++) {
		int error = print_process(report, &file->processes[i]);

		if (error < 0)
			return error;
	}
	mt_doubts_file(file, report->stacks);
	if (file->process_count > 0)
		printf("Next: memtrace tree --by=leaked %s\n", file->shown);
	return 0;
}

/* ---- mtrace ---- */

static int print_mtrace_blocks(struct report *report, const struct mt_process *process,
                               size_t *blocks)
{
	struct mt_arena arena = {0};
	struct mt_rows *rows = NULL;
	int next = mt_rows_open(report->file.reader, block_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, process->id);
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_stack *stack;
		struct mt_trim trim;
		const struct mt_symbol *symbol;

		next = mt_stacks_resolve(report->stacks, mt_rows_integer(rows, 2), &stack);
		if (next < 0)
			break;
		if ((*blocks)++ == 0)
			puts("\nMemory not freed:\n-----------------\n           Address     Size  "
			     "   Caller");
		printf("%#018" PRIx64 " %#8" PRIx64 "  at ", mt_rows_integer(rows, 0),
		       mt_rows_integer(rows, 1));
		trim = mt_trim_all(stack);
		symbol = trim.count > 0 ? trim.lines[0].symbol : NULL;
		if (symbol && symbol->file)
			printf("%s:%" PRId64 "\n", mt_text_clean(&arena, symbol->file),
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

static int print_mtrace(struct report *report)
{
	for (size_t i = 0; i < report->file.process_count; i++) {
		const struct mt_process *process = &report->file.processes[i];
		size_t blocks = 0;
		int error;

		if (report->file.process_count > 1)
			printf("%s%s, pid %" PRId64 ":\n", i > 0 ? "\n" : "",
			       mt_text_clean(&report->file.arena, process->command), process->pid);
		error = print_mtrace_blocks(report, process, &blocks);
		if (error < 0)
			return error;
		if (blocks > 0)
			continue;
		if (process->has_snapshot && process->has_ended && process->dropped_events == 0)
			puts("No memory leaks.");
		else
			print_nothing(report, process);
	}
	return 0;
}

/* ---- JSON and CSV ---- */

static int json_sites(struct report *report, const struct leaks *leaks, json_t *sites)
{
	for (size_t i = 0; i < leaks->count; i++) {
		const struct leak *leak = &leaks->items[i];
		struct mt_stack *stack;
		struct mt_trim trim;
		int error = mt_stacks_resolve(report->stacks, leak->stack, &stack);

		if (error < 0)
			return error;
		trim = mt_trim_own(stack);
		json_array_append_new(
		        sites,
		        json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "class",
		                  mt_json_text(leak->class), "blocks", (json_int_t)leak->blocks,
		                  "bytes", (json_int_t)leak->bytes, "first_ns",
		                  (json_int_t)leak->first_ns, "last_ns", (json_int_t)leak->last_ns,
		                  "cut", mt_json_text(stack->cut), "stack", mt_json_stack(&trim)));
	}
	return 0;
}

static int print_json(struct report *report)
{
	json_t *processes = json_array();
	int error = 0;

	for (size_t i = 0; i < report->file.process_count && error >= 0; i++) {
		const struct mt_process *process = &report->file.processes[i];
		bool is_measured = process->has_snapshot;
		json_t *object = mt_json_process(process);
		json_t *sites = json_array();
		struct leaks leaks = {0};

		if (is_measured)
			error = read_leaks(report, process, &leaks);
		if (error >= 0)
			error = json_sites(report, &leaks, sites);
		json_object_set_new(object, "measured", json_boolean(is_measured));
		json_object_set_new(object, "dropped_events",
		                    json_integer(process->dropped_events));
		json_object_set_new(object, "totals",
		                    is_measured ? json_pack("{s:I, s:I}", "blocks",
		                                            (json_int_t)leaks.blocks, "bytes",
		                                            (json_int_t)leaks.bytes)
		                                : json_null());
		json_object_set_new(object, "sites", sites);
		json_array_append_new(processes, object);
		free(leaks.items);
	}
	if (error < 0) {
		json_decref(processes);
		return error;
	}
	mt_json_print(json_pack("{s:s, s:o}", "state", mt_json_state(&report->file), "processes",
	                        processes));
	return 0;
}

static const struct mt_column columns[] = {
        {"pid", "pid", MT_COLUMN_NUMBER},    {"command", "command", MT_COLUMN_TEXT},
        {"class", "class", MT_COLUMN_TEXT},  {"blocks", "blocks", MT_COLUMN_COUNT},
        {"bytes", "bytes", MT_COLUMN_BYTES}, {"function", "function", MT_COLUMN_TEXT},
        {"file", "file", MT_COLUMN_TEXT},    {"line", "line", MT_COLUMN_NUMBER},
        {"stack", "stack", MT_COLUMN_TEXT},
};

static int add_rows(struct report *report, struct mt_table *table, const struct mt_process *process,
                    const struct leaks *leaks)
{
	for (size_t i = 0; i < leaks->count; i++) {
		const struct leak *leak = &leaks->items[i];
		const struct mt_symbol *symbol;
		struct mt_stack *stack;
		struct mt_trim trim, own;
		struct mt_value *row;
		int error = mt_stacks_resolve(report->stacks, leak->stack, &stack);

		if (error < 0)
			return error;
		trim = mt_trim_all(stack);
		own = mt_trim_own(stack);
		symbol = trim.count > 0 ? trim.lines[0].symbol : NULL;
		row = mt_table_add(table);
		row[0] = mt_value_number(process->pid);
		row[1] = mt_value_text(process->command);
		row[2] = mt_value_text(leak->class);
		row[3] = mt_value_number(leak->blocks);
		row[4] = mt_value_number(leak->bytes);
		row[5] = mt_value_text(symbol ? symbol->function : NULL);
		row[6] = mt_value_text(symbol ? symbol->file : NULL);
		if (symbol && symbol->line > 0)
			row[7] = mt_value_number(symbol->line);
		row[8] = mt_value_text(mt_stacktext_joined(&table->arena, &own));
	}
	return 0;
}

static int print_csv(struct report *report)
{
	struct mt_table table;
	int error = 0;

	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < report->file.process_count && error >= 0; i++) {
		const struct mt_process *process = &report->file.processes[i];
		struct leaks leaks = {0};

		error = read_leaks(report, process, &leaks);
		if (error >= 0)
			error = add_rows(report, &table, process, &leaks);
		free(leaks.items);
		/* CSV has no place to say it. */
		if (!process->has_snapshot)
			mt_say("%s, pid %" PRId64 ": leaks not measured: %s", process->command,
			       process->pid, mt_file_end(&report->file, process));
	}
	if (error >= 0)
		mt_table_print_csv(&table, stdout);
	mt_table_free(&table);
	return error;
}

static int run(const struct mt_call *call)
{
	struct report report = {
	        .limit = (size_t)mt_arguments_number(call, "limit", LIMIT_DEFAULT),
	        .is_coloured = mt_text_is_coloured(stdout),
	};
	enum mt_format format = mt_arguments_format(call);
	int status, error;

	if (mt_arguments_has(call, "mtrace") && format != MT_FORMAT_TEXT) {
		mt_say("--mtrace is a text format of its own: leave out --format");
		return MT_EXIT_USAGE;
	}
	status = mt_file_open(call, &report.file);
	if (status != MT_EXIT_FINE)
		return status;
	report.stacks = mt_stacks_open(&report.file);
	if (mt_arguments_has(call, "mtrace"))
		error = print_mtrace(&report);
	else if (format == MT_FORMAT_JSON)
		error = print_json(&report);
	else if (format == MT_FORMAT_CSV)
		error = print_csv(&report);
	else
		error = print_text(&report);
	mt_stacks_close(report.stacks);
	if (error < 0)
		status = mt_file_say_error(&report.file, error);
	mt_file_close(&report.file);
	return status;
}

static const struct mt_flag flags[] = {
        MT_FLAG_FORMAT,
        MT_FLAG_PROCESS,
        {"limit", 'n', MT_FLAG_NUMBER, "N",
         "the N largest sites of a process (20; 0: all); text only"},
        {"mtrace", 0, MT_FLAG_NONE, NULL, "the listing of mtrace(1): a line for each block"},
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_leaks = {
        .name = "leaks",
        .usage = "[OPTION...] FILE",
        .sentence = "what was not given back, by call stack, largest first",
        .prose = "A site is a call stack with all blocks that were allocated there and were still "
                 "allocated when\n"
                 "the process ended. Its innermost function stands first. Text leaves out what "
                 "every stack has:\n"
                 "memtrace's and the allocator's own functions, operator new, and what runs before "
                 "main.\n"
                 "\"no leaks\" is said only of a process whose end was seen; else it says \"not "
                 "measured\".\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
