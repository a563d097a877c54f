/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_leaks.c - memtrace leaks: what a program had not given back when it ended, by site.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/doubts.h"
#include "report/estimate.h"
#include "report/file.h"
#include "report/leaks.h"
#include "report/say.h"
#include "report/sites.h"
#include "report/stacks.h"
#include "report/stacktext.h"
#include "report/text.h"

#define LIMIT_DEFAULT 20

#define LIMIT_SEVERAL 5 /* of each, when there are several processes */

struct report {
	struct mt_file file;
	struct mt_stacks *stacks;
	size_t limit; /* 0: none */
	bool is_coloured;
	/* of all processes so far */
	size_t leaking;
	int64_t blocks;
	int64_t bytes;
	double blocks_variance;
	double bytes_variance;
	bool is_classified;
};

static void print_site(struct report *report, const struct mt_leaks *leaks,
                       const struct mt_leak *leak, const struct mt_stack *stack)
{
	const char *bold = report->is_coloured ? "\033[1m" : "";
	const char *plain = report->is_coloured ? "\033[0m" : "";
	struct mt_trim trim = mt_trim_all(stack);
	bool is_whole =
	        trim.count > 0 && trim.lines + trim.count == stack->lines + stack->line_count;

	printf("\n  %s%s%s in %s", bold,
	       mt_estimate_bytes(&report->file.arena, &report->file, leak->bytes,
	                         leak->bytes_variance),
	       plain,
	       mt_estimate_of(&report->file.arena, &report->file, leak->blocks,
	                      leak->blocks_variance, "block", "blocks"));
	if (report->file.sample_bytes)
		printf(" (%s sampled)", mt_units_count(leak->samples).text);
	if (leaks->is_classified)
		printf(", %s", mt_text_clean(&report->file.arena, leak->class));
	putchar('\n');
	if (trim.count == 0)
		puts("      (no stack was recorded)");
	mt_stacktext_print(&trim, is_whole ? stack->cut : NULL, "      ", report->is_coloured,
	                   stdout);
}

static int print_sites(struct report *report, const struct mt_leaks *leaks)
{
	size_t shown = report->limit && report->limit < leaks->count ? report->limit : leaks->count;
	struct mt_file *file = &report->file;
	struct mt_leak rest = {0};

	for (size_t i = 0; i < shown; i++) {
		struct mt_stack *stack;
		int error = mt_stacks_resolve(report->stacks, leaks->items[i].stack, &stack);

		if (error < 0)
			return error;
		print_site(report, leaks, &leaks->items[i], stack);
	}
	for (size_t i = shown; i < leaks->count; i++) {
		rest.blocks = mt_sites_add(rest.blocks, leaks->items[i].blocks);
		rest.bytes = mt_sites_add(rest.bytes, leaks->items[i].bytes);
		rest.blocks_variance += leaks->items[i].blocks_variance;
		rest.bytes_variance += leaks->items[i].bytes_variance;
	}
	if (shown < leaks->count)
		printf("\n  and %s: %s, %s (--limit=0 shows all)\n",
		       mt_units_of((int64_t)(leaks->count - shown), "more site", "more sites").text,
		       mt_estimate_of(&file->arena, file, rest.blocks, rest.blocks_variance,
		                      "block", "blocks"),
		       mt_estimate_bytes(&file->arena, file, rest.bytes, rest.bytes_variance));
	return 0;
}

/* exec takes all memory away: what was live then is no leak, and not worth a list. */
static bool is_replaced(const struct mt_process *process)
{
	return process->end_reason && strncmp(process->end_reason, "exec", 4) == 0;
}

static int print_leaks(struct report *report, const struct mt_process *process,
                       const struct mt_leaks *leaks)
{
	struct mt_file *file = &report->file;
	int error;

	printf("%s, pid %" PRId64 ", %s: %s, %s ", mt_text_clean(&file->arena, process->command),
	       process->pid, mt_file_end(file, process),
	       mt_estimate_of(&file->arena, file, leaks->blocks, leaks->blocks_variance, "block",
	                      "blocks"),
	       mt_estimate_bytes(&file->arena, file, leaks->bytes, leaks->bytes_variance));
	if (is_replaced(process)) {
		puts("were live then, and went with it");
		return 0;
	}
	printf("not freed, from %s\n", mt_units_of((int64_t)leaks->count, "site", "sites").text);
	report->leaking++;
	report->blocks = mt_sites_add(report->blocks, leaks->blocks);
	report->bytes = mt_sites_add(report->bytes, leaks->bytes);
	report->blocks_variance += leaks->blocks_variance;
	report->bytes_variance += leaks->bytes_variance;
	report->is_classified |= leaks->is_classified;
	error = print_sites(report, leaks);
	if (error < 0)
		return error;
	putchar('\n');
	mt_doubts_process(file, process);
	return 0;
}

static int print_process(struct report *report, const struct mt_process *process)
{
	struct mt_leaks leaks = {0};
	int error = process->has_snapshot ? mt_leaks_read(&report->file, process, &leaks) : 0;

	if (error >= 0 && leaks.count > 0)
		error = print_leaks(report, process, &leaks);
	else if (error >= 0)
		mt_leaks_print_none(&report->file, process);
	mt_leaks_free(&leaks);
	return error;
}

static int print_text(struct report *report)
{
	struct mt_file *file = &report->file;

	for (size_t i = 0; i < file->process_count; i++) {
		int error = print_process(report, &file->processes[i]);

		if (error < 0)
			return error;
	}
	if (report->leaking > 1)
		printf("In all: %s, %s not freed by %zu processes.\n",
		       mt_estimate_of(&file->arena, file, report->blocks, report->blocks_variance,
		                      "block", "blocks"),
		       mt_estimate_bytes(&file->arena, file, report->bytes, report->bytes_variance),
		       report->leaking);
	if (report->leaking > 0 && !report->is_classified)
		puts("Not checked: whether anything still pointed at these blocks.");
	mt_doubts_file(file, report->stacks);
	if (file->process_count > 0)
		printf("Next: memtrace tree --by=leaked %s\n", file->shown);
	return 0;
}

static int run(const struct mt_call *call)
{
	struct report report = {
	        .is_coloured = mt_text_is_coloured(stdout),
	};
	enum mt_format format = mt_arguments_format(call);
	int status, error;

	if (mt_arguments_has(call, "mtrace") && format != MT_FORMAT_TEXT) {
		mt_say("--mtrace is a text format of its own: leave out --format");
		return MT_EXIT_USAGE;
	}
	status = mt_file_open(call, &report.file);
	if (status != MT_EXIT_FINE)
		return status;
	report.limit = (size_t)mt_arguments_number(
	        call, "limit", report.file.process_count > 1 ? LIMIT_SEVERAL : LIMIT_DEFAULT);
	report.stacks = mt_stacks_open(&report.file);
	if (mt_arguments_has(call, "mtrace"))
		error = mt_leaks_print_mtrace(&report.file, report.stacks);
	else if (format == MT_FORMAT_JSON)
		error = mt_leaks_print_json(&report.file, report.stacks);
	else if (format == MT_FORMAT_CSV)
		error = mt_leaks_print_csv(&report.file, report.stacks);
	else
		error = print_text(&report);
	mt_stacks_close(report.stacks);
	if (error < 0)
		status = mt_file_say_error(&report.file, error);
	mt_file_close(&report.file);
	return status;
}

static const struct mt_flag flags[] = {
        MT_FLAG_FORMAT,
        MT_FLAG_PROCESS,
        {"limit", 'n', MT_FLAG_NUMBER, "N",
         "the N largest sites of a process (20; 5 of several; 0: all); text only"},
        {"mtrace", 0, MT_FLAG_NONE, NULL, "the listing of mtrace(1): a line for each block"},
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_leaks = {
        .name = "leaks",
        .usage = "[OPTION...] FILE",
        .sentence = "what was not given back, by call stack, largest first",
        .prose = "A site is a call stack with all blocks that were allocated there and were still "
                 "allocated when\n"
                 "the process ended. Its innermost function stands first. Text leaves out what "
                 "every stack has:\n"
                 "memtrace's and the allocator's own functions, operator new, and what runs before "
                 "main.\n"
                 "\"no leaks\" is said only of a process whose end was seen; else it says \"not "
                 "measured\".\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
