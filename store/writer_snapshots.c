/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * writer_snapshots.c - see writer.h: rows of snapshots, but those that are packed.
 */
#include "store/sql.h"
#include "store/writer.h"

/* What has to be run to take out a snapshot: the schema knows which tables have rows of it. */
static const char drop_sql[] =
        "SELECT 'DELETE FROM ' || referring.name || ' WHERE ' || key.\"from\" || ' = ' || ?1"
        " FROM sqlite_schema AS referring, pragma_foreign_key_list(referring.name) AS key"
        " WHERE referring.type = 'table' AND key.\"table\" = 'snapshot'"
        " UNION ALL SELECT 'DELETE FROM snapshot WHERE id = ' || ?1";

int mt_writer_snapshot(struct mt_writer *writer, const struct mt_writer_snapshot *row)
{
	return mt_sql_run(writer, MT_SQL_SNAPSHOT, "rrsuuu", row->id, row->process, row->reason,
	                  row->time_ns, row->live_blocks, row->live_bytes);
}

int mt_writer_resident(struct mt_writer *writer, const struct mt_writer_resident *row)
{
	return mt_sql_run(writer, MT_SQL_RESIDENT, "usuuuuuuuuuuuuuu", (uint64_t)row->snapshot,
	                  row->source, (uint64_t)row->is_frozen, row->stopped_ns,
	                  (uint64_t)row->tries, row->smaps_rss_bytes, row->resident_bytes,
	                  row->unexplained_bytes, row->pss_bytes, row->uss_bytes, row->swap_bytes,
	                  row->hugetlb_bytes, row->page_table_bytes, row->peak_rss_bytes,
	                  row->purgeable_bytes, row->trim_step_bytes);
}

#define MAPPING_COLUMNS 13 /* before the fields of smaps */

int mt_writer_mapping(struct mt_writer *writer, const struct mt_writer_mapping *row)
{
	int r = mt_sql_prepare(writer, MT_SQL_MAPPING);

	if (r < 0)
		return r;
	for (int i = 0; i < MT_SMAPS_KNOWN; i++) {
		sqlite3_stmt *statement = writer->statements[MT_SQL_MAPPING];

		if (row->fields[i] == MT_WRITER_NULL)
			sqlite3_bind_null(statement, MAPPING_COLUMNS + 1 + i);
		else
			sqlite3_bind_int64(statement, MAPPING_COLUMNS + 1 + i, row->fields[i]);
	}
	return mt_sql_run(writer, MT_SQL_MAPPING, "uuusuuuussssu", (uint64_t)row->snapshot,
	                  row->start, row->end, row->mode, row->offset_bytes,
	                  (uint64_t)row->device_major, (uint64_t)row->device_minor, row->inode,
	                  row->kind, row->path, row->owner, row->flags, row->resident_bytes);
}

int mt_writer_anonymous(struct mt_writer *writer, const struct mt_writer_anonymous *row)
{
	return mt_sql_run(writer, MT_SQL_ANONYMOUS, "usruu", (uint64_t)row->snapshot, row->kind,
	                  row->stack, row->resident_bytes, row->swapped_bytes);
}

int mt_writer_pin(struct mt_writer *writer, const struct mt_writer_pin *row)
{
	return mt_sql_run(writer, MT_SQL_PIN, "usaaauru", (uint64_t)row->snapshot, row->kind,
	                  row->start, row->end, row->addr, row->size_bytes, row->stack,
	                  row->above_bytes);
}

int mt_writer_meminfo(struct mt_writer *writer, const struct mt_writer_meminfo *row)
{
	return mt_sql_run(writer, MT_SQL_MEMINFO, "rssi", row->snapshot, row->source, row->name,
	                  row->value);
}

int mt_writer_drop_snapshot(struct mt_writer *writer, uint32_t snapshot)
{
	sqlite3_stmt *statement;
	int r = 0, code = sqlite3_prepare_v2(writer->db, drop_sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return mt_sql_failed(writer, code);
	sqlite3_bind_int64(statement, 1, snapshot);
	while (r == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW)
		r = mt_sql_execute(writer, (const char *)sqlite3_column_text(statement, 0));
	if (r == 0 && code != SQLITE_DONE)
		r = mt_sql_failed(writer, code);
	sqlite3_finalize(statement);
	return r;
}
