/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_top.c - memtrace top: the sites that have most of one measure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/doubts.h"
#include "report/estimate.h"
#include "report/file.h"
#include "report/growth.h"
#include "report/json.h"
#include "report/sites.h"
#include "report/stacks.h"
#include "report/stacktext.h"
#include "report/table.h"
#include "report/text.h"

#define LIMIT_DEFAULT 20
#define NAME_WIDTH    40
#define PLACE_WIDTH   32

struct report {
	struct mt_file file;
	struct mt_stacks *stacks;
	const struct mt_measure *measure;
	size_t limit; /* 0: none */
	bool is_coloured;
};

/* ---- text ---- */

static int64_t sum_of(const struct mt_measure *measure, const struct mt_site *sites, size_t count)
{
	int64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum = mt_sites_add(sum, mt_measure_of(measure, &sites[i]));
	return sum;
}

static double variance_of(const struct mt_measure *measure, const struct mt_site *sites,
                          size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += mt_measure_variance(measure, &sites[i]);
	return sum;
}

/* What these sites have together. */
static const char *sum_text(struct report *report, const struct mt_site *sites, size_t count)
{
	const struct mt_measure *measure = report->measure;

	return mt_measure_text(measure, &report->file.arena, &report->file,
	                       sum_of(measure, sites, count), variance_of(measure, sites, count));
}

/*
 * How many blocks stand behind a figure: those that are live, those of the peak, all that ever
 * were.
 */
static int64_t blocks_of(const struct mt_measure *measure, const struct mt_site *site)
{
	if (strcmp(measure->word, "leaked") == 0)
		return site->live_blocks;
	if (strcmp(measure->word, "peak") == 0)
		return site->peak_blocks;
	return site->allocations;
}

static int print_sites(struct report *report, const struct mt_site *sites, size_t count)
{
	const struct mt_measure *measure = report->measure;
	const struct mt_column columns[] = {
	        {"figure", measure->title, MT_COLUMN_TEXT_RIGHT},
	        {"share", "share", MT_COLUMN_TEXT_RIGHT},
	        {"blocks", measure->is_bytes ? "blocks" : NULL, MT_COLUMN_COUNT},
	        {"function", "function", MT_COLUMN_TEXT},
	        {"place", "where", MT_COLUMN_TEXT},
	        {"caller", "called by", MT_COLUMN_TEXT},
	};
	int64_t sum = sum_of(measure, sites, count);
	size_t shown = report->limit && report->limit < count ? report->limit : count;
	struct mt_table table;
	int error = 0;

	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < shown && error >= 0; i++) {
		int64_t figure = mt_measure_of(measure, &sites[i]);
		struct mt_stack *stack;
		struct mt_trim trim;
		struct mt_value *row;

		error = mt_stacks_resolve(report->stacks, sites[i].stack, &stack);
		if (error < 0)
			break;
		trim = mt_trim_all(stack);
		row = mt_table_add(&table);
		row[0] = mt_value_text(mt_measure_text(measure, &table.arena, &report->file, figure,
		                                       mt_measure_variance(measure, &sites[i])));
		row[1] = mt_value_text(
		        mt_arena_text(&table.arena, mt_units_share(figure, sum).text));
		row[2] = mt_value_number(blocks_of(measure, &sites[i]));
		row[3] =
		        mt_value_text(mt_stacktext_function_at(&table.arena, &trim, 0, NAME_WIDTH));
		row[4] = mt_value_text(
		        trim.count ? mt_stacktext_place(&table.arena, trim.lines, PLACE_WIDTH)
		                   : "");
		row[5] =
		        mt_value_text(mt_stacktext_function_at(&table.arena, &trim, 1, NAME_WIDTH));
	}
	if (error >= 0)
		mt_table_print_text(&table, 0, stdout);
	mt_table_free(&table);
	if (error >= 0 && shown < count)
		printf("and %s: %s (--limit=0 shows all)\n",
		       mt_units_of((int64_t)(count - shown), "more site", "more sites").text,
		       sum_text(report, sites + shown, count - shown));
	return error;
}

static int print_process(struct report *report, const struct mt_process *process)
{
	const struct mt_measure *measure = report->measure;
	struct mt_site *sites = NULL;
	size_t count = 0;
	int error = mt_sites_read(&report->file, process, measure, &sites, &count);

	if (error < 0)
		return error;
	printf("%s, pid %" PRId64 ", %s: %s %s, from %s\n",
	       mt_text_clean(&report->file.arena, process->command), process->pid,
	       mt_file_end(&report->file, process), sum_text(report, sites, count), measure->phrase,
	       mt_units_of((int64_t)count, "site", "sites").text);
	if (count > 0) {
		putchar('\n');
		error = print_sites(report, sites, count);
	}
	mt_doubts_process(&report->file, process);
	putchar('\n');
	free(sites);
	return error;
}

static int print_text(struct report *report)
{
	for (size_t i = 0; i < report->file.process_count; i++) {
		int error = print_process(report, &report->file.processes[i]);

		if (error < 0)
			return error;
	}
	mt_doubts_file(&report->file, report->stacks);
	if (report->file.process_count > 0)
		printf("Next: memtrace tree --by=%s %s\n", report->measure->word,
		       report->file.shown);
	return 0;
}

/* ---- JSON and CSV: all figures of every site that has some of the measure ---- */

static const struct mt_column columns[] = {
        {"pid", "pid", MT_COLUMN_NUMBER},
        {"command", "command", MT_COLUMN_TEXT},
        {"allocations", "allocations", MT_COLUMN_COUNT},
        {"frees", "frees", MT_COLUMN_COUNT},
        {"bytes_allocated", "bytes allocated", MT_COLUMN_BYTES},
        {"bytes_freed", "bytes freed", MT_COLUMN_BYTES},
        {"live_blocks", "live blocks", MT_COLUMN_COUNT},
        {"live_bytes", "live bytes", MT_COLUMN_BYTES},
        {"peak_blocks", "peak blocks", MT_COLUMN_COUNT},
        {"peak_bytes", "peak bytes", MT_COLUMN_BYTES},
        {"temporary", "temporary", MT_COLUMN_COUNT},
        {"allocations_error", "error", MT_COLUMN_COUNT},
        {"frees_error", "error", MT_COLUMN_COUNT},
        {"bytes_allocated_error", "error", MT_COLUMN_BYTES},
        {"bytes_freed_error", "error", MT_COLUMN_BYTES},
        {"live_blocks_error", "error", MT_COLUMN_COUNT},
        {"live_bytes_error", "error", MT_COLUMN_BYTES},
        {"peak_blocks_error", "error", MT_COLUMN_COUNT},
        {"peak_bytes_error", "error", MT_COLUMN_BYTES},
        {"temporary_error", "error", MT_COLUMN_COUNT},
        {"function", "function", MT_COLUMN_TEXT},
        {"file", "file", MT_COLUMN_TEXT},
        {"line", "line", MT_COLUMN_NUMBER},
        {"stack", "stack", MT_COLUMN_TEXT},
};
#define COLUMNS      (sizeof(columns) / sizeof(columns[0]))
#define FIGURES_AT   2
#define FIGURE_COUNT 18

static void take_figures(const struct mt_site *site, struct mt_value *row)
{
	const int64_t figures[FIGURE_COUNT] = {
	        site->allocations,
	        site->frees,
	        site->bytes_allocated,
	        site->bytes_freed,
	        site->live_blocks,
	        site->live_bytes,
	        site->peak_blocks,
	        site->peak_bytes,
	        site->temporary,
	        mt_estimate_error(site->allocations_variance),
	        /* What was freed and what lives are samples apart: their variances add up. */
	        mt_estimate_error(site->allocations_variance - site->live_blocks_variance),
	        mt_estimate_error(site->bytes_allocated_variance),
	        mt_estimate_error(site->bytes_allocated_variance - site->live_bytes_variance),
	        mt_estimate_error(site->live_blocks_variance),
	        mt_estimate_error(site->live_bytes_variance),
	        mt_estimate_error(site->peak_blocks_variance),
	        mt_estimate_error(site->peak_bytes_variance),
	        mt_estimate_error(site->temporary_variance),
	};

	for (size_t i = 0; i < FIGURE_COUNT; i++)
		row[i] = mt_value_number(figures[i]);
}

static int add_row(struct report *report, struct mt_table *table, const struct mt_process *process,
                   const struct mt_site *site)
{
	struct mt_stack *stack;
	struct mt_value *row;
	int error = mt_stacks_resolve(report->stacks, site->stack, &stack);

	if (error < 0)
		return error;
	row = mt_table_add(table);
	row[0] = mt_value_number(process->pid);
	row[1] = mt_value_text(process->command);
	take_figures(site, row + FIGURES_AT);
	mt_stacktext_cells(&table->arena, stack, row + FIGURES_AT + FIGURE_COUNT);
	return 0;
}

static void print_json_site(struct mt_json_out *out, const struct mt_site *site,
                            const struct mt_stack *stack)
{
	struct mt_value row[FIGURE_COUNT];
	struct mt_trim trim = mt_trim_own(stack);
	json_t *head = json_object();

	take_figures(site, row);
	for (size_t i = 0; i < FIGURE_COUNT; i++)
		json_object_set_new(head, columns[FIGURES_AT + i].key, json_integer(row[i].number));
	json_object_set_new(head, "cut", mt_json_text(stack->cut));
	mt_json_stack(out, head, &trim);
}

static int list_process(struct report *report, const struct mt_process *process,
                        struct mt_table *table, struct mt_json_out *out)
{
	struct mt_site *sites = NULL;
	size_t count = 0;
	int error = mt_sites_read(&report->file, process, report->measure, &sites, &count);

	if (error < 0)
		return error;
	if (out)
		mt_json_open(out, mt_json_process(process), "sites");
	for (size_t i = 0; i < count && error >= 0; i++) {
		struct mt_stack *stack;

		if (table) {
			error = add_row(report, table, process, &sites[i]);
			continue;
		}
		error = mt_stacks_resolve(report->stacks, sites[i].stack, &stack);
		if (error >= 0)
			print_json_site(out, &sites[i], stack);
	}
	if (out)
		mt_json_close(out);
	free(sites);
	return error;
}

static int print_csv(struct report *report)
{
	struct mt_table table;
	int error = 0;

	mt_table_init(&table, columns, COLUMNS);
	for (size_t i = 0; i < report->file.process_count && error >= 0; i++)
		error = list_process(report, &report->file.processes[i], &table, NULL);
	if (error >= 0)
		mt_table_print_csv(&table, stdout);
	mt_table_free(&table);
	return error;
}

static int print_json(struct report *report)
{
	struct mt_json_out out = {0};
	int error = 0;

	mt_json_open(&out,
	             json_pack("{s:s, s:b, s:s}", "state", mt_json_state(&report->file),
	                       "estimated", report->file.sample_bytes != 0, "by",
	                       report->measure->word),
	             "processes");
	for (size_t i = 0; i < report->file.process_count && error >= 0; i++)
		error = list_process(report, &report->file.processes[i], NULL, &out);
	mt_json_close(&out);
	return error;
}

static int run(const struct mt_call *call)
{
	const char *by = mt_arguments_value(call, "by");
	enum mt_format format = mt_arguments_format(call);
	struct report report = {
	        .measure = mt_measure_find(by ? by : "leaked"),
	        .limit = (size_t)mt_arguments_number(call, "limit", LIMIT_DEFAULT),
	};
	int64_t from, to;
	int error, status;

	if (by && strcmp(by, MT_GROWTH_WORD) == 0)
		return mt_growth_top(call, report.limit);
	status = mt_growth_asked(call, &from, &to);
	if (status == MT_EXIT_FINE)
		status = mt_file_open(call, &report.file);
	if (status != MT_EXIT_FINE)
		return status;
	report.stacks = mt_stacks_open(&report.file);
	error = format == MT_FORMAT_JSON  ? print_json(&report)
	        : format == MT_FORMAT_CSV ? print_csv(&report)
	                                  : print_text(&report);
	mt_stacks_close(report.stacks);
	if (error < 0)
		status = mt_file_say_error(&report.file, error);
	mt_file_close(&report.file);
	return status;
}

static const struct mt_flag flags[] = {
        {"by", 'b', MT_FLAG_CHOICE, MT_MEASURE_WORDS, "what the sites are ranked by (leaked)"},
        MT_FLAG_GROWTH_DIFF,
        MT_FLAG_FORMAT,
        MT_FLAG_PROCESS,
        {"limit", 'n', MT_FLAG_NUMBER, "N",
         "the N first sites of a process (20; 0: all); text only"},
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_top = {
        .name = "top",
        .usage = "[OPTION...] FILE",
        .sentence =
                "the call stacks that have most of one measure: leaked bytes, the peak, calls ...",
        .prose = "leaked     bytes that were not freed when the process ended\n"
                 "peak       bytes live at the moment when the process held most\n"
                 "allocated  bytes allocated in all, freed or not\n"
                 "calls      allocations in all\n"
                 "temporary  allocations freed before their thread's next one\n"
                 "growth     resident and swapped anonymous memory by the calls that took it from "
                 "the kernel: for\n"
                 "           which libc's heap grew, or which mapped it; between two snapshots "
                 "(memtrace rss PID)\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
