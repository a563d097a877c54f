/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_output.c - collect/output.h: which file may be taken for the output. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/output.h"
#include "store/writer.h"

static char folder[] = "/tmp/memtrace-test-XXXXXX";
static char path[256], resolved[PATH_MAX];
static struct mt_error error;

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "rm -rf %s", folder);
	return system(path);
}

static int new_path(void **state)
{
	static int number;

	(void)state;
	snprintf(path, sizeof(path), "%s/%d.db", folder, ++number);
	return 0;
}

static void write_text(const char *text)
{
	FILE *out = fopen(path, "w");

	fputs(text, out);
	fclose(out);
}

static ino_t inode(void)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_ino : 0;
}

/* A finished file of ours. */
static void make_ours(void)
{
	struct mt_writer_session session = {"1", 0, "tsc", "h", "k", "m", 4096, 1, 1, "", 0};
	struct mt_writer *writer;

	write_text("");
	assert_int_equal(mt_writer_create(path, &session, &error, &writer), 0);
	assert_int_equal(mt_writer_close(writer, "complete", NULL), 0);
}

/* It is refused, left as it was, and the reason has this in it. */
static void is_refused(bool may_replace, const char *reason)
{
	ino_t before = inode();
	int fd = -1;

	assert_true(mt_output_claim(path, may_replace, resolved, &fd, &error) < 0);
	assert_int_equal(fd, -1);
	assert_non_null(strstr(error.text, reason));
	assert_true(inode() == before);
}

static void a_new_file_is_for_its_owner_alone_and_locked(void **state)
{
	struct stat status;
	int fd, other;

	(void)state;
	assert_int_equal(mt_output_claim(path, true, resolved, &fd, &error), 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(status.st_size, 0);
	other = open(path, O_RDWR);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	close(other);
	close(fd);
}

static void a_file_of_ours_is_replaced(void **state)
{
	char wal[300];
	int fd;

	(void)state;
	make_ours();
	/* A killed collector left its log behind: it must not be taken for the new file's. */
	snprintf(wal, sizeof(wal), "%s-wal", path);
	close(open(wal, O_CREAT | O_RDWR, 0600));
	assert_int_equal(mt_output_claim(path, true, resolved, &fd, &error), 0);
	assert_true(access(wal, F_OK) != 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
}

static void a_file_of_ours_stays_where_that_was_not_asked_for(void **state)
{
	(void)state;
	make_ours();
	is_refused(false, "exists");
}

static void a_foreign_file_is_never_replaced(void **state)
{
	(void)state;
	write_text("a letter to somebody");
	is_refused(true, "not a memtrace file");
	is_refused(false, "exists");
}

static void an_empty_file_may_be_filled(void **state)
{
	int fd;

	(void)state;
	write_text("");
	assert_int_equal(mt_output_claim(path, true, resolved, &fd, &error), 0);
	close(fd);
}

static void a_file_that_a_session_writes_is_left_to_it(void **state)
{
	int fd;

	(void)state;
	make_ours();
	assert_int_equal(mt_output_claim(path, true, resolved, &fd, &error), 0);
	/* The lock is that of an open file: another one in this process is another session's. */
	make_ours();
	is_refused(true, "another session");
	close(fd);
	assert_int_equal(mt_output_claim(path, true, resolved, &fd, &error), 0);
	close(fd);
}

static void what_is_no_regular_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	is_refused(true, "no regular file");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	is_refused(true, "directory");
	snprintf(path, sizeof(path), "/dev/null");
	is_refused(true, "no regular file");
}

static void a_missing_folder_is_named_as_that(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/none/file.db", folder);
	is_refused(true, "No such file or directory");
}

static void a_link_stands_for_the_file_it_names(void **state)
{
	char link[300];
	struct stat status;
	int fd;

	(void)state;
	make_ours();
	snprintf(link, sizeof(link), "%s.link", path);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(mt_output_claim(link, true, resolved, &fd, &error), 0);
	assert_string_equal(resolved, path);
	assert_int_equal(lstat(link, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, 0);
	close(fd);
	/* One that leads nowhere is not followed into making something. */
	unlink(path);
	assert_true(mt_output_claim(link, true, resolved, &fd, &error) < 0);
	assert_true(access(path, F_OK) != 0);
}

static void an_abandoned_file_is_gone(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(mt_output_claim(path, true, resolved, &fd, &error), 0);
	mt_output_abandon(path, fd);
	assert_int_equal(inode(), 0);
}

static void name_is(const char *command, const char *wanted)
{
	char name[128];

	mt_output_name(command, 42, name, sizeof(name));
	assert_string_equal(name, wanted);
}

static void names_have_no_characters_that_are_a_nuisance(void **state)
{
	(void)state;
	name_is("ls", "memtrace.ls.42.db");
	name_is("g++-12.1_x", "memtrace.g++-12.1_x.42.db");
	name_is("../../etc/passwd", "memtrace._._.._etc_passwd.42.db");
	name_is("a b\tc\nd*", "memtrace.a_b_c_d_.42.db");
	name_is("-rf", "memtrace.-rf.42.db");
	name_is("", "memtrace.program.42.db");
	/* 64 of them are enough to know it by. */
	name_is("0123456789012345678901234567890123456789012345678901234567890123456789",
	        "memtrace.0123456789012345678901234567890123456789012345678901234567890123.42.db");
}

#define TEST(name) cmocka_unit_test_setup(name, new_path)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_new_file_is_for_its_owner_alone_and_locked),
	        TEST(a_file_of_ours_is_replaced),
	        TEST(a_file_of_ours_stays_where_that_was_not_asked_for),
	        TEST(a_foreign_file_is_never_replaced),
	        TEST(an_empty_file_may_be_filled),
	        TEST(a_file_that_a_session_writes_is_left_to_it),
	        TEST(what_is_no_regular_file_is_refused),
	        TEST(a_missing_folder_is_named_as_that),
	        TEST(a_link_stands_for_the_file_it_names),
	        TEST(an_abandoned_file_is_gone),
	        cmocka_unit_test(names_have_no_characters_that_are_a_nuisance),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
