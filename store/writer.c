/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * writer.c - see writer.h: the file as a whole. Its rows are written by writer_*.c.
 */
#include "store/writer.h"

#include "base/cleanup.h"
#include "store/blank.h"
#include "store/journals.h"
#include "store/sql.h"
#include "store/store.h"
#include "wire/event.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static_assert(MT_WRITER_NULL == MT_USAGE_UNKNOWN, "what is not known becomes NULL");

/* A reader that caches symbols holds the file for milliseconds; one that waits longer is stuck. */
#define BUSY_MS 10000
/* More than a collector has open at its start, several times. */
#define PLENTY_OF_DESCRIPTORS 256u
/* Somebody moves the file again and again while SQLite opens it. */
#define PLACES_MAX 8

static const char session_sql[] = "INSERT INTO session (id, memtrace, origin_utc_ns, clock, host, "
                                  "kernel, machine, page_bytes,"
                                  " collector_pid, collector_start, state, options, sample_bytes)"
                                  " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'recording', ?, ?)";
static const char state_sql[] = "UPDATE session SET state = ?";

/* True: the file has another name now, or none. */
static bool has_moved(struct mt_writer *writer)
{
	int has_moved = 0;

	return sqlite3_file_control(writer->db, NULL, SQLITE_FCNTL_HAS_MOVED, &has_moved) ==
	               SQLITE_OK &&
	       has_moved;
}

/* Is the file that was made still at its path? */
static bool is_in_place(const struct mt_writer *writer)
{
	struct stat ours, there;

	return fstat(writer->place_fd, &ours) == 0 && lstat(writer->path, &there) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* With its log it can be moved as it is. */
static bool is_settled(const struct mt_writer *writer)
{
	return writer->journals.log_fd >= 0 || is_in_place(writer);
}

static int begin_log(struct mt_writer *writer)
{
	int r = 0;

	/* A new one has taken its name, maybe: then there is nothing left to be written for. */
	mt_journals_lock(&writer->journals);
	if (!has_moved(writer) && is_in_place(writer)) {
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

/* Where the row of the session is too long for mt_blank_session(): the whole file by SQL, in memory. Gives bytes. */
static int fill(struct mt_writer *writer, const struct mt_writer_session *session,
                unsigned char **ret_bytes, size_t *ret_count)
{
	sqlite3_int64 count;
	int code, r;

	code = sqlite3_open(":memory:", &writer->db);
	if (code == SQLITE_OK)
		code = mt_blank_fill(writer->db);
	r = code == SQLITE_OK ? 0 : writer->db ? mt_sql_failed(writer, code) : -ENOMEM;
	if (r == 0)
		r = mt_sql_once(writer, session_sql, "sissssiiisu", session->memtrace,
		                session->origin_utc_ns, session->clock, session->host,
		                session->kernel, session->machine, session->page_bytes,
		                session->collector_pid, session->collector_start, session->options,
		                session->sample_bytes);
	if (r == 0) {
		*ret_bytes = sqlite3_serialize(writer->db, "main", &count, 0);
		*ret_count = (size_t)count;
		r = *ret_bytes ? 0 : -ENOMEM;
	}
	if (r == 0)
		memcpy(*ret_bytes, mt_blank.bytes, 20); /* in WAL mode */
	sqlite3_close(writer->db);
	writer->db = NULL;
	return r;
}

/*
 * The file is written with one call, so that there is no moment at which a collector that is killed leaves a part of
 * it; and the traced program waits for this. Of SQLite's needs it is seen here that they are met, while another place
 * can be chosen: locks, and memory that is the file's.
 */
static int write_whole(struct mt_writer *writer, const char *path, const struct iovec *parts,
                       int count)
{
	MT_CLEANUP_CLOSE int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	ssize_t wanted = 0, done = fd < 0 ? -1 : pwritev(fd, parts, count, 0);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	int error = errno;
	void *shared;

	for (int i = 0; i < count; i++)
		wanted += (ssize_t)parts[i].iov_len;
	if (done == wanted) {
		shared = mmap(NULL, MT_BLANK_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (shared != MAP_FAILED && fcntl(fd, F_SETLK, &lock) == 0) {
			munmap(shared, MT_BLANK_PAGE_BYTES);
			return 0;
		}
		error = errno;
		if (shared != MAP_FAILED)
			munmap(shared, MT_BLANK_PAGE_BYTES);
	} else if (done >= 0) {
		/* Cut short, most likely because the disk is full: the next byte says why. */
		error = pwrite(fd, "", 1, done) < 0 ? errno : EIO;
	}
	snprintf(writer->error, sizeof(writer->error), "%s", strerror(error));
	return -error;
}

static int make_file(struct mt_writer *writer, const struct mt_writer_session *session)
{
	const struct mt_blank_value values[] = {
	        {"memtrace", session->memtrace, 0},
	        {"origin_utc_ns", NULL, session->origin_utc_ns},
	        {"clock", session->clock, 0},
	        {"host", session->host, 0},
	        {"kernel", session->kernel, 0},
	        {"machine", session->machine, 0},
	        {"page_bytes", NULL, session->page_bytes},
	        {"collector_pid", NULL, session->collector_pid},
	        {"collector_start", NULL, session->collector_start},
	        {"state", "recording", 0},
	        {"options", session->options, 0},
	        {"sample_bytes", NULL,
	         session->sample_bytes < INT64_MAX ? (int64_t)session->sample_bytes : INT64_MAX},
	};
	unsigned char page[MT_BLANK_PAGE_BYTES], *bytes = NULL;
	size_t behind = mt_blank.session_at + sizeof(page), count = 0;
	int r = mt_blank_session(values, sizeof(values) / sizeof(values[0]), page);

	if (r == 0) {
		/* iov_base is of a type that could be written to */
		const struct iovec parts[] = {
		        {(void *)(uintptr_t)mt_blank.bytes, mt_blank.session_at},
		        {page, sizeof(page)},
		        {(void *)(uintptr_t)(mt_blank.bytes + behind), mt_blank.count - behind},
		};

		return write_whole(writer, writer->path, parts, 3);
	}
	r = fill(writer, session, &bytes, &count);
	if (r < 0)
		return r;
	r = write_whole(writer, writer->path, &(struct iovec){bytes, count}, 1);
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

static int open_file(struct mt_writer *writer)
{
	int code = sqlite3_open_v2(writer->path, &writer->db,
	                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	int r;

	if (code != SQLITE_OK)
		return writer->db ? mt_sql_failed(writer, code) : -ENOMEM;
	sqlite3_busy_timeout(writer->db, BUSY_MS);
	/* Before, because a pipe would be waited for; and behind, what was there when they were opened. */
	r = check_journals(writer, writer->path);
	/* First, for whatever else looks into the file makes the log, too, wherever the file is by then. */
	if (r == 0)
		r = begin_log(writer);
	if (r == 0 && is_settled(writer))
		r = mt_sql_execute(writer,
		                   "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 16000;"
		                   "PRAGMA foreign_keys = OFF");
	return r < 0 ? r : check_journals(writer, writer->path);
}

static void close_file(struct mt_writer *writer)
{
	mt_journals_lock(&writer->journals);
	if (writer->db)
		may_touch_journals(writer);
	sqlite3_close(writer->db);
	mt_journals_unlock(&writer->journals);
	writer->db = NULL;
}

/* Somebody has renamed the file before SQLite opened it: it goes on under its new name. */
static int follow(struct mt_writer *writer)
{
	struct mt_journals journals;
	char link[32], path[PATH_MAX];
	ssize_t bytes;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", writer->place_fd);
	bytes = readlink(link, path, sizeof(path) - 1);
	if (bytes < 0)
		bytes = 0;
	path[bytes] = '\0';
	if (mt_journals_init(&journals, path) < 0)
		return -ENOMEM;
	mt_journals_free(&writer->journals);
	writer->journals = journals;
	free(writer->path);
	writer->path = strdup(path);
	if (!writer->path)
		return -ENOMEM;
	if (is_in_place(writer))
		return 0;
	snprintf(writer->error, sizeof(writer->error), "it was removed, or renamed and not found");
	return -ENOENT;
}

/* May other threads leave none of the descriptors over that SQLite needs later? */
static bool may_lack_descriptors(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < PLENTY_OF_DESCRIPTORS;
}

int mt_writer_open(struct mt_writer *writer)
{
	int r = 0;

	if (writer->db)
		return 0;
	/* Its count of memory in use takes a lock for each allocation, and nobody asks for it. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	for (int i = 0; i < PLACES_MAX; i++) {
		r = is_in_place(writer) ? 0 : follow(writer);
		if (r == 0)
			r = open_file(writer);
		if (r == 0 && is_settled(writer))
			return 0;
		close_file(writer);
		if (is_in_place(writer))
			return r;
	}
	return r < 0 ? r : -ENOENT;
}

void mt_writer_prepare(struct mt_writer *writer)
{
	for (int which = 0; writer->db && which < MT_SQL_COUNT; which++)
		mt_sql_prepare(writer, (enum mt_sql)which);
}

static void forget(struct mt_writer *writer)
{
	if (writer->place_fd >= 0)
		close(writer->place_fd);
	mt_journals_free(&writer->journals);
	mt_pack_free(&writer->pack);
	free(writer->path);
	free(writer);
}

int mt_writer_create(const char *path, const struct mt_writer_session *session,
                     struct mt_error *ret_error, struct mt_writer **ret_writer)
{
	struct mt_writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (!writer)
		return mt_error_set(ret_error, -ENOMEM, "%s: out of memory", path);
	writer->path = strdup(path);
	writer->place_fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (mt_journals_init(&writer->journals, path) < 0 || !writer->path) {
		forget(writer);
		return mt_error_set(ret_error, -ENOMEM, "%s: out of memory", path);
	}
	r = check_journals(writer, path);
	if (r == 0)
		r = make_file(writer, session);
	if (r == 0 && may_lack_descriptors())
		r = mt_writer_open(writer);
	if (r < 0) {
		mt_error_set(ret_error, r, "%s: %s", path,
		             writer->error[0] ? writer->error : strerror(-r));
		forget(writer);
		return r;
	}
	*ret_writer = writer;
	return 0;
}

int mt_writer_begin(struct mt_writer *writer)
{
	int r = mt_writer_open(writer);

	if (r == 0 && writer->is_resting) {
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

int mt_writer_commit_last(struct mt_writer *writer)
{
	int r = mt_sql_once(writer, state_sql, "s", "complete");

	if (r == 0)
		r = mt_writer_commit(writer);
	if (r < 0)
		return r;
	writer->is_resting = true;
	end_log(writer);
	return 0;
}

void mt_writer_rollback(struct mt_writer *writer)
{
	/* On a full disk SQLite has often rolled back by itself. */
	if (writer->db && !sqlite3_get_autocommit(writer->db))
		sqlite3_exec(writer->db, "ROLLBACK", NULL, NULL, NULL);
}

void mt_writer_make_room(struct mt_writer *writer)
{
	if (writer->db)
		sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
}

const char *mt_writer_error(const struct mt_writer *writer)
{
	return writer->error;
}

int mt_writer_close(struct mt_writer *writer, const char *state, struct mt_error *ret_error)
{
	int r = state ? mt_writer_open(writer) : 0;

	mt_writer_rollback(writer);
	if (r == 0 && state && !(writer->is_resting && strcmp(state, "complete") == 0))
		r = mt_sql_once(writer, state_sql, "s", state);
	for (int which = 0; which < MT_SQL_COUNT; which++)
		sqlite3_finalize(writer->statements[which]);
	if (r == 0 && state && !writer->is_resting)
		end_log(writer);
	if (r < 0)
		mt_error_set(ret_error, r, "%s", writer->error);
	close_file(writer);
	forget(writer);
	return r;
}
