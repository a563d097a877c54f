/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_timeline.c - memtrace timeline: what a process held over time, as a plot and as rows.
 */
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/doubts.h"
#include "report/file.h"
#include "report/json.h"
#include "report/plot.h"
#include "report/table.h"
#include "report/text.h"

#define PLOT_ROWS 4u

/* The figures of a point; the first column is the time. Those without a title are in rows only. */
static const struct mt_column figures[] = {
        {"time_ns", "time", MT_COLUMN_TIME},
        {"live_bytes", "heap, live", MT_COLUMN_BYTES},
        {"rss_anon_bytes", "resident: anonymous", MT_COLUMN_BYTES},
        {"rss_file_bytes", "resident: files", MT_COLUMN_BYTES},
        {"rss_shmem_bytes", "resident: shared memory", MT_COLUMN_BYTES},
        {"swap_bytes", "swapped out", MT_COLUMN_BYTES},
        {"break_bytes", "the break", MT_COLUMN_BYTES},
        {"mapped_bytes", "mapped", MT_COLUMN_BYTES},
        {"minor_faults", "page faults so far", MT_COLUMN_COUNT},
        {"major_faults", "page faults that read, so far", MT_COLUMN_COUNT},
        {"live_blocks", NULL, MT_COLUMN_COUNT},
        {"allocations", NULL, MT_COLUMN_COUNT},
        {"peak_rss_bytes", NULL, MT_COLUMN_BYTES},
};
#define FIGURES (sizeof(figures) / sizeof(figures[0]))

/* In the order of the figures. */
static const char points_sql[] =
        "SELECT time_ns, live_bytes, rss_anon_bytes, rss_file_bytes, rss_shmem_bytes, swap_bytes,"
        " break_bytes, mapped_bytes, minor_faults, major_faults, live_blocks, allocations,"
        " peak_rss_bytes FROM timeline WHERE process = ?1 ORDER BY time_ns";

struct points {
	struct mt_value (*rows)[FIGURES];
	size_t count;
	size_t capacity;
};

static void read_point(struct mt_rows *rows, struct mt_value *ret_values)
{
	for (size_t i = 0; i < FIGURES; i++)
		ret_values[i] = mt_rows_is_null(rows, (int)i)
		                        ? mt_value_unknown()
		                        : mt_value_number(mt_rows_integer(rows, (int)i));
}

static int open_points(struct mt_file *file, const struct mt_process *process,
                       struct mt_rows **ret_rows)
{
	int error = mt_rows_open(file->reader, points_sql, ret_rows, NULL);

	if (error == 0)
		mt_rows_bind(*ret_rows, 1, process->id);
	return error;
}

static int read_points(struct mt_file *file, const struct mt_process *process,
                       struct points *points)
{
	struct mt_rows *rows;
	int next = open_points(file, process, &rows);

	if (next < 0)
		return next;
	while ((next = mt_rows_next(rows)) == 1) {
		points->rows = mt_memory_grow(points->rows, points->count, &points->capacity,
		                              sizeof(*points->rows));
		read_point(rows, points->rows[points->count++]);
	}
	mt_rows_close(rows);
	return next;
}

/* ---- Text ---- */

static const char *in_words(struct mt_arena *arena, const struct mt_column *figure, int64_t number)
{
	struct mt_value value = mt_value_number(number);

	return mt_table_cell(arena, figure, &value);
}

static void plot_figure(struct mt_file *file, const struct mt_plot *plot,
                        const struct points *points, size_t figure, size_t label_width)
{
	struct mt_plot_point *line = mt_memory_new(points->count, sizeof(*line));
	int64_t *heights = mt_memory_new(plot->columns, sizeof(*heights));
	int64_t most = 0, last = 0;

	for (size_t i = 0; i < points->count; i++) {
		const struct mt_value *value = &points->rows[i][figure];

		line[i] = (struct mt_plot_point){points->rows[i][0].number,
		                                 value->is_known ? value->number : -1};
		if (line[i].value > most)
			most = line[i].value;
		if (line[i].value >= 0)
			last = line[i].value;
	}
	if (most > 0) {
		mt_plot_columns(plot, line, points->count, heights);
		printf("\n%s: at most %s", figures[figure].title,
		       in_words(&file->arena, &figures[figure], most));
		printf(", at last %s\n", in_words(&file->arena, &figures[figure], last));
		mt_plot_print(plot, heights, most, in_words(&file->arena, &figures[figure], most),
		              label_width, stdout);
	}
	free(line);
	free(heights);
}

static void print_axis(const struct mt_plot *plot, size_t label_width)
{
	struct mt_units from = mt_units_duration(plot->from_ns);
	struct mt_units to = mt_units_duration(plot->to_ns);

	printf("%*s %-*s%s\n", (int)label_width, "", (int)(plot->columns - mt_text_width(to.text)),
	       from.text, to.text);
}

static int print_text(struct mt_file *file, const struct mt_process *process)
{
	struct mt_plot plot = {.rows = PLOT_ROWS, .is_utf8 = mt_plot_is_utf8()};
	const size_t label_width = 9;
	struct points points = {0};
	int error = read_points(file, process, &points);

	if (error < 0) {
		free(points.rows);
		return error;
	}
	printf("%s, pid %" PRId64 ", %s: %s\n", mt_text_clean(&file->arena, process->command),
	       process->pid, mt_file_end(file, process),
	       mt_units_of((int64_t)points.count, "point", "points").text);
	if (points.count) {
		plot.columns = mt_plot_width(stdout) - label_width - 2;
		plot.from_ns = points.rows[0][0].number;
		plot.to_ns = points.rows[points.count - 1][0].number;
		for (size_t i = 1; i < FIGURES; i++)
			if (figures[i].title)
				plot_figure(file, &plot, &points, i, label_width);
		print_axis(&plot, label_width);
	}
	mt_doubts_process(file, process);
	free(points.rows);
	return 0;
}

static int print_all_text(struct mt_file *file)
{
	int error = 0;

	setlocale(LC_CTYPE, "");
	for (size_t i = 0; i < file->process_count && error >= 0; i++) {
		if (i)
			putchar('\n');
		error = print_text(file, &file->processes[i]);
	}
	if (error >= 0 && file->process_count)
		printf("\nNext: memtrace rss --at=peak %s\n", file->shown);
	return error;
}

/* ---- Rows ---- */

static int print_json(struct mt_file *file)
{
	struct mt_json_out out = {0};
	int error = 0;

	mt_json_open(&out,
	             json_pack("{s:s, s:b}", "state", mt_json_state(file), "estimated",
	                       file->sample_bytes != 0),
	             "processes");
	for (size_t i = 0; i < file->process_count && error >= 0; i++) {
		struct mt_value values[FIGURES];
		struct mt_rows *rows;

		error = open_points(file, &file->processes[i], &rows);
		if (error < 0)
			break;
		mt_json_open(&out, mt_json_process(&file->processes[i]), "points");
		while ((error = mt_rows_next(rows)) == 1) {
			json_t *point = json_object();

			read_point(rows, values);
			for (size_t f = 0; f < FIGURES; f++)
				json_object_set_new(
				        point, figures[f].key,
				        mt_json_number(values[f].is_known, values[f].number));
			mt_json_item(&out, point);
		}
		mt_rows_close(rows);
		mt_json_close(&out);
	}
	mt_json_close(&out);
	return error;
}

static int print_csv(struct mt_file *file)
{
	struct mt_column columns[FIGURES + 2] = {{"pid", "pid", MT_COLUMN_NUMBER},
	                                         {"command", "command", MT_COLUMN_TEXT}};
	struct mt_table table;
	int error = 0;

	for (size_t f = 0; f < FIGURES; f++)
		columns[f + 2] = figures[f];
	mt_table_init(&table, columns, FIGURES + 2);
	for (size_t i = 0; i < file->process_count && error >= 0; i++) {
		const struct mt_process *process = &file->processes[i];
		struct mt_rows *rows;

		error = open_points(file, process, &rows);
		if (error < 0)
			break;
		while ((error = mt_rows_next(rows)) == 1) {
			struct mt_value *row = mt_table_add(&table);

			row[0] = mt_value_number(process->pid);
			row[1] = mt_value_text(process->command);
			read_point(rows, row + 2);
		}
		mt_rows_close(rows);
	}
	if (error >= 0)
		mt_table_print_csv(&table, stdout);
	mt_table_free(&table);
	return error;
}

static int run(const struct mt_call *call)
{
	enum mt_format format = mt_arguments_format(call);
	struct mt_file file;
	int error, status = mt_file_open(call, &file);

	if (status != MT_EXIT_FINE)
		return status;
	error = format == MT_FORMAT_JSON  ? print_json(&file)
	        : format == MT_FORMAT_CSV ? print_csv(&file)
	                                  : print_all_text(&file);
	if (error < 0)
		status = mt_file_say_error(&file, error);
	mt_file_close(&file);
	return status;
}

static const struct mt_flag flags[] = {
        MT_FLAG_FORMAT,
        MT_FLAG_PROCESS,
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_timeline = {
        .name = "timeline",
        .usage = "[OPTION...] FILE",
        .sentence = "heap, resident memory, the break and page faults over time, plotted",
        .prose = "What is live in the heap, and what /proc says of the process, every timeline= "
                 "milliseconds in\n"
                 "which something changed. Each plot has the highest value of a column's time. "
                 "json and csv have\n"
                 "all points. A process of a few milliseconds has none of /proc.\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
