/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rss.c - see rss.h.
 */
#include "report/rss.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/arguments.h"
#include "report/say.h"
#include "report/stacktext.h"

int mt_rss_parse_at(const struct mt_call *call, struct mt_rss_report *report)
{
	const char *text = mt_arguments_value(call, "at");
	int length = 0;

	if (!text)
		return MT_EXIT_FINE;
	if (strcmp(text, "peak") == 0)
		report->at = MT_RSS_PEAK;
	else if (strcmp(text, "exit") == 0)
		report->at = MT_RSS_EXIT;
	else if (sscanf(text, "%" SCNd64 "%n", &report->number, &length) == 1 && !text[length])
		report->at = MT_RSS_NUMBER;
	else {
		mt_say("--at=%s: give peak, exit or the number of a snapshot", text);
		return MT_EXIT_USAGE;
	}
	return MT_EXIT_FINE;
}

int mt_rss_say_none(const struct mt_rss_report *report, const struct mt_call *call)
{
	const char *path = report->file.path;

	if (report->at == MT_RSS_NUMBER)
		mt_say("there is no snapshot %s of resident memory in '%s'",
		       mt_arguments_value(call, "at"), path);
	else if (report->at == MT_RSS_EXIT)
		mt_say("there is no snapshot of resident memory at the end of a process in '%s': "
		       "the option snapshot=exit takes them of every process",
		       path);
	else
		mt_say("there is no snapshot of resident memory in '%s': take one with memtrace "
		       "rss PID while the program runs, or have them taken by the option snapshot=",
		       path);
	return MT_EXIT_CANNOT;
}

static const char snapshots_sql[] =
        "SELECT snapshot.id, reason, time_ns, source, frozen, stopped_ns, smaps_rss_bytes,"
        " resident.resident_bytes, unexplained_bytes, pss_bytes, uss_bytes, swap_bytes,"
        " hugetlb_bytes, page_table_bytes, peak_rss_bytes, live_blocks, live_bytes, "
        "purgeable_bytes,"
        " trim_step_bytes,"
        " (SELECT total(lazy_free_bytes) FROM mapping WHERE mapping.snapshot = snapshot.id),"
        " (SELECT total(anon_huge_bytes) FROM mapping WHERE mapping.snapshot = snapshot.id)"
        " FROM snapshot JOIN resident ON resident.snapshot = snapshot.id"
        " WHERE snapshot.process = ?1 ORDER BY snapshot.id";

static struct mt_rss_snapshot read_snapshot(struct mt_arena *arena, struct mt_rows *rows)
{
	return (struct mt_rss_snapshot){
	        .id = mt_rows_integer(rows, 0),
	        .reason = mt_arena_text(arena, mt_rows_text(rows, 1)),
	        .time_ns = mt_rows_integer(rows, 2),
	        .source = mt_arena_text(arena, mt_rows_text(rows, 3)),
	        .is_frozen = mt_rows_integer(rows, 4) != 0,
	        .stopped_ns = mt_rows_integer(rows, 5),
	        .smaps_rss_bytes = mt_rows_integer(rows, 6),
	        .resident_bytes = mt_rows_integer(rows, 7),
	        .unexplained_bytes = mt_rows_integer(rows, 8),
	        .pss_bytes = mt_rows_integer(rows, 9),
	        .uss_bytes = mt_rows_integer(rows, 10),
	        .swap_bytes = mt_rows_integer(rows, 11),
	        .hugetlb_bytes = mt_rows_integer(rows, 12),
	        .page_table_bytes = mt_rows_integer(rows, 13),
	        .peak_rss_bytes = mt_rows_integer(rows, 14),
	        .live_blocks = mt_rows_integer(rows, 15),
	        .live_bytes = mt_rows_integer(rows, 16),
	        .purgeable_bytes = mt_rows_integer(rows, 17),
	        .trim_step_bytes = mt_rows_integer(rows, 18),
	        .lazy_free_bytes = mt_rows_integer(rows, 19),
	        .anon_huge_bytes = mt_rows_integer(rows, 20),
	};
}

/* What is known of VmHWM: of the last point of the timeline, and of the snapshots. */
static const char peak_sql[] =
        "SELECT max(coalesce((SELECT max(peak_rss_bytes) FROM timeline WHERE process = ?1), 0),"
        " coalesce((SELECT max(peak_rss_bytes) FROM snapshot JOIN resident ON"
        " resident.snapshot = snapshot.id WHERE process = ?1), 0))";

static int read_peak(struct mt_rss_report *report, int64_t process, int64_t *ret_bytes)
{
	struct mt_rows *rows;
	int next = mt_rss_ask(report, peak_sql, process, &rows);

	if (next < 0)
		return next;
	next = mt_rows_next(rows);
	if (next == 1)
		*ret_bytes = mt_rows_integer(rows, 0);
	mt_rows_close(rows);
	return next < 0 ? next : 0;
}

/* Is it to be shown, rather than the one before? */
static bool is_meant(const struct mt_rss_report *report, const struct mt_rss_snapshot *snapshot,
                     const struct mt_rss_snapshot *before)
{
	switch (report->at) {
	case MT_RSS_LAST: return true;
	case MT_RSS_ASKED: return strcmp(snapshot->reason, "asked") == 0;
	case MT_RSS_EXIT: return strcmp(snapshot->reason, "exit") == 0;
	case MT_RSS_PEAK: return !before || snapshot->resident_bytes >= before->resident_bytes;
	case MT_RSS_NUMBER: return snapshot->id == report->number;
	}
	return false;
}

int mt_rss_read(struct mt_rss_report *report, const struct mt_process *process, bool is_all,
                struct mt_rss_snapshot **ret_snapshots, size_t *ret_count)
{
	struct mt_rss_snapshot *snapshots = NULL;
	size_t count = 0, capacity = 0;
	int64_t peak_bytes = 0;
	struct mt_rows *rows;
	int next = read_peak(report, process->id, &peak_bytes);

	if (next == 0)
		next = mt_rows_open(report->file.reader, snapshots_sql, &rows, NULL);
	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, process->id);
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_rss_snapshot snapshot = read_snapshot(&report->file.arena, rows);

		snapshot.process_peak_bytes = peak_bytes;
		if (!is_meant(report, &snapshot, count ? &snapshots[count - 1] : NULL))
			continue;
		if (!is_all || report->at != MT_RSS_LAST)
			count = 0;
		snapshots = mt_memory_grow(snapshots, count, &capacity, sizeof(*snapshots));
		snapshots[count++] = snapshot;
	}
	mt_rows_close(rows);
	*ret_snapshots = snapshots;
	*ret_count = count;
	return next;
}

int mt_rss_ask(struct mt_rss_report *report, const char *sql, int64_t snapshot,
               struct mt_rows **ret_rows)
{
	int error = mt_rows_open(report->file.reader, sql, ret_rows, NULL);

	if (error == 0)
		mt_rows_bind(*ret_rows, 1, snapshot);
	return error;
}

#define NAME_WIDTH  40
#define PLACE_WIDTH 32

void mt_rss_put_stack(struct mt_arena *arena, const struct mt_trim *trim, struct mt_value *row)
{
	row[0] = mt_value_text(mt_stacktext_function_at(arena, trim, 0, NAME_WIDTH));
	row[1] = mt_value_text(trim->count ? mt_stacktext_place(arena, trim->lines, PLACE_WIDTH)
	                                   : "");
	row[2] = mt_value_text(mt_stacktext_function_at(arena, trim, 1, NAME_WIDTH));
}

/* What a kind of owner is, for a person. */
const char *mt_rss_describe(const char *kind)
{
	static const struct {
		const char *kind;
		const char *words;
	} rows[] = {
	        {"live", "live blocks"},
	        {"slack", "the rest of pages with live blocks on them"},
	        {"free", "free pages inside the allocator"},
	        {"top", "free pages behind the last live block of a heap"},
	        {"bloat", "free pages of huge pages with live blocks in them"},
	        {"mmap", "mapped by the program itself"},
	        {"stack", "stacks of threads"},
	        {"text", "code of files"},
	        {"rodata", "constant data of files"},
	        {"data", "data of files"},
	        {"bss", "zero-initialised data of files"},
	        {"file", "files, shared"},
	        {"shared", "shared memory"},
	        {"other", "the kernel's pages, devices"},
	        {"memtrace", "memtrace's own"},
	        {"anonymous", "anonymous memory"},
	        {"heap", "the heap (the break)"},
	        {"unexplained", "unexplained"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].kind, kind) == 0)
			return rows[i].words;
	return kind;
}
