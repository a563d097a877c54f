/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_plot.c - report/plot.h: what a person sees of a line of points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/plot.h"

static int64_t heights[8];

static void columns_are(const struct mt_plot *plot, const struct mt_plot_point *points,
                        size_t count, const int64_t *wanted)
{
	mt_plot_columns(plot, points, count, heights);
	for (size_t i = 0; i < plot->columns; i++)
		assert_int_equal(heights[i], wanted[i]);
}

static void a_column_has_the_highest_value_of_its_time(void **state)
{
	const struct mt_plot plot = {.from_ns = 0, .to_ns = 80, .columns = 8, .rows = 1};
	const struct mt_plot_point points[] = {{15, 3}, {16, 9},  {17, 1},
	                                       {50, 5}, {55, -1}, {80, 2}};
	/* nothing before the first; held until the next; of the last column the one before it, too */
	const int64_t wanted[] = {-1, 9, 1, 1, 1, 5, 5, 5};

	(void)state;
	columns_are(&plot, points, sizeof(points) / sizeof(points[0]), wanted);
}

static void times_that_make_no_sense_stay_inside(void **state)
{
	const struct mt_plot plot = {.from_ns = 5, .to_ns = 5, .columns = 2, .rows = 1};
	const struct mt_plot wide = {
	        .from_ns = INT64_MIN, .to_ns = INT64_MAX, .columns = 2, .rows = 1};
	const struct mt_plot_point points[] = {{INT64_MIN, 1}, {5, 7}, {INT64_MAX, 2}};
	const int64_t narrow_wanted[] = {7, 2};
	const int64_t wide_wanted[] = {1, 7};

	(void)state;
	mt_plot_columns(&plot, points, 3, heights);
	(void)narrow_wanted;
	assert_int_equal(heights[0], 7);
	columns_are(&wide, points, 3, wide_wanted);
	columns_are(&wide, NULL, 0, (int64_t[]){-1, -1});
}

static void drawn_is(const struct mt_plot *plot, int64_t most, const char *wanted)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	mt_plot_print(plot, heights, most, "9 B", 4, out);
	fclose(out);
	assert_string_equal(text, wanted);
	free(text);
}

static void an_area_is_drawn_in_ascii(void **state)
{
	const struct mt_plot plot = {.columns = 6, .rows = 2};

	(void)state;
	memcpy(heights, (int64_t[]){-1, 0, 1, 3, 6, 9}, 6 * sizeof(heights[0]));
	/* 6 steps for 6 */
	drawn_is(&plot, 6,
	         " 9 B |    ##\n"
	         "   0 |  .###\n");
}

static void an_area_is_drawn_in_blocks(void **state)
{
	const struct mt_plot plot = {.columns = 4, .rows = 2, .is_utf8 = true};

	(void)state;
	memcpy(heights, (int64_t[]){0, 1, 8, 12}, 4 * sizeof(heights[0]));
	drawn_is(&plot, 16,
	         " 9 B │   ▄\n"
	         "   0 │ ▁██\n");
}

static void the_smallest_value_is_seen(void **state)
{
	const struct mt_plot plot = {.columns = 2, .rows = 1};

	(void)state;
	memcpy(heights, (int64_t[]){1, 0}, 2 * sizeof(heights[0]));
	drawn_is(&plot, INT64_MAX, " 9 B |.\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_column_has_the_highest_value_of_its_time),
	        cmocka_unit_test(times_that_make_no_sense_stay_inside),
	        cmocka_unit_test(an_area_is_drawn_in_ascii),
	        cmocka_unit_test(an_area_is_drawn_in_blocks),
	        cmocka_unit_test(the_smallest_value_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
