/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_rss.c - memtrace rss: who owns what is resident, and memtrace snapshot: find that out now.
 *
 * Of a file, each process's last snapshot of pages, or the one asked for; of a pid, one that is taken now. What is not
 * traced has no call sites: then the kinds of its mappings are all that can be said.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/control.h"
#include "report/doubts.h"
#include "report/file.h"
#include "report/json.h"
#include "report/pid.h"
#include "report/say.h"
#include "report/stacks.h"
#include "report/stacktext.h"
#include "report/table.h"
#include "report/text.h"

#define LIMIT_DEFAULT 20
#define NAME_WIDTH    40
#define PLACE_WIDTH   32

/* ---- Snapshots ---- */

static const char snapshots_sql[] =
        "SELECT snapshot.id, reason, time_ns, source, frozen, stopped_ns, smaps_rss_bytes,"
        " resident.resident_bytes, unexplained_bytes, pss_bytes, uss_bytes, swap_bytes,"
        " hugetlb_bytes, page_table_bytes, peak_rss_bytes, live_blocks, live_bytes"
        " FROM snapshot JOIN resident ON resident.snapshot = snapshot.id"
        " WHERE snapshot.process = ?1 ORDER BY snapshot.id";
static const char kinds_sql[] = "SELECT kind, sum(bytes) FROM owner WHERE snapshot = ?1"
                                " GROUP BY kind ORDER BY 2 DESC, 1";
static const char sites_sql[] =
        "SELECT stack, sum(bytes), sum(CASE kind WHEN 'live' THEN bytes ELSE 0 END),"
        " sum(CASE kind WHEN 'slack' THEN bytes ELSE 0 END),"
        " sum(CASE kind WHEN 'mmap' THEN bytes ELSE 0 END), sum(pinned_bytes)"
        " FROM owner WHERE snapshot = ?1 AND stack IS NOT NULL GROUP BY stack ORDER BY 2 DESC, 1";
/* Everything that is no call site's: by file, by thread, by mapping. */
static const char others_sql[] =
        "SELECT owner.kind, mapping.owner, thread.tid, thread.name, sum(bytes)"
        " FROM owner LEFT JOIN mapping ON mapping.snapshot = owner.snapshot AND start = "
        "owner.mapping"
        " LEFT JOIN thread ON thread.id = owner.thread"
        " WHERE owner.snapshot = ?1 AND stack IS NULL"
        " GROUP BY owner.kind, mapping.owner, owner.thread ORDER BY 5 DESC, 1, 2";

struct snapshot {
	int64_t id;
	const char *reason;
	int64_t time_ns;
	const char *source;
	bool is_frozen;
	int64_t stopped_ns;
	int64_t smaps_rss_bytes;
	int64_t resident_bytes;
	int64_t unexplained_bytes;
	int64_t pss_bytes;
	int64_t uss_bytes;
	int64_t swap_bytes;
	int64_t hugetlb_bytes;
	int64_t page_table_bytes;
	int64_t peak_rss_bytes;
	int64_t live_blocks;
	int64_t live_bytes;
};

struct report {
	struct mt_file file;
	struct mt_stacks *stacks;
	size_t limit;     /* 0: none */
	int64_t only;     /* the snapshot to show; 0: the last of each process */
	int64_t only_pid; /* 0: all */
	bool found;
};

static struct snapshot read_snapshot(struct mt_arena *arena, struct mt_rows *rows)
{
	return (struct snapshot){
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
	};
}

/* Those of a process that are to be shown; all of them with `is_all`. Give back with free(). */
static int read_snapshots(struct report *report, const struct mt_process *process, bool is_all,
                          struct snapshot **ret_snapshots, size_t *ret_count)
{
	struct snapshot *snapshots = NULL;
	size_t count = 0, capacity = 0;
	struct mt_rows *rows;
	int next = mt_rows_open(report->file.reader, snapshots_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, process->id);
	while ((next = mt_rows_next(rows)) == 1) {
		struct snapshot snapshot = read_snapshot(&report->file.arena, rows);

		if (report->only && snapshot.id != report->only)
			continue;
		if (count > 0 && !is_all)
			count = 0;
		snapshots = mt_memory_grow(snapshots, count, &capacity, sizeof(*snapshots));
		snapshots[count++] = snapshot;
	}
	mt_rows_close(rows);
	*ret_snapshots = snapshots;
	*ret_count = count;
	return next;
}

static int open_owners(struct report *report, const char *sql, int64_t snapshot,
                       struct mt_rows **ret_rows)
{
	int error = mt_rows_open(report->file.reader, sql, ret_rows, NULL);

	if (error == 0)
		mt_rows_bind(*ret_rows, 1, snapshot);
	return error;
}

/* ---- text ---- */

/* What a kind of owner is, for a person. */
static const char *describe(const char *kind)
{
	static const struct {
		const char *kind;
		const char *words;
	} rows[] = {
	        {"live", "live blocks"},
	        {"slack", "the rest of pages with live blocks on them"},
	        {"free", "free pages inside the allocator"},
	        {"top", "free pages behind the last live block of a heap"},
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

static void print_head(struct report *report, const struct mt_process *process,
                       const struct snapshot *snapshot)
{
	int64_t difference = snapshot->smaps_rss_bytes - snapshot->resident_bytes;

	printf("%s, pid %" PRId64 ": snapshot %" PRId64 " (%s) at %s",
	       mt_text_clean(&report->file.arena, process->command), process->pid, snapshot->id,
	       mt_text_clean(&report->file.arena, snapshot->reason),
	       mt_units_duration(snapshot->time_ns).text);
	if (snapshot->is_frozen)
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
	       "was resident: %s\n\n",
	       mt_units_bytes(snapshot->live_bytes).text,
	       mt_units_of(snapshot->live_blocks, "block", "blocks").text,
	       mt_units_bytes(snapshot->pss_bytes).text, mt_units_bytes(snapshot->uss_bytes).text,
	       mt_units_bytes(snapshot->swap_bytes).text,
	       mt_units_bytes(snapshot->page_table_bytes).text,
	       mt_units_bytes(snapshot->hugetlb_bytes).text,
	       mt_units_bytes(snapshot->peak_rss_bytes).text);
}

static int print_kinds(struct report *report, const struct snapshot *snapshot)
{
	static const struct mt_column columns[] = {
	        {"bytes", "resident", MT_COLUMN_BYTES},
	        {"share", "share", MT_COLUMN_TEXT_RIGHT},
	        {"kind", "kind", MT_COLUMN_TEXT},
	        {"what", "what it is", MT_COLUMN_TEXT},
	};
	struct mt_rows *rows;
	struct mt_table table;
	int64_t sum = 0;
	int next = open_owners(report, kinds_sql, snapshot->id, &rows);

	if (next < 0)
		return next;
	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	while ((next = mt_rows_next(rows)) == 1) {
		struct mt_value *row = mt_table_add(&table);
		const char *kind = mt_arena_text(&table.arena, mt_rows_text(rows, 0));
		int64_t bytes = mt_rows_integer(rows, 1);

		sum += bytes;
		row[0] = mt_value_number(bytes);
		row[1] = mt_value_text(mt_arena_text(
		        &table.arena, mt_units_share(bytes, snapshot->resident_bytes).text));
		row[2] = mt_value_text(mt_text_clean(&table.arena, kind));
		row[3] = mt_value_text(mt_text_clean(&table.arena, describe(kind)));
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
	}
	mt_table_free(&table);
	return next;
}

static const char *function_at(struct mt_arena *arena, const struct mt_trim *trim, size_t index)
{
	if (index >= trim->count)
		return "";
	return mt_text_cut(arena,
	                   mt_text_short_name(arena,
	                                      mt_stacktext_function(arena, &trim->lines[index]),
	                                      NAME_WIDTH),
	                   NAME_WIDTH);
}

static int print_sites(struct report *report, const struct snapshot *snapshot)
{
	static const struct mt_column columns[] = {
	        {"resident", "resident", MT_COLUMN_BYTES}, {"live", "live", MT_COLUMN_BYTES},
	        {"slack", "slack", MT_COLUMN_BYTES},       {"mmap", "mapped", MT_COLUMN_BYTES},
	        {"pinned", "pinned", MT_COLUMN_BYTES},     {"function", "function", MT_COLUMN_TEXT},
	        {"place", "where", MT_COLUMN_TEXT},        {"caller", "called by", MT_COLUMN_TEXT},
	};
	struct mt_rows *rows;
	struct mt_table table;
	size_t count = 0;
	int next = open_owners(report, sites_sql, snapshot->id, &rows);

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
		for (int i = 0; i < 5; i++)
			row[i] = mt_value_number(mt_rows_integer(rows, i + 1));
		row[5] = mt_value_text(function_at(&table.arena, &trim, 0));
		row[6] = mt_value_text(
		        trim.count ? mt_stacktext_place(&table.arena, trim.lines, PLACE_WIDTH)
		                   : "");
		row[7] = mt_value_text(function_at(&table.arena, &trim, 1));
	}
	mt_rows_close(rows);
	if (next == 0 && table.row_count > 0) {
		puts("\nBy call site (pinned: pages with no other site's blocks on them)\n");
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

static int print_others(struct report *report, const struct snapshot *snapshot)
{
	static const struct mt_column columns[] = {
	        {"bytes", "resident", MT_COLUMN_BYTES},
	        {"kind", "kind", MT_COLUMN_TEXT},
	        {"owner", "of", MT_COLUMN_TEXT},
	};
	struct mt_rows *rows;
	struct mt_table table;
	size_t count = 0;
	int next = open_owners(report, others_sql, snapshot->id, &rows);

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

static int print_text(struct report *report)
{
	for (size_t i = 0; i < report->file.process_count; i++) {
		const struct mt_process *process = &report->file.processes[i];
		struct snapshot *snapshots;
		size_t count;
		int error;

		if (report->only_pid && process->pid != report->only_pid)
			continue;
		error = read_snapshots(report, process, false, &snapshots, &count);
		for (size_t j = 0; j < count && error >= 0; j++) {
			report->found = true;
			print_head(report, process, &snapshots[j]);
			error = print_kinds(report, &snapshots[j]);
			if (error >= 0)
				error = print_sites(report, &snapshots[j]);
			if (error >= 0)
				error = print_others(report, &snapshots[j]);
			putchar('\n');
		}
		free(snapshots);
		if (error < 0)
			return error;
	}
	return 0;
}

/* ---- JSON ---- */

static json_t *snapshot_json(const struct mt_process *process, const struct snapshot *snapshot)
{
	return json_pack("{s:I, s:s*, s:I, s:s*, s:I, s:s*, s:b, s:I, s:I, s:I, s:I, s:I, s:I, "
	                 "s:I, s:I, s:I, "
	                 "s:I, s:I, s:I}",
	                 "pid", (json_int_t)process->pid, "command", process->command, "id",
	                 (json_int_t)snapshot->id, "reason", snapshot->reason, "time_ns",
	                 (json_int_t)snapshot->time_ns, "source", snapshot->source, "frozen",
	                 snapshot->is_frozen, "stopped_ns", (json_int_t)snapshot->stopped_ns,
	                 "smaps_rss_bytes", (json_int_t)snapshot->smaps_rss_bytes, "resident_bytes",
	                 (json_int_t)snapshot->resident_bytes, "attributed_bytes",
	                 (json_int_t)(snapshot->resident_bytes - snapshot->unexplained_bytes),
	                 "unexplained_bytes", (json_int_t)snapshot->unexplained_bytes, "pss_bytes",
	                 (json_int_t)snapshot->pss_bytes, "uss_bytes",
	                 (json_int_t)snapshot->uss_bytes, "swap_bytes",
	                 (json_int_t)snapshot->swap_bytes, "hugetlb_bytes",
	                 (json_int_t)snapshot->hugetlb_bytes, "page_table_bytes",
	                 (json_int_t)snapshot->page_table_bytes, "peak_rss_bytes",
	                 (json_int_t)snapshot->peak_rss_bytes, "live_blocks",
	                 (json_int_t)snapshot->live_blocks);
}

static const char all_owners_sql[] =
        "SELECT owner.kind, sum(bytes), stack, mapping.owner, thread.tid, thread.name,"
        " sum(pinned_bytes)"
        " FROM owner LEFT JOIN mapping ON mapping.snapshot = owner.snapshot AND start = "
        "owner.mapping"
        " LEFT JOIN thread ON thread.id = owner.thread WHERE owner.snapshot = ?1"
        " GROUP BY owner.kind, stack, mapping.owner, owner.thread ORDER BY 2 DESC, 1";

static int print_json_owners(struct report *report, struct mt_json_out *out, int64_t snapshot)
{
	struct mt_rows *rows;
	int next = open_owners(report, all_owners_sql, snapshot, &rows);

	if (next < 0)
		return next;
	while ((next = mt_rows_next(rows)) == 1) {
		json_t *owner = json_object();
		struct mt_trim trim = {0};
		struct mt_stack *stack;

		json_object_set_new(owner, "kind", mt_json_text(mt_rows_text(rows, 0)));
		json_object_set_new(owner, "bytes", json_integer(mt_rows_integer(rows, 1)));
		json_object_set_new(owner, "pinned_bytes", json_integer(mt_rows_integer(rows, 6)));
		json_object_set_new(
		        owner, "file",
		        mt_json_text(mt_rows_is_null(rows, 3) ? NULL : mt_rows_text(rows, 3)));
		json_object_set_new(
		        owner, "thread",
		        mt_json_number(!mt_rows_is_null(rows, 4), mt_rows_integer(rows, 4)));
		if (!mt_rows_is_null(rows, 2)) {
			int error =
			        mt_stacks_resolve(report->stacks, mt_rows_integer(rows, 2), &stack);

			if (error < 0) {
				json_decref(owner);
				mt_rows_close(rows);
				return error;
			}
			trim = mt_trim_own(stack);
		}
		mt_json_stack(out, owner, &trim);
	}
	mt_rows_close(rows);
	return next;
}

static int print_json(struct report *report)
{
	struct mt_json_out out = {0};
	int error = 0;

	mt_json_open(&out, json_pack("{s:s}", "state", mt_json_state(&report->file)), "snapshots");
	for (size_t i = 0; i < report->file.process_count && error >= 0; i++) {
		const struct mt_process *process = &report->file.processes[i];
		struct snapshot *snapshots;
		size_t count;

		if (report->only_pid && process->pid != report->only_pid)
			continue;
		error = read_snapshots(report, process, !report->only_pid, &snapshots, &count);
		for (size_t j = 0; j < count && error >= 0; j++) {
			report->found = true;
			mt_json_open(&out, snapshot_json(process, &snapshots[j]), "owners");
			error = print_json_owners(report, &out, snapshots[j].id);
			mt_json_close(&out);
		}
		free(snapshots);
	}
	mt_json_close(&out);
	return error;
}

/* ---- A process that is not traced ---- */

struct kind {
	const char *name;
	uint64_t bytes;
};

/* What an owner of this kind is called; without tracing the heap's pages are nobody's. */
static int report_untraced(pid_t pid)
{
	static const struct mt_column columns[] = {
	        {"bytes", "resident", MT_COLUMN_BYTES},
	        {"share", "share", MT_COLUMN_TEXT_RIGHT},
	        {"kind", "kind", MT_COLUMN_TEXT},
	        {"what", "what it is", MT_COLUMN_TEXT},
	};
	MT_CLEANUP_FREE char *command = NULL;
	uint64_t kinds[MT_VMA_KIND_COUNT] = {0};
	struct mt_smaps smaps;
	struct mt_table table;
	uint64_t sum;
	int status = mt_pid_read_smaps(pid, &smaps, &command);

	if (status != MT_EXIT_FINE)
		return status;
	sum = mt_smaps_sum(&smaps, MT_SMAPS_RSS);
	for (size_t i = 0; i < smaps.count; i++)
		kinds[smaps.vmas[i].kind] += smaps.vmas[i].fields[MT_SMAPS_RSS];
	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	printf("%s, pid %d: not traced, so this is what /proc alone can say\nresident: %s\n\n",
	       mt_text_clean(&table.arena, command), (int)pid, mt_units_bytes((int64_t)sum).text);
	for (size_t i = 0; i < MT_VMA_KIND_COUNT; i++) {
		struct mt_value *row;

		if (!kinds[i])
			continue;
		row = mt_table_add(&table);
		row[0] = mt_value_number((int64_t)kinds[i]);
		row[1] = mt_value_text(mt_arena_text(
		        &table.arena, mt_units_share((int64_t)kinds[i], (int64_t)sum).text));
		row[2] = mt_value_text(mt_vma_kinds[i]);
		row[3] = mt_value_text(describe(mt_vma_kinds[i]));
	}
	mt_table_print_text(&table, 0, stdout);
	printf("\nNext: memtrace maps %d; with call sites: start it by memtrace run\n", (int)pid);
	mt_table_free(&table);
	mt_smaps_free(&smaps);
	return MT_EXIT_FINE;
}

/* ---- The commands ---- */

static int report_file(const struct mt_call *call, const char *path, int64_t pid)
{
	struct mt_call of_file = *call;
	char *operands[] = {(char *)(uintptr_t)path, NULL};
	struct report report = {.only_pid = pid,
	                        .only = mt_arguments_number(call, "at", 0),
	                        .limit = (size_t)mt_arguments_number(call, "limit", LIMIT_DEFAULT)};
	int status, error;

	of_file.operands = operands;
	of_file.operand_count = 1;
	status = mt_file_open(&of_file, &report.file);
	if (status != MT_EXIT_FINE)
		return status;
	report.stacks = mt_stacks_open(&report.file);
	error = mt_arguments_format(call) == MT_FORMAT_JSON ? print_json(&report)
	                                                    : print_text(&report);
	if (error < 0) {
		status = mt_file_say_error(&report.file, error);
	} else if (!report.found && report.only) {
		mt_say("there is no snapshot %" PRId64 " of resident memory in '%s'", report.only,
		       path);
		status = MT_EXIT_CANNOT;
	} else if (!report.found) {
		mt_say("there is no snapshot of resident memory in '%s': take one with memtrace "
		       "rss PID "
		       "while the program runs",
		       path);
		status = MT_EXIT_CANNOT;
	}
	mt_stacks_close(report.stacks);
	mt_file_close(&report.file);
	return status;
}

/* A number is a pid, unless a file has that name. */
static bool is_pid(const char *operand)
{
	struct stat file;

	return operand[strspn(operand, "0123456789")] == '\0' && operand[0] &&
	       stat(operand, &file) != 0;
}

static int run_rss(const struct mt_call *call)
{
	struct mt_answer answer;
	pid_t pid;
	int status;

	if (!is_pid(call->operands[0]))
		return report_file(call, call->operands[0], 0);
	status = mt_pid_parse(call->operands[0], &pid);
	if (status != MT_EXIT_FINE)
		return status;
	if (!mt_control_is_traced(pid))
		return report_untraced(pid);
	status = mt_control_ask(pid, MT_CONTROL_SNAPSHOT, &answer);
	return status == MT_EXIT_FINE ? report_file(call, answer.output, pid) : status;
}

static int run_snapshot(const struct mt_call *call)
{
	struct mt_answer answer;
	pid_t pid;
	int status = mt_pid_parse(call->operands[0], &pid);

	if (status != MT_EXIT_FINE)
		return status;
	status = mt_control_ask(pid, MT_CONTROL_SNAPSHOT, &answer);
	if (status == MT_EXIT_FINE)
		printf("a snapshot of process %d is in %s; memtrace rss reads it\n", (int)pid,
		       answer.output);
	return status;
}

static const struct mt_flag rss_flags[] = {
        {"at", 0, MT_FLAG_NUMBER, "N", "snapshot number N; without it the last of each process"},
        {"limit", 'l', MT_FLAG_NUMBER, "COUNT", "at most so many sites, and others (20); 0: all"},
        {"format", 0, MT_FLAG_CHOICE, "text|json",
         "text for people (default); json is complete and stable, and has all snapshots"},
        MT_FLAG_PROCESS,
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_rss = {
        .name = "rss",
        .usage = "[OPTION...] FILE|PID",
        .sentence =
                "who owns what is resident: live blocks by call site, slack, free pages, files …",
        .prose = "Of a running traced process, it is found out now, for which the process stands "
                 "still for "
                 "some\n"
                 "milliseconds; system calls that Linux does not restart, epoll_wait among them, "
                 "may then "
                 "return\n"
                 "EINTR. Of a process that is not traced, what /proc says. Every resident page has "
                 "an "
                 "owner, and\n"
                 "the sum is compared with /proc/PID/smaps.\n",
        .flags = rss_flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run_rss,
};

const struct mt_command mt_cmd_snapshot = {
        .name = "snapshot",
        .usage = "PID",
        .sentence = "finds out what is resident in a running process, for memtrace rss FILE later",
        .prose = "The process stands still for some milliseconds. Its live blocks go into the "
                 "file, too.\n",
        .min_operands = 1,
        .max_operands = 1,
        .run = run_snapshot,
};
