/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sql.h - all SQL that the collector runs, prepared once and run row by row.
 *
 * Shared by the files that writer.h is made of: writer.c opens, commits and closes, writer_rows.c writes what does not
 * belong to a snapshot, writer_snapshots.c what does, and writer_packs.c the tables whose rows are packed.
 */
#ifndef MT_STORE_SQL_H
#define MT_STORE_SQL_H

#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>

#include "store/journals.h"
#include "store/pack.h"
#include "store/writer.h"

enum mt_sql {
	MT_SQL_BEGIN,
	MT_SQL_COMMIT,
	MT_SQL_NOTE,
	MT_SQL_PROCESS_NEW,
	MT_SQL_PROCESS_CHANGED,
	MT_SQL_THREAD,
	MT_SQL_MODULE,
	MT_SQL_FRAME,
	MT_SQL_STACK_PACK,
	MT_SQL_TOTAL_PACK,
	MT_SQL_SAMPLE,
	MT_SQL_GROWTH,
	MT_SQL_WEIGHT,
	MT_SQL_PAUSE,
	MT_SQL_BAD_FREE,
	MT_SQL_TRACING,
	MT_SQL_WALK,
	MT_SQL_SNAPSHOT,
	MT_SQL_BLOCK_PACK,
	MT_SQL_RESIDENT,
	MT_SQL_MAPPING,
	MT_SQL_OWNER_PACK,
	MT_SQL_ANONYMOUS,
	MT_SQL_PIN,
	MT_SQL_MEMINFO,
	MT_SQL_TIMELINE,
	MT_SQL_THIN_TIMELINE,
	MT_SQL_COUNT
};

struct mt_writer {
	sqlite3 *db; /* NULL before mt_writer_open() */
	char *path;
	int place_fd; /* finds the file again that was made, wherever it has been moved */
	sqlite3_stmt *statements[MT_SQL_COUNT];
	char error[256];
	bool is_resting; /* closed but for the handle (mt_writer_commit_last) */
	struct mt_journals journals;
	struct mt_pack pack; /* made use of again and again */
};

/*
 * Runs one with the values of a row, by a letter each: 'u' uint64_t, 'a' an address, 'i' int64_t or MT_WRITER_NULL, 'r'
 * uint32_t reference with 0 for NULL, 'd' double, 's' string or NULL, 'p' const struct mt_packed *: two values, the
 * length of its text and the BLOB. Values are borrowed for the call.
 */
int mt_sql_run(struct mt_writer *writer, enum mt_sql which, const char *shape, ...);

/* Makes writer->statements[which]. */
int mt_sql_prepare(struct mt_writer *writer, enum mt_sql which);

/* Runs a statement that is needed once in a session. */
int mt_sql_once(struct mt_writer *writer, const char *sql, const char *shape, ...);

/* Runs statements that have neither values nor rows. */
int mt_sql_execute(struct mt_writer *writer, const char *sql);

/* Keeps SQLite's words for mt_writer_error(), and gives its code as -errno. */
int mt_sql_failed(struct mt_writer *writer, int code);

#endif
