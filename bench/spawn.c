/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spawn.c - what a start under a tool costs.
 *
 *	spawn RUNS VARIABLE=VALUE COMMAND [ARGUMENT...]
 *
 * Starts the command RUNS times without the variable and RUNS times with it, in turn and 50 ms apart, after one of
 * each that does not count; ended is when the command is. Prints for both the median, the least and the most, in µs:
 *
 *	without MEDIAN LEAST MOST
 *	with MEDIAN LEAST MOST
 *
 * What the command prints goes to standard error. Run under the tool itself, it starts processes that join a
 * session.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 10000
/* A collector closes its file when its program has gone: not at the cost of who is started next. */
#define PAUSE_NS 50000000

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double start(char **command, char *variable, int with)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};
	double begin;
	int status;
	pid_t pid;

	nanosleep(&pause, NULL);
	begin = now_us();
	pid = fork();

	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		if (with) {
			putenv(variable);
		} else {
			*strchr(variable, '=') = '\0';
			unsetenv(variable);
		}
		execvp(command[0], command);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "spawn: %s failed\n", command[0]);
		exit(1);
	}
	return now_us() - begin;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"without", "with"};
	static double taken[2][RUNS_MAX];
	int runs = argc > 3 ? atoi(argv[1]) : 0;

	if (runs < 1 || runs > RUNS_MAX || !strchr(argv[2], '='))
		return 2;
	for (int run = -1; run < runs; run++)
		for (int with = 0; with < 2; with++)
			taken[with][run < 0 ? 0 : run] = start(argv + 3, argv[2], with);
	for (int with = 0; with < 2; with++) {
		qsort(taken[with], (size_t)runs, sizeof(double), compare);
		printf("%s %.0f %.0f %.0f\n", names[with], taken[with][runs / 2], taken[with][0],
		       taken[with][runs - 1]);
	}
	return 0;
}
