/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spawn.c - what a start under a tool costs.
 *
 *	spawn RUNS VARIABLE=VALUE COMMAND [ARGUMENT...]
 *
 * Starts the command, which has bench/begin in it, RUNS times without the variable and RUNS times with it, in turn and
 * 50 ms apart, after one of each that does not count. Prints for both the median, the least and the most, in us, of the
 * time from the fork() to the program's main(), and to the command's end:
 *
 *	without begun MEDIAN LEAST MOST
 *	without ended MEDIAN LEAST MOST
 *	with begun MEDIAN LEAST MOST
 *	with ended MEDIAN LEAST MOST
 *
 * Run under the tool itself, it starts processes that join a session.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 10000
/* A collector closes its file when its program has gone: not at the cost of who is started next. */
#define PAUSE_NS 50000000

enum { BEGUN, ENDED, MOMENTS };
enum { WITHOUT, WITH, WAYS };

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "spawn: %s failed\n", what);
	exit(1);
}

static _Noreturn void become(char **command, char *variable, int way, int output_fd)
{
	dup2(output_fd, STDOUT_FILENO);
	close(output_fd);
	if (way == WITH) {
		putenv(variable);
	} else {
		*strchr(variable, '=') = '\0';
		unsetenv(variable);
	}
	execvp(command[0], command);
	_exit(127);
}

/* What bench/begin says, among what a tool may say; 0: nothing. */
static double begun_us(int output_fd)
{
	char text[65536], *line;
	size_t used = 0;
	ssize_t got;

	while ((got = read(output_fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	line = strstr(text, "begun ");
	return line ? strtod(line + strlen("begun "), NULL) / 1e3 : 0;
}

static void start(char **command, char *variable, int way, double *ret_taken)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};
	double from, begun;
	int output[2], status;
	pid_t pid;

	nanosleep(&pause, NULL);
	if (pipe2(output, O_CLOEXEC) != 0)
		fail("a pipe");
	from = now_us();
	pid = fork();
	if (pid == 0)
		become(command, variable, way, output[1]);
	close(output[1]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		fail(command[0]);
	ret_taken[ENDED] = now_us() - from;
	begun = begun_us(output[0]);
	close(output[0]);
	if (begun == 0)
		fail("to find out when main() began");
	ret_taken[BEGUN] = begun - from;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static void show(const char *way, const char *moment, double *taken, int runs)
{
	qsort(taken, (size_t)runs, sizeof(double), compare);
	printf("%s %s %.0f %.0f %.0f\n", way, moment, taken[runs / 2], taken[0], taken[runs - 1]);
}

int main(int argc, char **argv)
{
	static double taken[WAYS][MOMENTS][RUNS_MAX];
	int runs = argc > 3 ? atoi(argv[1]) : 0;

	if (runs < 1 || runs > RUNS_MAX || !strchr(argv[2], '='))
		return 2;
	for (int run = -1; run < runs; run++)
		for (int way = 0; way < WAYS; way++) {
			double now[MOMENTS];

			start(argv + 3, argv[2], way, now);
			for (int moment = 0; moment < MOMENTS; moment++)
				taken[way][moment][run < 0 ? 0 : run] = now[moment];
		}
	for (int way = 0; way < WAYS; way++) {
		show(way == WITH ? "with" : "without", "begun", taken[way][BEGUN], runs);
		show(way == WITH ? "with" : "without", "ended", taken[way][ENDED], runs);
	}
	return 0;
}
