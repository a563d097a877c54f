/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.c - see table.h.
 */
#include "report/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/json.h"
#include "report/text.h"

void mt_table_init(struct mt_table *table, const struct mt_column *columns, size_t column_count)
{
	*table = (struct mt_table){.columns = columns, .column_count = column_count};
}

void mt_table_free(struct mt_table *table)
{
	free(table->values);
	mt_arena_free(&table->arena);
	*table = (struct mt_table){0};
}

struct mt_value *mt_table_add(struct mt_table *table)
{
	struct mt_value *row;

	table->values = mt_memory_grow(table->values, table->row_count, &table->capacity,
	                               table->column_count * sizeof(*table->values));
	row = table->values + table->row_count++ * table->column_count;
	memset(row, 0, table->column_count * sizeof(*row));
	return row;
}

struct mt_value mt_value_text(const char *text)
{
	return (struct mt_value){.is_known = text != NULL, .text = text};
}

struct mt_value mt_value_number(int64_t number)
{
	return (struct mt_value){.is_known = true, .number = number};
}

struct mt_value mt_value_unknown(void)
{
	return (struct mt_value){.is_known = false};
}

static const struct mt_value *value_at(const struct mt_table *table, size_t row, size_t column)
{
	return &table->values[row * table->column_count + column];
}

const char *mt_table_cell(struct mt_arena *arena, const struct mt_column *column,
                          const struct mt_value *value)
{
	if (!value->is_known)
		return "-";
	switch (column->type) {
	case MT_COLUMN_TEXT:
	case MT_COLUMN_TEXT_RIGHT: return mt_text_clean(arena, value->text);
	case MT_COLUMN_NUMBER: return mt_arena_print(arena, "%" PRId64, value->number);
	case MT_COLUMN_COUNT: return mt_arena_text(arena, mt_units_count(value->number).text);
	case MT_COLUMN_BYTES: return mt_arena_text(arena, mt_units_bytes(value->number).text);
	case MT_COLUMN_TIME: return mt_arena_text(arena, mt_units_duration(value->number).text);
	case MT_COLUMN_REAL: return mt_arena_print(arena, "%g", value->real);
	case MT_COLUMN_BOOLEAN: return value->number ? "yes" : "no";
	}
	return "";
}

/* Blanks are owed until something follows them: no line ends with any. */
static void print_line(const struct mt_table *table, const char *const *cells, const size_t *widths,
                       FILE *to)
{
	size_t owed = 0;

	for (size_t column = 0; column < table->column_count; column++) {
		size_t width, blanks;

		if (!table->columns[column].title)
			continue;
		width = mt_text_width(cells[column]);
		blanks = widths[column] - width;
		if (table->columns[column].type != MT_COLUMN_TEXT)
			owed += blanks;
		if (width > 0) {
			fprintf(to, "%*s%s", (int)owed, "", cells[column]);
			owed = 0;
		}
		if (table->columns[column].type == MT_COLUMN_TEXT)
			owed += blanks;
		owed += 2;
	}
	putc('\n', to);
}

void mt_table_print_text(const struct mt_table *table, size_t limit, FILE *to)
{
	size_t rows = limit && limit < table->row_count ? limit : table->row_count;
	size_t *widths = mt_memory_new(table->column_count, sizeof(*widths));
	struct mt_arena arena = {0};
	const char **cells = mt_memory_new((rows + 1) * table->column_count, sizeof(*cells));

	for (size_t column = 0; column < table->column_count; column++) {
		if (!table->columns[column].title)
			continue;
		for (size_t line = 0; line <= rows; line++) {
			const char **cell = &cells[line * table->column_count + column];
			size_t width;

			*cell = line == 0 ? mt_text_clean(&arena, table->columns[column].title)
			                  : mt_table_cell(&arena, &table->columns[column],
			                                  value_at(table, line - 1, column));
			width = mt_text_width(*cell);
			if (width > widths[column])
				widths[column] = width;
		}
	}
	for (size_t line = 0; line <= rows; line++)
		print_line(table, &cells[line * table->column_count], widths, to);
	mt_arena_free(&arena);
	free(cells);
	free(widths);
}

/*
 * Quoted where RFC 4180 wants it; line ends and tabs stay, what else could move a cursor is
 * escaped.
 */
static void print_field(const char *text, FILE *to)
{
	bool is_quoted = strpbrk(text, "\",\r\n") != NULL;

	if (is_quoted)
		putc('"', to);
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '"')
			putc('"', to);
		if ((byte < 0x20 && !strchr("\r\n\t", byte)) || byte == 0x7f)
			fprintf(to, "\\x%02x", byte);
		else
			putc(byte, to);
	}
	if (is_quoted)
		putc('"', to);
}

static void print_csv_value(const struct mt_column *column, const struct mt_value *value, FILE *to)
{
	if (!value->is_known)
		return;
	switch (column->type) {
	case MT_COLUMN_TEXT:
	case MT_COLUMN_TEXT_RIGHT: print_field(value->text, to); break;
	case MT_COLUMN_REAL: fprintf(to, "%.17g", value->real); break;
	case MT_COLUMN_BOOLEAN: fputs(value->number ? "true" : "false", to); break;
	default: fprintf(to, "%" PRId64, value->number); break;
	}
}

void mt_table_print_csv(const struct mt_table *table, FILE *to)
{
	for (size_t column = 0; column < table->column_count; column++) {
		if (column > 0)
			putc(',', to);
		print_field(table->columns[column].key, to);
	}
	fputs("\r\n", to);
	for (size_t row = 0; row < table->row_count; row++) {
		for (size_t column = 0; column < table->column_count; column++) {
			if (column > 0)
				putc(',', to);
			print_csv_value(&table->columns[column], value_at(table, row, column), to);
		}
		fputs("\r\n", to);
	}
}

static json_t *json_value(const struct mt_column *column, const struct mt_value *value)
{
	if (!value->is_known)
		return json_null();
	switch (column->type) {
	case MT_COLUMN_TEXT:
	case MT_COLUMN_TEXT_RIGHT: return mt_json_text(value->text);
	case MT_COLUMN_REAL: return json_real(value->real);
	case MT_COLUMN_BOOLEAN: return json_boolean(value->number != 0);
	default: return json_integer(value->number);
	}
}

json_t *mt_table_json_row(const struct mt_table *table, size_t row)
{
	json_t *object = json_object();

	for (size_t column = 0; column < table->column_count; column++)
		json_object_set_new_nocheck(
		        object, table->columns[column].key,
		        json_value(&table->columns[column], value_at(table, row, column)));
	return object;
}

json_t *mt_table_json(const struct mt_table *table)
{
	json_t *array = json_array();

	for (size_t row = 0; row < table->row_count; row++)
		json_array_append_new(array, mt_table_json_row(table, row));
	return array;
}
