/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plot.h - a figure over time as an area of characters.
 *
 * Used by cmd_timeline.c. Blocks where the locale is UTF-8, ASCII elsewhere:
 *
 *	  301 MB |           ..::####
 *	         |      .:####:
 *	       0 |###:::
 */
#ifndef MT_REPORT_PLOT_H
#define MT_REPORT_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A value holds until the next point's; negative: it was not measured, the one before holds. */
struct mt_plot_point {
	int64_t time_ns;
	int64_t value;
};

struct mt_plot {
	int64_t from_ns;
	int64_t to_ns;
	size_t columns; /* of the area alone */
	size_t rows;
	bool is_utf8;
};

/*
 * The highest value of each column's time into ret_heights[plot->columns]; -1: nothing was measured yet. The points stand in
 * the order of their times.
 */
void mt_plot_columns(const struct mt_plot *plot, const struct mt_plot_point *points, size_t count,
                     int64_t *ret_heights);

/* The area, `label_width` characters of labels before it; `most` is its upper edge. */
void mt_plot_print(const struct mt_plot *plot, const int64_t *heights, int64_t most,
                   const char *label, size_t label_width, FILE *to);

/* Does the terminal's locale take UTF-8? After setlocale(LC_CTYPE, ""). */
bool mt_plot_is_utf8(void);

/* Characters a line: of the terminal, by COLUMNS, or 80. */
size_t mt_plot_width(FILE *to);

#endif
