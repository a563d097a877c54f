/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * forks.c - a process with many live blocks that forks often.
 *
 *	forks [BLOCKS [FORKS [LIVE]]]          default 1000000 200 0
 *
 * Each child gives one inherited block back and allocates one of 40 bytes, the parent changes one block between two
 * forks. LIVE = 1: all children live until the last one has been forked, and are killed then. At the end all of the
 * parent's blocks are live: BLOCKS + 1. Prints that, and the collector's largest size, from /proc.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *volatile kept;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The VmHWM of the newest memtrace-collect. */
static long collector_peak_kib(void)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	long peak = 0, newest = 0;

	while (folder && (entry = readdir(folder))) {
		char path[300], line[256];
		bool is_collector = false;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/status", entry->d_name);
		if (atol(entry->d_name) <= newest || !(file = fopen(path, "r")))
			continue;
		while (fgets(line, sizeof(line), file)) {
			if (strncmp(line, "Name:\tmemtrace-collec", 21) == 0)
				is_collector = true;
			if (is_collector && sscanf(line, "VmHWM: %ld", &peak) == 1)
				newest = atol(entry->d_name);
		}
		fclose(file);
	}
	if (folder)
		closedir(folder);
	return peak;
}

static void child(void *inherited, bool lives)
{
	free(inherited);
	kept = malloc(40);
	if (lives)
		pause();
	_exit(0);
}

int main(int count, char **arguments)
{
	long blocks = count > 1 ? atol(arguments[1]) : 1000000;
	long forks = count > 2 ? atol(arguments[2]) : 200;
	bool live = count > 3 && atoi(arguments[3]);
	void **block = malloc((size_t)blocks * sizeof(*block));
	pid_t *pids = calloc((size_t)forks, sizeof(*pids));
	double begun;

	if (blocks < 2 * forks || !block || !pids)
		return 2;
	for (long i = 0; i < blocks; i++)
		block[i] = malloc(16);
	begun = now();
	for (long i = 0; i < forks; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			child(block[i], live);
		free(block[forks + i]);
		block[forks + i] = malloc(24);
		if (!live)
			waitpid(pids[i], NULL, 0);
	}
	printf("%ld forks: %.3f s\n", forks, now() - begun);
	/* It has read all that was published when one more child's end is in the file. */
	if (live && fork() == 0)
		_exit(0);
	if (live)
		wait(NULL);
	printf("collector: at most %ld MB\n", collector_peak_kib() / 1024);
	for (long i = 0; live && i < forks; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	free(pids);
	printf("live blocks: %ld\n", blocks + 1);
	return 0;
}
