/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * make-blank.c - prints store/blank_file.c. Run by the build, never installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <stdbool.h>

#include "store/blank.h"

static void check(sqlite3 *db, bool is_right, const char *what)
{
	if (is_right)
		return;
	fprintf(stderr, "make-blank: %s: %s\n", what, sqlite3_errmsg(db));
	exit(1);
}

static sqlite3_stmt *prepared(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;

	check(db, sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, sql);
	return statement;
}

static size_t session_at(sqlite3 *db)
{
	sqlite3_stmt *statement = prepared(
	        db, "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = 'session'");
	size_t page;

	check(db, sqlite3_step(statement) == SQLITE_ROW, "no table session");
	page = (size_t)sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return (page - 1) * MT_BLANK_PAGE_BYTES;
}

static void print_columns(sqlite3 *db)
{
	sqlite3_stmt *statement =
	        prepared(db, "SELECT name FROM pragma_table_info('session') ORDER BY cid");

	puts("static const char *const columns[] = {");
	while (sqlite3_step(statement) == SQLITE_ROW)
		printf("\t\"%s\",\n", (const char *)sqlite3_column_text(statement, 0));
	puts("\tNULL,\n};");
	sqlite3_finalize(statement);
}

int main(void)
{
	sqlite3_int64 count;
	unsigned char *bytes;
	sqlite3 *db;

	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		return 1;
	check(db, mt_blank_fill(db) == SQLITE_OK, "the schema");
	bytes = sqlite3_serialize(db, "main", &count, 0);
	check(db, bytes && count % MT_BLANK_PAGE_BYTES == 0, "serialize");
	/* https://www.sqlite.org/fileformat2.html: the versions for writing and reading, 2 for WAL */
	bytes[18] = bytes[19] = 2;
	puts("/* Made by store/make-blank.c. */\n#include \"store/blank.h\"\n");
	print_columns(db);
	printf("static const unsigned char bytes[] = {");
	for (sqlite3_int64 i = 0; i < count; i++)
		printf("%s%u,", i % 32 ? "" : "\n", bytes[i]);
	printf("\n};\nconst struct mt_blank mt_blank = {bytes, sizeof(bytes), %zu, columns};\n",
	       session_at(db));
	sqlite3_free(bytes);
	sqlite3_close(db);
	return ferror(stdout) || fflush(stdout) != 0;
}
