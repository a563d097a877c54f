/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reader.c - see reader.h.
 */
#include "store/reader.h"

#include "store/shape.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x4d545243 /* schema.sql */

/* How long a step waits for the collector to finish a commit. */
#define BUSY_MS 5000

/*
 * Steps of SQLite's machine that a reader may take: for each byte of the file, and beside; and a byte that is unpacked
 * counts as a step. A report takes some ten
 * for a byte at most; pages that are part of many tables, or of themselves, have no end.
 */
#define STEPS_PER_BYTE 200
#define STEPS_MIN      20000000
#define STEPS_AT_ONCE  10000
#define PATIENCE       100
/* Of SQLite's own memory. */
#define HEAP_MAX (512 << 20)

struct mt_reader {
	sqlite3 *db;
	int64_t steps_left;
};

struct mt_rows {
	sqlite3_stmt *statement;
};

static int error_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return 0;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_PERM:
	case SQLITE_AUTH: return -EACCES;
	case SQLITE_READONLY: return -EROFS;
	case SQLITE_INTERRUPT: return -EOVERFLOW;
	case SQLITE_TOOBIG: return -EFBIG;
	case SQLITE_IOERR:
	case SQLITE_FULL:
	case SQLITE_CANTOPEN: return -EIO;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT: return -EBADMSG;
	default: return -EINVAL;
	}
}

static enum mt_reader_fault fault_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_NOTADB: return MT_READER_NO_SQLITE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return MT_READER_BUSY;
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN: return MT_READER_JOURNAL;
	case SQLITE_IOERR: return MT_READER_UNREADABLE;
	default: return MT_READER_DAMAGED;
	}
}

/*
 * Whoever put a journal there decides what the file says. In a folder where others may write it must be of the
 * file's owner, root's or our own.
 */
static bool is_planted(const char *path, const struct stat *status)
{
	static const char *const suffixes[] = {"-wal", "-shm", "-journal"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		struct stat journal;
		char *name = NULL;
		bool is_there;

		if (asprintf(&name, "%s%s", path, suffixes[i]) < 0)
			return true;
		is_there = lstat(name, &journal) == 0;
		free(name);
		if (is_there && (!S_ISREG(journal.st_mode) ||
		                 (journal.st_uid != status->st_uid && journal.st_uid != 0 &&
		                  journal.st_uid != geteuid())))
			return true;
	}
	return false;
}

/* What open(2) thinks of it, before SQLite, whose messages do not tell these cases apart. */
static int look_at(const char *path, enum mt_reader_fault *ret_fault)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int error = errno;

	if (fd < 0) {
		*ret_fault = error == ENOENT || error == ENOTDIR ? MT_READER_MISSING
		                                                 : MT_READER_UNREADABLE;
		return -error;
	}
	if (fstat(fd, &status) < 0) {
		error = errno;
		close(fd);
		*ret_fault = MT_READER_UNREADABLE;
		return -error;
	}
	close(fd);
	if (!S_ISREG(status.st_mode)) {
		*ret_fault = MT_READER_NOT_A_FILE;
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	}
	if (is_planted(path, &status)) {
		*ret_fault = MT_READER_PLANTED;
		return -EPERM;
	}
	if (status.st_size == 0) {
		char *journal = NULL;
		bool has_journal;

		/* A file just begun may still be in its journal as a whole. */
		if (asprintf(&journal, "%s-wal", path) < 0)
			return -ENOMEM;
		has_journal = stat(journal, &status) == 0 && status.st_size > 0;
		free(journal);
		if (!has_journal) {
			*ret_fault = MT_READER_EMPTY;
			return -ENODATA;
		}
	}
	return 0;
}

/* "file:" form of a path with the characters escaped that mean something there. */
static char *immutable_uri(const char *path)
{
	size_t bytes = 3 * strlen(path) + 32;
	char *uri = malloc(bytes);
	char *to = uri;

	if (!uri)
		return NULL;
	to += snprintf(to, bytes, "file:%s", path[0] == '/' ? "" : "./");
	for (const char *at = path; *at; at++) {
		if (*at == '%' || *at == '?' || *at == '#')
			to += snprintf(to, 4, "%%%02X", (unsigned char)*at);
		else
			*to++ = *at;
	}
	strcpy(to, "?immutable=1");
	return uri;
}

static int ask_number(sqlite3 *db, const char *sql, int64_t *ret_number)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (code == SQLITE_OK) {
		code = sqlite3_step(statement);
		if (code == SQLITE_ROW)
			*ret_number = sqlite3_column_int64(statement, 0);
		else if (code == SQLITE_DONE)
			code = SQLITE_CORRUPT;
	}
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* Nothing that the file brings along is run, and nothing but it is opened. */
static void defend(sqlite3 *db)
{
	sqlite3_hard_heap_limit64(HEAP_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, MT_READER_VALUE_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	/* Our own are temporary ones (shape.c), which go on working. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_exec(db, "PRAGMA cell_size_check = 1", NULL, NULL, NULL);
}

static int open_as(const char *path, int flags, sqlite3 **ret_db)
{
	sqlite3 *db = NULL;
	int64_t number = 0;
	int code = sqlite3_open_v2(path, &db, flags, NULL);

	if (code == SQLITE_OK) {
		sqlite3_extended_result_codes(db, 1);
		sqlite3_busy_timeout(db, BUSY_MS);
		defend(db);
		/* The first read: only now does SQLite look at the file and its journal. */
		code = ask_number(db, "SELECT count(*) FROM sqlite_schema", &number);
	}
	if (code != SQLITE_OK) {
		sqlite3_close(db);
		return code;
	}
	*ret_db = db;
	return SQLITE_OK;
}

static bool has_journal_beside(const char *path)
{
	static const char *const suffixes[] = {"-wal", "-journal"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		struct stat status;
		char *journal = NULL;
		bool is_there;

		if (asprintf(&journal, "%s%s", path, suffixes[i]) < 0)
			return true;
		is_there = stat(journal, &status) == 0 && status.st_size > 0;
		free(journal);
		if (is_there)
			return true;
	}
	return false;
}

/*
 * Read-only serves nearly always. A journal that a killed collector left has to be rolled back, or
 * needs its index made, which takes a writer's rights; and in a folder where nothing may be
 * written, a file without a journal can only be opened as one that does not change.
 */
static int open_somehow(const char *path, sqlite3 **ret_db)
{
	int code = open_as(path, SQLITE_OPEN_READONLY, ret_db);
	int primary = code & 0xff;

	if (primary != SQLITE_READONLY && primary != SQLITE_CANTOPEN)
		return code;
	if (has_journal_beside(path)) {
		if (open_as(path, SQLITE_OPEN_READWRITE, ret_db) == SQLITE_OK)
			return SQLITE_OK;
	} else {
		char *uri = immutable_uri(path);

		if (!uri)
			return SQLITE_NOMEM;
		if (open_as(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, ret_db) == SQLITE_OK)
			code = SQLITE_OK;
		free(uri);
	}
	return code;
}

/*
 * True when the file ends inside its last page: SQLite would take the rest of that page for zeros,
 * and rows for absent. What is missing as whole pages it sees by itself.
 */
static bool is_cut(sqlite3 *db, const char *path)
{
	int64_t pages = 0, page_bytes = 0;
	struct stat status;

	return !has_journal_beside(path) && stat(path, &status) == 0 &&
	       ask_number(db, "PRAGMA page_count", &pages) == SQLITE_OK &&
	       ask_number(db, "PRAGMA page_size", &page_bytes) == SQLITE_OK &&
	       status.st_size / page_bytes < pages;
}

/* Application, version, shape, and the one row of the session. */
static int check_contents(struct mt_reader *reader, const char *path,
                          enum mt_reader_fault *ret_fault)
{
	sqlite3 *db = reader->db;
	int64_t application = 0;
	int64_t version = 0;
	int64_t sessions = 0;
	int code = ask_number(db, "PRAGMA application_id", &application);

	if (code == SQLITE_OK)
		code = ask_number(db, "PRAGMA user_version", &version);
	if (code != SQLITE_OK) {
		*ret_fault = fault_of(code);
		return error_of(code);
	}
	if (application != APPLICATION_ID) {
		*ret_fault = MT_READER_FOREIGN;
		return -EMEDIUMTYPE;
	}
	if (version > MT_READER_VERSION) {
		*ret_fault = MT_READER_NEWER;
		return -EPROTONOSUPPORT;
	}
	if (version >= 1 && version < MT_READER_VERSION) {
		*ret_fault = MT_READER_OLDER;
		return -EPROTONOSUPPORT;
	}
	code = mt_shape_impose(db, &reader->steps_left);
	if (code == SQLITE_SCHEMA) {
		*ret_fault = MT_READER_SHAPE;
		return -EBADMSG;
	}
	/* Only now: the views are made. */
	sqlite3_exec(db, "PRAGMA query_only = 1", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = ask_number(db, "SELECT count(*) FROM session", &sessions);
	if (code != SQLITE_OK || version < 1 || sessions != 1 || is_cut(db, path)) {
		*ret_fault = code == SQLITE_OK ? MT_READER_DAMAGED : fault_of(code);
		return -EBADMSG;
	}
	return 0;
}

static int count_steps(void *context)
{
	struct mt_reader *reader = context;

	reader->steps_left -= STEPS_AT_ONCE;
	return reader->steps_left < 0;
}

/* The file and its journal. */
static int64_t bytes_of(const char *path)
{
	struct stat status;
	int64_t bytes = 0;
	char *journal = NULL;

	if (stat(path, &status) == 0)
		bytes = status.st_size;
	if (asprintf(&journal, "%s-wal", path) >= 0 && stat(journal, &status) == 0)
		bytes += status.st_size;
	free(journal);
	return bytes < INT64_MAX / STEPS_PER_BYTE / PATIENCE / 2
	               ? bytes
	               : INT64_MAX / STEPS_PER_BYTE / PATIENCE / 2;
}

void mt_reader_be_patient(struct mt_reader *reader)
{
	reader->steps_left *= PATIENCE;
}

int mt_reader_open(const char *path, struct mt_reader **ret_reader, enum mt_reader_fault *ret_fault)
{
	struct mt_reader *reader;
	char *plain = NULL;
	sqlite3 *db = NULL;
	int code, error;

	*ret_fault = MT_READER_FINE;
	error = look_at(path, ret_fault);
	if (error < 0)
		return error;
	/* ":memory:" and "file:x" are names like any other here. */
	if (asprintf(&plain, "%s%s", path[0] == '/' ? "" : "./", path) < 0)
		return -ENOMEM;
	code = open_somehow(plain, &db);
	free(plain);
	if (code != SQLITE_OK) {
		*ret_fault = fault_of(code);
		return error_of(code);
	}
	reader = calloc(1, sizeof(*reader));
	if (!reader) {
		sqlite3_close(db);
		return -ENOMEM;
	}
	reader->db = db;
	reader->steps_left = STEPS_MIN + STEPS_PER_BYTE * bytes_of(path);
	error = check_contents(reader, path, ret_fault);
	if (error < 0) {
		mt_reader_close(reader);
		return error;
	}
	sqlite3_progress_handler(db, STEPS_AT_ONCE, count_steps, reader);
	*ret_reader = reader;
	return 0;
}

void mt_reader_close(struct mt_reader *reader)
{
	if (!reader)
		return;
	sqlite3_close(reader->db);
	free(reader);
}

const char *mt_reader_message(const struct mt_reader *reader)
{
	return sqlite3_errmsg(reader->db);
}

int mt_rows_open(struct mt_reader *reader, const char *sql, struct mt_rows **ret_rows,
                 const char **ret_tail)
{
	sqlite3_stmt *statement = NULL;
	struct mt_rows *rows;
	int code = sqlite3_prepare_v2(reader->db, sql, -1, &statement, ret_tail);

	if (code != SQLITE_OK)
		return error_of(code);
	if (!statement) {
		*ret_rows = NULL;
		return 0;
	}
	rows = calloc(1, sizeof(*rows));
	if (!rows) {
		sqlite3_finalize(statement);
		return -ENOMEM;
	}
	rows->statement = statement;
	*ret_rows = rows;
	return 0;
}

void mt_rows_close(struct mt_rows *rows)
{
	if (!rows)
		return;
	sqlite3_finalize(rows->statement);
	free(rows);
}

void mt_rows_bind(struct mt_rows *rows, int index, int64_t value)
{
	sqlite3_bind_int64(rows->statement, index, value);
}

void mt_rows_reset(struct mt_rows *rows)
{
	sqlite3_reset(rows->statement);
}

int mt_rows_next(struct mt_rows *rows)
{
	int code = sqlite3_step(rows->statement);

	return code == SQLITE_ROW ? 1 : error_of(code);
}

int mt_rows_columns(const struct mt_rows *rows)
{
	return sqlite3_column_count(rows->statement);
}

const char *mt_rows_name(const struct mt_rows *rows, int column)
{
	const char *name = sqlite3_column_name(rows->statement, column);

	return name ? name : "";
}

enum mt_cell mt_rows_cell(const struct mt_rows *rows, int column)
{
	switch (sqlite3_column_type(rows->statement, column)) {
	case SQLITE_INTEGER: return MT_CELL_INTEGER;
	case SQLITE_FLOAT: return MT_CELL_REAL;
	case SQLITE_TEXT: return MT_CELL_TEXT;
	case SQLITE_BLOB: return MT_CELL_BLOB;
	default: return MT_CELL_NULL;
	}
}

bool mt_rows_is_null(const struct mt_rows *rows, int column)
{
	return sqlite3_column_type(rows->statement, column) == SQLITE_NULL;
}

int64_t mt_rows_integer(const struct mt_rows *rows, int column)
{
	return sqlite3_column_int64(rows->statement, column);
}

double mt_rows_real(const struct mt_rows *rows, int column)
{
	return sqlite3_column_double(rows->statement, column);
}

const char *mt_rows_text(const struct mt_rows *rows, int column)
{
	const unsigned char *text = sqlite3_column_text(rows->statement, column);

	return text ? (const char *)text : "";
}

const void *mt_rows_bytes(const struct mt_rows *rows, int column, size_t *ret_bytes)
{
	const void *bytes = sqlite3_column_blob(rows->statement, column);

	*ret_bytes = bytes ? (size_t)sqlite3_column_bytes(rows->statement, column) : 0;
	return bytes ? bytes : "";
}
