/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_doctor.c - memtrace doctor: what this machine allows, and what each lack costs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/arguments.h"
#include "report/commands.h"
#include "report/doctor.h"
#include "report/json.h"
#include "report/table.h"
#include "report/text.h"

static const struct mt_column columns[] = {
        {"check", "check", MT_COLUMN_TEXT},
        {"ok", "ok", MT_COLUMN_BOOLEAN},
        {"needed", NULL, MT_COLUMN_BOOLEAN},
        {"found", "found", MT_COLUMN_TEXT},
        {"cost", "what the lack costs", MT_COLUMN_TEXT},
};

static void print_text(const struct mt_table *table, bool can_trace)
{
	const bool is_coloured = mt_text_is_coloured(stdout);
	struct mt_arena arena = {0};
	size_t width = 0, lacks = 0;

	for (size_t i = 0; i < table->row_count; i++) {
		size_t name = mt_text_width(table->values[i * table->column_count].text);

		width = name > width ? name : width;
	}
	for (size_t i = 0; i < table->row_count; i++) {
		const struct mt_value *row = &table->values[i * table->column_count];
		bool is_ok = row[1].number != 0;
		const char *colour = !is_coloured ? "" : is_ok ? "\033[32m" : "\033[1;31m";

		printf("%s%s%s  %-*s  %s\n", colour, is_ok ? "ok  " : "lack",
		       is_coloured ? "\033[0m" : "", (int)width, row[0].text,
		       mt_text_clean(&arena, row[3].text));
		if (!is_ok) {
			printf("      %*s  %s\n", (int)width, "",
			       mt_text_clean(&arena, row[4].text));
			lacks++;
		}
	}
	if (!can_trace)
		puts("\nThis machine cannot trace as things are.");
	else if (lacks > 0)
		puts("\nTracing works; see above for what does not.");
	else
		puts("\nAll is well.");
	mt_arena_free(&arena);
}

static int run(const struct mt_call *call)
{
	enum mt_format format = mt_arguments_format(call);
	struct mt_table table;
	bool can_trace = true;

	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	mt_doctor_check_tracing(&table);
	mt_doctor_check_machine(&table);
	for (size_t i = 0; i < table.row_count; i++) {
		const struct mt_value *row = &table.values[i * table.column_count];

		if (row[2].number && !row[1].number)
			can_trace = false;
	}
	if (format == MT_FORMAT_JSON)
		mt_json_print(json_pack("{s:b, s:o}", "can_trace", can_trace, "checks",
		                        mt_table_json(&table)));
	else if (format == MT_FORMAT_CSV)
		mt_table_print_csv(&table, stdout);
	else
		print_text(&table, can_trace);
	mt_table_free(&table);
	return can_trace ? MT_EXIT_FINE : MT_EXIT_CANNOT;
}

void mt_doctor_add(struct mt_table *table, const char *check, bool is_needed, bool is_ok,
                   const char *found, const char *cost)
{
	struct mt_value *row = mt_table_add(table);

	row[0] = mt_value_text(check);
	row[1] = mt_value_number(is_ok);
	row[2] = mt_value_number(is_needed);
	row[3] = mt_value_text(mt_arena_text(&table->arena, found));
	row[4] = mt_value_text(is_ok ? NULL : cost);
}

static const struct mt_flag flags[] = {
        MT_FLAG_FORMAT,
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_doctor = {
        .name = "doctor",
        .usage = "[--format=F]",
        .sentence = "tries what tracing needs on this machine, and says what each lack costs",
        .prose = "Exit status 125 if programs cannot be traced here.\n",
        .flags = flags,
        .max_operands = 0,
        .run = run,
};
