/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sql.c - see sql.h.
 */
#include "store/sql.h"

#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[MT_SQL_COUNT] = {
        [MT_SQL_BEGIN] = "BEGIN IMMEDIATE",
        [MT_SQL_COMMIT] = "COMMIT",
        [MT_SQL_NOTE] = "INSERT OR REPLACE INTO note (id, process, time_ns, kind, count, text)"
                        " VALUES (?, ?, ?, ?, ?, ?)",
        [MT_SQL_PROCESS_NEW] =
                "INSERT INTO process (id, parent, ended_ns, end_reason, exit_status, exit_signal,"
                " allocations, frees, bytes_allocated, bytes_freed, live_blocks, live_bytes,"
                " peak_bytes, peak_blocks, peak_ns, temporary, own_allocations, own_frees,"
                " own_bytes, inherited_blocks, inherited_bytes, inherited_frees, unmatched_frees,"
                " dropped_events, events, stacks, stacks_cut, unknown_frees, late_events,"
                " mismatched_frees, pid, origin, command, arguments, executable, started_ns)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
                " ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28,"
                " ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36)",
        [MT_SQL_PROCESS_CHANGED] =
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
        [MT_SQL_THREAD] =
                "INSERT OR REPLACE INTO thread (id, process, tid, name, started_ns, ended_ns)"
                " VALUES (?, ?, ?, ?, ?, ?)",
        [MT_SQL_MODULE] = "INSERT INTO module (id, path, build_id) VALUES (?, ?, ?)",
        [MT_SQL_FRAME] = "INSERT INTO frame (id, module, offset) VALUES (?, ?, ?)",
        [MT_SQL_SAMPLE] = "INSERT OR REPLACE INTO sample (process, stack, kind, allocations, frees,"
                          " allocations_variance, bytes_allocated_variance, live_blocks_variance,"
                          " live_bytes_variance, peak_blocks_variance, peak_bytes_variance,"
                          " temporary_variance) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [MT_SQL_GROWTH] =
                "INSERT OR REPLACE INTO growth (process, number, kind, stack, calls, grown_bytes,"
                " returned_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [MT_SQL_WEIGHT] =
                "INSERT OR IGNORE INTO weight (size_bytes, blocks, bytes, blocks_variance,"
                " bytes_variance) VALUES (?, ?, ?, ?, ?)",
        [MT_SQL_PAUSE] = "INSERT OR REPLACE INTO pause (process, started_ns, ended_ns)"
                         " VALUES (?, ?, ?)",
        [MT_SQL_BAD_FREE] =
                "INSERT OR REPLACE INTO bad_free (process, number, problem, time_ns, thread, addr,"
                " call, stack, allocated_by, allocated_stack, freed_stack, size_bytes)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [MT_SQL_TRACING] =
                "INSERT OR REPLACE INTO tracing (process, rings, ring_bytes, stack_table_bytes)"
                " VALUES (?, ?, ?, ?)",
        [MT_SQL_WALK] =
                "INSERT OR REPLACE INTO walk (process, walks, frames_stepped, frames_kept,"
                " walks_libunwind, walks_verified, walks_different) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [MT_SQL_SNAPSHOT] =
                "INSERT INTO snapshot (id, process, reason, time_ns, live_blocks, live_bytes)"
                " VALUES (?, ?, ?, ?, ?, ?)",
        [MT_SQL_RESIDENT] =
                "INSERT INTO resident (snapshot, source, frozen, stopped_ns, tries,"
                " smaps_rss_bytes, resident_bytes, unexplained_bytes, pss_bytes, uss_bytes,"
                " swap_bytes, hugetlb_bytes, page_table_bytes, peak_rss_bytes,"
                " purgeable_bytes, trim_step_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                " ?, ?, ?, ?, ?, ?)",
        /* the last columns: MT_SMAPS_FIELDS, in its order */
        [MT_SQL_MAPPING] =
                "INSERT INTO mapping (snapshot, start, end, mode, offset_bytes, device_major,"
                " device_minor, inode, kind, path, owner, flags, resident_bytes,"
                " size_bytes, kernel_page_bytes, mmu_page_bytes, rss_bytes, pss_bytes,"
                " pss_dirty_bytes, shared_clean_bytes, shared_dirty_bytes, private_clean_bytes,"
                " private_dirty_bytes, referenced_bytes, anonymous_bytes, ksm_bytes,"
                " lazy_free_bytes, anon_huge_bytes, shmem_pmd_bytes, file_pmd_bytes,"
                " shared_hugetlb_bytes, private_hugetlb_bytes, swap_bytes, swap_pss_bytes,"
                " locked_bytes, thp_eligible, protection_key)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [MT_SQL_ANONYMOUS] =
                "INSERT INTO anonymous (snapshot, kind, stack, resident_bytes, swapped_bytes)"
                " VALUES (?, ?, ?, ?, ?)",
        [MT_SQL_PIN] =
                "INSERT INTO pin (snapshot, kind, start, end, addr, size_bytes, stack, above_bytes)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [MT_SQL_MEMINFO] = "INSERT OR REPLACE INTO meminfo (snapshot, source, name, value)"
                           " VALUES (?, ?, ?, ?)",
        [MT_SQL_TIMELINE] =
                "INSERT OR REPLACE INTO timeline (process, time_ns, live_blocks, live_bytes,"
                " allocations, rss_anon_bytes, rss_file_bytes, rss_shmem_bytes, swap_bytes,"
                " mapped_bytes, peak_rss_bytes, break_bytes, minor_faults, major_faults)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [MT_SQL_THIN_TIMELINE] =
                "DELETE FROM timeline WHERE process = ?1 AND time_ns IN (SELECT time_ns FROM"
                " (SELECT time_ns, row_number() OVER (ORDER BY time_ns DESC) AS number"
                " FROM timeline WHERE process = ?1) WHERE number % 2 = 0)",
        [MT_SQL_STACK_PACK] = "INSERT OR REPLACE INTO stack_pack (number, raw_bytes, data)"
                              " VALUES (?, ?, ?)",
        /* In its place: a row that is taken out and put in again leaves holes. */
        [MT_SQL_TOTAL_PACK] = "INSERT INTO total_pack (process, number, raw_bytes, data)"
                              " VALUES (?, ?, ?, ?) ON CONFLICT (process, number) DO UPDATE SET"
                              " raw_bytes = excluded.raw_bytes, data = excluded.data",
        [MT_SQL_BLOCK_PACK] = "INSERT INTO block_pack (snapshot, number, addr, born_ns, raw_bytes,"
                              " data) VALUES (?, ?, ?, ?, ?, ?)",
        [MT_SQL_OWNER_PACK] = "INSERT INTO owner_pack (snapshot, kind, mapping, number, raw_bytes,"
                              " data) VALUES (?, ?, ?, ?, ?, ?)",
};

int mt_sql_failed(struct mt_writer *writer, int code)
{
	/* "disk I/O error" alone hides a limit on the size of files, and much else. */
	const char *why = (code & 0xff) == SQLITE_IOERR && errno ? strerror(errno) : NULL;

	snprintf(writer->error, sizeof(writer->error), "%s%s%s", sqlite3_errmsg(writer->db),
	         why ? ": " : "", why ? why : "");
	return mt_store_errno(code);
}

int mt_sql_prepare(struct mt_writer *writer, enum mt_sql which)
{
	int code;

	if (writer->statements[which])
		return 0;
	code = sqlite3_prepare_v3(writer->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
	                          &writer->statements[which], NULL);
	return code == SQLITE_OK ? 0 : mt_sql_failed(writer, code);
}

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
		case 'p': {
			const struct mt_packed *packed = va_arg(values, const struct mt_packed *);

			code = sqlite3_bind_int64(statement, at++,
			                          (sqlite3_int64)packed->raw_bytes);
			if (code == SQLITE_OK)
				code = sqlite3_bind_blob64(statement, at, packed->data,
				                           packed->bytes, SQLITE_STATIC);
			break;
		}
		case 's':
			code = sqlite3_bind_text(statement, at, va_arg(values, const char *), -1,
			                         SQLITE_STATIC);
			break;
		}
	}
	return code;
}

int mt_sql_run(struct mt_writer *writer, enum mt_sql which, const char *shape, ...)
{
	va_list values;
	int code, r = mt_sql_prepare(writer, which);

	if (r < 0)
		return r;
	/* SQLite keeps the reason of a failure to itself, but leaves it in errno (mt_sql_failed()). */
	errno = 0;
	va_start(values, shape);
	code = bind(writer->statements[which], shape, values);
	va_end(values);
	if (code == SQLITE_OK)
		code = sqlite3_step(writer->statements[which]);
	r = code == SQLITE_DONE ? 0 : mt_sql_failed(writer, code);
	sqlite3_reset(writer->statements[which]);
	return r;
}

int mt_sql_once(struct mt_writer *writer, const char *sql, const char *shape, ...)
{
	sqlite3_stmt *statement;
	va_list values;
	int r, code = sqlite3_prepare_v2(writer->db, sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return mt_sql_failed(writer, code);
	va_start(values, shape);
	code = bind(statement, shape, values);
	va_end(values);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	r = code == SQLITE_DONE ? 0 : mt_sql_failed(writer, code);
	sqlite3_finalize(statement);
	return r;
}

int mt_sql_execute(struct mt_writer *writer, const char *sql)
{
	int code = sqlite3_exec(writer->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : mt_sql_failed(writer, code);
}
