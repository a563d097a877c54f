/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * writer.c - see writer.h. All SQL that the collector runs stands in the table below.
 */
#include "store/writer.h"

#include "base/cleanup.h"
#include "store/blank.h"
#include "store/journals.h"
#include "store/store.h"
#include "wire/event.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static_assert(MT_WRITER_NULL == MT_USAGE_UNKNOWN, "what is not known becomes NULL");

/* A reader that caches symbols holds the file for milliseconds; one that waits longer is stuck. */
#define BUSY_MS 10000

enum statement {
	BEGIN,
	COMMIT,
	NOTE,
	PROCESS_NEW,
	PROCESS_CHANGED,
	THREAD,
	MODULE,
	FRAME,
	STACK,
	TOTAL,
	SAMPLE,
	GROWTH,
	WEIGHT,
	PAUSE,
	BAD_FREE,
	TRACING,
	WALK,
	SNAPSHOT,
	BLOCK,
	BLOCKS,
	RESIDENT,
	MAPPING,
	OWNER,
	ANONYMOUS,
	PIN,
	MEMINFO,
	TIMELINE,
	THIN_TIMELINE,
	STATEMENTS
};

#define INSERT_BLOCK \
	"INSERT INTO block (snapshot, addr, size_bytes, born_ns, stack, kind, thread) VALUES "
#define BLOCK_VALUES  "(?, ?, ?, ?, ?, ?, ?)"
#define BLOCK_COLUMNS 7
/* Several rows a statement take two thirds of the time; a process waits for this at its end. */
#define BLOCKS_AT_ONCE 8u

static const char *const statement_sql[STATEMENTS] = {
        [BEGIN] = "BEGIN IMMEDIATE",
        [COMMIT] = "COMMIT",
        [NOTE] = "INSERT OR REPLACE INTO note (id, process, time_ns, kind, count, text)"
                 " VALUES (?, ?, ?, ?, ?, ?)",
        [PROCESS_NEW] =
                "INSERT INTO process (id, parent, ended_ns, end_reason, exit_status, exit_signal,"
                " allocations, frees, bytes_allocated, bytes_freed, live_blocks, live_bytes,"
                " peak_bytes, peak_blocks, peak_ns, temporary, own_allocations, own_frees,"
                " own_bytes, inherited_blocks, inherited_bytes, inherited_frees, unmatched_frees,"
                " dropped_events, events, stacks, stacks_cut, unknown_frees, late_events,"
                " mismatched_frees, pid, origin, command, arguments, executable, started_ns)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
                " ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28,"
                " ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36)",
        [PROCESS_CHANGED] =
                "UPDATE process SET pid = ?31, parent = ?2, ended_ns = ?3, end_reason = ?4, "
                "exit_status = ?5,"
                " exit_signal = ?6, allocations = ?7, frees = ?8, bytes_allocated = ?9,"
                " bytes_freed = ?10, live_blocks = ?11, live_bytes = ?12, peak_bytes = ?13,"
                " peak_blocks = ?14, peak_ns = ?15, temporary = ?16, own_allocations = ?17,"
                " own_frees = ?18, own_bytes = ?19, inherited_blocks = ?20, inherited_bytes = ?21,"
                " inherited_frees = ?22, unmatched_frees = ?23, dropped_events = ?24, events = ?25,"
                " stacks = ?26, stacks_cut = ?27, unknown_frees = ?28, late_events = ?29, "
                "mismatched_frees = ?30 WHERE id "
                "= ?1",
        [THREAD] = "INSERT OR REPLACE INTO thread (id, process, tid, name, started_ns, ended_ns)"
                   " VALUES (?, ?, ?, ?, ?, ?)",
        [MODULE] = "INSERT INTO module (id, path, build_id) VALUES (?, ?, ?)",
        [FRAME] = "INSERT INTO frame (id, module, offset) VALUES (?, ?, ?)",
        [STACK] = "INSERT OR REPLACE INTO stack (id, parent, frame, cut) VALUES (?, ?, ?, ?)",
        [TOTAL] = "INSERT OR REPLACE INTO total (process, stack, kind, allocations, frees,"
                  " bytes_allocated, bytes_freed, peak_blocks, peak_bytes, temporary)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [SAMPLE] = "INSERT OR REPLACE INTO sample (process, stack, kind, allocations, frees,"
                   " allocations_variance, bytes_allocated_variance, live_blocks_variance,"
                   " live_bytes_variance, peak_blocks_variance, peak_bytes_variance,"
                   " temporary_variance) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [GROWTH] =
                "INSERT OR REPLACE INTO growth (process, number, kind, stack, calls, grown_bytes,"
                " returned_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [WEIGHT] = "INSERT OR IGNORE INTO weight (size_bytes, blocks, bytes, blocks_variance,"
                   " bytes_variance) VALUES (?, ?, ?, ?, ?)",
        [PAUSE] = "INSERT OR REPLACE INTO pause (process, started_ns, ended_ns)"
                  " VALUES (?, ?, ?)",
        [BAD_FREE] =
                "INSERT OR REPLACE INTO bad_free (process, number, problem, time_ns, thread, addr,"
                " call, stack, allocated_by, allocated_stack, freed_stack, size_bytes)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [TRACING] = "INSERT OR REPLACE INTO tracing (process, rings, ring_bytes, stack_table_bytes)"
                    " VALUES (?, ?, ?, ?)",
        [WALK] = "INSERT OR REPLACE INTO walk (process, walks, frames_stepped, frames_kept,"
                 " walks_libunwind, walks_verified, walks_different) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [SNAPSHOT] = "INSERT INTO snapshot (id, process, reason, time_ns, live_blocks, live_bytes)"
                     " VALUES (?, ?, ?, ?, ?, ?)",
        [BLOCK] = INSERT_BLOCK BLOCK_VALUES,
        [BLOCKS] = INSERT_BLOCK BLOCK_VALUES "," BLOCK_VALUES "," BLOCK_VALUES "," BLOCK_VALUES
                                             "," BLOCK_VALUES "," BLOCK_VALUES "," BLOCK_VALUES
                                             "," BLOCK_VALUES,
        [RESIDENT] = "INSERT INTO resident (snapshot, source, frozen, stopped_ns, tries,"
                     " smaps_rss_bytes, resident_bytes, unexplained_bytes, pss_bytes, uss_bytes,"
                     " swap_bytes, hugetlb_bytes, page_table_bytes, peak_rss_bytes,"
                     " purgeable_bytes, trim_step_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                     " ?, ?, ?, ?, ?, ?)",
        /* the last columns: MT_SMAPS_FIELDS, in its order */
        [MAPPING] = "INSERT INTO mapping (snapshot, start, end, mode, offset_bytes, device_major,"
                    " device_minor, inode, kind, path, owner, flags, resident_bytes,"
                    " size_bytes, kernel_page_bytes, mmu_page_bytes, rss_bytes, pss_bytes,"
                    " pss_dirty_bytes, shared_clean_bytes, shared_dirty_bytes, private_clean_bytes,"
                    " private_dirty_bytes, referenced_bytes, anonymous_bytes, ksm_bytes,"
                    " lazy_free_bytes, anon_huge_bytes, shmem_pmd_bytes, file_pmd_bytes,"
                    " shared_hugetlb_bytes, private_hugetlb_bytes, swap_bytes, swap_pss_bytes,"
                    " locked_bytes, thp_eligible, protection_key)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [OWNER] = "INSERT INTO owner (snapshot, kind, stack, thread, mapping, bytes, pinned_bytes,"
                  " returned_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [ANONYMOUS] = "INSERT INTO anonymous (snapshot, kind, stack, resident_bytes, swapped_bytes)"
                      " VALUES (?, ?, ?, ?, ?)",
        [PIN] = "INSERT INTO pin (snapshot, kind, start, end, addr, size_bytes, stack, above_bytes)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [MEMINFO] = "INSERT OR REPLACE INTO meminfo (snapshot, source, name, value)"
                    " VALUES (?, ?, ?, ?)",
        [TIMELINE] = "INSERT OR REPLACE INTO timeline (process, time_ns, live_blocks, live_bytes,"
                     " allocations, rss_anon_bytes, rss_file_bytes, rss_shmem_bytes, swap_bytes,"
                     " mapped_bytes, peak_rss_bytes, break_bytes, minor_faults, major_faults)"
                     " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [THIN_TIMELINE] =
                "DELETE FROM timeline WHERE process = ?1 AND time_ns IN (SELECT time_ns FROM"
                " (SELECT time_ns, row_number() OVER (ORDER BY time_ns DESC) AS number"
                " FROM timeline WHERE process = ?1) WHERE number % 2 = 0)",
};

/* What has to be run to take out a snapshot: the schema knows which tables have rows of it. */
static const char drop_sql[] =
        "SELECT 'DELETE FROM ' || referring.name || ' WHERE ' || key.\"from\" || ' = ' || ?1"
        " FROM sqlite_schema AS referring, pragma_foreign_key_list(referring.name) AS key"
        " WHERE referring.type = 'table' AND key.\"table\" = 'snapshot'"
        " UNION ALL SELECT 'DELETE FROM snapshot WHERE id = ' || ?1";

static const char session_sql[] = "INSERT INTO session (id, memtrace, origin_utc_ns, clock, host, "
                                  "kernel, machine, page_bytes,"
                                  " collector_pid, collector_start, state, options, sample_bytes)"
                                  " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'recording', ?, ?)";
static const char state_sql[] = "UPDATE session SET state = ?";

/* The database, its log, the log's index, and what holds on to the log. */
#define DESCRIPTORS 4u

struct mt_writer {
	sqlite3 *db; /* NULL before mt_writer_open() */
	char *path;
	int kept_fds
	        [DESCRIPTORS]; /* so that there are some when SQLite opens the file; 0: not kept */
	sqlite3_stmt *statements[STATEMENTS];
	char error[256];
	bool is_resting; /* closed but for the handle (mt_writer_rest) */
	struct mt_journals journals;
};

static int failed(struct mt_writer *writer, int code)
{
	/* "disk I/O error" alone hides a limit on the size of files, and much else. */
	const char *why = (code & 0xff) == SQLITE_IOERR && errno ? strerror(errno) : NULL;

	snprintf(writer->error, sizeof(writer->error), "%s%s%s", sqlite3_errmsg(writer->db),
	         why ? ": " : "", why ? why : "");
	return mt_store_errno(code);
}

static int prepare(struct mt_writer *writer, enum statement which)
{
	int code;

	if (writer->statements[which])
		return 0;
	code = sqlite3_prepare_v3(writer->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
	                          &writer->statements[which], NULL);
	return code == SQLITE_OK ? 0 : failed(writer, code);
}

/*
 * The next value of a row: 'u' uint64_t, 'a' an address, 'i' int64_t or MT_WRITER_NULL, 'r' uint32_t reference with 0
 * for NULL, 'd' double, 's' string or NULL.
 */
static int bind(sqlite3_stmt *statement, const char *shape, va_list values)
{
	int code = SQLITE_OK;

	for (int at = 1; *shape && code == SQLITE_OK; shape++, at++) {
		switch (*shape) {
		case 'u': {
			uint64_t value = va_arg(values, uint64_t);

			/* No real figure is as large; one that somebody made up must not turn negative. */
			code = sqlite3_bind_int64(statement, at,
			                          value < INT64_MAX ? (sqlite3_int64)value
			                                            : INT64_MAX);
			break;
		}
		case 'a':
			code = sqlite3_bind_int64(statement, at,
			                          (sqlite3_int64)va_arg(values, uint64_t));
			break;
		case 'i': {
			int64_t value = va_arg(values, int64_t);

			code = value == MT_WRITER_NULL ? sqlite3_bind_null(statement, at)
			                               : sqlite3_bind_int64(statement, at, value);
			break;
		}
		case 'r': {
			uint32_t value = va_arg(values, uint32_t);

			code = value ? sqlite3_bind_int64(statement, at, value)
			             : sqlite3_bind_null(statement, at);
			break;
		}
		case 'd': code = sqlite3_bind_double(statement, at, va_arg(values, double)); break;
		case 's':
			code = sqlite3_bind_text(statement, at, va_arg(values, const char *), -1,
			                         SQLITE_STATIC);
			break;
		}
	}
	return code;
}

static int run(struct mt_writer *writer, enum statement which, const char *shape, ...)
{
	va_list values;
	int code, r = prepare(writer, which);

	if (r < 0)
		return r;
	/* SQLite keeps the reason of a failure to itself, but leaves it in errno (failed()). */
	errno = 0;
	va_start(values, shape);
	code = bind(writer->statements[which], shape, values);
	va_end(values);
	if (code == SQLITE_OK)
		code = sqlite3_step(writer->statements[which]);
	r = code == SQLITE_DONE ? 0 : failed(writer, code);
	sqlite3_reset(writer->statements[which]);
	return r;
}

/* Runs a statement that is needed once in a session. */
static int run_once(struct mt_writer *writer, const char *sql, const char *shape, ...)
{
	sqlite3_stmt *statement;
	va_list values;
	int r, code = sqlite3_prepare_v2(writer->db, sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return failed(writer, code);
	va_start(values, shape);
	code = bind(statement, shape, values);
	va_end(values);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	r = code == SQLITE_DONE ? 0 : failed(writer, code);
	sqlite3_finalize(statement);
	return r;
}

static int execute(struct mt_writer *writer, const char *sql)
{
	int code = sqlite3_exec(writer->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : failed(writer, code);
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
		r = execute(writer, "PRAGMA journal_mode = WAL; SELECT state FROM session");
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
		execute(writer, "PRAGMA journal_mode = MEMORY");
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
	r = code == SQLITE_OK ? 0 : writer->db ? failed(writer, code) : -ENOMEM;
	if (r == 0)
		r = run_once(writer, session_sql, "sissssiiisu", session->memtrace,
		             session->origin_utc_ns, session->clock, session->host, session->kernel,
		             session->machine, session->page_bytes, session->collector_pid,
		             session->collector_start, session->options, session->sample_bytes);
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
		return writer->db ? failed(writer, code) : -ENOMEM;
	sqlite3_busy_timeout(writer->db, BUSY_MS);
	/* Before, because a pipe would be waited for; and behind, what was there when they were opened. */
	r = check_journals(writer, writer->path);
	if (r == 0)
		r = execute(writer, "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 4000;"
		                    "PRAGMA foreign_keys = OFF");
	if (r == 0)
		r = begin_log(writer);
	return r < 0 ? r : check_journals(writer, writer->path);
}

static void give_descriptors_back(struct mt_writer *writer)
{
	for (size_t i = 0; i < DESCRIPTORS; i++) {
		if (writer->kept_fds[i] > 0)
			close(writer->kept_fds[i]);
		writer->kept_fds[i] = 0;
	}
}

static int keep_descriptors(struct mt_writer *writer, const char *path)
{
	for (size_t i = 0; i < DESCRIPTORS; i++) {
		int fd = i ? fcntl(writer->kept_fds[0], F_DUPFD_CLOEXEC, 3)
		           : open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		writer->kept_fds[i] = fd;
	}
	return 0;
}

int mt_writer_open(struct mt_writer *writer)
{
	int r;

	if (writer->db)
		return 0;
	/* Its count of memory in use takes a lock for each allocation, and nobody asks for it. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	give_descriptors_back(writer);
	r = open_file(writer);
	if (r < 0) {
		sqlite3_close(writer->db);
		writer->db = NULL;
	}
	return r;
}

static void forget(struct mt_writer *writer)
{
	give_descriptors_back(writer);
	mt_journals_free(&writer->journals);
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
	if (mt_journals_init(&writer->journals, path) < 0 || !writer->path) {
		forget(writer);
		return mt_error_set(ret_error, -ENOMEM, "%s: out of memory", path);
	}
	r = check_journals(writer, path);
	if (r == 0)
		r = make_file(writer, session);
	if (r == 0)
		r = keep_descriptors(writer, path);
	if (r < 0) {
		mt_error_set(ret_error, r, "%s: %s", path,
		             writer->error[0] ? writer->error : strerror(-r));
		forget(writer);
		return r;
	}
	*ret_writer = writer;
	return 0;
}

int mt_writer_rest(struct mt_writer *writer)
{
	int r = run_once(writer, state_sql, "s", "complete");

	if (r == 0)
		writer->is_resting = true;
	if (r == 0)
		end_log(writer);
	return r;
}

int mt_writer_begin(struct mt_writer *writer)
{
	int r = mt_writer_open(writer);

	if (r == 0 && writer->is_resting) {
		writer->is_resting = false;
		begin_log(writer);
		r = run_once(writer, state_sql, "s", "recording");
	}
	return r < 0 ? r : run(writer, BEGIN, "");
}

int mt_writer_commit(struct mt_writer *writer)
{
	return run(writer, COMMIT, "");
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

int mt_writer_note(struct mt_writer *writer, const struct mt_writer_note *row)
{
	return run(writer, NOTE, "rrusus", row->id, row->process, row->time_ns, row->kind,
	           row->count, row->text);
}

int mt_writer_process(struct mt_writer *writer, const struct mt_writer_process *row)
{
	int r = run(writer, row->known ? PROCESS_CHANGED : PROCESS_NEW,
	            row->known ? "rrisiiuuuuuuuuiuuuuuuuuuuuuuuui"
	                       : "rrisiiuuuuuuuuiuuuuuuuuuuuuuuuissssu",
	            row->id, row->parent, row->ended_ns, row->end_reason, row->exit_status,
	            row->exit_signal, row->allocations, row->frees, row->bytes_allocated,
	            row->bytes_freed, row->live_blocks, row->live_bytes, row->peak_bytes,
	            row->peak_blocks, row->peak_ns, row->temporary, row->own_allocations,
	            row->own_frees, row->own_bytes, row->inherited_blocks, row->inherited_bytes,
	            row->inherited_frees, row->unmatched_frees, row->dropped_events, row->events,
	            row->stacks, row->stacks_cut, row->unknown_frees, row->late_events,
	            row->mismatched_frees, row->pid, row->origin, row->command, row->arguments,
	            row->executable, row->started_ns);

	if (r == 0 && row->walks)
		r = run(writer, WALK, "ruuuuuu", row->id, row->walks, row->frames_stepped,
		        row->frames_kept, row->walks_libunwind, row->walks_verified,
		        row->walks_different);
	if (r == 0)
		r = run(writer, TRACING, "ruuu", row->id, row->rings, row->ring_bytes,
		        row->stack_table_bytes);
	return r;
}

int mt_writer_thread(struct mt_writer *writer, const struct mt_writer_thread *row)
{
	return run(writer, THREAD, "rrisui", row->id, row->process, row->tid,
	           row->name[0] ? row->name : NULL, row->started_ns, row->ended_ns);
}

int mt_writer_module(struct mt_writer *writer, const struct mt_writer_module *row)
{
	return run(writer, MODULE, "rss", row->id, row->path, row->build_id);
}

int mt_writer_frame(struct mt_writer *writer, const struct mt_writer_frame *row)
{
	return run(writer, FRAME, "rra", row->id, row->module, row->offset);
}

int mt_writer_stack(struct mt_writer *writer, const struct mt_writer_stack *row)
{
	return run(writer, STACK, "rrrs", row->id, row->parent, row->frame, row->cut);
}

int mt_writer_total(struct mt_writer *writer, const struct mt_writer_total *row)
{
	return run(writer, TOTAL, "rruuuuuuuu", row->process, row->stack, (uint64_t)row->kind,
	           row->allocations, row->frees, row->bytes_allocated, row->bytes_freed,
	           row->peak_blocks, row->peak_bytes, row->temporary);
}

int mt_writer_sample(struct mt_writer *writer, const struct mt_writer_sample *row)
{
	return run(writer, SAMPLE, "rruuuddddddd", row->process, row->stack, (uint64_t)row->kind,
	           row->allocations, row->frees, row->allocations_variance,
	           row->bytes_allocated_variance, row->live_blocks_variance,
	           row->live_bytes_variance, row->peak_blocks_variance, row->peak_bytes_variance,
	           row->temporary_variance);
}

int mt_writer_weight(struct mt_writer *writer, const struct mt_writer_weight *row)
{
	return run(writer, WEIGHT, "ududd", row->size_bytes, row->blocks, row->bytes,
	           row->blocks_variance, row->bytes_variance);
}

int mt_writer_pause(struct mt_writer *writer, const struct mt_writer_pause *row)
{
	return run(writer, PAUSE, "rui", row->process, row->started_ns, row->ended_ns);
}

int mt_writer_growth(struct mt_writer *writer, const struct mt_writer_growth *row)
{
	return run(writer, GROWTH, "rusruui", row->process, (uint64_t)row->number, row->kind,
	           row->stack, row->calls, row->grown_bytes, row->returned_bytes);
}

int mt_writer_bad_free(struct mt_writer *writer, const struct mt_writer_bad_free *row)
{
	return run(writer, BAD_FREE, "rusuruurrrri", row->process, (uint64_t)row->number,
	           row->problem, row->time_ns, row->thread, row->addr, (uint64_t)row->call,
	           row->stack, row->allocated_by, row->allocated_stack, row->freed_stack,
	           row->size_bytes);
}

int mt_writer_snapshot(struct mt_writer *writer, const struct mt_writer_snapshot *row)
{
	return run(writer, SNAPSHOT, "rrsuuu", row->id, row->process, row->reason, row->time_ns,
	           row->live_blocks, row->live_bytes);
}

static void bind_block(sqlite3_stmt *statement, int at, const struct mt_writer_block *row)
{
	sqlite3_bind_int64(statement, at, row->snapshot);
	sqlite3_bind_int64(statement, at + 1, (sqlite3_int64)row->addr);
	sqlite3_bind_int64(statement, at + 2, (sqlite3_int64)row->size_bytes);
	sqlite3_bind_int64(statement, at + 3, (sqlite3_int64)row->born_ns);
	sqlite3_bind_int64(statement, at + 4, row->stack);
	sqlite3_bind_int64(statement, at + 5, row->kind);
	if (row->thread)
		sqlite3_bind_int64(statement, at + 6, row->thread);
	else
		sqlite3_bind_null(statement, at + 6);
}

/* Binding integers to a statement that is at rest cannot fail; what else is wrong, the step says. */
static int insert_blocks(struct mt_writer *writer, enum statement which,
                         const struct mt_writer_block *rows, uint32_t count)
{
	sqlite3_stmt *statement;
	int code, r = prepare(writer, which);

	if (r < 0)
		return r;
	statement = writer->statements[which];
	for (uint32_t i = 0; i < count; i++)
		bind_block(statement, 1 + (int)i * BLOCK_COLUMNS, &rows[i]);
	errno = 0;
	code = sqlite3_step(statement);
	r = code == SQLITE_DONE ? 0 : failed(writer, code);
	sqlite3_reset(statement);
	return r;
}

int mt_writer_blocks(struct mt_writer *writer, const struct mt_writer_block *rows, size_t count)
{
	int r = 0;

	for (; count >= BLOCKS_AT_ONCE && r == 0; rows += BLOCKS_AT_ONCE, count -= BLOCKS_AT_ONCE)
		r = insert_blocks(writer, BLOCKS, rows, BLOCKS_AT_ONCE);
	for (; count && r == 0; rows++, count--)
		r = insert_blocks(writer, BLOCK, rows, 1);
	return r;
}

int mt_writer_resident(struct mt_writer *writer, const struct mt_writer_resident *row)
{
	return run(writer, RESIDENT, "usuuuuuuuuuuuuuu", (uint64_t)row->snapshot, row->source,
	           (uint64_t)row->is_frozen, row->stopped_ns, (uint64_t)row->tries,
	           row->smaps_rss_bytes, row->resident_bytes, row->unexplained_bytes,
	           row->pss_bytes, row->uss_bytes, row->swap_bytes, row->hugetlb_bytes,
	           row->page_table_bytes, row->peak_rss_bytes, row->purgeable_bytes,
	           row->trim_step_bytes);
}

#define MAPPING_COLUMNS 13 /* before the fields of smaps */

int mt_writer_mapping(struct mt_writer *writer, const struct mt_writer_mapping *row)
{
	int r = prepare(writer, MAPPING);

	if (r < 0)
		return r;
	for (int i = 0; i < MT_SMAPS_KNOWN; i++) {
		sqlite3_stmt *statement = writer->statements[MAPPING];

		if (row->fields[i] == MT_WRITER_NULL)
			sqlite3_bind_null(statement, MAPPING_COLUMNS + 1 + i);
		else
			sqlite3_bind_int64(statement, MAPPING_COLUMNS + 1 + i, row->fields[i]);
	}
	return run(writer, MAPPING, "uuusuuuussssu", (uint64_t)row->snapshot, row->start, row->end,
	           row->mode, row->offset_bytes, (uint64_t)row->device_major,
	           (uint64_t)row->device_minor, row->inode, row->kind, row->path, row->owner,
	           row->flags, row->resident_bytes);
}

int mt_writer_owner(struct mt_writer *writer, const struct mt_writer_owner *row)
{
	return run(writer, OWNER, "usrriuuu", (uint64_t)row->snapshot, row->kind, row->stack,
	           row->thread, row->mapping, row->bytes, row->pinned_bytes, row->returned_bytes);
}

int mt_writer_anonymous(struct mt_writer *writer, const struct mt_writer_anonymous *row)
{
	return run(writer, ANONYMOUS, "usruu", (uint64_t)row->snapshot, row->kind, row->stack,
	           row->resident_bytes, row->swapped_bytes);
}

int mt_writer_pin(struct mt_writer *writer, const struct mt_writer_pin *row)
{
	return run(writer, PIN, "usaaauru", (uint64_t)row->snapshot, row->kind, row->start,
	           row->end, row->addr, row->size_bytes, row->stack, row->above_bytes);
}

int mt_writer_timeline(struct mt_writer *writer, const struct mt_writer_timeline *row)
{
	const struct mt_usage *usage = &row->usage;

	return run(writer, TIMELINE, "ruuuuiiiiiiiii", row->process, row->time_ns, row->live_blocks,
	           row->live_bytes, row->allocations, usage->rss_anon_bytes, usage->rss_file_bytes,
	           usage->rss_shmem_bytes, usage->swap_bytes, usage->mapped_bytes,
	           usage->peak_rss_bytes, usage->break_bytes, usage->minor_faults,
	           usage->major_faults);
}

int mt_writer_meminfo(struct mt_writer *writer, const struct mt_writer_meminfo *row)
{
	return run(writer, MEMINFO, "rssi", row->snapshot, row->source, row->name, row->value);
}

int mt_writer_thin_timeline(struct mt_writer *writer, uint32_t process)
{
	return run(writer, THIN_TIMELINE, "r", process);
}

int mt_writer_drop_snapshot(struct mt_writer *writer, uint32_t snapshot)
{
	sqlite3_stmt *statement;
	int r = 0, code = sqlite3_prepare_v2(writer->db, drop_sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return failed(writer, code);
	sqlite3_bind_int64(statement, 1, snapshot);
	while (r == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW)
		r = execute(writer, (const char *)sqlite3_column_text(statement, 0));
	if (r == 0 && code != SQLITE_DONE)
		r = failed(writer, code);
	sqlite3_finalize(statement);
	return r;
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
		r = run_once(writer, state_sql, "s", state);
	for (int which = 0; which < STATEMENTS; which++)
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
	forget(writer);
	return r;
}
