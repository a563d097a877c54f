/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_info.c - memtrace info: what was recorded, process by process, and what was not.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "report/arguments.h"
#include "report/badfrees.h"
#include "report/commands.h"
#include "report/estimate.h"
#include "report/file.h"
#include "report/json.h"
#include "report/sites.h"
#include "report/stacks.h"
#include "report/symbolize.h"
#include "report/table.h"
#include "report/text.h"

/*
 * The columns stand here in the order of the query. Their titles are those of text, where ""
 * continues the line before.
 */
static const char process_sql[] =
        "SELECT process.pid, parent.pid, process.origin, process.command, process.arguments,"
        "       process.executable, process.started_ns, process.ended_ns, process.end_reason,"
        "       process.exit_status, process.exit_signal, process.allocations, process.frees,"
        "       process.bytes_allocated, process.bytes_freed, process.live_blocks,"
        "       process.live_bytes, process.peak_bytes, process.peak_blocks, process.peak_ns,"
        "       process.temporary, process.stacks, process.stacks_cut, process.events,"
        "       process.dropped_events, process.unmatched_frees, process.mismatched_frees,"
        "       process.late_events,"
        "       process.own_allocations, process.own_frees, process.own_bytes,"
        "       process.inherited_blocks, process.inherited_bytes, process.inherited_frees,"
        "       (SELECT count(*) FROM thread WHERE thread.process = process.id),"
        "       walk.walks, walk.frames_stepped, walk.frames_kept, walk.walks_libunwind,"
        "       walk.walks_verified, walk.walks_different, process.unknown_frees,"
        "       tracing.rings, tracing.ring_bytes, tracing.stack_table_bytes,"
        "       coalesce(variance.samples, 0), coalesce(variance.live_samples, 0),"
        /* Variances; what was freed and what lives are samples apart. */
        "       variance.allocations, variance.allocations - variance.live_blocks,"
        "       variance.bytes_allocated, variance.bytes_allocated - variance.live_bytes,"
        "       variance.live_blocks, variance.live_bytes, variance.peak_bytes,"
        "       variance.peak_blocks, variance.temporary"
        " FROM process LEFT JOIN process AS parent ON parent.id = process.parent"
        "      LEFT JOIN walk ON walk.process = process.id"
        "      LEFT JOIN tracing ON tracing.process = process.id"
        "      LEFT JOIN process_variance AS variance ON variance.process = process.id"
        " WHERE process.id = ?1";

static const struct mt_column columns[] = {
        {"pid", "pid", MT_COLUMN_NUMBER},
        {"parent", "parent", MT_COLUMN_NUMBER},
        {"origin", "origin", MT_COLUMN_TEXT},
        {"command", "command", MT_COLUMN_TEXT},
        {"arguments", "arguments", MT_COLUMN_TEXT},
        {"executable", "executable", MT_COLUMN_TEXT},
        {"started_ns", "started", MT_COLUMN_TIME},
        {"ended_ns", "ended", MT_COLUMN_TIME},
        {"end_reason", "end reason", MT_COLUMN_TEXT},
        {"exit_status", "exit status", MT_COLUMN_NUMBER},
        {"exit_signal", "exit signal", MT_COLUMN_NUMBER},
        {"allocations", "allocations", MT_COLUMN_COUNT},
        {"frees", "frees", MT_COLUMN_COUNT},
        {"bytes_allocated", "bytes allocated", MT_COLUMN_BYTES},
        {"bytes_freed", "bytes freed", MT_COLUMN_BYTES},
        {"live_blocks", "live blocks", MT_COLUMN_COUNT},
        {"live_bytes", "live bytes", MT_COLUMN_BYTES},
        {"peak_bytes", "peak bytes", MT_COLUMN_BYTES},
        {"peak_blocks", "peak blocks", MT_COLUMN_COUNT},
        {"peak_ns", "peak at", MT_COLUMN_TIME},
        {"temporary", "temporary", MT_COLUMN_COUNT},
        {"stacks", "stacks", MT_COLUMN_COUNT},
        {"stacks_cut", "stacks cut", MT_COLUMN_COUNT},
        {"events", "events", MT_COLUMN_COUNT},
        {"dropped_events", "dropped events", MT_COLUMN_COUNT},
        {"unmatched_frees", "unmatched frees", MT_COLUMN_COUNT},
        {"mismatched_frees", "mismatched frees", MT_COLUMN_COUNT},
        {"late_events", "late events", MT_COLUMN_COUNT},
        {"own_allocations", "own allocations", MT_COLUMN_COUNT},
        {"own_frees", "own frees", MT_COLUMN_COUNT},
        {"own_bytes", "own bytes", MT_COLUMN_BYTES},
        {"inherited_blocks", "inherited blocks", MT_COLUMN_COUNT},
        {"inherited_bytes", "inherited bytes", MT_COLUMN_BYTES},
        {"inherited_frees", "inherited frees", MT_COLUMN_COUNT},
        {"threads", "threads", MT_COLUMN_COUNT},
        {"walks", "walks", MT_COLUMN_COUNT},
        {"frames_stepped", "frames stepped", MT_COLUMN_COUNT},
        {"frames_kept", "frames kept", MT_COLUMN_COUNT},
        {"walks_libunwind", "walks libunwind", MT_COLUMN_COUNT},
        {"walks_verified", "walks verified", MT_COLUMN_COUNT},
        {"walks_different", "walks different", MT_COLUMN_COUNT},
        {"unknown_frees", "unknown frees", MT_COLUMN_COUNT},
        {"rings", "rings", MT_COLUMN_COUNT},
        {"ring_bytes", "ring bytes", MT_COLUMN_BYTES},
        {"stack_table_bytes", "stack table", MT_COLUMN_BYTES},
        {"samples", "samples", MT_COLUMN_COUNT},
        {"live_samples", "live samples", MT_COLUMN_COUNT},
        /* from here on: standard errors, the roots of what the query gives */
        {"allocations_error", "error", MT_COLUMN_COUNT},
        {"frees_error", "error", MT_COLUMN_COUNT},
        {"bytes_allocated_error", "error", MT_COLUMN_BYTES},
        {"bytes_freed_error", "error", MT_COLUMN_BYTES},
        {"live_blocks_error", "error", MT_COLUMN_COUNT},
        {"live_bytes_error", "error", MT_COLUMN_BYTES},
        {"peak_bytes_error", "error", MT_COLUMN_BYTES},
        {"peak_blocks_error", "error", MT_COLUMN_COUNT},
        {"temporary_error", "error", MT_COLUMN_COUNT},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define ERRORS  9

#define BAD_FREES_KEPT 100 /* of a process, says schema.sql */

static const char pause_sql[] = "SELECT started_ns, ended_ns FROM pause WHERE process = ?1"
                                " ORDER BY started_ns";

static const struct mt_column pause_columns[] = {
        {"started_ns", "from", MT_COLUMN_TIME},
        {"ended_ns", "to", MT_COLUMN_TIME},
};

static const char session_sql[] =
        "SELECT memtrace, state, origin_utc_ns, clock, host, kernel, machine, page_bytes, options,"
        "       sample_bytes"
        " FROM session";

static const struct mt_column session_columns[] = {
        {"memtrace", "memtrace", MT_COLUMN_TEXT},
        {"state", "state", MT_COLUMN_TEXT},
        {"origin_utc_ns", "started", MT_COLUMN_NUMBER},
        {"clock", "clock", MT_COLUMN_TEXT},
        {"host", "host", MT_COLUMN_TEXT},
        {"kernel", "kernel", MT_COLUMN_TEXT},
        {"machine", "machine", MT_COLUMN_TEXT},
        {"page_bytes", "page", MT_COLUMN_BYTES},
        {"options", "options", MT_COLUMN_TEXT},
        {"sample_bytes", "sample", MT_COLUMN_BYTES},
};

/* Notes of one process, or (?1 = 0) those of the session. */
static const char note_sql[] = "SELECT time_ns, kind, count, text FROM note"
                               " WHERE coalesce(process, 0) = ?1 ORDER BY id";

static const struct mt_column note_columns[] = {
        {"time_ns", "time", MT_COLUMN_TIME},
        {"kind", "kind", MT_COLUMN_TEXT},
        {"count", "count", MT_COLUMN_COUNT},
        {"text", "text", MT_COLUMN_TEXT},
};

/* All rows of a query about one id, its columns being the table's. */
static int read_rows(struct mt_file *file, const char *sql, int64_t id, struct mt_table *table)
{
	struct mt_rows *rows = NULL;
	int next = mt_rows_open(file->reader, sql, &rows, NULL);

	if (next < 0)
		return next;
	if (strstr(sql, "?1"))
		mt_rows_bind(rows, 1, id);
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_value *row = mt_table_add(table);

		for (size_t i = 0; i < table->column_count; i++) {
			if (mt_rows_is_null(rows, (int)i))
				continue;
			row[i] = table->columns[i].type == MT_COLUMN_TEXT
			                 ? mt_value_text(mt_arena_text(&table->arena,
			                                               mt_rows_text(rows, (int)i)))
			                 : mt_value_number(mt_rows_integer(rows, (int)i));
		}
	}
	mt_rows_close(rows);
	return next;
}

/* The figures of a process: its query gives variances last. */
static int read_figures(struct mt_file *file, int64_t id, struct mt_table *table)
{
	struct mt_rows *rows = NULL;
	size_t first = table->row_count;
	int error = read_rows(file, process_sql, id, table);
	int next = error < 0 ? error : mt_rows_open(file->reader, process_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, id);
	/* In a damaged file what one question has found another one may not find. */
	if (table->row_count == first)
		next = -EBADMSG;
	while (next >= 0 && first < table->row_count && (next = mt_rows_next(rows)) == 1) {
		struct mt_value *row = &table->values[first++ * COLUMNS];

		for (size_t i = COLUMNS - ERRORS; i < COLUMNS; i++)
			row[i] = mt_value_number(mt_estimate_error(mt_rows_real(rows, (int)i)));
	}
	mt_rows_close(rows);
	return next < 0 ? next : 0;
}

static size_t column_of(const char *key)
{
	for (size_t i = 0; i < COLUMNS; i++)
		if (strcmp(columns[i].key, key) == 0)
			return i;
	abort();
}

/* ---- text ---- */

static const char *cell(struct mt_table *table, size_t row, const char *key)
{
	size_t column = column_of(key);

	return mt_table_cell(&table->arena, &columns[column],
	                     &table->values[row * COLUMNS + column]);
}

static int64_t number(const struct mt_table *table, size_t row, const char *key)
{
	return table->values[row * COLUMNS + column_of(key)].number;
}

static void print_fact(const char *name, const char *value)
{
	printf("  %-12s %s\n", name, value);
}

static void print_notes(struct mt_table *notes, const char *indent)
{
	for (size_t i = 0; i < notes->row_count; i++) {
		const struct mt_value *row = &notes->values[i * notes->column_count];

		printf("%sNote: %s", indent, mt_text_clean(&notes->arena, row[3].text));
		if (row[2].number != 1)
			printf(" (%s)", mt_units_of(row[2].number, "time", "times").text);
		putchar('\n');
	}
}

/* Nothing where the walks were not counted: no allocation, or an unwinder that is not ours. */
static void print_walks(struct mt_table *table)
{
	struct mt_arena *arena = &table->arena;
	int64_t walks = number(table, 0, "walks");
	int64_t stepped = number(table, 0, "frames_stepped");
	int64_t kept = number(table, 0, "frames_kept");

	if (walks == 0)
		return;
	print_fact("walks",
	           mt_arena_print(
	                   arena,
	                   "%s; %s of their frames stayed from the walk before, %.1f a walk were "
	                   "stepped; %s by libunwind",
	                   cell(table, 0, "walks"),
	                   mt_units_share(kept, mt_sites_add(kept, stepped)).text,
	                   (double)stepped / (double)walks, cell(table, 0, "walks_libunwind")));
	if (number(table, 0, "walks_verified") > 0)
		print_fact("verified",
		           mt_arena_print(arena, "%s walks compared with libunwind's, %s differ",
		                          cell(table, 0, "walks_verified"),
		                          cell(table, 0, "walks_different")));
}

/* Nothing in a file that an older memtrace wrote. */
static void print_memory(struct mt_table *table)
{
	if (number(table, 0, "rings") == 0 && number(table, 0, "stack_table_bytes") == 0)
		return;
	print_fact("tracing", mt_arena_print(&table->arena,
	                                     "%s of rings, shared with the collector (%s made); "
	                                     "%s of stack table",
	                                     cell(table, 0, "ring_bytes"), cell(table, 0, "rings"),
	                                     cell(table, 0, "stack_table_bytes")));
}

static double variance_of(const struct mt_table *table, const char *key)
{
	double error = (double)number(table, 0, key);

	return error * error;
}

/* "12 MB in 3 blocks", with errors where they are estimates. */
static const char *amount(struct mt_file *file, struct mt_table *table, const char *bytes,
                          const char *bytes_error, const char *count, const char *count_error,
                          const char *one, const char *many)
{
	struct mt_arena *arena = &table->arena;

	return mt_arena_print(arena, "%s in %s",
	                      mt_estimate_bytes(arena, file, number(table, 0, bytes),
	                                        variance_of(table, bytes_error)),
	                      mt_estimate_of(arena, file, number(table, 0, count),
	                                     variance_of(table, count_error), one, many));
}

#define AMOUNT(bytes, count, one, many) \
	amount(file, table, bytes, bytes "_error", count, count "_error", one, many)

static void print_pauses(const struct mt_process *process, struct mt_table *pauses)
{
	struct mt_arena *arena = &pauses->arena;

	for (size_t i = 0; i < pauses->row_count; i++) {
		const struct mt_value *row = &pauses->values[i * pauses->column_count];

		print_fact("off",
		           mt_arena_print(arena, "from %s to %s",
		                          mt_units_duration(row[0].number).text,
		                          row[1].is_known ? mt_units_duration(row[1].number).text
		                                          : "the end"));
	}
	if (pauses->row_count)
		print_fact("", mt_arena_print(
		                       arena,
		                       "what was allocated then is in no figure; %s of what was "
		                       "not live",
		                       mt_units_of(process->unknown_frees, "free", "frees").text));
}

static void print_process(struct mt_file *file, const struct mt_process *process,
                          struct mt_table *table, struct mt_table *notes, struct mt_table *pauses,
                          const struct mt_badfrees *bad_frees)
{
	struct mt_arena *arena = &table->arena;
	const struct mt_value *parent = &table->values[column_of("parent")];

	printf("\n%s, pid %" PRId64 ", %s\n", cell(table, 0, "command"), process->pid,
	       mt_file_end(file, process));
	print_fact("command", cell(table, 0, "arguments"));
	print_fact("executable", cell(table, 0, "executable"));
	if (parent->is_known)
		print_fact("parent", mt_arena_print(arena, "pid %" PRId64 " (%s)", parent->number,
		                                    cell(table, 0, "origin")));
	print_fact("time",
	           process->has_ended
	                   ? mt_arena_print(arena, "%s, starting at %s",
	                                    mt_units_duration(mt_file_duration_ns(process)).text,
	                                    cell(table, 0, "started_ns"))
	                   : mt_arena_print(arena, "starting at %s", cell(table, 0, "started_ns")));
	print_pauses(process, pauses);
	if (file->sample_bytes)
		print_fact("sampled",
		           mt_arena_print(arena, "%s, one for each %s allocated; %s live%s",
		                          mt_units_of(process->samples, "block", "blocks").text,
		                          mt_units_bytes(file->sample_bytes).text,
		                          cell(table, 0, "live_samples"),
		                          process->has_ended ? " at the end" : ""));
	print_fact("allocated",
	           AMOUNT("bytes_allocated", "allocations", "allocation", "allocations"));
	print_fact("freed", AMOUNT("bytes_freed", "frees", "free", "frees"));
	print_fact("live", mt_arena_print(arena, "%s%s",
	                                  AMOUNT("live_bytes", "live_blocks", "block", "blocks"),
	                                  process->has_ended ? " at the end" : ""));
	print_fact("peak",
	           mt_arena_print(arena, "%s%s%s",
	                          AMOUNT("peak_bytes", "peak_blocks", "block", "blocks"),
	                          number(table, 0, "peak_ns") ? " at " : "",
	                          number(table, 0, "peak_ns") ? cell(table, 0, "peak_ns") : ""));
	print_fact(
	        "temporary",
	        mt_arena_print(
	                arena, "%s, freed before their thread's next allocation (%s)",
	                mt_estimate_of(arena, file, number(table, 0, "temporary"),
	                               variance_of(table, "temporary_error"), "", ""),
	                mt_units_share(number(table, 0, "temporary"), process->allocations).text));
	print_fact("stacks", mt_arena_print(arena, "%s, %s of them cut", cell(table, 0, "stacks"),
	                                    cell(table, 0, "stacks_cut")));
	print_walks(table);
	print_memory(table);
	print_fact("threads", cell(table, 0, "threads"));
	if (number(table, 0, "inherited_blocks") > 0)
		print_fact(
		        "inherited",
		        mt_arena_print(
		                arena,
		                "%s in %s from its parent, %s freed here; in no other figure",
		                cell(table, 0, "inherited_bytes"),
		                mt_units_of(number(table, 0, "inherited_blocks"), "block", "blocks")
		                        .text,
		                cell(table, 0, "inherited_frees")));
	print_fact("memtrace's",
	           mt_arena_print(
	                   arena, "%s in %s, %s; in no other figure", cell(table, 0, "own_bytes"),
	                   mt_units_of(number(table, 0, "own_allocations"), "allocation",
	                               "allocations")
	                           .text,
	                   mt_units_of(number(table, 0, "own_frees"), "free", "frees").text));
	print_fact("events",
	           mt_arena_print(arena, "%s; %s lost, %s of what was not live, %s after the end",
	                          cell(table, 0, "events"), cell(table, 0, "dropped_events"),
	                          mt_units_of(process->unmatched_frees, "free", "frees").text,
	                          cell(table, 0, "late_events")));
	if (bad_frees)
		print_fact("bad frees",
		           mt_arena_print(arena, "of the first %d, %s; see below", BAD_FREES_KEPT,
		                          mt_badfrees_sum(arena, bad_frees)));
	print_notes(notes, "  ");
}

/* Modules that some stack leads through, and the programs themselves. */
static const char module_sql[] =
        "SELECT path, build_id FROM module"
        " UNION ALL SELECT DISTINCT executable, '" MT_BUILD_ID_UNKNOWN "' FROM process"
        " WHERE executable NOT IN (SELECT path FROM module) AND executable <> ''";

/* What no hook sees: notes of the session, as far as the files are still there. */
static int find_allocators(struct mt_file *file, struct mt_table *notes)
{
	struct mt_rows *rows = NULL;
	int next = mt_rows_open(file->reader, module_sql, &rows, NULL);

	if (next < 0)
		return next;
	while ((next = mt_rows_next(rows)) == 1) {
		const char *path = mt_arena_text(&notes->arena, mt_rows_text(rows, 0));
		const char *build_id = mt_rows_is_null(rows, 1) ? NULL : mt_rows_text(rows, 1);
		bool is_imported;
		const char *name = mt_symbolize_allocator(
		        path, build_id, file->origin_utc_ns / 1000000000, &is_imported);
		struct mt_value *row;

		if (!name)
			continue;
		row = mt_table_add(notes);
		row[0] = mt_value_number(0);
		row[1] = mt_value_text("unseen");
		row[2] = mt_value_number(1);
		row[3] = mt_value_text(mt_arena_print(
		        &notes->arena,
		        is_imported ? "%s calls %s: what it allocates with that is not seen, and "
		                      "frees of it are of unknown addresses"
		                    : "%s holds an allocator of its own (%s): what it allocates "
		                      "with that is not seen",
		        path, name));
	}
	mt_rows_close(rows);
	return next;
}

static void print_session(struct mt_file *file, struct mt_table *session, struct mt_table *notes)
{
	const struct mt_value *row = session->values;
	time_t start = (time_t)(row[2].number / 1000000000);
	char date[64] = "?";
	struct tm parts;

	if (localtime_r(&start, &parts))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %z", &parts);
	printf("%s: %s, recorded %s by memtrace %s\n", file->shown, mt_json_state(file), date,
	       mt_text_clean(&session->arena, row[0].text));
	print_fact("host", mt_arena_print(&session->arena, "%s, Linux %s, %s, pages of %s",
	                                  mt_text_clean(&session->arena, row[4].text),
	                                  mt_text_clean(&session->arena, row[5].text),
	                                  mt_text_clean(&session->arena, row[6].text),
	                                  mt_units_bytes(row[7].number).text));
	print_fact("clock", mt_text_clean(&session->arena, row[3].text));
	print_fact("options", mt_text_clean(&session->arena, row[8].text));
	print_fact("processes", mt_units_count((int64_t)file->processes_in_file).text);
	if (file->state == MT_FILE_ABANDONED)
		puts("  Note: the collector ended before it had written all: the file is "
		     "incomplete.");
	print_notes(notes, "  ");
}

/* ---- all formats ---- */

static int print_bad_frees(struct mt_file *file, struct mt_badfrees *bad_frees)
{
	struct mt_stacks *stacks;
	int error;

	if (!bad_frees)
		return 0;
	stacks = mt_stacks_open(file);
	error = mt_badfrees_print(bad_frees, stacks, mt_text_is_coloured(stdout));
	mt_stacks_close(stacks);
	return error;
}

static json_t *json_bad_frees(struct mt_file *file, struct mt_badfrees *bad_frees, int *ret_error)
{
	struct mt_stacks *stacks = bad_frees ? mt_stacks_open(file) : NULL;
	json_t *list = mt_badfrees_json(bad_frees, stacks, ret_error);

	if (stacks)
		mt_stacks_close(stacks);
	return list;
}

static int print_one(struct mt_file *file, const struct mt_process *process, enum mt_format format,
                     struct mt_table *all, json_t *processes)
{
	struct mt_badfrees *bad_frees = NULL;
	struct mt_table table, notes, pauses;
	int error;

	if (format == MT_FORMAT_CSV)
		return read_figures(file, process->id, all);
	mt_table_init(&table, columns, COLUMNS);
	mt_table_init(&notes, note_columns, sizeof(note_columns) / sizeof(note_columns[0]));
	mt_table_init(&pauses, pause_columns, sizeof(pause_columns) / sizeof(pause_columns[0]));
	error = read_figures(file, process->id, &table);
	if (error >= 0)
		error = read_rows(file, note_sql, process->id, &notes);
	if (error >= 0)
		error = read_rows(file, pause_sql, process->id, &pauses);
	if (error >= 0)
		error = mt_badfrees_read(file, process, &bad_frees);
	if (error >= 0 && format == MT_FORMAT_JSON) {
		json_t *object = mt_table_json_row(&table, 0);

		json_object_set_new(object, "measured_at_end", json_boolean(process->has_snapshot));
		json_object_set_new(object, "pauses", mt_table_json(&pauses));
		json_object_set_new(object, "notes", mt_table_json(&notes));
		json_object_set_new(object, "bad_frees", json_bad_frees(file, bad_frees, &error));
		json_array_append_new(processes, object);
	} else if (error >= 0) {
		print_process(file, process, &table, &notes, &pauses, bad_frees);
		error = print_bad_frees(file, bad_frees);
	}
	mt_badfrees_free(bad_frees);
	mt_table_free(&table);
	mt_table_free(&notes);
	mt_table_free(&pauses);
	return error;
}

static int print_all(struct mt_file *file, enum mt_format format, struct mt_table *session,
                     struct mt_table *notes, struct mt_table *all)
{
	json_t *processes = json_array();
	int error = read_rows(file, session_sql, 0, session);

	if (error >= 0)
		error = read_rows(file, note_sql, 0, notes);
	if (error >= 0)
		error = find_allocators(file, notes);
	if (error >= 0 && format == MT_FORMAT_TEXT)
		print_session(file, session, notes);
	for (size_t i = 0; i < file->process_count && error >= 0; i++)
		error = print_one(file, &file->processes[i], format, all, processes);
	if (error >= 0 && format == MT_FORMAT_CSV)
		mt_table_print_csv(all, stdout);
	if (error >= 0 && format == MT_FORMAT_TEXT)
		printf("\nNext: memtrace leaks %s\n", file->shown);
	if (error >= 0 && format == MT_FORMAT_JSON) {
		json_t *object = mt_table_json_row(session, 0);

		json_object_set_new(object, "notes", mt_table_json(notes));
		json_object_set_new(object, "state", json_string(mt_json_state(file)));
		mt_json_print(json_pack("{s:b, s:o, s:O}", "estimated", file->sample_bytes != 0,
		                        "session", object, "processes", processes));
	}
	json_decref(processes);
	return error;
}

static int run(const struct mt_call *call)
{
	struct mt_table session, notes, all;
	struct mt_file file;
	int error, status = mt_file_open(call, &file);

	if (status != MT_EXIT_FINE)
		return status;
	mt_table_init(&session, session_columns,
	              sizeof(session_columns) / sizeof(session_columns[0]));
	mt_table_init(&notes, note_columns, sizeof(note_columns) / sizeof(note_columns[0]));
	mt_table_init(&all, columns, COLUMNS);
	error = print_all(&file, mt_arguments_format(call), &session, &notes, &all);
	if (error < 0)
		status = mt_file_say_error(&file, error);
	mt_table_free(&session);
	mt_table_free(&notes);
	mt_table_free(&all);
	mt_file_close(&file);
	return status;
}

static const struct mt_flag flags[] = {
        MT_FLAG_FORMAT,
        MT_FLAG_PROCESS,
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_info = {
        .name = "info",
        .usage = "[OPTION...] FILE",
        .sentence =
                "what was recorded, process by process, and what was lost or could not be measured",
        .prose = "\"live\" is counted from the blocks that were live, not by subtraction. "
                 "\"unmatched frees\" are of\n"
                 "addresses that memtrace did not see allocated; of bad frees (double, of an "
                 "unknown address, of a\n"
                 "block of another family, as new and free) the first hundred are shown. "
                 "\"inherited\" blocks were the\n"
                 "parent's at a fork. "
                 "memtrace's own allocations in the program (for its unwinder) are in no other "
                 "figure.\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
