/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_tree.c - memtrace tree: where one measure comes from, as a tree of calls.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/arguments.h"
#include "report/calltree.h"
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

#define LIMIT_DEFAULT       60
#define MIN_PERCENT_DEFAULT 1
#define FIGURE_WIDTH        10
#define ESTIMATE_WIDTH      22
#define PREFIX_MAX          240 /* bytes of branches before a function; then the indent stays */

struct report {
	struct mt_file file;
	struct mt_stacks *stacks;
	const struct mt_measure *measure;
	bool is_reverse;
	bool is_coloured;
	int64_t limit; /* lines of text for a process; 0: no limit */
	int64_t min_percent;
	int64_t total;   /* of the process at work */
	int64_t printed; /* its lines so far */
	bool is_cut;     /* the limit was reached */
	struct mt_arena scratch;
	/* by growth: the snapshots that are asked for, and what they say of the process at work */
	bool is_growth;
	int64_t from;
	int64_t to;
	bool has_growth; /* of some process */
	struct mt_growth_diff growth;
};

static const char *place_of(struct report *report, const struct mt_callnode *node)
{
	struct mt_symbol symbol;
	struct mt_line line = node->line;

	if (node->has_one_place || !line.symbol || !line.symbol->file)
		return mt_stacktext_place(&report->scratch, &line, MT_STACKTEXT_PLACE);
	/* Called from several lines: the file alone. */
	symbol = *line.symbol;
	symbol.line = 0;
	line.symbol = &symbol;
	return mt_stacktext_place(&report->scratch, &line, MT_STACKTEXT_PLACE);
}

/* ---- text ---- */

static void print_figures(struct report *report, int64_t figure, double variance)
{
	const char *text =
	        mt_measure_text(report->measure, &report->scratch, &report->file, figure, variance);
	size_t column = report->file.sample_bytes ? ESTIMATE_WIDTH : FIGURE_WIDTH;
	size_t width = mt_text_width(text);

	printf("%*s%s %7s  ", width < column ? (int)(column - width) : 0, "", text,
	       mt_units_share(figure, report->total).text);
	report->printed++;
}

static void print_node(struct report *report, const struct mt_callnode *node, const char *prefix,
                       const char *branch)
{
	const char *dim = report->is_coloured ? "\033[2m" : "";
	const char *plain = report->is_coloured ? "\033[0m" : "";
	const char *place = place_of(report, node);

	print_figures(report, node->figure, node->figure_variance);
	printf("%s%s%s", prefix, branch, mt_stacktext_function(&report->scratch, &node->line));
	if (*place)
		printf("  %s%s%s", dim, place, plain);
	putchar('\n');
}

static bool is_worth_a_line(const struct report *report, const struct mt_callnode *node)
{
	/* In floating point: figures of a damaged file may be near the end of the range. */
	return (double)node->figure * 100 >= (double)report->total * (double)report->min_percent;
}

static bool is_full(struct report *report)
{
	if (report->limit == 0 || report->printed < report->limit)
		return false;
	report->is_cut = true;
	return true;
}

/* A line of "|" for each branch still open above; `prefix` is this node's own. */
static void print_children(struct report *report, const struct mt_callnode *parent, char *prefix)
{
	const struct mt_callnode *node;
	size_t length = strlen(prefix);
	bool is_chain;

	/* A function that calls only one other stands in a column with it. */
	while ((node = parent->children) && !node->next && parent->self == 0) {
		if (is_full(report))
			return;
		print_node(report, node, prefix, "");
		parent = node;
	}
	for (node = parent->children; node && is_worth_a_line(report, node); node = node->next) {
		bool is_last = !node->next && parent->self == 0;

		if (is_full(report))
			return;
		print_node(report, node, prefix, is_last ? "`- " : "|- ");
		if (length + 4 > PREFIX_MAX)
			continue;
		strcpy(prefix + length, is_last ? "   " : "|  ");
		print_children(report, node, prefix);
		prefix[length] = '\0';
	}
	is_chain = parent->self != 0 && parent->children;
	if (node && !is_full(report)) {
		int64_t rest = 0;
		int64_t count = 0;
		double variance = 0;

		for (; node; node = node->next, count++) {
			rest = mt_sites_add(rest, node->figure);
			variance += node->figure_variance;
		}
		print_figures(report, rest, variance);
		printf("%s%s(%s below %" PRId64 " %%)\n", prefix, is_chain ? "|- " : "`- ",
		       mt_units_of(count, "function", "functions").text, report->min_percent);
	}
	if (is_chain && !is_full(report)) {
		print_figures(report, parent->self, parent->self_variance);
		printf("%s`- (%s)\n", prefix,
		       report->is_reverse ? "the stack ends here" : "here itself");
	}
}

/* The tree of a process, in the arena. */
static int build(struct report *report, const struct mt_process *process, struct mt_arena *arena,
                 struct mt_callnode **ret_root)
{
	struct mt_site *sites = NULL;
	size_t count = 0;
	int error;

	if (report->is_growth) {
		mt_growth_free(&report->growth);
		error = mt_growth_read(&report->file, process, report->from, report->to,
		                       &report->growth);
		report->has_growth = report->has_growth || report->growth.to;
		sites = mt_growth_sites(&report->growth, &count);
	} else {
		error = mt_sites_read(&report->file, process, report->measure, &sites, &count);
	}
	if (error >= 0)
		error = mt_calltree_build(report->stacks, report->measure, sites, count,
		                          report->is_reverse, arena, ret_root);
	free(sites);
	return error;
}

/* By growth: the process has no such snapshots. */
static bool is_absent(const struct report *report)
{
	return report->is_growth && !report->growth.to;
}

/* What has grown and is no call's. */
static void print_rest(struct report *report)
{
	for (size_t i = report->growth.stack_count; i < report->growth.count; i++) {
		print_figures(report, report->growth.rows[i].bytes, 0);
		puts(mt_growth_describe(report->growth.rows[i].kind));
	}
}

static int print_process(struct report *report, const struct mt_process *process)
{
	const struct mt_measure *measure = report->measure;
	struct mt_arena arena = {0};
	struct mt_callnode *root = NULL;
	char prefix[PREFIX_MAX + 8] = "";
	int error = build(report, process, &arena, &root);

	if (error >= 0 && is_absent(report)) {
		mt_arena_free(&arena);
		return 0;
	}
	if (error >= 0) {
		report->total = report->is_growth ? report->growth.bytes : root->figure;
		report->printed = 0;
		report->is_cut = false;
		printf("%s, pid %" PRId64 ", %s: %s %s, %s\n\n",
		       mt_text_clean(&report->scratch, process->command), process->pid,
		       mt_file_end(&report->file, process),
		       mt_measure_text(measure, &report->scratch, &report->file, report->total,
		                       root->figure_variance),
		       report->is_growth
		               ? mt_arena_print(&report->scratch, "%s %s", measure->phrase,
		                                mt_growth_span(&report->scratch, &report->growth))
		               : measure->phrase,
		       report->is_reverse ? "by allocating function and its callers"
		                          : "by function and what it calls");
		print_children(report, root, prefix);
		print_rest(report);
		if (report->is_cut)
			printf("  ... cut after %s (--limit=0 shows all, --min-percent hides "
			       "more)\n",
			       mt_units_of(report->printed, "line", "lines").text);
		mt_doubts_process(&report->file, process);
		putchar('\n');
	}
	mt_arena_free(&arena);
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
		printf("Next: memtrace tree --by=%s%s %s\n", report->measure->word,
		       report->is_reverse ? "" : " --reverse", report->file.shown);
	return 0;
}

/* ---- JSON ---- */

static void print_json_node(struct mt_json_out *out, const struct mt_callnode *node)
{
	const struct mt_symbol *symbol = node->line.symbol;
	const struct mt_frame *frame = node->line.frame;
	bool has_line = symbol && symbol->line > 0 && node->has_one_place;

	mt_json_open(out,
	             json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "function",
	                       mt_json_text(symbol ? symbol->function : NULL), "file",
	                       mt_json_text(symbol ? symbol->file : NULL), "line",
	                       mt_json_number(has_line, has_line ? symbol->line : 0), "module",
	                       mt_json_text(frame ? frame->module : NULL), "figure",
	                       (json_int_t)node->figure, "self", (json_int_t)node->self,
	                       "figure_error", (json_int_t)mt_estimate_error(node->figure_variance),
	                       "self_error", (json_int_t)mt_estimate_error(node->self_variance)),
	             "children");
	for (const struct mt_callnode *child = node->children; child; child = child->next)
		print_json_node(out, child);
	mt_json_close(out);
}

/* ---- CSV: the nodes in order, each with its depth ---- */

static const struct mt_column columns[] = {
        {"pid", "pid", MT_COLUMN_NUMBER},
        {"depth", "depth", MT_COLUMN_NUMBER},
        {"figure", "figure", MT_COLUMN_NUMBER},
        {"self", "self", MT_COLUMN_NUMBER},
        {"function", "function", MT_COLUMN_TEXT},
        {"file", "file", MT_COLUMN_TEXT},
        {"line", "line", MT_COLUMN_NUMBER},
        {"module", "module", MT_COLUMN_TEXT},
        {"figure_error", "error", MT_COLUMN_NUMBER},
        {"self_error", "error", MT_COLUMN_NUMBER},
};

static void add_rows(struct mt_table *table, int64_t pid, const struct mt_callnode *parent,
                     int64_t depth)
{
	for (const struct mt_callnode *node = parent->children; node; node = node->next) {
		const struct mt_symbol *symbol = node->line.symbol;
		struct mt_value *row = mt_table_add(table);

		row[0] = mt_value_number(pid);
		row[1] = mt_value_number(depth);
		row[2] = mt_value_number(node->figure);
		row[3] = mt_value_number(node->self);
		row[4] = mt_value_text(symbol ? symbol->function : NULL);
		row[5] = mt_value_text(symbol ? symbol->file : NULL);
		if (symbol && symbol->line > 0 && node->has_one_place)
			row[6] = mt_value_number(symbol->line);
		row[7] = mt_value_text(node->line.frame->module);
		row[8] = mt_value_number(mt_estimate_error(node->figure_variance));
		row[9] = mt_value_number(mt_estimate_error(node->self_variance));
		add_rows(table, pid, node, depth + 1);
	}
}

/* Those of no function. */
static void add_rest(struct mt_table *table, int64_t pid, const struct mt_growth_diff *growth)
{
	for (size_t i = growth->stack_count; i < growth->count; i++) {
		struct mt_value *row = mt_table_add(table);

		row[0] = mt_value_number(pid);
		row[1] = mt_value_number(0);
		row[2] = row[3] = mt_value_number(growth->rows[i].bytes);
		row[4] = mt_value_text(mt_growth_describe(growth->rows[i].kind));
		row[8] = row[9] = mt_value_number(0);
	}
}

static json_t *growth_json(const struct mt_growth_diff *growth)
{
	json_t *rest = json_array();

	for (size_t i = growth->stack_count; i < growth->count; i++)
		json_array_append_new(
		        rest, json_pack("{s:o, s:I}", "kind", mt_json_text(growth->rows[i].kind),
		                        "growth_bytes", (json_int_t)growth->rows[i].bytes));
	return json_pack("{s:I, s:I, s:I, s:o}", "from", (json_int_t)growth->from, "to",
	                 (json_int_t)growth->to, "growth_bytes", (json_int_t)growth->bytes, "rest",
	                 rest);
}

static int list_process(struct report *report, const struct mt_process *process,
                        struct mt_table *table, struct mt_json_out *out)
{
	struct mt_arena arena = {0};
	struct mt_callnode *root = NULL;
	int error = build(report, process, &arena, &root);

	if (error >= 0 && is_absent(report)) {
		mt_arena_free(&arena);
		return 0;
	}
	if (error >= 0 && table) {
		add_rows(table, process->pid, root, 0);
		add_rest(table, process->pid, &report->growth);
	} else if (error >= 0) {
		json_t *head = mt_json_process(process);

		json_object_set_new(head, "figure", json_integer(root->figure));
		json_object_set_new(head, "figure_error",
		                    json_integer(mt_estimate_error(root->figure_variance)));
		if (report->is_growth)
			json_object_update_new(head, growth_json(&report->growth));
		mt_json_open(out, head, "tree");
		for (const struct mt_callnode *node = root->children; node; node = node->next)
			print_json_node(out, node);
		mt_json_close(out);
	}
	mt_arena_free(&arena);
	return error;
}

static int print_csv(struct report *report)
{
	struct mt_table table;
	int error = 0;

	mt_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
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
	             json_pack("{s:s, s:b, s:s, s:b}", "state", mt_json_state(&report->file),
	                       "estimated", report->file.sample_bytes != 0, "by",
	                       report->measure->word, "reverse", report->is_reverse),
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
	        .is_reverse = mt_arguments_has(call, "reverse"),
	        .is_coloured = mt_text_is_coloured(stdout),
	        .limit = mt_arguments_number(call, "limit", LIMIT_DEFAULT),
	        .min_percent = mt_arguments_number(call, "min-percent", MIN_PERCENT_DEFAULT),
	};
	int error, status = mt_growth_asked(call, &report.from, &report.to);

	report.is_growth = strcmp(report.measure->word, MT_GROWTH_WORD) == 0;
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
	else if (report.is_growth && !report.has_growth)
		status = mt_growth_none(&report.file, report.from, report.to);
	mt_growth_free(&report.growth);
	mt_arena_free(&report.scratch);
	mt_file_close(&report.file);
	return status;
}

static const struct mt_flag flags[] = {
        {"by", 'b', MT_FLAG_CHOICE, MT_MEASURE_WORDS,
         "the measure (leaked); see memtrace help top"},
        {"reverse", 'r', MT_FLAG_NONE, NULL,
         "from the functions that allocate to their callers, not from main inwards"},
        MT_FLAG_GROWTH_DIFF,
        MT_FLAG_FORMAT,
        MT_FLAG_PROCESS,
        {"limit", 'n', MT_FLAG_NUMBER, "N",
         "the first N lines of a process (60; 0: all); text only"},
        {"min-percent", 0, MT_FLAG_NUMBER, "N", "leave out functions with less (1); text only"},
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_tree = {
        .name = "tree",
        .usage = "[OPTION...] FILE",
        .sentence =
                "the tree of calls with what each function and all it calls have of one measure",
        .prose = "Functions that stand below each other without a branch call only the next one. "
                 "With --reverse\n"
                 "the tree starts at the functions that allocate, and their callers stand below "
                 "them.\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
