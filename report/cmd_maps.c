/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_maps.c - memtrace maps: the mappings of a process, with what is resident of each and who owns that.
 *
 * What pmap -x and -X show and more: what each mapping is, sums by that, sorting, JSON. Without tracing, all but the owners.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/control.h"
#include "report/maps.h"
#include "report/maps_file.h"
#include "report/pid.h"
#include "report/say.h"

static const struct mt_figure *sort_figure; /* qsort() has no other way to tell */

static int by_figure(const void *left, const void *right)
{
	const struct mt_vma *a = *(struct mt_vma *const *)left;
	const struct mt_vma *b = *(struct mt_vma *const *)right;
	uint64_t of_a = mt_figure_of(sort_figure, a), of_b = mt_figure_of(sort_figure, b);

	if (of_a != of_b)
		return of_a < of_b ? 1 : -1;
	return (a->start > b->start) - (a->start < b->start);
}

static int sort_mappings(struct mt_maps *maps, const char *word)
{
	maps->order = mt_memory_new(maps->smaps.count + 1, sizeof(struct mt_vma *));
	for (size_t i = 0; i < maps->smaps.count; i++)
		maps->order[i] = &maps->smaps.vmas[i];
	if (!word || strcmp(word, "address") == 0)
		return 0;
	sort_figure = mt_figure_find(word);
	if (!sort_figure) {
		mt_say("--sort=%s: there is no such column; use address, size, rss, pss, uss, "
		       "dirty, "
		       "anon, swap or one that --wide shows",
		       word);
		return -EINVAL;
	}
	qsort(maps->order, maps->smaps.count, sizeof(struct mt_vma *), by_figure);
	return 0;
}

static enum mt_maps_layout layout_of(const struct mt_call *call)
{
	if (mt_arguments_has(call, "summary"))
		return MT_MAPS_SUMMARY;
	return mt_arguments_has(call, "wide") ? MT_MAPS_WIDE : MT_MAPS_LIST;
}

static int print_report(const struct mt_call *call, struct mt_maps *maps)
{
	enum mt_format format = mt_arguments_format(call);
	int status = MT_EXIT_FINE;

	if (sort_mappings(maps, mt_arguments_value(call, "sort")) < 0)
		status = MT_EXIT_USAGE;
	else if (format == MT_FORMAT_TEXT)
		mt_maps_print_text(maps, layout_of(call));
	else
		mt_maps_print_rows(maps, format == MT_FORMAT_JSON);
	free(maps->order);
	mt_arena_free(&maps->arena);
	mt_smaps_free(&maps->smaps);
	return status;
}

static int run_file(const struct mt_call *call, const char *path, int64_t pid)
{
	struct mt_maps maps = {.limit = (size_t)mt_arguments_number(call, "limit", 0)};
	int64_t at = mt_arguments_number(call, "at", 0);
	char *operands[] = {(char *)(uintptr_t)path, NULL};
	struct mt_call of_file = *call;
	struct mt_file file;
	int status, error;

	of_file.operands = operands;
	of_file.operand_count = 1;
	status = mt_file_open(&of_file, &file);
	if (status != MT_EXIT_FINE)
		return status;
	error = mt_maps_file_read(&file, at, pid, &maps);
	if (error == -ENOENT) {
		mt_say("there is no such snapshot of resident memory in '%s': take one with "
		       "memtrace "
		       "snapshot PID while the program runs",
		       file.path);
		status = MT_EXIT_CANNOT;
	} else if (error < 0) {
		status = mt_file_say_error(&file, error);
	} else {
		status = print_report(call, &maps);
	}
	mt_file_close(&file);
	return status;
}

/* What /proc alone can say. */
static int run_live(const struct mt_call *call, pid_t pid)
{
	MT_CLEANUP_FREE char *command = NULL;
	struct mt_maps maps = {.pid = pid, .limit = (size_t)mt_arguments_number(call, "limit", 0)};
	int status = mt_pid_read_smaps(pid, &maps.smaps, &command);

	if (status != MT_EXIT_FINE)
		return status;
	maps.command = command;
	return print_report(call, &maps);
}

static int run(const struct mt_call *call)
{
	struct mt_answer answer;
	pid_t pid;
	int status;

	if (!mt_pid_is_meant(call->operands[0]))
		return run_file(call, call->operands[0], 0);
	status = mt_pid_parse(call->operands[0], &pid);
	if (status != MT_EXIT_FINE)
		return status;
	/* Where no snapshot can be had, which is said, the mappings still can. */
	if (mt_control_is_traced(pid) &&
	    mt_control_ask(pid, MT_CONTROL_SNAPSHOT, NULL, &answer) == MT_EXIT_FINE)
		return run_file(call, answer.output, pid);
	return run_live(call, pid);
}

static const struct mt_flag flags[] = {
        {"sort", 's', MT_FLAG_TEXT, "COLUMN",
         "by address (default), or largest first by size, rss, pss, uss, dirty, anon, swap or any "
         "column of --wide"},
        {"summary", 0, MT_FLAG_NONE, NULL, "a line for each kind of mapping"},
        {"wide", 'X', MT_FLAG_NONE, NULL, "every column that the kernel has, in kB as in pmap -X"},
        {"limit", 'l', MT_FLAG_NUMBER, "COUNT", "at most so many mappings; 0 (default): all"},
        {"at", 0, MT_FLAG_NUMBER, "N", "of a file: snapshot number N; without it the last one"},
        MT_FLAG_FORMAT,
        MT_FLAG_PROCESS,
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_maps = {
        .name = "maps",
        .usage = "[OPTION...] FILE|PID",
        .sentence = "the mappings of a running process, traced or not, or of a snapshot, and what "
                    "is resident of each",
        .prose = "Kinds: text, rodata, data and bss of a file that is mapped privately; file: one "
                 "that is "
                 "shared;\n"
                 "heap: the break; shared memory: of /dev/shm, memfd, System V, or anonymous and "
                 "shared.\n"
                 "Columns: rss is resident, pss the same with shared pages divided among those who "
                 "have "
                 "them,\n"
                 "dirty is written and not written back, anon belongs to no file. USS, in the "
                 "sums, is "
                 "what\n"
                 "nobody else has mapped. The figures are those of /proc/PID/smaps. Of a snapshot, "
                 "also\n"
                 "who owns what is resident, the most first; see memtrace help rss. Of a traced "
                 "process\n"
                 "one is taken now, for which it stands still for some milliseconds.\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
