/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_settings.c - collect/settings.h: the collector's command line and the options in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect/settings.h"

static struct mt_settings settings;

static int parse(const char *first, const char *second)
{
	char *arguments[] = {(char *)(uintptr_t) "memtrace-collect", (char *)(uintptr_t)first,
	                     (char *)(uintptr_t)second, NULL};

	return mt_settings_parse(&settings, 1 + (first != NULL) + (second != NULL), arguments);
}

static int tear_down(void **state)
{
	(void)state;
	mt_settings_free(&settings);
	return 0;
}

static void text_is(const char *wanted)
{
	char *text = mt_settings_text(&settings);

	assert_string_equal(text, wanted);
	free(text);
}

static void without_arguments_all_has_its_default(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL, NULL), 0);
	assert_null(settings.folder);
	assert_int_equal(settings.pid, 0);
	assert_false(settings.stays);
	for (unsigned int id = 0; id < MT_OPTION_COUNT; id++) {
		struct mt_option_value value;
		const char *fallback = mt_option_rows[id].fallback;

		assert_int_equal(
		        mt_option_parse((enum mt_option_id)id, fallback, strlen(fallback), &value),
		        MT_OPTION_OK);
		assert_int_equal(settings.options.values[id].number, value.number);
	}
}

static void arguments_are_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("--folder=/a b", "--command=x"), 0);
	assert_string_equal(settings.folder, "/a b");
	assert_string_equal(settings.command, "x");
	assert_int_equal(parse("--pid=77", "--stay"), 0);
	assert_int_equal(settings.pid, 77);
	assert_true(settings.stays);
	assert_true(parse("--no-such", NULL) < 0);
	assert_true(parse("file", NULL) < 0);
}

static void options_are_set_and_written_out_again(void **state)
{
	char *text, *again;

	(void)state;
	assert_int_equal(parse("--options=depth=5:overflow=drop::output=/tmp/x y.db", NULL), 0);
	assert_int_equal(settings.mistake_count, 0);
	assert_int_equal(settings.options.values[MT_OPTION_ID_depth].number, 5);
	text = mt_settings_string(&settings, MT_OPTION_ID_output);
	assert_string_equal(text, "/tmp/x y.db");
	free(text);
	text = mt_settings_text(&settings);
	assert_non_null(strstr(text, "output=/tmp/x y.db"));
	assert_non_null(strstr(text, "depth=5"));
	assert_non_null(strstr(text, "overflow=drop"));
	/* What was written out says the same when it is read. */
	mt_settings_free(&settings);
	assert_true(asprintf(&again, "--options=%s", text) > 0);
	assert_int_equal(parse(again, NULL), 0);
	assert_int_equal(settings.mistake_count, 0);
	text_is(text);
	free(again);
	free(text);
}

static void a_wrong_option_is_left_out_and_said(void **state)
{
	(void)state;
	assert_int_equal(
	        parse("--options=dept=5:depth=0:depth=7:overflow=maybe:ring_kib=x:timeline", NULL),
	        0);
	assert_int_equal(settings.options.values[MT_OPTION_ID_depth].number, 7);
	assert_int_equal(settings.mistake_count, 5);
	/* Each names the option, what is wrong and what would be right. */
	assert_non_null(strstr(settings.mistakes[0], "'dept'"));
	assert_non_null(strstr(settings.mistakes[0], "no such option"));
	assert_non_null(strstr(settings.mistakes[0], "memtrace help options"));
	assert_non_null(strstr(settings.mistakes[1], "'depth'"));
	assert_non_null(strstr(settings.mistakes[1], "1 to 512 frames"));
	assert_non_null(strstr(settings.mistakes[2], "wait|drop"));
	assert_non_null(strstr(settings.mistakes[3], "'ring_kib'"));
	assert_non_null(strstr(settings.mistakes[4], "'timeline'"));
}

static void endless_mistakes_are_said_up_to_a_limit(void **state)
{
	char text[4096] = "--options=";

	(void)state;
	for (int i = 0; i < 400; i++)
		strcat(text, "wrong=1:");
	assert_int_equal(parse(text, NULL), 0);
	assert_int_equal(settings.mistake_count, MT_SETTINGS_MISTAKES);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(without_arguments_all_has_its_default),
	        TEST(arguments_are_taken),
	        TEST(options_are_set_and_written_out_again),
	        TEST(a_wrong_option_is_left_out_and_said),
	        TEST(endless_mistakes_are_said_up_to_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
