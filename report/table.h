/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.h - columns as rows: one description of a listing, written as text, JSON or CSV.
 *
 * Used by the commands whose result is a list of equal rows. A column is described once; the writer
 * decides what its cells look like: human and aligned in text, plain integers and full strings
 * elsewhere.
 */
#ifndef MT_REPORT_TABLE_H
#define MT_REPORT_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report/memory.h"

enum mt_column_type {
	MT_COLUMN_TEXT,
	MT_COLUMN_TEXT_RIGHT, /* aligned like a number */
	MT_COLUMN_NUMBER,     /* as it is: a pid, a line */
	MT_COLUMN_COUNT,      /* 48,221 */
	MT_COLUMN_BYTES,      /* 3.4 kB */
	MT_COLUMN_TIME,       /* nanoseconds: 1.2 s */
	MT_COLUMN_REAL,
	MT_COLUMN_BOOLEAN, /* yes or no; true or false */
};

struct mt_column {
	const char *
	        key; /* of JSON, and the head in CSV; NULL: not there, of tables that are never CSV */
	const char *title; /* the head in text; NULL: not shown there */
	enum mt_column_type type;
};

struct mt_value {
	bool is_known; /* false: "-" in text, null, an empty field */
	int64_t number;
	double real;
	const char *text; /* borrowed until the table is freed, unless copied into its arena */
};

struct mt_table {
	struct mt_arena arena;
	const struct mt_column *columns;
	size_t column_count;
	struct mt_value *values; /* row by row */
	size_t row_count;
	size_t capacity;
};

void mt_table_init(struct mt_table *table, const struct mt_column *columns, size_t column_count);
void mt_table_free(struct mt_table *table);

/* A new row, all its values unknown; borrowed until the next row is added. */
struct mt_value *mt_table_add(struct mt_table *table);

struct mt_value mt_value_text(const char *text); /* NULL: not known */
struct mt_value mt_value_number(int64_t number);
struct mt_value mt_value_unknown(void);

/* Aligned, numbers to the right, a line of titles above; the first `limit` rows (0: all). */
void mt_table_print_text(const struct mt_table *table, size_t limit, FILE *to);

/* RFC 4180, a line of keys first. */
void mt_table_print_csv(const struct mt_table *table, FILE *to);

/* An array with an object for each row. */
json_t *mt_table_json(const struct mt_table *table);
/* One row's object. */
json_t *mt_table_json_row(const struct mt_table *table, size_t row);

/* A value as text shows it, in the arena. */
const char *mt_table_cell(struct mt_arena *arena, const struct mt_column *column,
                          const struct mt_value *value);

#endif
