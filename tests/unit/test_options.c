/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_options.c - wire/options.h: the table and its parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/options.h"

static enum mt_option_error set(struct mt_options *options, const char *text)
{
	const char *cursor = text;
	struct mt_option_pair pair = {0};

	assert_true(mt_option_next(&cursor, &pair));
	return mt_option_set(options, &pair);
}

static void every_default_is_valid(void **state)
{
	(void)state;
	for (unsigned int id = 0; id < MT_OPTION_COUNT; id++) {
		const char *fallback = mt_option_rows[id].fallback;
		struct mt_option_value value;

		assert_int_equal(
		        mt_option_parse((enum mt_option_id)id, fallback, strlen(fallback), &value),
		        MT_OPTION_OK);
	}
}

static void a_dash_in_a_key_is_an_underscore(void **state)
{
	(void)state;
	assert_int_equal(mt_option_find("ring-kib", 8), MT_OPTION_ID_ring_kib);
	assert_int_equal(mt_option_find("ring_kib", 8), MT_OPTION_ID_ring_kib);
	assert_int_equal(mt_option_find("ring_ki", 7), MT_OPTION_COUNT);
	assert_int_equal(mt_option_find("ring_kibs", 9), MT_OPTION_COUNT);
	assert_int_equal(mt_option_find("", 0), MT_OPTION_COUNT);
}

static void moments_are_words_and_a_time(void **state)
{
	static const char *const wrong[] = {
	        "",        ",",    "auto,",   "of",  "off,exit", "10",   "s",
	        "10s,20s", "99ms", "1441min", "-1s", "10 s",     "1.5s", "99999999999999999999s"};
	uint64_t moments = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(mt_moments_parse(wrong[i], strlen(wrong[i]), &moments));
	assert_int_equal(moments, 77);
	assert_true(mt_moments_parse("off", 3, &moments));
	assert_int_equal(moments, 0);
	assert_true(mt_moments_parse("exit,peak", 9, &moments));
	assert_int_equal(moments, MT_MOMENT_EXIT | MT_MOMENT_PEAK);
	assert_true(mt_moments_parse("auto,10s", 8, &moments));
	assert_int_equal(moments & 0xff, MT_MOMENT_AUTO);
	assert_int_equal(mt_moments_period_ms(moments), 10000);
	assert_true(mt_moments_parse("2min", 4, &moments));
	assert_int_equal(mt_moments_period_ms(moments), 120000);
	assert_true(mt_moments_parse("100ms", 5, &moments));
	assert_int_equal(mt_moments_period_ms(moments), 100);
}

static void what_is_wrong_is_told_and_changes_nothing(void **state)
{
	struct mt_options options;

	(void)state;
	mt_options_defaults(&options);
	assert_int_equal(options.values[MT_OPTION_ID_depth].number, 128);
	assert_int_equal(set(&options, "dept=3"), MT_OPTION_UNKNOWN);
	assert_int_equal(set(&options, "depth"), MT_OPTION_NO_VALUE);
	assert_int_equal(set(&options, "depth="), MT_OPTION_NOT_A_NUMBER);
	assert_int_equal(set(&options, "depth=1k"), MT_OPTION_NOT_A_NUMBER);
	assert_int_equal(set(&options, "depth=-1"), MT_OPTION_NOT_A_NUMBER);
	assert_int_equal(set(&options, "depth=0"), MT_OPTION_OUT_OF_RANGE);
	assert_int_equal(set(&options, "depth=513"), MT_OPTION_OUT_OF_RANGE);
	assert_int_equal(set(&options, "depth=99999999999999999999999999"), MT_OPTION_OUT_OF_RANGE);
	assert_int_equal(set(&options, "overflow=dro"), MT_OPTION_NOT_A_CHOICE);
	assert_int_equal(set(&options, "overflow="), MT_OPTION_NOT_A_CHOICE);
	assert_int_equal(options.values[MT_OPTION_ID_depth].number, 128);
	assert_int_equal(options.values[MT_OPTION_ID_overflow].number, 0);
	assert_int_equal(set(&options, "depth=512"), MT_OPTION_OK);
	assert_int_equal(set(&options, "overflow=drop"), MT_OPTION_OK);
	assert_int_equal(options.values[MT_OPTION_ID_depth].number, 512);
	assert_int_equal(options.values[MT_OPTION_ID_overflow].number, 1);
}

static void sizes_may_have_a_suffix(void **state)
{
	struct mt_options options;

	(void)state;
	mt_options_defaults(&options);
	assert_int_equal(set(&options, "sample=1000"), MT_OPTION_OK);
	assert_int_equal(options.values[MT_OPTION_ID_sample].number, 1000);
	assert_int_equal(set(&options, "sample=512K"), MT_OPTION_OK);
	assert_int_equal(options.values[MT_OPTION_ID_sample].number, 524288);
	assert_int_equal(set(&options, "sample=3m"), MT_OPTION_OK);
	assert_int_equal(options.values[MT_OPTION_ID_sample].number, 3145728);
	assert_int_equal(set(&options, "sample=1G"), MT_OPTION_OK);
	assert_int_equal(options.values[MT_OPTION_ID_sample].number, 1073741824);
	assert_int_equal(set(&options, "sample=2G"), MT_OPTION_OUT_OF_RANGE);
	assert_int_equal(set(&options, "sample=1073741825"), MT_OPTION_OUT_OF_RANGE);
	assert_int_equal(set(&options, "sample=18446744073709551615K"), MT_OPTION_OUT_OF_RANGE);
	assert_int_equal(set(&options, "sample=K"), MT_OPTION_NOT_A_NUMBER);
	assert_int_equal(set(&options, "sample=1KB"), MT_OPTION_NOT_A_NUMBER);
	assert_int_equal(set(&options, "sample=1T"), MT_OPTION_NOT_A_NUMBER);
	assert_int_equal(set(&options, "sample="), MT_OPTION_NOT_A_NUMBER);
	assert_int_equal(options.values[MT_OPTION_ID_sample].number, 1073741824);
}

static void a_string_of_pairs_is_taken_one_by_one(void **state)
{
	const char *cursor = "::depth=3:output=/a=b::x:";
	struct mt_option_pair pair = {0};

	(void)state;
	assert_true(mt_option_next(&cursor, &pair));
	assert_memory_equal(pair.key, "depth", 5);
	assert_memory_equal(pair.value, "3", 1);
	assert_int_equal(pair.value_bytes, 1);
	assert_true(mt_option_next(&cursor, &pair));
	assert_int_equal(pair.key_bytes, 6);
	assert_int_equal(pair.value_bytes, 4);
	assert_memory_equal(pair.value, "/a=b", 4);
	assert_true(mt_option_next(&cursor, &pair));
	assert_int_equal(pair.key_bytes, 1);
	assert_null(pair.value);
	assert_false(mt_option_next(&cursor, &pair));
	assert_false(mt_option_next(&cursor, &pair));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_default_is_valid),
	        cmocka_unit_test(a_dash_in_a_key_is_an_underscore),
	        cmocka_unit_test(moments_are_words_and_a_time),
	        cmocka_unit_test(what_is_wrong_is_told_and_changes_nothing),
	        cmocka_unit_test(a_string_of_pairs_is_taken_one_by_one),
	        cmocka_unit_test(sizes_may_have_a_suffix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
