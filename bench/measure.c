/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * measure.c - runs a command and says what it took, with all that it leaves behind.
 *
 *	measure RESULT [VARIABLE=VALUE...] -- COMMAND [ARGUMENT...]
 *
 * Started by bench/run. A program this small, because what a process held before exec counts into the peak of
 * the command. It adopts the command's orphans, a collector for one, and waits for them, so that their CPU
 * time counts. The variables are the command's alone. Writes one line of numbers to RESULT:
 *
 *	wall_ns     until the command ended
 *	all_ns      until the last process ended
 *	cpu_ns      user and system, all processes
 *	rss_kb      peak of the command, or of one of those that it waited for
 *	status      as a shell has it
 *	own_cpu_ns  user and system, the command and those that it waited for
 *	queued_ns   of the wall time, how long the command's first thread was ready to run and had no core
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_ns(const struct rusage *usage)
{
	return (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000u;
}

/* The second number of /proc/PID/schedstat; the process has ended, but nobody has waited for it yet. */
static uint64_t queued_ns(pid_t pid)
{
	char path[64];
	unsigned long long queued = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%*u %llu", &queued) != 1)
		queued = 0;
	fclose(file);
	return queued;
}

/* The next child that has ended; it still is to be waited for. */
static pid_t next_ended(void)
{
	siginfo_t info = {0};

	return waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0 ? info.si_pid : -1;
}

int main(int argc, char **argv)
{
	uint64_t begin, wall = 0, cpu = 0, own_cpu = 0, queued = 0;
	long rss_kb = 0;
	int at = 2, status, result = 0;
	struct rusage usage;
	pid_t command, pid;
	FILE *file;

	while (at < argc && strcmp(argv[at], "--") != 0)
		at++;
	if (at + 1 >= argc)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	begin = now_ns();
	command = fork();
	if (command < 0)
		return 1;
	if (command == 0) {
		for (int i = 2; i < at; i++)
			putenv(argv[i]);
		execvp(argv[at + 1], argv + at + 1);
		_exit(127);
	}
	while ((pid = next_ended()) > 0) {
		uint64_t ended = now_ns();

		if (pid == command)
			queued = queued_ns(pid);
		if (wait4(pid, &status, 0, &usage) != pid)
			return 1;
		cpu += cpu_ns(&usage);
		if (pid != command)
			continue;
		wall = ended - begin;
		own_cpu = cpu_ns(&usage);
		rss_kb = usage.ru_maxrss;
		result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	file = fopen(argv[1], "w");
	if (!file)
		return 1;
	fprintf(file, "%llu %llu %llu %ld %d %llu %llu\n", (unsigned long long)wall,
	        (unsigned long long)(now_ns() - begin), (unsigned long long)cpu, rss_kb, result,
	        (unsigned long long)own_cpu, (unsigned long long)queued);
	return fclose(file) != 0;
}
