/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reader.h - a memtrace file, read.
 *
 * Used by report/. Questions are SQL, kept at the top of the command that asks them; what comes
 * back is a cursor. SQLite itself is seen nowhere outside store/.
 *
 * The file may come from anybody: it is opened read-only, its tables are compared with ours (shape.h) and
 * its views and triggers are never run. Every step can fail with -EBADMSG (damaged), -EFBIG (a value longer than
 * MT_READER_VALUE_MAX) or -EOVERFLOW: the work goes far beyond what a file of this size can be good for. What the
 * rows say is the caller's to doubt: sizes may be negative, trees may have cycles, text may hold any bytes but never
 * a NUL before its end.
 */
#ifndef MT_STORE_READER_H
#define MT_STORE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_reader;
struct mt_rows;

/* The format that this program reads (PRAGMA user_version). */
#define MT_READER_VERSION 2

/* No row is longer; a command line, quoted, may have 8 MiB. */
#define MT_READER_VALUE_MAX (16 << 20)

/* Why a file cannot be read; the report makes a sentence of it. */
enum mt_reader_fault {
	MT_READER_FINE = 0,
	MT_READER_MISSING,    /* there is no such file */
	MT_READER_UNREADABLE, /* the system refuses: see the errno that came with it */
	MT_READER_NOT_A_FILE, /* a folder, a device, a pipe */
	MT_READER_EMPTY,      /* no bytes in it */
	MT_READER_NO_SQLITE,  /* not an SQLite database */
	MT_READER_FOREIGN,    /* a database, but not memtrace's */
	MT_READER_NEWER,      /* of a later memtrace */
	MT_READER_OLDER,      /* of an older one, in a format that is not read any more */
	MT_READER_DAMAGED,    /* truncated, or its contents make no sense */
	MT_READER_JOURNAL,    /* its journal cannot be used without write permission beside it */
	MT_READER_BUSY,       /* somebody holds it locked */
	MT_READER_PLANTED,    /* a journal beside it is another user's, or no regular file */
	MT_READER_SHAPE,      /* its tables are not those that memtrace makes */
};

/* Opens a memtrace file. On failure returns -errno and says in *ret_fault what kind it was. */
int mt_reader_open(const char *path, struct mt_reader **ret_reader,
                   enum mt_reader_fault *ret_fault);

/* Takes the reader; NULL is fine. All its cursors must have been closed. */
void mt_reader_close(struct mt_reader *reader);

/*
 * From now on questions are a person's own, who may ask for much and can end it: they get a hundred times as much
 * work done.
 */
void mt_reader_be_patient(struct mt_reader *reader);

/* What SQLite said last, for `memtrace sql`. Borrowed until the next call. */
const char *mt_reader_message(const struct mt_reader *reader);

/* ---- Cursors ---- */

/*
 * Prepares the first statement of `sql`; *ret_tail (may be NULL) is where the next one starts. A
 * statement of nothing but blanks or comments gives *ret_rows = NULL. 0, -EINVAL when it does not
 * parse (see mt_reader_message), -EBADMSG when the file is damaged.
 */
int mt_rows_open(struct mt_reader *reader, const char *sql, struct mt_rows **ret_rows,
                 const char **ret_tail);

/* Takes the cursor; NULL is fine. */
void mt_rows_close(struct mt_rows *rows);

/* Sets the parameter ?index, from 1. */
void mt_rows_bind(struct mt_rows *rows, int index, int64_t value);

/* Starts again from the first row, with the parameters set anew. */
void mt_rows_reset(struct mt_rows *rows);

/* 1: there is a row; 0: there are no more; -EBADMSG, -EBUSY, -EIO, -EINVAL. */
int mt_rows_next(struct mt_rows *rows);

enum mt_cell { MT_CELL_NULL, MT_CELL_INTEGER, MT_CELL_REAL, MT_CELL_TEXT, MT_CELL_BLOB };

int mt_rows_columns(const struct mt_rows *rows);
/* Borrowed until the cursor is closed. */
const char *mt_rows_name(const struct mt_rows *rows, int column);
/* Of the current row, from column 0. Text is "" for NULL, borrowed until the next step. */
enum mt_cell mt_rows_cell(const struct mt_rows *rows, int column);
bool mt_rows_is_null(const struct mt_rows *rows, int column);
int64_t mt_rows_integer(const struct mt_rows *rows, int column);
double mt_rows_real(const struct mt_rows *rows, int column);
const char *mt_rows_text(const struct mt_rows *rows, int column);
/* Bytes of the current row's text or blob. */
const void *mt_rows_bytes(const struct mt_rows *rows, int column, size_t *ret_bytes);

#endif
