/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_spawn.c - report/spawn.c: program and collector are started in the right order, and end as
 * they should.
 *
 * This executable is the collector too: with "--be-collector" it answers on its standard input as
 * wire/hello.h says, or misbehaves as the next argument says.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/spawn.h"
#include "tests/unit/fixture.h"

static const struct mt_spawn_environment environment = {"/nowhere/libmemtrace.so", "depth=9"};

/* ---- the collector ---- */

static int be_collector(const char *how)
{
	struct mt_hello hello;
	struct mt_welcome welcome = {.magic = MT_HELLO_MAGIC, .version = MT_HELLO_VERSION};
	struct mt_summary summary = {.magic = MT_HELLO_MAGIC, .allocations = 77};

	if (strcmp(how, "mute") == 0)
		return 1;
	if (recv(STDIN_FILENO, &hello, sizeof(hello), 0) != sizeof(hello) ||
	    hello.magic != MT_HELLO_MAGIC || hello.purpose != MT_HELLO_SESSION)
		return 2;
	strcpy(welcome.session, "/run/socket:0123");
	snprintf(welcome.message, sizeof(welcome.message), "preload=%s",
	         getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "");
	if (strcmp(how, "foreign") == 0)
		welcome.magic = 0;
	if (send(STDIN_FILENO, &welcome, strcmp(how, "short") == 0 ? 10 : sizeof(welcome), 0) < 0)
		return 3;
	/* As a daemon does: the starter's child ends, another process goes on. */
	if (fork() > 0)
		return 0;
	if (recv(STDIN_FILENO, &hello, sizeof(hello), 0) != sizeof(hello))
		return 4;
	summary.live_blocks = hello.pid;
	if (strcmp(how, "deaf") == 0) {
		/* Never answers; ends when the other side has given up. */
		while (recv(STDIN_FILENO, &hello, sizeof(hello), 0) > 0)
			;
		return 0;
	}
	if (strcmp(how, "gone") == 0)
		return 0;
	return send(STDIN_FILENO, &summary, sizeof(summary), 0) < 0;
}

static int start(struct mt_spawn *spawn, const char *how, struct mt_welcome *welcome)
{
	char self[] = "/proc/self/exe", flag[] = "--be-collector", copy[16];
	char *argv[] = {self, flag, copy, NULL};

	snprintf(copy, sizeof(copy), "%s", how);
	return mt_spawn_collector(spawn, argv, welcome);
}

/* ---- tests ---- */

static int run_shell(const char *script, struct mt_spawn *ret_spawn, const char *session,
                     int *ret_error)
{
	char shell[] = "/bin/sh", option[] = "-c", copy[512];
	char *argv[] = {shell, option, copy, NULL};

	snprintf(copy, sizeof(copy), "%s", script);
	assert_int_equal(mt_spawn_program(argv, &environment, ret_spawn), 0);
	*ret_error = mt_spawn_go(ret_spawn, session);
	return mt_spawn_wait(ret_spawn);
}

static void the_program_waits_until_it_is_let_go(void **state)
{
	const char *path = fixture_path("ran");
	char shell[] = "/bin/sh", option[] = "-c", script[256];
	char *argv[] = {shell, option, script, NULL};
	struct mt_spawn spawn;

	(void)state;
	snprintf(script, sizeof(script), "echo >%s", path);
	assert_int_equal(mt_spawn_program(argv, &environment, &spawn), 0);
	assert_int_equal(waitpid(spawn.child, NULL, WNOHANG), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(mt_spawn_go(&spawn, NULL), 0);
	assert_int_equal(mt_spawn_wait(&spawn), 0);
	assert_int_equal(access(path, F_OK), 0);
	mt_spawn_close(&spawn);
}

static void a_program_that_is_not_let_go_never_runs(void **state)
{
	const char *path = fixture_path("never");
	char shell[] = "/bin/sh", option[] = "-c", script[256];
	char *argv[] = {shell, option, script, NULL};
	struct mt_spawn spawn;
	int status;

	(void)state;
	snprintf(script, sizeof(script), "echo >%s", path);
	assert_int_equal(mt_spawn_program(argv, &environment, &spawn), 0);
	mt_spawn_close(&spawn);
	assert_int_equal(waitpid(spawn.child, &status, 0), spawn.child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 125);
	assert_int_equal(access(path, F_OK), -1);
}

static void the_environment_is_that_of_a_session(void **state)
{
	struct mt_spawn spawn;
	char script[512], *line;
	int error;

	(void)state;
	setenv("LD_PRELOAD", "/nowhere/other.so", 1);
	setenv("MEMTRACE_OPTIONS", "unwind=none", 1);
	/* The shell cannot load what is nowhere, and says so; that is not the point. */
	snprintf(script, sizeof(script),
	         "exec 2>/dev/null; echo \"$LD_PRELOAD $MEMTRACE_SESSION $MEMTRACE_OPTIONS\" >%s",
	         fixture_path("environment"));
	assert_int_equal(run_shell(script, &spawn, "/run/socket:ff", &error), 0);
	assert_int_equal(error, 0);
	mt_spawn_close(&spawn);
	line = fixture_output("cat %s", fixture_path("environment"));
	assert_string_equal(line,
	                    "/nowhere/libmemtrace.so:/nowhere/other.so /run/socket:ff depth=9\n");
	free(line);
	/* Untraced, nothing is changed. */
	assert_int_equal(run_shell(script, &spawn, NULL, &error), 0);
	mt_spawn_close(&spawn);
	line = fixture_output("cat %s", fixture_path("environment"));
	assert_string_equal(line, "/nowhere/other.so  unwind=none\n");
	free(line);
	unsetenv("LD_PRELOAD");
	unsetenv("MEMTRACE_OPTIONS");
}

static void the_end_is_the_programs_own(void **state)
{
	struct mt_spawn spawn;
	int error, status;

	(void)state;
	status = run_shell("exit 7", &spawn, NULL, &error);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	mt_spawn_close(&spawn);
	status = run_shell("kill -KILL $$", &spawn, NULL, &error);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	mt_spawn_close(&spawn);
}

static void an_exec_that_fails_says_why(void **state)
{
	char path[256];
	char *argv[] = {path, NULL};
	struct mt_spawn spawn;
	int status;

	(void)state;
	snprintf(path, sizeof(path), "%s", fixture_path("nothing"));
	assert_int_equal(mt_spawn_program(argv, &environment, &spawn), 0);
	assert_int_equal(mt_spawn_go(&spawn, NULL), -ENOENT);
	status = mt_spawn_wait(&spawn);
	assert_int_equal(WEXITSTATUS(status), 127);
	mt_spawn_close(&spawn);
	fixture_write(path, "x", 1);
	assert_int_equal(mt_spawn_program(argv, &environment, &spawn), 0);
	assert_int_equal(mt_spawn_go(&spawn, NULL), -EACCES);
	status = mt_spawn_wait(&spawn);
	assert_int_equal(WEXITSTATUS(status), 126);
	mt_spawn_close(&spawn);
}

static void the_program_inherits_no_descriptor_of_ours(void **state)
{
	struct mt_spawn spawn;
	struct mt_welcome welcome;
	char shell[] = "/bin/sh", option[] = "-c", script[256], *ours, *theirs;
	char *argv[] = {shell, option, script, NULL};

	(void)state;
	ours = fixture_output("ls /proc/self/fd");
	snprintf(script, sizeof(script), "ls /proc/self/fd >%s", fixture_path("fds"));
	assert_int_equal(mt_spawn_program(argv, &environment, &spawn), 0);
	assert_int_equal(start(&spawn, "fine", &welcome), 0);
	assert_int_equal(mt_spawn_go(&spawn, NULL), 0);
	assert_int_equal(mt_spawn_wait(&spawn), 0);
	theirs = fixture_output("cat %s", fixture_path("fds"));
	/* popen's pipe is descriptor 1 there, a file is it here: the numbers are the same. */
	assert_string_equal(ours, theirs);
	mt_spawn_close(&spawn);
	free(ours);
	free(theirs);
}

static void signals_are_passed_on(void **state)
{
	static const int signals[] = {SIGTERM, SIGHUP};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		/*
		 * A process of its own, as `memtrace run` is: signals change its dispositions for
		 * good.
		 */
		pid_t runner = fork();
		char *said;
		int status;

		if (runner == 0) {
			struct mt_spawn spawn;
			int error, ended;
			char script[512];

			snprintf(script, sizeof(script),
			         "trap 'echo got >%s; exit 5' TERM HUP;"
			         "kill -INT $PPID; kill -QUIT $PPID; kill -%d $PPID;"
			         "for i in 1 2 3 4 5 6 7 8 9; do sleep 1; done",
			         fixture_path("signal"), signals[i]);
			ended = run_shell(script, &spawn, NULL, &error);
			_exit(WIFEXITED(ended) ? WEXITSTATUS(ended) : 99);
		}
		assert_int_equal(waitpid(runner, &status, 0), runner);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 5);
		said = fixture_output("cat %s; rm %s", fixture_path("signal"),
		                      fixture_path("signal"));
		assert_string_equal(said, "got\n");
		free(said);
	}
}

static void a_collector_gives_its_session_and_its_summary(void **state)
{
	char program[] = "/bin/true";
	char *argv[] = {program, NULL};
	struct mt_spawn spawn;
	struct mt_welcome welcome;
	struct mt_summary summary;

	(void)state;
	setenv("LD_PRELOAD", "", 1);
	assert_int_equal(mt_spawn_program(argv, &environment, &spawn), 0);
	assert_int_equal(start(&spawn, "fine", &welcome), 0);
	assert_string_equal(welcome.session, "/run/socket:0123");
	assert_string_equal(welcome.message, "preload=");
	assert_int_equal(mt_spawn_go(&spawn, NULL), 0);
	assert_int_equal(mt_spawn_wait(&spawn), 0);
	assert_int_equal(mt_spawn_summary(&spawn, 10000, &summary), 0);
	assert_int_equal(summary.allocations, 77);
	assert_int_equal(summary.live_blocks, spawn.child);
	mt_spawn_close(&spawn);
	unsetenv("LD_PRELOAD");
}

/* Whatever the collector does, the program runs and nothing waits for ever. */
static void a_collector_that_misbehaves_stops_nobody(void **state)
{
	static const struct {
		const char *how;
		int welcome;
		int summary;
	} cases[] = {
	        {"mute", -ECONNRESET, 0}, {"foreign", -EPROTO, 0},  {"short", -EPROTO, 0},
	        {"deaf", 0, -ETIMEDOUT},  {"gone", 0, -ECONNRESET},
	};
	char program[] = "/bin/true";
	char *argv[] = {program, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mt_spawn spawn;
		struct mt_welcome welcome;
		struct mt_summary summary;

		assert_int_equal(mt_spawn_program(argv, &environment, &spawn), 0);
		assert_int_equal(start(&spawn, cases[i].how, &welcome), cases[i].welcome);
		assert_int_equal(mt_spawn_go(&spawn, NULL), 0);
		assert_int_equal(mt_spawn_wait(&spawn), 0);
		if (cases[i].welcome == 0)
			assert_int_equal(mt_spawn_summary(&spawn, 200, &summary), cases[i].summary);
		else
			assert_int_equal(mt_spawn_summary(&spawn, 200, &summary), -ENOTCONN);
		mt_spawn_close(&spawn);
	}
}

static void a_collector_that_is_not_there_is_said(void **state)
{
	char program[] = "/bin/true", none[] = "/nowhere/memtrace-collect";
	char *argv[] = {program, NULL}, *collector[] = {none, NULL};
	struct mt_spawn spawn;
	struct mt_welcome welcome;

	(void)state;
	assert_int_equal(mt_spawn_program(argv, &environment, &spawn), 0);
	assert_int_equal(mt_spawn_collector(&spawn, collector, &welcome), -ENOENT);
	assert_int_equal(mt_spawn_go(&spawn, NULL), 0);
	assert_int_equal(mt_spawn_wait(&spawn), 0);
	mt_spawn_close(&spawn);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_program_waits_until_it_is_let_go),
	        cmocka_unit_test(a_program_that_is_not_let_go_never_runs),
	        cmocka_unit_test(the_environment_is_that_of_a_session),
	        cmocka_unit_test(the_end_is_the_programs_own),
	        cmocka_unit_test(an_exec_that_fails_says_why),
	        cmocka_unit_test(the_program_inherits_no_descriptor_of_ours),
	        cmocka_unit_test(signals_are_passed_on),
	        cmocka_unit_test(a_collector_gives_its_session_and_its_summary),
	        cmocka_unit_test(a_collector_that_misbehaves_stops_nobody),
	        cmocka_unit_test(a_collector_that_is_not_there_is_said),
	};

	if (argc == 3 && strcmp(argv[1], "--be-collector") == 0)
		return be_collector(argv[2]);
	fixture_folder();
	return cmocka_run_group_tests(tests, NULL, fixture_clean);
}
