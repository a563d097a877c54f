/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plot.c - see plot.h.
 */
#include "report/plot.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define WIDTH_DEFAULT 80u
#define WIDTH_MIN     40u
#define WIDTH_MAX     400u

/* From empty to full. */
static const char *const utf8_steps[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const ascii_steps[] = {" ", ".", ":", "#"};

#define UTF8_STEPS  (sizeof(utf8_steps) / sizeof(utf8_steps[0]) - 1)
#define ASCII_STEPS (sizeof(ascii_steps) / sizeof(ascii_steps[0]) - 1)

/* The column of a time; times before and behind are in the first and the last one. */
static size_t column_of(const struct mt_plot *plot, int64_t time_ns)
{
	double span = (double)plot->to_ns - (double)plot->from_ns;
	double part = span > 0 ? ((double)time_ns - (double)plot->from_ns) / span : 0;

	if (!(part > 0))
		return 0;
	return part >= 1 ? plot->columns - 1 : (size_t)(part * (double)plot->columns);
}

void mt_plot_columns(const struct mt_plot *plot, const struct mt_plot_point *points, size_t count,
                     int64_t *ret_heights)
{
	int64_t held = -1;
	size_t at = 0;

	for (size_t column = 0; column < plot->columns; column++) {
		ret_heights[column] = held;
		for (; at < count && column_of(plot, points[at].time_ns) <= column; at++) {
			if (points[at].value < 0)
				continue;
			held = points[at].value;
			if (held > ret_heights[column])
				ret_heights[column] = held;
		}
	}
}

/* In steps of a row, of which there are `steps`: at least one where there is anything. */
static size_t height_of(const struct mt_plot *plot, int64_t value, int64_t most, size_t steps)
{
	double part = most > 0 ? (double)value / (double)most : 0;
	size_t full = plot->rows * steps;
	size_t height;

	if (value <= 0)
		return 0;
	height = part >= 1 ? full : (size_t)(part * (double)full + 0.5);
	return height ? height : 1;
}

/* What stands in a row, of 0 to `steps`. */
static size_t step_of(const struct mt_plot *plot, int64_t value, int64_t most, size_t steps,
                      size_t row)
{
	size_t height = height_of(plot, value, most, steps);

	if (height <= row * steps)
		return 0;
	return height - row * steps < steps ? height - row * steps : steps;
}

void mt_plot_print(const struct mt_plot *plot, const int64_t *heights, int64_t most,
                   const char *label, size_t label_width, FILE *to)
{
	const char *const *texts = plot->is_utf8 ? utf8_steps : ascii_steps;
	size_t steps = plot->is_utf8 ? UTF8_STEPS : ASCII_STEPS;

	for (size_t row = plot->rows; row-- > 0;) {
		bool is_top = row + 1 == plot->rows;
		size_t columns = plot->columns;

		fprintf(to, "%*s %s", (int)label_width,
		        is_top     ? label
		        : row == 0 ? "0"
		                   : "",
		        plot->is_utf8 ? "│" : "|");
		while (columns && !step_of(plot, heights[columns - 1], most, steps, row))
			columns--;
		for (size_t column = 0; column < columns; column++)
			fputs(texts[step_of(plot, heights[column], most, steps, row)], to);
		fputc('\n', to);
	}
}

bool mt_plot_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

size_t mt_plot_width(FILE *to)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	size_t width = WIDTH_DEFAULT;

	if (columns && strtoul(columns, NULL, 10) > 0)
		width = strtoul(columns, NULL, 10);
	else if (ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		width = size.ws_col;
	return width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
}
