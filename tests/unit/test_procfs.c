/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_procfs.c - base/procfs.h on a /proc of our own making, and on this process. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/procfs.h"

static char root[] = "/tmp/memtrace-test-XXXXXX";
static char file[256];

/* /proc/7/<name> with these bytes. */
static void put(const char *name, const char *bytes, size_t length)
{
	FILE *out;

	snprintf(file, sizeof(file), "%s/proc/7/%s", root, name);
	out = fopen(file, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, length, out), length);
	fclose(out);
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(file, sizeof(file), "%s/proc", root);
	assert_int_equal(mkdir(file, 0700), 0);
	snprintf(file, sizeof(file), "%s/proc/7", root);
	return mkdir(file, 0700);
}

static int tear_down(void **state)
{
	(void)state;
	snprintf(file, sizeof(file), "rm -rf %s", root);
	return system(file);
}

#define PUT(name, text) put(name, text, sizeof(text) - 1)

static void stat_is_read_also_where_the_name_looks_like_fields(void **state)
{
	struct mt_procfs_stat stat;

	(void)state;
	PUT("stat", "7 (a) R 1 (b c) Z 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 424242 23 24"
	            " 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50"
	            " 51 52 2304\n");
	assert_int_equal(mt_procfs_stat(root, 7, &stat), 0);
	assert_int_equal(stat.state, 'Z');
	assert_int_equal(stat.parent, 5);
	/* A field's value here is its number and one. */
	assert_int_equal(stat.start_ticks, 23);
	assert_int_equal(stat.exit_code, 2304);
}

static void stat_without_a_name_is_refused(void **state)
{
	struct mt_procfs_stat stat;

	(void)state;
	PUT("stat", "");
	assert_true(mt_procfs_stat(root, 7, &stat) < 0);
	PUT("stat", "7 (cut");
	assert_true(mt_procfs_stat(root, 7, &stat) < 0);
	assert_int_equal(mt_procfs_stat(root, 8, &stat), -2 /* ENOENT */);
}

static void our_own_stat_is_right(void **state)
{
	struct mt_procfs_stat stat;

	(void)state;
	assert_int_equal(mt_procfs_stat("", getpid(), &stat), 0);
	assert_int_equal(stat.state, 'R');
	assert_int_equal(stat.parent, getppid());
	assert_true(stat.start_ticks > 0);
}

static void arguments_are(const char *raw, size_t length, const char *wanted)
{
	char *text = NULL;

	put("cmdline", raw, length);
	assert_int_equal(mt_procfs_arguments(root, 7, &text), 0);
	assert_string_equal(text, wanted);
	free(text);
}

#define ARGUMENTS_ARE(raw, wanted) arguments_are(raw, sizeof(raw), wanted)

static void arguments_are_quoted_for_a_shell(void **state)
{
	(void)state;
	ARGUMENTS_ARE("ls\0-l\0/tmp/a.b", "ls -l /tmp/a.b");
	ARGUMENTS_ARE("sh\0-c\0echo 1; ls", "sh -c 'echo 1; ls'");
	ARGUMENTS_ARE("echo\0\0it's\0''", "echo '' 'it'\\''s' ''\\'''\\'''");
	arguments_are("", 0, "");
	/* Some programs write over theirs, without a NUL at the end. */
	arguments_are("nginx: worker", 13, "'nginx: worker'");
}

static void an_endless_command_line_is_cut_and_says_so(void **state)
{
	static char raw[100000];
	char *text = NULL;

	(void)state;
	/* All quotes: each takes the most room. */
	memset(raw, '\'', sizeof(raw));
	put("cmdline", raw, sizeof(raw));
	assert_int_equal(mt_procfs_arguments(root, 7, &text), 0);
	assert_true(strlen(text) > 32768);
	assert_string_equal(text + strlen(text) - 4, " ...");
	free(text);
}

static void a_file_is_read_up_to_the_limit(void **state)
{
	static char raw[20000];
	char *text = NULL;
	size_t bytes;

	(void)state;
	memset(raw, 'x', sizeof(raw));
	put("maps", raw, sizeof(raw));
	assert_int_equal(mt_procfs_read(root, 7, "maps", 1u << 20, &text, &bytes), 0);
	assert_int_equal(bytes, sizeof(raw));
	assert_int_equal(text[bytes], 0);
	free(text);
	assert_int_equal(mt_procfs_read(root, 7, "maps", 5000, &text, &bytes), 0);
	assert_int_equal(bytes, 5000);
	free(text);
}

static void links_are_followed_by_name(void **state)
{
	char *path = NULL;

	(void)state;
	snprintf(file, sizeof(file), "%s/proc/7/exe", root);
	assert_int_equal(symlink("/somewhere/a program", file), 0);
	assert_int_equal(mt_procfs_link(root, 7, "exe", &path), 0);
	assert_string_equal(path, "/somewhere/a program");
	free(path);
	assert_true(mt_procfs_link(root, 7, "cwd", &path) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(stat_is_read_also_where_the_name_looks_like_fields),
	        cmocka_unit_test(stat_without_a_name_is_refused),
	        cmocka_unit_test(our_own_stat_is_right),
	        cmocka_unit_test(arguments_are_quoted_for_a_shell),
	        cmocka_unit_test(an_endless_command_line_is_cut_and_says_so),
	        cmocka_unit_test(a_file_is_read_up_to_the_limit),
	        cmocka_unit_test(links_are_followed_by_name),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
