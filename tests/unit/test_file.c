/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_file.c - report/file.c: which processes a report is about, and when it waits for the
 * collector.
 *
 * The collector is a process of this test that does nothing: what is asked is whether it lives.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/file.h"
#include "tests/unit/fixture.h"

static int never_run(const struct mt_call *call)
{
	(void)call;
	fail();
	return 0;
}

static const struct mt_flag flags[] = {MT_FLAG_PROCESS, MT_FLAGS_END};
static const struct mt_command command = {.name = "test", .flags = flags, .run = never_run};

static int open_file(const char *path, const char *pid, struct mt_file *ret_file)
{
	char *operands[] = {(char *)(uintptr_t)path, NULL};
	struct mt_call call = {
	        .command = &command, .values = {pid}, .operands = operands, .operand_count = 1};

	return mt_file_open(&call, ret_file);
}

static pid_t start_idle(void)
{
	pid_t child = fork();

	if (child == 0) {
		/* Not beyond a test that fails. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(child > 0);
	return child;
}

static void stop_idle(pid_t child)
{
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* A pid that was somebody's and is nobody's. */
static pid_t gone_pid(void)
{
	pid_t child = start_idle();

	stop_idle(child);
	return child;
}

/*
 * A file that is being recorded by `collector`, in which process 1 (with this pid) has not ended.
 */
static void make_recording(const char *path, pid_t collector, pid_t pid)
{
	char *start = fixture_output("awk '{ print $22 }' /proc/%d/stat", (int)collector);
	char sql[512];

	snprintf(sql, sizeof(sql),
	         "UPDATE session SET state = 'recording', collector_pid = %d, collector_start = %s;"
	         "UPDATE process SET ended_ns = NULL, end_reason = NULL, exit_status = NULL, pid = "
	         "%d",
	         (int)collector, start, (int)pid);
	fixture_file(path, sql);
	free(start);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/*
 * Opens the file in a process of its own; its exit status is 10 * state + whether process 1 has
 * ended.
 */
static pid_t start_report(const char *path)
{
	pid_t child = fork();

	if (child == 0) {
		struct mt_file file;
		int status;

		if (open_file(path, NULL, &file) != 0)
			_exit(99);
		status = 10 * (int)file.state + file.processes[0].has_ended;
		mt_file_close(&file);
		_exit(status);
	}
	assert_true(child > 0);
	return child;
}

static bool has_open(pid_t pid, const char *path)
{
	return fixture_status("ls -l /proc/%d/fd | grep -q '%s'", (int)pid, path) == 0;
}

static void a_report_waits_for_an_end_that_the_collector_owes(void **state)
{
	const char *path = fixture_path("owed.db");
	pid_t collector = start_idle(), report;
	double start = now();
	int status;

	(void)state;
	make_recording(path, collector, gone_pid());
	report = start_report(path);
	while (!has_open(report, path))
		assert_int_equal(waitpid(report, &status, WNOHANG), 0);
	fixture_sql(path, "UPDATE process SET ended_ns = 5, end_reason = 'exit', exit_status = 0;"
	                  "UPDATE session SET state = 'complete'");
	assert_int_equal(waitpid(report, &status, 0), report);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 10 * MT_FILE_COMPLETE + 1);
	assert_true(now() - start < 8);
	stop_idle(collector);
}

static void a_collector_that_dies_is_waited_for_no_longer(void **state)
{
	const char *path = fixture_path("dies.db");
	pid_t collector = start_idle(), report;
	int status;

	(void)state;
	make_recording(path, collector, gone_pid());
	report = start_report(path);
	while (!has_open(report, path))
		assert_int_equal(waitpid(report, &status, WNOHANG), 0);
	stop_idle(collector);
	assert_int_equal(waitpid(report, &status, 0), report);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 10 * MT_FILE_ABANDONED);
}

static void nothing_is_waited_for_while_the_program_runs(void **state)
{
	const char *path = fixture_path("runs.db");
	pid_t collector = start_idle(), program = start_idle();
	double start = now();
	struct mt_file file;

	(void)state;
	make_recording(path, collector, program);
	assert_int_equal(open_file(path, NULL, &file), 0);
	assert_int_equal(file.state, MT_FILE_RECORDING);
	assert_false(file.processes[0].has_ended);
	assert_string_equal(mt_file_end(&file, &file.processes[0]), "still running");
	mt_file_close(&file);
	assert_true(now() - start < 5);
	stop_idle(program);
	stop_idle(collector);
}

static void a_zombie_has_ended(void **state)
{
	const char *path = fixture_path("zombie.db");
	pid_t collector = start_idle(), program = start_idle(), report;
	double start = now();
	siginfo_t info;
	int status;

	(void)state;
	make_recording(path, collector, program);
	assert_int_equal(kill(program, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)program, &info, WEXITED | WNOWAIT), 0);
	report = start_report(path);
	while (!has_open(report, path))
		assert_int_equal(waitpid(report, &status, WNOHANG), 0);
	fixture_sql(path, "UPDATE process SET ended_ns = 5;"
	                  "UPDATE session SET state = 'complete'");
	assert_int_equal(waitpid(report, &status, 0), report);
	assert_int_equal(WEXITSTATUS(status), 10 * MT_FILE_COMPLETE + 1);
	assert_true(now() - start < 8);
	assert_int_equal(waitpid(program, NULL, 0), program);
	stop_idle(collector);
}

static void an_abandoned_or_incomplete_file_is_told_from_a_whole_one(void **state)
{
	const char *path = fixture_path("states.db");
	struct mt_file file;
	char sql[128];

	(void)state;
	fixture_file(path, "");
	assert_int_equal(open_file(path, NULL, &file), 0);
	assert_int_equal(file.state, MT_FILE_COMPLETE);
	mt_file_close(&file);
	fixture_sql(path, "UPDATE session SET state = 'incomplete'");
	assert_int_equal(open_file(path, NULL, &file), 0);
	assert_int_equal(file.state, MT_FILE_INCOMPLETE);
	mt_file_close(&file);
	snprintf(sql, sizeof(sql), "UPDATE session SET state = 'recording', collector_pid = %d",
	         (int)gone_pid());
	fixture_sql(path, sql);
	assert_int_equal(open_file(path, NULL, &file), 0);
	assert_int_equal(file.state, MT_FILE_ABANDONED);
	mt_file_close(&file);
}

static void one_process_may_be_asked_for_and_has_all_its_images(void **state)
{
	const char *path = fixture_path("many.db");
	struct mt_file file;

	(void)state;
	fixture_file(path, "INSERT INTO process (id, pid, origin, command, arguments, executable,"
	                   " started_ns) VALUES (2, 200, 'fork', 'a', 'a', '/a', 1),"
	                   " (3, 200, 'exec', 'b', 'b', '/b', 2)");
	assert_int_equal(open_file(path, NULL, &file), 0);
	assert_int_equal(file.process_count, 3);
	mt_file_close(&file);
	assert_int_equal(open_file(path, "200", &file), 0);
	assert_int_equal(file.process_count, 2);
	assert_int_equal(file.processes_in_file, 3);
	assert_string_equal(file.processes[0].command, "a");
	assert_string_equal(file.processes[1].command, "b");
	mt_file_close(&file);
	assert_int_equal(open_file(path, "7", &file), MT_EXIT_CANNOT);
}

static void every_end_has_its_words(void **state)
{
	static const struct {
		struct mt_process process;
		const char *words;
	} cases[] = {
	        {{.has_ended = true, .has_exit_status = true, .exit_status = 3}, "exit status 3"},
	        {{.has_ended = true, .has_exit_signal = true, .exit_signal = SIGABRT},
	         "killed by SIGABRT"},
	        {{.has_ended = true, .has_exit_signal = true, .exit_signal = 999},
	         "killed by signal 999"},
	        {{.has_ended = true, .end_reason = "exec"}, "became another program by exec"},
	        {{.has_ended = true, .end_reason = "vanished"}, "ended, how is not known"},
	        {{.has_ended = false}, "its end was not recorded"},
	};
	struct mt_file file = {.state = MT_FILE_COMPLETE};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(mt_file_end(&file, &cases[i].process), cases[i].words);
	mt_arena_free(&file.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_report_waits_for_an_end_that_the_collector_owes),
	        cmocka_unit_test(a_collector_that_dies_is_waited_for_no_longer),
	        cmocka_unit_test(nothing_is_waited_for_while_the_program_runs),
	        cmocka_unit_test(a_zombie_has_ended),
	        cmocka_unit_test(an_abandoned_or_incomplete_file_is_told_from_a_whole_one),
	        cmocka_unit_test(one_process_may_be_asked_for_and_has_all_its_images),
	        cmocka_unit_test(every_end_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, fixture_clean);
}
