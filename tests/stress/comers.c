/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * comers.c - threads that come and go.
 *
 *	comers [THREADS [FILE]]          default 4000
 *
 * Eight at a time. Each allocates, hands a block to whoever comes next, and gives back what it took, some of it in the
 * destructor of a pthread key that is called after all others' first pass. After a tenth of them and at the end it says on
 * stderr what is resident of itself and of the process that has FILE open (the collector): "rss kB kB". What
 * memtrace must find is printed: "allocations N frees N bytes N threads N".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE 8

static _Atomic(char *) handed;
static atomic_ulong allocations, frees, bytes;
static pthread_key_t key;
static __thread int passes;

static char *make(size_t size)
{
	char *block = malloc(size);

	atomic_fetch_add(&allocations, 1);
	atomic_fetch_add(&bytes, size);
	return block;
}

static void give_back(char *block)
{
	if (block)
		atomic_fetch_add(&frees, 1);
	free(block);
}

/* In the very last pass, when the library has let go of the thread. */
static void at_end(void *block)
{
	if (++passes < 4) {
		pthread_setspecific(key, block);
		return;
	}
	give_back(block);
	give_back(make(17));
}

static void *come_and_go(void *which)
{
	pthread_setname_np(pthread_self(), "comer");
	pthread_setspecific(key, make(100 + (uintptr_t)which % 50));
	give_back(atomic_exchange(&handed, make(30)));
	return NULL;
}

static long resident_kb(const char *process)
{
	char path[300], line[200];
	long pages = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/statm", process);
	file = fopen(path, "r");
	if (file && fgets(line, sizeof(line), file))
		sscanf(line, "%*d %ld", &pages);
	if (file)
		fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Who else has it open. */
static int find_user(const char *wanted, char *ret_pid, size_t size)
{
	DIR *all = opendir("/proc");
	struct dirent *process, *entry;
	int found = 0;

	while (!found && (process = readdir(all))) {
		char path[600], target[PATH_MAX];
		DIR *open_files;

		snprintf(path, sizeof(path), "/proc/%s/fd", process->d_name);
		if (process->d_name[0] < '1' || process->d_name[0] > '9' || !(open_files = opendir(path)))
			continue;
		while (!found && (entry = readdir(open_files))) {
			ssize_t length;

			snprintf(path, sizeof(path), "/proc/%s/fd/%s", process->d_name, entry->d_name);
			length = readlink(path, target, sizeof(target) - 1);
			target[length < 0 ? 0 : length] = '\0';
			found = strcmp(target, wanted) == 0 && atoi(process->d_name) != getpid();
		}
		closedir(open_files);
		if (found)
			snprintf(ret_pid, size, "%s", process->d_name);
	}
	closedir(all);
	return found;
}

static void say_rss(const char *file)
{
	char pid[300];

	if (file && find_user(file, pid, sizeof(pid)))
		fprintf(stderr, "rss %ld %ld\n", resident_kb("self"), resident_kb(pid));
}

int main(int argc, char **argv)
{
	uintptr_t threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 4000;
	const char *file = argc > 2 ? argv[2] : NULL;
	pthread_t others[AT_ONCE];
	char line[200];
	int length;

	pthread_key_create(&key, at_end);
	for (uintptr_t done = 0; done < threads; done += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++)
			if (pthread_create(&others[i], NULL, come_and_go, (void *)(done + (uintptr_t)i)) != 0)
				return 1;
		for (int i = 0; i < AT_ONCE; i++)
			pthread_join(others[i], NULL);
		if (done / AT_ONCE == threads / AT_ONCE / 10)
			say_rss(file);
	}
	say_rss(file);
	give_back(atomic_exchange(&handed, NULL));
	/* Not by stdio, which allocates. */
	length = snprintf(line, sizeof(line), "allocations %lu frees %lu bytes %lu\n", allocations, frees, bytes);
	return write(1, line, (size_t)length) != length;
}
