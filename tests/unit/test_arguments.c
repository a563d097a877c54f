/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_arguments.c - report/arguments.c: command lines, right and wrong.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/arguments.h"

static int never_run(const struct mt_call *call)
{
	(void)call;
	fail();
	return 0;
}

static const struct mt_flag flags[] = {
        {"by", 'b', MT_FLAG_CHOICE, "leaked|peak", "a choice"},
        {"limit", 'n', MT_FLAG_NUMBER, "N", "a number"},
        {"ring_kib", 0, MT_FLAG_TEXT, "KiB", "a text with an underscore"},
        {"quiet", 'q', MT_FLAG_NONE, NULL, "no value"},
        {"", 'o', MT_FLAG_TEXT, "FILE", "a letter alone"},
        MT_FLAG_FORMAT,
        MT_FLAGS_END,
};

static const struct mt_command command = {
        .name = "test",
        .usage = "FILE",
        .sentence = "is a test",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 2,
        .run = never_run,
};

static const struct mt_command early = {
        .name = "test",
        .usage = "COMMAND",
        .sentence = "is a test",
        .flags = flags,
        .min_operands = 1,
        .max_operands = -1,
        .stops_early = true,
        .run = never_run,
};

static char said[1024];

/* Parses words separated by one blank each; what is said goes to `said`. */
static int parse(const struct mt_command *of, const char *line, struct mt_call *ret_call)
{
	static char words[512];
	static char *argv[32];
	int argc = 0, status, saved = dup(STDERR_FILENO);
	int capture = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	bool is_done;
	ssize_t bytes;

	assert_true(saved >= 0 && capture >= 0);
	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "<>") == 0 ? strcpy(word, "") : word;
	argv[argc] = NULL;
	dup2(capture, STDERR_FILENO);
	status = mt_arguments_parse(of, argc, argv, ret_call, &is_done);
	dup2(saved, STDERR_FILENO);
	close(saved);
	bytes = pread(capture, said, sizeof(said) - 1, 0);
	said[bytes > 0 ? bytes : 0] = '\0';
	close(capture);
	assert_false(is_done);
	return status;
}

static void values_are_taken_in_every_spelling(void **state)
{
	static const char *const lines[] = {
	        "--by=peak --limit=5 file", "--by peak --limit 5 file", "file --by=peak -n5",
	        "-b peak file -n 5",        "-qn 5 -bpeak file",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct mt_call call;

		assert_int_equal(parse(&command, lines[i], &call), 0);
		assert_string_equal(mt_arguments_value(&call, "by"), "peak");
		assert_int_equal(mt_arguments_number(&call, "limit", 20), 5);
		assert_int_equal(call.operand_count, 1);
		assert_string_equal(call.operands[0], "file");
	}
}

static void what_is_not_given_has_its_fallback(void **state)
{
	struct mt_call call;

	(void)state;
	assert_int_equal(parse(&command, "file", &call), 0);
	assert_null(mt_arguments_value(&call, "by"));
	assert_false(mt_arguments_has(&call, "quiet"));
	assert_int_equal(mt_arguments_number(&call, "limit", 20), 20);
	assert_int_equal(mt_arguments_format(&call), MT_FORMAT_TEXT);
	assert_int_equal(parse(&command, "file --format=csv", &call), 0);
	assert_int_equal(mt_arguments_format(&call), MT_FORMAT_CSV);
}

static void an_underscore_may_be_written_as_a_dash(void **state)
{
	struct mt_call call;

	(void)state;
	assert_int_equal(parse(&command, "--ring-kib=64 file", &call), 0);
	assert_string_equal(mt_arguments_value(&call, "ring_kib"), "64");
	assert_int_equal(parse(&command, "--ring_kib=65 file", &call), 0);
	assert_string_equal(mt_arguments_value(&call, "ring_kib"), "65");
}

static void a_letter_alone_has_no_long_form(void **state)
{
	struct mt_call call;

	(void)state;
	assert_int_equal(parse(&command, "-o out.db file", &call), 0);
	assert_string_equal(mt_arguments_value(&call, "o"), "out.db");
	assert_int_equal(parse(&command, "--=out.db file", &call), 2);
	assert_int_equal(parse(&command, "--o=out.db file", &call), 2);
}

static void nothing_is_parsed_behind_two_dashes(void **state)
{
	struct mt_call call;

	(void)state;
	assert_int_equal(parse(&command, "-q -- --by=peak -x", &call), 0);
	assert_null(mt_arguments_value(&call, "by"));
	assert_int_equal(call.operand_count, 2);
	assert_string_equal(call.operands[0], "--by=peak");
	assert_string_equal(call.operands[1], "-x");
}

static void a_program_keeps_its_own_arguments(void **state)
{
	struct mt_call call;

	(void)state;
	assert_int_equal(parse(&early, "-q ls -n --by=x -- y", &call), 0);
	assert_true(mt_arguments_has(&call, "quiet"));
	assert_int_equal(call.operand_count, 5);
	assert_string_equal(call.operands[0], "ls");
	assert_string_equal(call.operands[3], "--");
	assert_string_equal(call.operands[4], "y");
	assert_int_equal(parse(&early, "-q -- -ls -q", &call), 0);
	assert_int_equal(call.operand_count, 2);
	assert_string_equal(call.operands[0], "-ls");
}

static void what_is_wrong_is_named(void **state)
{
	static const char *const wrong[][2] = {
	        {"--bye=peak file", "did you mean --by"},
	        {"--zzzzzz file", "--zzzzzz"},
	        {"--by=lost file", "leaked|peak, not 'lost'"},
	        {"--by=leaked|peak file", "'leaked|peak'"},
	        {"--by= file", "not ''"},
	        {"--limit=many file", "'many'"},
	        {"--limit=-1 file", "'-1'"},
	        {"--limit=5x file", "'5x'"},
	        {"--limit=99999999999999999999 file", "99999999999999999999"},
	        {"--limit=<> file", "--limit"},
	        {"file --limit", "--limit needs a value"},
	        {"file -n", "-n needs a value"},
	        {"--quiet=yes file", "--quiet takes no value"},
	        {"-x file", "-x"},
	        {"-qx file", "-x"},
	        {"--quiet", "needs more"},
	        {"a b c", "'c'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct mt_call call;

		assert_int_equal(parse(&command, wrong[i][0], &call), 2);
		if (!strstr(said, wrong[i][1]))
			fail_msg("%s: %s", wrong[i][0], said);
		assert_memory_equal(said, "memtrace: ", 10);
	}
}

static void near_words_are_found_and_far_ones_are_not(void **state)
{
	static const char *const words[] = {"run", "leaks", "top", "tree", "info", "doctor", NULL};

	(void)state;
	assert_string_equal(mt_arguments_near("leeks", words), "leaks");
	assert_string_equal(mt_arguments_near("laeks", words), "leaks");
	assert_string_equal(mt_arguments_near("leak", words), "leaks");
	assert_string_equal(mt_arguments_near("doc", words), "doctor");
	assert_string_equal(mt_arguments_near("tre", words), "tree");
	assert_null(mt_arguments_near("snapshot", words));
	assert_null(mt_arguments_near("", words));
	assert_null(mt_arguments_near("zz", words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(values_are_taken_in_every_spelling),
	        cmocka_unit_test(what_is_not_given_has_its_fallback),
	        cmocka_unit_test(an_underscore_may_be_written_as_a_dash),
	        cmocka_unit_test(a_letter_alone_has_no_long_form),
	        cmocka_unit_test(nothing_is_parsed_behind_two_dashes),
	        cmocka_unit_test(a_program_keeps_its_own_arguments),
	        cmocka_unit_test(what_is_wrong_is_named),
	        cmocka_unit_test(near_words_are_found_and_far_ones_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
