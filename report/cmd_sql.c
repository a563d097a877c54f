/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_sql.c - memtrace sql: any question to a file, in SQL.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/arguments.h"
#include "report/commands.h"
#include "report/file.h"
#include "report/json.h"
#include "report/program.h"
#include "report/say.h"
#include "report/table.h"
#include "report/text.h"

/* A blob as hexadecimal digits. */
static const char *blob_text(struct mt_arena *arena, const unsigned char *bytes, size_t count)
{
	char *text = mt_arena_take(arena, 2 * count + 4, 1);
	char *to = stpcpy(text, "x'");

	for (size_t i = 0; i < count; i++)
		to += sprintf(to, "%02x", bytes[i]);
	strcpy(to, "'");
	return text;
}

/* Every cell may have a type of its own; a column's is that of its first cell that is not NULL. */
static enum mt_column_type column_type(enum mt_cell cell)
{
	switch (cell) {
	case MT_CELL_INTEGER: return MT_COLUMN_NUMBER;
	case MT_CELL_REAL: return MT_COLUMN_REAL;
	default: return MT_COLUMN_TEXT;
	}
}

static struct mt_value value_of(struct mt_arena *arena, struct mt_rows *rows, int column)
{
	struct mt_value value = {.is_known = true};
	size_t bytes;
	const void *blob;

	switch (mt_rows_cell(rows, column)) {
	case MT_CELL_NULL: value.is_known = false; break;
	case MT_CELL_INTEGER:
		value.number = mt_rows_integer(rows, column);
		value.real = (double)value.number;
		break;
	case MT_CELL_REAL: value.real = mt_rows_real(rows, column); break;
	case MT_CELL_BLOB:
		blob = mt_rows_bytes(rows, column, &bytes);
		value.text = blob_text(arena, blob, bytes);
		return value;
	case MT_CELL_TEXT: break;
	}
	/* Also for a number: its column may turn out to be of text. */
	value.text = mt_arena_text(arena, mt_rows_text(rows, column));
	return value;
}

struct result {
	struct mt_table table;
	struct mt_column *columns;
	bool *has_type;
};

static void take_columns(struct result *result, struct mt_rows *rows)
{
	size_t count = (size_t)mt_rows_columns(rows);

	result->columns = mt_memory_new(count, sizeof(*result->columns));
	result->has_type = mt_memory_new(count, sizeof(*result->has_type));
	mt_table_init(&result->table, result->columns, count);
	for (size_t i = 0; i < count; i++) {
		const char *name = mt_rows_name(rows, (int)i);

		name = mt_text_clean(&result->table.arena,
		                     mt_arena_text(&result->table.arena, name));
		result->columns[i] = (struct mt_column){name, name, MT_COLUMN_TEXT};
	}
}

static void take_row(struct result *result, struct mt_rows *rows)
{
	struct mt_value *row = mt_table_add(&result->table);

	for (size_t i = 0; i < result->table.column_count; i++) {
		enum mt_cell cell = mt_rows_cell(rows, (int)i);
		enum mt_column_type type = column_type(cell);

		row[i] = value_of(&result->table.arena, rows, (int)i);
		if (cell == MT_CELL_NULL)
			continue;
		if (!result->has_type[i])
			result->columns[i].type = type;
		else if (result->columns[i].type != type)
			result->columns[i].type = MT_COLUMN_TEXT;
		result->has_type[i] = true;
	}
}

static void print_result(const struct mt_table *table, enum mt_format format)
{
	if (format == MT_FORMAT_JSON)
		mt_json_print(mt_table_json(table));
	else if (format == MT_FORMAT_CSV)
		mt_table_print_csv(table, stdout);
	else
		mt_table_print_text(table, 0, stdout);
}

/* One statement; *ret_tail is where the next one starts. */
static int run_statement(struct mt_file *file, const char *sql, enum mt_format format,
                         const char **ret_tail)
{
	struct mt_rows *rows = NULL;
	struct result result = {0};
	int next = mt_rows_open(file->reader, sql, &rows, ret_tail);

	if (next < 0 || !rows)
		return next;
	take_columns(&result, rows);
	while ((next = mt_rows_next(rows)) == 1)
		take_row(&result, rows);
	/* Before the cursor is closed, which makes SQLite forget. */
	if (next == -EFBIG || next == -EOVERFLOW)
		mt_file_say_error(file, next);
	else if (next < 0)
		mt_say("%s: %s", file->path, mt_reader_message(file->reader));
	else if (result.table.column_count > 0)
		print_result(&result.table, format);
	mt_rows_close(rows);
	mt_table_free(&result.table);
	free(result.columns);
	free(result.has_type);
	return next < 0 ? -ECANCELED : 0;
}

static int run_all(struct mt_file *file, const char *sql, enum mt_format format)
{
	while (*sql) {
		const char *tail = sql;
		int error = run_statement(file, sql, format, &tail);

		if (error == -ECANCELED)
			return MT_EXIT_CANNOT;
		if (error == -EINVAL) {
			mt_say("cannot run the query: %s", mt_reader_message(file->reader));
			return MT_EXIT_USAGE;
		}
		if (error < 0)
			return mt_file_say_error(file, error);
		sql = tail;
	}
	return MT_EXIT_FINE;
}

static int run_stdin(struct mt_file *file, enum mt_format format)
{
	char *sql = NULL;
	size_t size = 0;
	ssize_t bytes;
	int status;

	errno = 0;
	/* All of it: a query may go over many lines, and none holds a NUL. */
	bytes = getdelim(&sql, &size, '\0', stdin);
	if (bytes < 0 && ferror(stdin)) {
		mt_say("cannot read the query from standard input: %s", strerror(errno));
		status = MT_EXIT_CANNOT;
	} else {
		status = bytes < 0 ? MT_EXIT_FINE : run_all(file, sql, format);
	}
	free(sql);
	return status;
}

static int run(const struct mt_call *call)
{
	enum mt_format format = mt_arguments_format(call);
	char shell[PATH_MAX];
	struct mt_file file;
	int status = mt_file_open(call, &file);

	if (status != MT_EXIT_FINE)
		return status;
	mt_reader_be_patient(file.reader);
	if (call->operand_count > 1) {
		status = run_all(&file, call->operands[1], format);
	} else if (!mt_arguments_has(call, "format") && mt_program_find("sqlite3", shell) == 0) {
		char *path = mt_arena_print(&file.arena, "%s%s", file.path[0] == '/' ? "" : "./",
		                            file.path);

		execl(shell, "sqlite3", "-readonly", path, NULL);
		mt_say("cannot run '%s': %s", shell, strerror(errno));
		status = MT_EXIT_CANNOT;
	} else {
		status = run_stdin(&file, format);
	}
	mt_file_close(&file);
	return status;
}

static const struct mt_flag flags[] = {
        MT_FLAG_FORMAT,
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_sql = {
        .name = "sql",
        .usage = "[--format=F] FILE [QUERY]",
        .sentence = "runs a query on the file, which is an SQLite database, or opens it in the "
                    "sqlite3 shell",
        .prose = "The file is opened for reading only. Without a query it is opened in the sqlite3 "
                 "shell; where that\n"
                 "is not installed, or with --format, queries are read from standard input. Good "
                 "starts:\n"
                 "  memtrace sql FILE 'SELECT * FROM leak_report LIMIT 5'\n"
                 "  memtrace sql FILE 'SELECT name, sql FROM sqlite_schema'   (the tables, with "
                 "comments)\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 2,
        .run = run,
};
