/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * blank.h - the file as it is before anything is recorded: the schema, the kinds, and no session yet.
 *
 * The build makes it (store/make-blank.c, which runs SQLite and prints store/blank_file.c), because the traced
 * program waits for its file: to have SQLite read the schema and make the tables took 4 ms of a start.
 * Used by writer.c, which adds the session's row.
 */
#ifndef MT_STORE_BLANK_H
#define MT_STORE_BLANK_H

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#define MT_BLANK_PAGE_BYTES 1024u

struct mt_blank {
	const unsigned char *bytes; /* whole pages; in WAL mode */
	size_t count;
	size_t session_at; /* offset of the table session's one page, which is empty */
	const char *const *session_columns; /* their names in order; NULL behind */
};
extern const struct mt_blank mt_blank;

/* Makes the blank file in an empty database. An SQLite result code. */
int mt_blank_fill(sqlite3 *db);

/* A value of the session's row. */
struct mt_blank_value {
	const char *column;
	const char *text; /* NULL: number */
	int64_t number;
};

/*
 * The page of the table session with its one row, of id 1. 0 or -EMSGSIZE: the row finds no room in one page; -EINVAL:
 * a column has no value here, or there is a value that has no column.
 * https://www.sqlite.org/fileformat2.html, sections 1.6 and 2.1
 */
int mt_blank_session(const struct mt_blank_value *values, size_t count,
                     unsigned char ret_page[MT_BLANK_PAGE_BYTES]);

#endif
