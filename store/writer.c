/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * writer.c - see writer.h: the file as a whole. Its rows are written by writer_*.c.
 */
#include "store/writer.h"

#include "base/cleanup.h"
#include "store/journals.h"
#include "store/sql.h"
#include "store/store.h"
#include "wire/event.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(MT_WRITER_NULL == MT_USAGE_UNKNOWN, "what is not known becomes NULL");

/* A reader that caches symbols holds the file for milliseconds; one that waits longer is stuck. */
#define BUSY_MS 10000

static const char session_sql[] = "INSERT INTO session (id, memtrace, origin_utc_ns, clock, host, "
                                  "kernel, machine, page_bytes,"
                                  " collector_pid, collector_start, state, options, sample_bytes)"
                                  " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'recording', ?, ?)";
static const char kind_sql[] = "INSERT INTO kind (id, name, heap) VALUES (?, ?, ?)";
static const char state_sql[] = "UPDATE session SET state = ?";

static int write_kinds(struct mt_writer *writer)
{
	static const struct {
		const char *name;
		bool heap;
	} kinds[MT_KIND_COUNT] = {
#define KIND(name, text, heap) {text, heap},
	        MT_KINDS(KIND)
#undef KIND
	};
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(writer->db, kind_sql, -1, &statement, NULL);

	for (int id = 0; id < MT_KIND_COUNT && code == SQLITE_OK; id++) {
		sqlite3_bind_int(statement, 1, id);
		sqlite3_bind_text(statement, 2, kinds[id].name, -1, SQLITE_STATIC);
		sqlite3_bind_int(statement, 3, kinds[id].heap);
		sqlite3_step(statement);
		code = sqlite3_reset(statement);
	}
	sqlite3_finalize(statement);
	return code == SQLITE_OK ? 0 : mt_sql_failed(writer, code);
}

/* True: the file has another name now, or none. */
static bool has_moved(struct mt_writer *writer)
{
	int has_moved = 0;

	return sqlite3_file_control(writer->db, NULL, SQLITE_FCNTL_HAS_MOVED, &has_moved) ==
	               SQLITE_OK &&
	       has_moved;
}

static int begin_log(struct mt_writer *writer)
{
	int r = 0;

	/* A new one has taken its name, maybe: then there is nothing left to be written for. */
	mt_journals_lock(&writer->journals);
	if (!has_moved(writer)) {
		/* The look at a table makes the log. */
		r = mt_sql_execute(writer, "PRAGMA journal_mode = WAL; SELECT state FROM session");
		mt_journals_mark(&writer->journals);
	}
	mt_journals_unlock(&writer->journals);
	return r;
}

/* With the folder locked: where others' files have our names, SQLite is to touch none of them. */
static bool may_touch_journals(struct mt_writer *writer)
{
	int keeps = has_moved(writer) || !mt_journals_are_ours(&writer->journals);

	sqlite3_file_control(writer->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &keeps);
	return !keeps;
}

/* Moves the whole log into the file; false: a reader needs it still, or there is no space. */
static bool fold(struct mt_writer *writer)
{
	int frames, folded;

	return sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames,
	                                 &folded) == SQLITE_OK &&
	       frames == folded;
}

/*
 * Folds the log into the file. A reader that has the file open keeps it in WAL mode: then it stays readable as it is,
 * and the last one to close it folds the log in. The long part comes first, without the lock on the folder. In
 * memory there is a journal for the moment only in which the file's head is written, and none on the disk that could
 * be taken for another file's.
 */
static void end_log(struct mt_writer *writer)
{
	bool is_folded = fold(writer);

	mt_journals_lock(&writer->journals);
	if (may_touch_journals(writer))
		mt_sql_execute(writer, "PRAGMA journal_mode = MEMORY");
	else if (is_folded)
		/* Without its name the file cannot leave WAL mode, but what is folded in is nobody's any more. */
		mt_journals_remove(&writer->journals);
	mt_journals_unlock(&writer->journals);
}

/*
 * The schema and the first rows, in memory. Of its some forty tables and indexes most hold little: the file of a small
 * program has 85 kB with pages of 1024 bytes, 115 with 2048 and 184 with 4096, that of a compiler with ten million events
 * 2.09, 2.14 and 2.24 MB, and the time to write it is the same.
 */
static int fill(struct mt_writer *writer, const struct mt_writer_session *session)
{
	int r = mt_sql_execute(writer, "PRAGMA page_size = 1024; BEGIN");

	if (r == 0)
		r = mt_sql_execute(writer, mt_store_schema);
	if (r == 0)
		r = mt_sql_once(writer, session_sql, "sissssiiisu", session->memtrace,
		                session->origin_utc_ns, session->clock, session->host,
		                session->kernel, session->machine, session->page_bytes,
		                session->collector_pid, session->collector_start, session->options,
		                session->sample_bytes);
	if (r == 0)
		r = write_kinds(writer);
	if (r == 0)
		r = mt_sql_execute(writer, "COMMIT");
	return r;
}

static int write_whole(struct mt_writer *writer, const char *path, const unsigned char *bytes,
                       size_t count)
{
	MT_CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t done = fd < 0 ? -1 : pwrite(fd, bytes, count, 0);
	int error = errno;

	if (done == (ssize_t)count)
		return 0;
	/* Cut short, most likely because the disk is full: the next byte says why. */
	if (done >= 0)
		error = pwrite(fd, bytes + done, 1, done) < 0 ? errno : EIO;
	snprintf(writer->error, sizeof(writer->error), "%s", strerror(error));
	return -error;
}

/*
 * Writes the file with one call, so that there is no moment at which a collector that is killed leaves a part of it;
 * and the traced program waits for this.
 */
static int make_file(struct mt_writer *writer, const char *path)
{
	sqlite3_int64 count;
	unsigned char *bytes = sqlite3_serialize(writer->db, "main", &count, 0);
	int r;

	if (!bytes)
		return -ENOMEM;
	/* https://www.sqlite.org/fileformat.html: the versions for writing and reading, 2 for WAL */
	bytes[18] = bytes[19] = 2;
	r = write_whole(writer, path, bytes, (size_t)count);
	sqlite3_free(bytes);
	return r;
}

/*
 * SQLite takes what stands there under the names of its journals. In a folder where others may write they may have
 * put something there: their file would hold what the program's file is to hold, and they could change it. Both
 * are open now; what is made of the names later does no harm.
 */
static int check_journals(struct mt_writer *writer, const char *path)
{
	static const char *const suffixes[] = {"-wal", "-shm", "-journal"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		struct stat status;
		char *name;
		bool is_ours;

		if (asprintf(&name, "%s%s", path, suffixes[i]) < 0)
			return -ENOMEM;
		is_ours = lstat(name, &status) != 0 ||
		          (S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
		           status.st_nlink == 1);
		free(name);
		if (!is_ours) {
			snprintf(writer->error, sizeof(writer->error),
			         "somebody has put a file of that name and %s beside it",
			         suffixes[i]);
			return -EEXIST;
		}
	}
	return 0;
}

static int open_file(struct mt_writer *writer, const char *path)
{
	int code = sqlite3_open_v2(path, &writer->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
	                           NULL);
	int r;

	if (code != SQLITE_OK)
		return writer->db ? mt_sql_failed(writer, code) : -ENOMEM;
	sqlite3_busy_timeout(writer->db, BUSY_MS);
	/* Before, because a pipe would be waited for; and behind, what was there when they were opened. */
	r = check_journals(writer, path);
	if (r == 0)
		r = mt_sql_execute(writer,
		                   "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 16000;"
		                   "PRAGMA foreign_keys = OFF");
	if (r == 0)
		r = begin_log(writer);
	return r < 0 ? r : check_journals(writer, path);
}

int mt_writer_create(const char *path, const struct mt_writer_session *session,
                     struct mt_error *ret_error, struct mt_writer **ret_writer)
{
	struct mt_writer *writer = calloc(1, sizeof(*writer));
	int code, r;

	if (!writer || mt_journals_init(&writer->journals, path) < 0) {
		if (writer)
			mt_journals_free(&writer->journals);
		free(writer);
		return mt_error_set(ret_error, -ENOMEM, "%s: out of memory", path);
	}
	/* Its count of memory in use takes a lock for each allocation, and nobody asks for it. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	code = sqlite3_open(":memory:", &writer->db);
	if (code == SQLITE_OK)
		r = fill(writer, session);
	else
		r = writer->db ? mt_sql_failed(writer, code) : -ENOMEM;
	if (r == 0)
		r = make_file(writer, path);
	if (r == 0) {
		sqlite3_close(writer->db);
		writer->db = NULL;
		r = open_file(writer, path);
	}
	if (r < 0) {
		mt_error_set(ret_error, r, "%s: %s", path,
		             writer->error[0] ? writer->error : strerror(-r));
		mt_writer_close(writer, NULL, NULL);
		return r;
	}
	*ret_writer = writer;
	return 0;
}

int mt_writer_rest(struct mt_writer *writer)
{
	int r = mt_sql_once(writer, state_sql, "s", "complete");

	if (r == 0)
		writer->is_resting = true;
	if (r == 0)
		end_log(writer);
	return r;
}

int mt_writer_begin(struct mt_writer *writer)
{
	int r = 0;

	if (writer->is_resting) {
		writer->is_resting = false;
		begin_log(writer);
		r = mt_sql_once(writer, state_sql, "s", "recording");
	}
	return r < 0 ? r : mt_sql_run(writer, MT_SQL_BEGIN, "");
}

int mt_writer_commit(struct mt_writer *writer)
{
	return mt_sql_run(writer, MT_SQL_COMMIT, "");
}

void mt_writer_rollback(struct mt_writer *writer)
{
	/* On a full disk SQLite has often rolled back by itself. */
	if (!sqlite3_get_autocommit(writer->db))
		sqlite3_exec(writer->db, "ROLLBACK", NULL, NULL, NULL);
}

void mt_writer_make_room(struct mt_writer *writer)
{
	sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
}

const char *mt_writer_error(const struct mt_writer *writer)
{
	return writer->error;
}

int mt_writer_close(struct mt_writer *writer, const char *state, struct mt_error *ret_error)
{
	int r = 0;

	if (writer->db)
		mt_writer_rollback(writer);
	if (state && !(writer->is_resting && strcmp(state, "complete") == 0))
		r = mt_sql_once(writer, state_sql, "s", state);
	for (int which = 0; which < MT_SQL_COUNT; which++)
		sqlite3_finalize(writer->statements[which]);
	if (r == 0 && state && !writer->is_resting)
		end_log(writer);
	if (r < 0)
		mt_error_set(ret_error, r, "%s", writer->error);
	mt_journals_lock(&writer->journals);
	if (writer->db)
		may_touch_journals(writer);
	sqlite3_close(writer->db);
	mt_journals_unlock(&writer->journals);
	mt_journals_free(&writer->journals);
	mt_pack_free(&writer->pack);
	free(writer);
	return r;
}
