/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guest.c - brings a small machine into a state; make-dumps runs it there.
 *
 *	guest hold MB          touches so much memory and keeps it; below 0: all but so much
 *	guest fragment MB      the same, and gives every second page back
 *	guest commit MB        promises itself all that may be promised but so much, and touches none of it
 *	guest look-up COUNT    asks for so many files of /disk that are not there
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#define MB    ((size_t)1 << 20)
#define PIECE (MB / 4)

static void *map(size_t bytes)
{
	void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return start;
}

static size_t free_bytes(void)
{
	struct sysinfo info;

	sysinfo(&info);
	return info.freeram * info.mem_unit;
}

static void hold(long mb, int is_fragmented)
{
	size_t most = mb < 0 ? free_bytes() : (size_t)mb * MB, held = 0;
	char *start = map(most);

	/* so that nothing is moved together */
	if (is_fragmented)
		mlock2(start, most, MLOCK_ONFAULT);
	while (held + PIECE <= most && (mb >= 0 || free_bytes() > (size_t)-mb * MB)) {
		memset(start + held, 1, PIECE);
		held += PIECE;
	}
	for (size_t at = 0; is_fragmented && at < held; at += 8192)
		madvise(start + at, 4096, MADV_DONTNEED_LOCKED);
	pause();
}

static void commit(size_t mb)
{
	size_t limit = 0, committed = 0;
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "CommitLimit: %zu", &limit);
		sscanf(line, "Committed_AS: %zu", &committed);
	}
	map((limit - committed) * 1024 - mb * MB);
	pause();
}

static void look_up(long count)
{
	char name[64];
	struct stat status;

	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "/disk/none-%ld", i);
		stat(name, &status);
	}
}

int main(int argc, char **argv)
{
	long number = argc == 3 ? atol(argv[2]) : 0;

	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "hold") == 0 || strcmp(argv[1], "fragment") == 0)
		hold(number, *argv[1] == 'f');
	else if (strcmp(argv[1], "commit") == 0)
		commit((size_t)number);
	else
		look_up(number);
	return 0;
}
