/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_rss.c - memtrace rss: who owns what is resident, and memtrace snapshot: find that out now.
 *
 * Of a file, each process's last snapshot of pages, or the one asked for; of a pid, one that is taken now. What is not
 * traced has no call sites: then the kinds of its mappings are all that can be said.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/control.h"
#include "report/file.h"
#include "report/pid.h"
#include "report/rss.h"
#include "report/rss_diff.h"
#include "report/say.h"
#include "report/table.h"
#include "report/text.h"

#define LIMIT_DEFAULT 20

/* A process that is not traced: the kinds of its mappings. */
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
		row[3] = mt_value_text(mt_rss_describe(mt_vma_kinds[i]));
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
	struct mt_rss_report report = {
	        .only_pid = pid,
	        .at = pid ? MT_RSS_ASKED : MT_RSS_LAST,
	        .limit = (size_t)mt_arguments_number(call, "limit", LIMIT_DEFAULT)};
	bool is_json = mt_arguments_format(call) == MT_FORMAT_JSON;
	bool is_diff = mt_arguments_has(call, "diff");
	int64_t from = 0, to = 0;
	int error, status = is_diff ? mt_arguments_pair(call, "diff", &from, &to) : MT_EXIT_FINE;

	if (status != MT_EXIT_FINE)
		return status;
	status = mt_rss_parse_at(call, &report);
	if (status != MT_EXIT_FINE)
		return status;
	of_file.operands = operands;
	of_file.operand_count = 1;
	status = mt_file_open(&of_file, &report.file);
	if (status != MT_EXIT_FINE)
		return status;
	report.stacks = mt_stacks_open(&report.file);
	if (is_diff)
		error = mt_rss_diff_print(&report.file, report.stacks, from, to, report.limit,
		                          is_json);
	else
		error = is_json ? mt_rss_print_json(&report) : mt_rss_print_text(&report);
	if (is_diff && error == -ENOENT) {
		mt_say("--diff=%" PRId64 ",%" PRId64
		       ": there are no two such snapshots of resident "
		       "memory in '%s'",
		       from, to, path);
		status = MT_EXIT_CANNOT;
	} else if (error < 0) {
		status = mt_file_say_error(&report.file, error);
	} else if (is_diff) {
		status = MT_EXIT_FINE;
	} else if (!report.found) {
		status = mt_rss_say_none(&report, call);
	}
	mt_stacks_close(report.stacks);
	mt_file_close(&report.file);
	return status;
}

static int run_rss(const struct mt_call *call)
{
	struct mt_answer answer;
	pid_t pid;
	int status;

	if (!mt_pid_is_meant(call->operands[0]))
		return report_file(call, call->operands[0], 0);
	status = mt_pid_parse(call->operands[0], &pid);
	if (status != MT_EXIT_FINE)
		return status;
	if (!mt_control_is_traced(pid))
		return report_untraced(pid);
	status = mt_control_ask(pid, MT_CONTROL_SNAPSHOT, NULL, &answer);
	return status == MT_EXIT_FINE ? report_file(call, answer.output, pid) : status;
}

static int run_snapshot(const struct mt_call *call)
{
	struct mt_answer answer;
	pid_t pid;
	int status = mt_pid_parse(call->operands[0], &pid);

	if (status != MT_EXIT_FINE)
		return status;
	status = mt_control_ask(pid, MT_CONTROL_SNAPSHOT, NULL, &answer);
	if (status == MT_EXIT_FINE)
		printf("a snapshot of process %d is in %s; memtrace rss reads it\n", (int)pid,
		       answer.output);
	return status;
}

static const struct mt_flag rss_flags[] = {
        {"at", 0, MT_FLAG_TEXT, "peak|exit|N",
         "when most was resident, at the end, or snapshot number N; without it the last of each "
         "process"},
        {"diff", 0, MT_FLAG_TEXT, "N,M",
         "what has changed from snapshot N to snapshot M, by owner"},
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
        .prose = "The process stands still for some milliseconds. Its live blocks count for their\n"
                 "call sites; rows of their own have those of the end alone.\n",
        .min_operands = 1,
        .max_operands = 1,
        .run = run_snapshot,
};
