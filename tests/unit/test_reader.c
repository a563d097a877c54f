/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_reader.c - store/reader.c and store/cache.c on files of every kind: ours, foreign, cut,
 * garbled.
 */
#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/cache.h"
#include "store/reader.h"
#include "tests/unit/fixture.h"

static enum mt_reader_fault fault_of(const char *path)
{
	struct mt_reader *reader = NULL;
	enum mt_reader_fault fault = MT_READER_FINE;
	int error = mt_reader_open(path, &reader, &fault);

	assert_int_equal(error == 0, reader != NULL);
	assert_int_equal(error == 0, fault == MT_READER_FINE);
	mt_reader_close(reader);
	return fault;
}

/* Reads every table to its end; 0, or the first error. */
static int read_everything(const char *path)
{
	static const char *const tables[] = {"session",  "note",  "process",  "thread", "module",
	                                     "frame",    "stack", "symbol",   "kind",   "total",
	                                     "snapshot", "block", "timeline", "site",   "leak"};
	struct mt_reader *reader;
	enum mt_reader_fault fault;
	int error = mt_reader_open(path, &reader, &fault);

	if (error < 0)
		return error;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && error >= 0; i++) {
		struct mt_rows *rows = NULL;
		char sql[64];

		snprintf(sql, sizeof(sql), "SELECT * FROM %s", tables[i]);
		error = mt_rows_open(reader, sql, &rows, NULL);
		while (error >= 0 && (error = mt_rows_next(rows)) == 1)
			for (int k = 0; k < mt_rows_columns(rows); k++)
				assert_non_null(mt_rows_text(rows, k));
		mt_rows_close(rows);
	}
	mt_reader_close(reader);
	return error;
}

static void a_file_of_ours_is_read(void **state)
{
	const char *path = fixture_path("ours.db");
	struct mt_reader *reader;
	enum mt_reader_fault fault;
	struct mt_rows *rows;
	const char *tail;

	(void)state;
	fixture_file(path, "INSERT INTO note VALUES (1, NULL, 5, 'cut', 3, 'three')");
	assert_int_equal(mt_reader_open(path, &reader, &fault), 0);
	assert_int_equal(mt_rows_open(reader,
	                              "SELECT kind, count, process, 1.5, x'00ff' FROM note"
	                              " WHERE id = ?1; SELECT 2",
	                              &rows, &tail),
	                 0);
	assert_string_equal(tail, " SELECT 2");
	mt_rows_bind(rows, 1, 1);
	assert_int_equal(mt_rows_next(rows), 1);
	assert_int_equal(mt_rows_columns(rows), 5);
	assert_string_equal(mt_rows_name(rows, 1), "count");
	assert_string_equal(mt_rows_text(rows, 0), "cut");
	assert_int_equal(mt_rows_integer(rows, 1), 3);
	assert_true(mt_rows_is_null(rows, 2));
	assert_string_equal(mt_rows_text(rows, 2), "");
	assert_int_equal(mt_rows_cell(rows, 3), MT_CELL_REAL);
	assert_int_equal(mt_rows_cell(rows, 4), MT_CELL_BLOB);
	assert_int_equal(mt_rows_next(rows), 0);
	mt_rows_reset(rows);
	mt_rows_bind(rows, 1, 2);
	assert_int_equal(mt_rows_next(rows), 0);
	mt_rows_close(rows);
	assert_int_equal(mt_rows_open(reader, " -- nothing", &rows, NULL), 0);
	assert_null(rows);
	assert_int_equal(mt_rows_open(reader, "SELEC", &rows, NULL), -EINVAL);
	assert_non_null(strstr(mt_reader_message(reader), "SELEC"));
	mt_reader_close(reader);
}

static void reading_changes_nothing(void **state)
{
	static const char *const writes[] = {"DELETE FROM note", "CREATE TABLE x (a)",
	                                     "PRAGMA user_version = 7", "DROP TABLE note",
	                                     "UPDATE session SET state = 'x'"};
	const char *path = fixture_path("kept.db");
	struct mt_reader *reader;
	enum mt_reader_fault fault;
	char *before, *after;

	(void)state;
	fixture_file(path, "INSERT INTO note VALUES (1, NULL, 5, 'cut', 3, 'three')");
	before = fixture_output("cksum <'%s'", path);
	assert_int_equal(mt_reader_open(path, &reader, &fault), 0);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		struct mt_rows *rows = NULL;

		if (mt_rows_open(reader, writes[i], &rows, NULL) == 0)
			mt_rows_next(rows);
		mt_rows_close(rows);
	}
	mt_reader_close(reader);
	after = fixture_output("cksum <'%s'", path);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void what_is_no_memtrace_file_is_told_apart(void **state)
{
	const char *path = fixture_path("other.db");

	(void)state;
	assert_int_equal(fault_of(fixture_path("missing.db")), MT_READER_MISSING);
	assert_int_equal(fault_of(fixture_path("missing/x.db")), MT_READER_MISSING);
	assert_int_equal(fault_of(""), MT_READER_MISSING);
	assert_int_equal(fault_of(fixture_folder()), MT_READER_NOT_A_FILE);
	assert_int_equal(fault_of("/dev/zero"), MT_READER_NOT_A_FILE);
	assert_int_equal(mkfifo(fixture_path("pipe.db"), 0600), 0);
	assert_int_equal(fault_of(fixture_path("pipe.db")), MT_READER_NOT_A_FILE);
	fixture_write(path, "", 0);
	assert_int_equal(fault_of(path), MT_READER_EMPTY);
	fixture_write(path, "my own notes, and none of memtrace's business at all", 52);
	assert_int_equal(fault_of(path), MT_READER_NO_SQLITE);
	unlink(path);
	fixture_sql(path, "CREATE TABLE accounts (a)");
	assert_int_equal(fault_of(path), MT_READER_FOREIGN);
	fixture_file(path, "");
	assert_int_equal(fault_of(path), MT_READER_FINE);
	fixture_sql(path, "PRAGMA user_version = 3");
	assert_int_equal(fault_of(path), MT_READER_NEWER);
	fixture_sql(path, "PRAGMA user_version = 1");
	assert_int_equal(fault_of(path), MT_READER_OLDER);
	fixture_sql(path, "PRAGMA user_version = 0");
	assert_int_equal(fault_of(path), MT_READER_DAMAGED);
	fixture_file(path, "DELETE FROM session");
	assert_int_equal(fault_of(path), MT_READER_DAMAGED);
	fixture_file(path, "DROP TABLE session");
	assert_int_equal(fault_of(path), MT_READER_DAMAGED);
}

static void odd_names_are_names_like_any_other(void **state)
{
	static const char *const names[] = {"file:x?mode=memory", ":memory:", "a%20b#c?.db", "-x"};
	char folder[256];

	(void)state;
	assert_non_null(getcwd(folder, sizeof(folder)));
	assert_int_equal(chdir(fixture_folder()), 0);
	fixture_file(fixture_path("plain.db"), "");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(fault_of(names[i]), MT_READER_MISSING);
		assert_int_equal(rename(fixture_path("plain.db"), names[i]), 0);
		assert_int_equal(fault_of(names[i]), MT_READER_FINE);
		assert_int_equal(rename(names[i], fixture_path("plain.db")), 0);
	}
	assert_int_equal(chdir(folder), 0);
}

/* Enough rows for some pages of every kind. */
static void make_large(const char *path)
{
	fixture_file(
	        path,
	        "INSERT INTO module VALUES (1, '/lib/x', 'ab');"
	        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
	        " INSERT INTO frame SELECT i, 1, i * 16, NULL FROM n;"
	        "INSERT INTO stack SELECT id, nullif(id - 1, 0), id, NULL FROM frame;"
	        "INSERT INTO symbol SELECT id, 0, 'function' || id, 'file.c', id, 0 FROM frame;"
	        "INSERT INTO snapshot VALUES (1, 1, 'exit', 5, 400, 400);"
	        "INSERT INTO block SELECT 1, id * 16, 1, id, id, 1, NULL, 'unclassified' FROM "
	        "frame;"
	        "INSERT INTO total SELECT 1, id, 1, 1, 0, 1, 0, 1, 1, 0 FROM frame");
}

static void a_file_that_was_cut_is_damaged_wherever_it_was_cut(void **state)
{
	const char *whole = fixture_path("whole.db"), *part = fixture_path("part.db");
	struct stat status;
	char *bytes;
	FILE *file;

	(void)state;
	make_large(whole);
	assert_int_equal(read_everything(whole), 0);
	assert_int_equal(stat(whole, &status), 0);
	bytes = malloc((size_t)status.st_size);
	file = fopen(whole, "re");
	assert_non_null(file);
	assert_int_equal(fread(bytes, 1, (size_t)status.st_size, file), status.st_size);
	fclose(file);
	for (size_t length = 1; length < (size_t)status.st_size; length += 997) {
		fixture_write(part, bytes, length);
		assert_true(read_everything(part) < 0);
	}
	free(bytes);
}

/*
 * Any outcome but a crash or a hang: a changed byte may be one that nobody reads, or one in a text.
 */
static void a_garbled_file_is_survived(void **state)
{
	const char *whole = fixture_path("whole2.db"), *part = fixture_path("garbled.db");
	struct stat status;
	unsigned int damaged = 0;
	uint64_t seed = 3;
	char *bytes;
	FILE *file;

	(void)state;
	make_large(whole);
	assert_int_equal(stat(whole, &status), 0);
	bytes = malloc((size_t)status.st_size);
	for (unsigned int round = 0; round < 300; round++) {
		file = fopen(whole, "re");
		assert_non_null(file);
		assert_int_equal(fread(bytes, 1, (size_t)status.st_size, file), status.st_size);
		fclose(file);
		for (unsigned int i = 0; i < 20; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			bytes[100 + (seed >> 20) % ((size_t)status.st_size - 100)] =
			        (char)(seed >> 10);
		}
		fixture_write(part, bytes, (size_t)status.st_size);
		damaged += read_everything(part) < 0;
	}
	free(bytes);
	assert_true(damaged > 0);
}

/* A child that writes and is gone before it can tidy up, as a killed collector is. */
static void leave_journal(const char *path, const char *mode)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		char sql[256];
		sqlite3 *db;

		snprintf(sql, sizeof(sql),
		         "PRAGMA journal_mode = %s; PRAGMA wal_autocheckpoint = 0;"
		         "INSERT INTO note VALUES (1, NULL, 5, 'late', 1, 'in the journal')",
		         mode);
		if (sqlite3_open(path, &db) != SQLITE_OK ||
		    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static int64_t count_notes(const char *path)
{
	struct mt_reader *reader;
	enum mt_reader_fault fault;
	struct mt_rows *rows;
	int64_t count;

	if (mt_reader_open(path, &reader, &fault) < 0)
		return -(int64_t)fault;
	assert_int_equal(mt_rows_open(reader, "SELECT count(*) FROM note", &rows, NULL), 0);
	assert_int_equal(mt_rows_next(rows), 1);
	count = mt_rows_integer(rows, 0);
	mt_rows_close(rows);
	mt_reader_close(reader);
	return count;
}

static void what_is_still_in_the_journal_is_read(void **state)
{
	const char *path = fixture_path("journal.db");

	(void)state;
	fixture_file(path, "");
	leave_journal(path, "WAL");
	assert_int_equal(access(fixture_path("journal.db-wal"), F_OK), 0);
	assert_int_equal(count_notes(path), 1);
}

/* Another user's process, who may write nothing there. */
static int64_t count_notes_as_nobody(const char *path)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(99);
		_exit((int)(count_notes(path) + 50));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) - 50;
}

static void where_nothing_may_be_written_a_file_is_read_all_the_same(void **state)
{
	const char *path = fixture_path("closed/wal.db");

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(chmod(fixture_folder(), 0755), 0);
	assert_int_equal(mkdir(fixture_path("closed"), 0755), 0);
	fixture_file(path, "INSERT INTO note VALUES (1, NULL, 5, 'x', 1, 'y')");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(count_notes_as_nobody(path), 1);
	/* In the mode in which the collector writes, closed in order. */
	fixture_sql(path, "PRAGMA journal_mode = WAL");
	assert_int_equal(count_notes_as_nobody(path), 1);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(count_notes_as_nobody(path), -MT_READER_UNREADABLE);
}

static void symbols_are_kept_whole_or_not_at_all(void **state)
{
	const char *path = fixture_path("cache.db");
	struct mt_cache *cache;

	(void)state;
	fixture_file(path, "INSERT INTO frame VALUES (1, NULL, 5, NULL), (2, NULL, 6, NULL)");
	assert_int_equal(mt_cache_open(path, &cache), 0);
	assert_int_equal(mt_cache_frame(cache, 1, "dwarf"), 0);
	assert_int_equal(mt_cache_symbol(cache, 1, 0, "f", "f.c", 3, true), 0);
	assert_int_equal(mt_cache_symbol(cache, 1, 1, "g", NULL, 0, false), 0);
	assert_int_equal(mt_cache_close(cache), 0);
	assert_int_equal(fixture_number(path,
	                                "SELECT count(*) FROM symbol WHERE frame = 1 AND"
	                                " ((depth = 0 AND function = 'f' AND line = 3 AND inlined)"
	                                " OR (depth = 1 AND file IS NULL AND line IS NULL))"),
	                 2);
	assert_int_equal(
	        fixture_number(path, "SELECT count(*) FROM frame WHERE symbolized = 'dwarf'"), 1);
	/* Resolved again: the old symbols go. */
	assert_int_equal(mt_cache_open(path, &cache), 0);
	assert_int_equal(mt_cache_frame(cache, 1, "symtab"), 0);
	assert_int_equal(mt_cache_symbol(cache, 1, 0, "h", NULL, 0, false), 0);
	/* The same depth twice is refused, and with it all the rest. */
	assert_true(mt_cache_symbol(cache, 1, 0, "h", NULL, 0, false) < 0);
	assert_true(mt_cache_close(cache) < 0);
	assert_int_equal(fixture_number(path, "SELECT count(*) FROM symbol"), 2);
}

static void a_locked_or_missing_file_keeps_nothing(void **state)
{
	const char *path = fixture_path("locked.db");
	struct mt_cache *cache;
	sqlite3 *db;

	(void)state;
	assert_true(mt_cache_open(fixture_path("nowhere.db"), &cache) < 0);
	assert_int_equal(access(fixture_path("nowhere.db"), F_OK), -1);
	fixture_file(path, "");
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_true(mt_cache_open(path, &cache) < 0);
	sqlite3_close(db);
	assert_int_equal(mt_cache_open(path, &cache), 0);
	assert_int_equal(mt_cache_close(cache), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_file_of_ours_is_read),
	        cmocka_unit_test(reading_changes_nothing),
	        cmocka_unit_test(what_is_no_memtrace_file_is_told_apart),
	        cmocka_unit_test(odd_names_are_names_like_any_other),
	        cmocka_unit_test(a_file_that_was_cut_is_damaged_wherever_it_was_cut),
	        cmocka_unit_test(a_garbled_file_is_survived),
	        cmocka_unit_test(what_is_still_in_the_journal_is_read),
	        cmocka_unit_test(where_nothing_may_be_written_a_file_is_read_all_the_same),
	        cmocka_unit_test(symbols_are_kept_whole_or_not_at_all),
	        cmocka_unit_test(a_locked_or_missing_file_keeps_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, fixture_clean);
}
