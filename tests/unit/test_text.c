/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_text.c - report/text.c. What UTF-8 is, iconv decides.
 */
#include <errno.h>
#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/text.h"

/* The first character of `text` by iconv: its bytes, or 0 when they are none. */
static size_t by_iconv(iconv_t converter, const char *text, uint32_t *ret_code)
{
	for (size_t bytes = 1; bytes <= 4 && bytes <= strlen(text); bytes++) {
		char *from = (char *)(uintptr_t)text, *to = (char *)ret_code;
		size_t from_left = bytes, to_left = sizeof(*ret_code);

		iconv(converter, NULL, NULL, NULL, NULL);
		if (iconv(converter, &from, &from_left, &to, &to_left) == 0 && from_left == 0)
			return bytes;
	}
	return 0;
}

static void characters_are_those_that_iconv_takes_without_controls(void **state)
{
	iconv_t converter = iconv_open("UTF-32LE", "UTF-8");
	uint64_t seed = 7;
	unsigned int accepted = 0;

	(void)state;
	assert_true(converter != (iconv_t)-1);
	for (unsigned int i = 0; i < 300000; i++) {
		char text[6] = {0};
		uint32_t code = 0;
		size_t expected;

		for (unsigned int k = 0; k < 5; k++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			text[k] = (char)(seed >> 40);
			/*
			 * Random bytes are seldom UTF-8: make many of them continue what came
			 * before.
			 */
			if (k > 0 && (seed >> 60) > 3)
				text[k] = (char)((text[k] & 0x3f) | 0x80);
		}
		if (!text[0])
			continue;
		expected = by_iconv(converter, text, &code);
		if (expected && (code < 0x20 || (code >= 0x7f && code < 0xa0)))
			expected = 0;
		assert_int_equal(mt_text_character(text), expected);
		accepted += expected > 1;
	}
	assert_true(accepted > 1000);
	iconv_close(converter);
}

static void what_moves_a_cursor_is_escaped(void **state)
{
	char *clean = mt_text_escape("a\033[2Jb\nc\td\x7f\xc2\x9b\xff\\");

	(void)state;
	assert_string_equal(clean, "a\\x1b[2Jb\\nc\\td\\x7f\\xc2\\x9b\\xff\\");
	free(clean);
}

static void clean_text_is_not_copied(void **state)
{
	struct mt_arena arena = {0};
	const char *text = "na\xc3\xafve \xe2\x82\xac";

	(void)state;
	assert_ptr_equal(mt_text_clean(&arena, text), text);
	assert_string_equal(mt_text_clean(&arena, "a\rb"), "a\\x0db");
	mt_arena_free(&arena);
}

static void width_counts_characters_and_not_bytes(void **state)
{
	(void)state;
	assert_int_equal(mt_text_width(""), 0);
	assert_int_equal(mt_text_width("abc"), 3);
	assert_int_equal(mt_text_width("na\xc3\xafve"), 5);
}

static void a_long_path_keeps_its_last_components(void **state)
{
	struct mt_arena arena = {0};

	(void)state;
	assert_string_equal(mt_text_short_path(&arena, "src/list.c", 10), "src/list.c");
	assert_string_equal(mt_text_short_path(&arena, "/a/very/long/way/to/list.c", 14),
	                    ".../to/list.c");
	assert_string_equal(mt_text_short_path(&arena, "/a/verylongname.c", 5),
	                    ".../verylongname.c");
	assert_string_equal(mt_text_short_path(&arena, "verylongname.c", 5), "verylongname.c");
	mt_arena_free(&arena);
}

/* realpath decides, where no link is in the way. */
static void a_plain_path_is_the_path_itself(void **state)
{
	static const char *const paths[][2] = {
	        {"./csu/../sysdeps/start.c", "sysdeps/start.c"},
	        {"/a/b/../../c", "/c"},
	        {"a/./b//c/", "a/b/c"},
	        {"../x", "../x"},
	        {"../../x/..", "../.."},
	        {"a/..", ""},
	        {"a/...", "a/..."},
	        {"/", "/"},
	        {"", ""},
	};
	static const char *const real[] = {"/usr/./lib/../share", "/etc/../etc//passwd"};
	struct mt_arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_string_equal(mt_text_plain_path(&arena, paths[i][0]), paths[i][1]);
	for (size_t i = 0; i < sizeof(real) / sizeof(real[0]); i++) {
		char *resolved = realpath(real[i], NULL);

		assert_non_null(resolved);
		assert_string_equal(mt_text_plain_path(&arena, real[i]), resolved);
		free(resolved);
	}
	mt_arena_free(&arena);
}

static void a_long_name_loses_what_is_inside_its_brackets(void **state)
{
	struct mt_arena arena = {0};
	const char *name = "std::map<int, std::vector<std::pair<int, int> > >::insert(int const&)";

	(void)state;
	assert_string_equal(mt_text_short_name(&arena, name, 100), name);
	assert_string_equal(mt_text_short_name(&arena, name, 40),
	                    "std::map<...>::insert(int const&)");
	assert_string_equal(mt_text_short_name(&arena, name, 30), "std::map<...>::insert(...)");
	assert_string_equal(mt_text_short_name(&arena, name, 20), "...::insert(...)");
	assert_string_equal(mt_text_short_name(&arena, "void f<int>()", 11), "...f<...>()");
	mt_arena_free(&arena);
}

static void operators_and_nameless_scopes_survive_the_cut(void **state)
{
	struct mt_arena arena = {0};

	(void)state;
	assert_string_equal(
	        mt_text_short_name(&arena, "ns::S<int>::operator<<(std::ostream&, int)", 30),
	        "ns::S<...>::operator<<(...)");
	assert_string_equal(mt_text_short_name(&arena, "ns::S<int, char>::operator()(long)", 27),
	                    "ns::S<...>::operator()(...)");
	assert_string_equal(
	        mt_text_short_name(&arena, "(anonymous namespace)::f(int, char const*, long)", 40),
	        "(anonymous namespace)::f(...)");
	/* Brackets that do not close belong to no name that can be shortened. */
	assert_string_equal(mt_text_short_name(&arena, "odd<<<<name", 5), "odd<<<<name");
	mt_arena_free(&arena);
}

static void a_cut_never_parts_a_character(void **state)
{
	struct mt_arena arena = {0};

	(void)state;
	assert_string_equal(mt_text_cut(&arena, "abcdef", 6), "abcdef");
	assert_string_equal(mt_text_cut(&arena, "abcdefg", 6), "abc...");
	assert_string_equal(mt_text_cut(&arena, "a\xc3\xa4\xc3\xb6\xc3\xbcxyz", 6),
	                    "a\xc3\xa4\xc3\xb6...");
	mt_arena_free(&arena);
}

/* A shell gives back the word, whatever is in it. */
static void a_shell_reads_a_quoted_word_as_it_was(void **state)
{
	static const char *const words[] = {"plain.db", "two words", "it's", "$HOME `x` \"q\" \\",
	                                    "*",        "",          "-n",   "a;b|c&d"};
	struct mt_arena arena = {0};

	(void)state;
	assert_string_equal(mt_text_shell(&arena, "plain.db"), "plain.db");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char command[128], line[64] = "";
		FILE *shell;

		snprintf(command, sizeof(command), "printf '<%%s>' %s",
		         mt_text_shell(&arena, words[i]));
		shell = popen(command, "r");
		assert_non_null(shell);
		assert_non_null(fgets(line, sizeof(line), shell));
		assert_int_equal(pclose(shell), 0);
		assert_int_equal(strlen(line), strlen(words[i]) + 2);
		assert_memory_equal(line + 1, words[i], strlen(words[i]));
	}
	mt_arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(characters_are_those_that_iconv_takes_without_controls),
	        cmocka_unit_test(what_moves_a_cursor_is_escaped),
	        cmocka_unit_test(clean_text_is_not_copied),
	        cmocka_unit_test(width_counts_characters_and_not_bytes),
	        cmocka_unit_test(a_long_path_keeps_its_last_components),
	        cmocka_unit_test(a_plain_path_is_the_path_itself),
	        cmocka_unit_test(a_long_name_loses_what_is_inside_its_brackets),
	        cmocka_unit_test(operators_and_nameless_scopes_survive_the_cut),
	        cmocka_unit_test(a_cut_never_parts_a_character),
	        cmocka_unit_test(a_shell_reads_a_quoted_word_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
