/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rss_text.c - the owners of resident memory for a person.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/doubts.h"
#include "report/rss.h"
#include "report/sites.h"
#include "report/stacktext.h"
#include "report/table.h"
#include "report/text.h"

/* An allocator that is not libc's own is a library with a name, or in the program, where it cannot be told. */
static const char allocator_sql[] =
        "SELECT owner FROM mapping WHERE snapshot = ?1 AND kind = 'text' AND (owner LIKE"
        " '%/libjemalloc.%' OR owner LIKE '%/libtcmalloc%' OR owner LIKE '%/libmimalloc%') LIMIT 1";
static const char kinds_sql[] = "SELECT kind, sum(bytes) FROM owner WHERE snapshot = ?1"
                                " GROUP BY kind ORDER BY 2 DESC, 1";
static const char sites_sql[] =
        "SELECT stack, sum(bytes), sum(CASE kind WHEN 'live' THEN bytes ELSE 0 END),"
        " sum(CASE kind WHEN 'slack' THEN bytes ELSE 0 END),"
        " sum(CASE kind WHEN 'mmap' THEN bytes ELSE 0 END), sum(pinned_bytes),"
        " sum(CASE kind WHEN 'mmap' THEN bytes ELSE returned_bytes END)"
        " FROM owner WHERE snapshot = ?1 AND stack IS NOT NULL AND kind NOT IN ('free', 'top')"
        " GROUP BY stack ORDER BY 2 DESC, 1";
/* Everything that is no call site's: by file, by thread, by mapping. */
static const char others_sql[] = "SELECT kind, file, tid, name, sum(bytes) FROM resident_owner "
                                 "WHERE snapshot = ?1 AND (stack IS NULL OR kind IN ('free', "
                                 "'top')) GROUP BY kind, file, tid, name ORDER BY 5 DESC, 1, 2";

/* No page is so large that is not a huge one. */
#define HUGE_BYTES_MIN 65536

static void print_head(struct mt_rss_report *report, const struct mt_process *process,
                       const struct mt_rss_snapshot *snapshot)
{
	int64_t difference = snapshot->smaps_rss_bytes - snapshot->resident_bytes;

	printf("%s, pid %" PRId64 ": snapshot %" PRId64 " (%s) at %s",
	       mt_text_clean(&report->file.arena, process->command), process->pid, snapshot->id,
	       mt_text_clean(&report->file.arena, snapshot->reason),
	       mt_units_duration(snapshot->time_ns).text);
	if (snapshot->is_frozen && snapshot->stopped_ns == 0)
		puts("; the process stood still at its end");
	else if (snapshot->is_frozen)
		printf("; the process stood still for %s\n",
		       mt_units_duration(snapshot->stopped_ns).text);
	else
		puts("; the process ran meanwhile");
	printf("resident: %s", mt_units_bytes(snapshot->resident_bytes).text);
	if (difference == 0)
		printf(", to the byte what smaps says");
	else
		printf("; smaps says %s: changed meanwhile, or pages that %s cannot tell",
		       mt_units_bytes(snapshot->smaps_rss_bytes).text,
		       mt_text_clean(&report->file.arena, snapshot->source));
	printf("; explained: %s\n",
	       mt_units_share(snapshot->resident_bytes - snapshot->unexplained_bytes,
	                      snapshot->resident_bytes)
	               .text);
	printf("live: %s in %s; pss %s, uss %s, swap %s, page tables %s, huge page pool %s; the "
	       "most that "
	       "was resident: %s\n",
	       mt_units_bytes(snapshot->live_bytes).text,
	       mt_units_of(snapshot->live_blocks, "block", "blocks").text,
	       mt_units_bytes(snapshot->pss_bytes).text, mt_units_bytes(snapshot->uss_bytes).text,
	       mt_units_bytes(snapshot->swap_bytes).text,
	       mt_units_bytes(snapshot->page_table_bytes).text,
	       mt_units_bytes(snapshot->hugetlb_bytes).text,
	       mt_units_bytes(snapshot->peak_rss_bytes).text);
	if (snapshot->anon_huge_bytes)
		printf("of it in huge pages: %s\n", mt_units_bytes(snapshot->anon_huge_bytes).text);
	if (snapshot->lazy_free_bytes)
		printf("of it given back by MADV_FREE, and still there as nobody has needed it: "
		       "%s\n",
		       mt_units_bytes(snapshot->lazy_free_bytes).text);
	putchar('\n');
}

/* Of jemalloc it is known how long the runs of pages are that it keeps for blocks of one size. */
static void print_purge(const char *allocator, int64_t least, int64_t most)
{
	if (strstr(allocator, "jemalloc"))
		printf("\nfree, top and bloat: a purge by %s would give back %s to %s\n", allocator,
		       mt_units_bytes(least).text, mt_units_bytes(most).text);
	else
		printf("\nfree, top and bloat: %s at most can go back; how much of it does, %s "
		       "decides\n",
		       mt_units_bytes(most).text, allocator);
}

/* A range, where it is not one amount by what is printed of it. */
static void print_trim(const struct mt_rss_snapshot *snapshot, int64_t most)
{
	printf("\nfree, top and bloat: malloc_trim(0) would give back about %s",
	       mt_units_bytes(snapshot->purgeable_bytes).text);
	if (most - snapshot->purgeable_bytes > most / 100)
		printf(" of %s", mt_units_bytes(most).text);
	puts(", if the allocator is glibc's");
	if (snapshot->trim_step_bytes > HUGE_BYTES_MIN)
		printf("the heap's end is cut off %s at a time: what a site returns can be so much "
		       "less\n",
		       mt_units_bytes(snapshot->trim_step_bytes).text);
}

/*
 * What is in the allocator's hands and in no block. glibc's malloc_trim() gives such pages back; others keep runs of pages
 * for blocks of one size.
 */
static int print_returnable(struct mt_rss_report *report, const struct mt_rss_snapshot *snapshot,
                            int64_t bytes)
{
	struct mt_rows *rows;
	int next = mt_rss_ask(report, allocator_sql, snapshot->id, &rows);

	if (next < 0)
		return next;
	next = mt_rows_next(rows);
	if (next == 0 && bytes > 0)
		print_trim(snapshot, bytes);
	else if (next == 1)
		print_purge(mt_text_base(mt_text_clean(&report->file.arena, mt_rows_text(rows, 0))),
		            snapshot->purgeable_bytes, bytes);
	mt_rows_close(rows);
	return next < 0 ? next : 0;
}

static int print_kinds(struct mt_rss_report *report, const struct mt_rss_snapshot *snapshot)
{
	static const struct mt_column columns[] = {
	        {"bytes", "resident", MT_COLUMN_BYTES},
	        {"share", "share", MT_COLUMN_TEXT_RIGHT},
	        {"kind", "kind", MT_COLUMN_TEXT},
	        {"what", "what it is", MT_COLUMN_TEXT},
	};
	struct mt_rows *rows;
	struct mt_table table;
	int64_t sum = 0, returnable = 0;
	int next = mt_rss_ask(report, kinds_sql, snapshot->id, &rows);

	if (next < 0)
		return next;
	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_value *row = mt_table_add(&table);
		const char *kind = mt_arena_text(&table.arena, mt_rows_text(rows, 0));
		int64_t bytes = mt_rows_integer(rows, 1);

		sum = mt_sites_add(sum, bytes);
		if (strcmp(kind, "free") == 0 || strcmp(kind, "top") == 0 ||
		    strcmp(kind, "bloat") == 0)
			returnable = mt_sites_add(returnable, bytes);
		row[0] = mt_value_number(bytes);
		row[1] = mt_value_text(mt_arena_text(
		        &table.arena, mt_units_share(bytes, snapshot->resident_bytes).text));
		row[2] = mt_value_text(mt_text_clean(&table.arena, kind));
		row[3] = mt_value_text(mt_text_clean(&table.arena, mt_rss_describe(kind)));
	}
	mt_rows_close(rows);
	if (next == 0) {
		struct mt_value *row = mt_table_add(&table);

		row[0] = mt_value_number(sum);
		row[1] = mt_value_text(mt_arena_text(
		        &table.arena, mt_units_share(sum, snapshot->resident_bytes).text));
		row[2] = mt_value_text("sum");
		row[3] = mt_value_text("");
		mt_table_print_text(&table, 0, stdout);
		next = print_returnable(report, snapshot, returnable);
	}
	mt_table_free(&table);
	return next;
}

static int print_sites(struct mt_rss_report *report, const struct mt_rss_snapshot *snapshot)
{
	static const struct mt_column columns[] = {
	        {"resident", "resident", MT_COLUMN_BYTES},
	        {"live", "live", MT_COLUMN_BYTES},
	        {"slack", "slack", MT_COLUMN_BYTES},
	        {"mmap", "mapped", MT_COLUMN_BYTES},
	        {"pinned", "pinned", MT_COLUMN_BYTES},
	        {"returned", "returned", MT_COLUMN_BYTES},
	        {"function", "function", MT_COLUMN_TEXT},
	        {"place", "where", MT_COLUMN_TEXT},
	        {"caller", "called by", MT_COLUMN_TEXT},
	};
	struct mt_rows *rows;
	struct mt_table table;
	size_t count = 0;
	int next = mt_rss_ask(report, sites_sql, snapshot->id, &rows);

	if (next < 0)
		return next;
	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_stack *stack;
		struct mt_value *row;
		struct mt_trim trim;
		int error;

		if (report->limit && count++ >= report->limit)
			continue;
		error = mt_stacks_resolve(report->stacks, mt_rows_integer(rows, 0), &stack);
		if (error < 0) {
			next = error;
			break;
		}
		trim = mt_trim_all(stack);
		row = mt_table_add(&table);
		for (int i = 0; i < 6; i++)
			row[i] = mt_value_number(mt_rows_integer(rows, i + 1));
		mt_rss_put_stack(&table.arena, &trim, row + 6);
	}
	mt_rows_close(rows);
	if (next == 0 && table.row_count > 0) {
		puts("\nBy call site (pinned: pages with no other site's blocks on them; "
		     "returned: what could go back if the site freed all that it has)\n");
		mt_table_print_text(&table, 0, stdout);
		if (report->limit && count > report->limit)
			printf("and %s (--limit=0 shows all)\n",
			       mt_units_of((int64_t)(count - report->limit), "more site",
			                   "more sites")
			               .text);
	}
	mt_table_free(&table);
	return next;
}

/* Whose it is, where it is no call site's. */
static const char *owner_of(struct mt_arena *arena, struct mt_rows *rows)
{
	if (!mt_rows_is_null(rows, 2)) {
		const char *name = mt_rows_text(rows, 3);

		return mt_arena_print(arena, "thread %" PRId64 "%s%s", mt_rows_integer(rows, 2),
		                      name[0] ? " " : "",
		                      mt_text_clean(arena, mt_arena_text(arena, name)));
	}
	if (!mt_rows_is_null(rows, 1))
		return mt_text_clean(arena, mt_arena_text(arena, mt_rows_text(rows, 1)));
	return "";
}

static int print_others(struct mt_rss_report *report, const struct mt_rss_snapshot *snapshot)
{
	static const struct mt_column columns[] = {
	        {"bytes", "resident", MT_COLUMN_BYTES},
	        {"kind", "kind", MT_COLUMN_TEXT},
	        {"owner", "of", MT_COLUMN_TEXT},
	};
	struct mt_rows *rows;
	struct mt_table table;
	size_t count = 0;
	int next = mt_rss_ask(report, others_sql, snapshot->id, &rows);

	if (next < 0)
		return next;
	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_value *row;

		if (report->limit && count++ >= report->limit)
			continue;
		row = mt_table_add(&table);
		row[0] = mt_value_number(mt_rows_integer(rows, 4));
		row[1] = mt_value_text(mt_text_clean(
		        &table.arena, mt_arena_text(&table.arena, mt_rows_text(rows, 0))));
		row[2] = mt_value_text(owner_of(&table.arena, rows));
	}
	mt_rows_close(rows);
	if (next == 0 && table.row_count > 0) {
		puts("\nOthers\n");
		mt_table_print_text(&table, 0, stdout);
		if (report->limit && count > report->limit)
			printf("and %s (--limit=0 shows all)\n",
			       mt_units_of((int64_t)(count - report->limit), "more", "more").text);
	}
	mt_table_free(&table);
	return next;
}

/* Was more resident at another time than this snapshot explains? */
static void print_missed(const struct mt_rss_snapshot *snapshot)
{
	int64_t most = snapshot->process_peak_bytes;

	if (most - most / 20 > snapshot->resident_bytes)
		printf("\nat its peak %s were resident (VmHWM), for too short a time to be looked "
		       "at: here are %s of it\n",
		       mt_units_bytes(most).text,
		       mt_units_share(snapshot->resident_bytes, most).text);
}

int mt_rss_print_text(struct mt_rss_report *report)
{
	for (size_t i = 0; i < report->file.process_count; i++) {
		const struct mt_process *process = &report->file.processes[i];
		struct mt_rss_snapshot *snapshots = NULL;
		size_t count = 0;
		int error;

		if (report->only_pid && process->pid != report->only_pid)
			continue;
		error = mt_rss_read(report, process, false, &snapshots, &count);
		for (size_t j = 0; j < count && error >= 0; j++) {
			report->found = true;
			print_head(report, process, &snapshots[j]);
			error = print_kinds(report, &snapshots[j]);
			if (error >= 0)
				error = print_sites(report, &snapshots[j]);
			if (error >= 0)
				error = print_others(report, &snapshots[j]);
			if (error >= 0)
				error = mt_rss_print_growth(report, &snapshots[j]);
			if (report->at == MT_RSS_PEAK)
				print_missed(&snapshots[j]);
			mt_doubts_process(&report->file, process);
			putchar('\n');
		}
		free(snapshots);
		if (error < 0)
			return error;
	}
	return 0;
}
