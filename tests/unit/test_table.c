/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_table.c - report/table.c: one table in its three formats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/table.h"

static const struct mt_column columns[] = {
        {"pid", "pid", MT_COLUMN_NUMBER},       {"name", "name", MT_COLUMN_TEXT},
        {"bytes", "size", MT_COLUMN_BYTES},     {"hidden", NULL, MT_COLUMN_COUNT},
        {"is_live", "live", MT_COLUMN_BOOLEAN}, {"last", "last", MT_COLUMN_TEXT},
};

static void fill(struct mt_table *table)
{
	struct mt_value *row;

	mt_table_init(table, columns, sizeof(columns) / sizeof(columns[0]));
	row = mt_table_add(table);
	row[0] = mt_value_number(7);
	row[1] = mt_value_text("say \"hi\", you");
	row[2] = mt_value_number(2048);
	row[3] = mt_value_number(1000);
	row[4] = mt_value_number(1);
	row[5] = mt_value_text("x");
	row = mt_table_add(table);
	row[0] = mt_value_number(12345);
	row[1] = mt_value_text("two\nlines\033[m");
	row[4] = mt_value_number(0);
	row[5] = mt_value_text("");
}

static char *printed;
static size_t printed_bytes;

static FILE *open_stream(void)
{
	FILE *stream = open_memstream(&printed, &printed_bytes);

	assert_non_null(stream);
	return stream;
}

static void text_is_aligned_and_no_line_ends_with_blanks(void **state)
{
	struct mt_table table;
	FILE *stream = open_stream();

	(void)state;
	fill(&table);
	mt_table_print_text(&table, 0, stream);
	fclose(stream);
	/* The second column is as wide as its widest cell, which has 16 characters. */
	assert_string_equal(printed, "  pid  name                size  live  last\n"
	                             "    7  say \"hi\", you     2.0 kB   yes  x\n"
	                             "12345  two\\nlines\\x1b[m       -    no\n");
	free(printed);
	mt_table_free(&table);
}

static void text_stops_at_the_limit(void **state)
{
	struct mt_table table;
	FILE *stream = open_stream();
	size_t lines = 0;

	(void)state;
	fill(&table);
	mt_table_print_text(&table, 1, stream);
	fclose(stream);
	for (const char *at = printed; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 2);
	free(printed);
	mt_table_free(&table);
}

static void csv_is_quoted_as_rfc_4180_has_it(void **state)
{
	struct mt_table table;
	FILE *stream = open_stream();

	(void)state;
	fill(&table);
	mt_table_print_csv(&table, stream);
	fclose(stream);
	assert_string_equal(printed, "pid,name,bytes,hidden,is_live,last\r\n"
	                             "7,\"say \"\"hi\"\", you\",2048,1000,true,x\r\n"
	                             "12345,\"two\nlines\\x1b[m\",,,false,\r\n");
	free(printed);
	mt_table_free(&table);
}

static void json_has_every_column_and_null_for_what_is_not_known(void **state)
{
	struct mt_table table;
	json_t *json, *row;

	(void)state;
	fill(&table);
	json = mt_table_json(&table);
	assert_int_equal(json_array_size(json), 2);
	row = json_array_get(json, 0);
	assert_int_equal(json_object_size(row), 6);
	assert_int_equal(json_integer_value(json_object_get(row, "bytes")), 2048);
	assert_string_equal(json_string_value(json_object_get(row, "name")), "say \"hi\", you");
	assert_true(json_is_true(json_object_get(row, "is_live")));
	row = json_array_get(json, 1);
	assert_true(json_is_null(json_object_get(row, "bytes")));
	assert_string_equal(json_string_value(json_object_get(row, "name")), "two\nlines\033[m");
	assert_string_equal(json_string_value(json_object_get(row, "last")), "");
	json_decref(json);
	mt_table_free(&table);
}

static void bytes_that_are_not_utf_8_become_valid_json(void **state)
{
	const struct mt_column column[] = {{"path", "path", MT_COLUMN_TEXT}};
	struct mt_table table;
	json_t *json, *again;
	char *text;

	(void)state;
	mt_table_init(&table, column, 1);
	mt_table_add(&table)[0] = mt_value_text("/tmp/\xff\xfe\x01z");
	json = mt_table_json(&table);
	text = json_dumps(json, 0);
	assert_non_null(text);
	again = json_loads(text, 0, NULL);
	assert_non_null(again);
	assert_string_equal(json_string_value(json_object_get(json_array_get(again, 0), "path")),
	                    "/tmp/\\xff\\xfe\x01z");
	json_decref(again);
	json_decref(json);
	free(text);
	mt_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(text_is_aligned_and_no_line_ends_with_blanks),
	        cmocka_unit_test(text_stops_at_the_limit),
	        cmocka_unit_test(csv_is_quoted_as_rfc_4180_has_it),
	        cmocka_unit_test(json_has_every_column_and_null_for_what_is_not_known),
	        cmocka_unit_test(bytes_that_are_not_utf_8_become_valid_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
