/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shape.c - see shape.h.
 */
#include "store/shape.h"

#include "store/packed.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * What stands under the name of a table of ours and is no plain table. A virtual one would start code of its own,
 * already when it is asked for its columns.
 */
static const char odd_sql[] = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
                              " AND NOT (type = 'table' AND sql GLOB 'CREATE TABLE *')"
                              " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

static const char table_sql[] =
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";

/* The columns of all plain tables; the last one: does it do no more than hold a value? */
static const char columns_sql[] =
        "SELECT lower(s.name) AS t, lower(c.name) AS n, printf('%s %d %d', c.type, c.pk, c.hidden),"
        "       c.pk = 0 AND c.hidden = 0"
        " FROM sqlite_schema AS s JOIN pragma_table_xinfo(s.name, 'main') AS c"
        " WHERE s.type = 'table' AND s.sql GLOB 'CREATE TABLE *' ORDER BY t, n";

static const char views_sql[] = "SELECT sql, name FROM sqlite_schema WHERE type = 'view'";

static const char *text_of(sqlite3_stmt *rows, int column)
{
	const char *text = (const char *)sqlite3_column_text(rows, column);

	return text ? text : "";
}

/* Is there anything odd that has the name of a table in the model? */
static int check_tables(sqlite3 *db, sqlite3 *model)
{
	sqlite3_stmt *odd = NULL, *table = NULL;
	int code = sqlite3_prepare_v2(db, odd_sql, -1, &odd, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(model, table_sql, -1, &table, NULL);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(odd);
		if (code != SQLITE_ROW)
			break;
		sqlite3_reset(table);
		sqlite3_bind_text(table, 1, text_of(odd, 0), -1, SQLITE_TRANSIENT);
		if (sqlite3_step(table) == SQLITE_ROW) {
			code = SQLITE_SCHEMA;
			break;
		}
	}
	sqlite3_finalize(odd);
	sqlite3_finalize(table);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int compare(sqlite3_stmt *a, sqlite3_stmt *b)
{
	int order = strcmp(text_of(a, 0), text_of(b, 0));

	return order ? order : strcmp(text_of(a, 1), text_of(b, 1));
}

/* Both lists are in the same order, so one pass is enough. */
static int compare_columns(sqlite3_stmt *theirs, sqlite3_stmt *ours)
{
	char last_table[64] = ""; /* of ours that was passed */
	int our_code = sqlite3_step(ours), code;

	while ((code = sqlite3_step(theirs)) == SQLITE_ROW) {
		bool is_table_ours;

		while (our_code == SQLITE_ROW && compare(ours, theirs) < 0) {
			snprintf(last_table, sizeof(last_table), "%s", text_of(ours, 0));
			our_code = sqlite3_step(ours);
		}
		if (our_code == SQLITE_ROW && compare(ours, theirs) == 0) {
			if (strcmp(text_of(theirs, 2), text_of(ours, 2)) != 0)
				return SQLITE_SCHEMA;
			continue;
		}
		is_table_ours = strcmp(last_table, text_of(theirs, 0)) == 0 ||
		                (our_code == SQLITE_ROW &&
		                 strcmp(text_of(ours, 0), text_of(theirs, 0)) == 0);
		/* One that a later memtrace may have. */
		if (is_table_ours && !sqlite3_column_int(theirs, 3))
			return SQLITE_SCHEMA;
	}
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int check_columns(sqlite3 *db, sqlite3 *model)
{
	sqlite3_stmt *theirs = NULL, *ours = NULL;
	int code = sqlite3_prepare_v2(db, columns_sql, -1, &theirs, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(model, columns_sql, -1, &ours, NULL);
	if (code == SQLITE_OK)
		code = compare_columns(theirs, ours);
	sqlite3_finalize(theirs);
	sqlite3_finalize(ours);
	return code;
}

/* A temporary view stands in front of a view or table of the same name. */
static int take_views(sqlite3 *db, sqlite3 *model)
{
	static const char create[] = "CREATE VIEW ";
	sqlite3_stmt *views = NULL;
	int code = sqlite3_prepare_v2(model, views_sql, -1, &views, NULL);

	while (code == SQLITE_OK && (code = sqlite3_step(views)) == SQLITE_ROW) {
		const char *sql = text_of(views, 0);
		char *temporary;

		code = SQLITE_OK;
		if (mt_packed_is_view(text_of(views, 1)))
			continue;
		if (strncmp(sql, create, strlen(create)) != 0) {
			code = SQLITE_INTERNAL;
			break;
		}
		temporary = sqlite3_mprintf("CREATE TEMP VIEW %s", sql + strlen(create));
		code = temporary ? sqlite3_exec(db, temporary, NULL, NULL, NULL) : SQLITE_NOMEM;
		sqlite3_free(temporary);
	}
	sqlite3_finalize(views);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* An empty file of ours, made once: most of the time that it takes to open a file went into this. */
static int get_model(sqlite3 **ret_model)
{
	static sqlite3 *model;
	int code = SQLITE_OK;

	if (!model) {
		code = sqlite3_open_v2(":memory:", &model, SQLITE_OPEN_READWRITE, NULL);
		if (code == SQLITE_OK)
			code = sqlite3_exec(model, mt_store_schema, NULL, NULL, NULL);
		if (code != SQLITE_OK) {
			sqlite3_close(model);
			model = NULL;
		}
	}
	*ret_model = model;
	return code;
}

int mt_shape_impose(sqlite3 *db, int64_t *steps_left)
{
	sqlite3 *model;
	int code = get_model(&model);

	if (code == SQLITE_OK)
		code = check_tables(db, model);
	if (code == SQLITE_OK)
		code = check_columns(db, model);
	if (code == SQLITE_OK)
		code = mt_packed_impose(db, steps_left);
	if (code == SQLITE_OK)
		code = take_views(db, model);
	return code;
}
