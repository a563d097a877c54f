/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * victim.c - a busy program that keeps a log of its own of what it allocated, to be killed at any moment.
 *
 *	victim LOG [THREADS [CHILDREN]]          default 4 1
 *
 * Never ends. Each of its processes (the first, and CHILDREN forked ones) runs THREADS threads that allocate,
 * reallocate, free, and hand blocks to each other. LOG is a file mapped shared, so that it is right when the program
 * is gone; tests/reliability/kill.py reads it:
 *
 *	struct log { ready; processes; threads; rows[] }     a row a process
 *
 * What it says was published before: a thread counts a call when it has returned, and a block stands in a place from
 * after malloc returned to before free is called. So at any moment, by thread, at most one call is not counted, and
 * at most two blocks stand in no place.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_PROCESSES 4
#define MAX_THREADS   16
#define PLACES        256

struct counter {
	_Atomic uint64_t allocations; /* a realloc is a free and an allocation */
	_Atomic uint64_t frees;
	uint64_t pad[6];
};

struct row {
	uint32_t pid;
	uint32_t pad[15];
	struct counter counters[MAX_THREADS];
	_Atomic uint64_t places[PLACES]; /* address << 16 | size, 0: none */
};

struct log {
	_Atomic uint32_t ready;
	uint32_t processes;
	uint32_t threads;
	uint32_t pad[13];
	struct row rows[MAX_PROCESSES];
};

static struct log *log_file;
static struct row *row;

static void count(_Atomic uint64_t *counter)
{
	/* One writer. Release: what it counts has happened before. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
	                      memory_order_release);
}

static uint64_t place_of(void *block, uint64_t size)
{
	return (uint64_t)(uintptr_t)block << 16 | size;
}

static void *block_of(uint64_t place)
{
	return (void *)(uintptr_t)(place >> 16);
}

static void *work(void *argument)
{
	struct counter *counter = argument;
	uint64_t state = (uint64_t)(counter - row->counters + 1) * 0x9e3779b97f4a7c15u;

	for (;;) {
		uint64_t taken, size;
		void *block = NULL;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		size = 1 + (state >> 40) % 2000;
		taken = atomic_exchange(&row->places[state % PLACES], 0);
		if (taken && (state >> 60) < 5) {
			block = realloc(block_of(taken), size);
			count(&counter->allocations);
			count(&counter->frees);
		} else {
			if (taken) {
				free(block_of(taken));
				count(&counter->frees);
			}
			block = malloc(size);
			count(&counter->allocations);
		}
		taken = atomic_exchange(&row->places[(state >> 20) % PLACES],
		                        place_of(block, size));
		if (taken) {
			free(block_of(taken));
			count(&counter->frees);
		}
	}
	return NULL;
}

static int run(unsigned index)
{
	pthread_t thread;

	row = &log_file->rows[index];
	row->pid = (uint32_t)getpid();
	for (unsigned i = 1; i < log_file->threads; i++)
		if (pthread_create(&thread, NULL, work, &row->counters[i]) != 0)
			return 3;
	work(&row->counters[0]);
	return 4;
}

int main(int count_of, char **arguments)
{
	long threads = count_of > 2 ? atol(arguments[2]) : 4;
	long children = count_of > 3 ? atol(arguments[3]) : 1;
	int file;

	if (count_of < 2 || threads < 1 || threads > MAX_THREADS || children < 0 ||
	    children >= MAX_PROCESSES)
		return 2;
	file = open(arguments[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, sizeof(*log_file)) < 0)
		return 2;
	log_file = mmap(NULL, sizeof(*log_file), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (log_file == MAP_FAILED)
		return 2;
	close(file);
	log_file->processes = (uint32_t)children + 1;
	log_file->threads = (uint32_t)threads;
	atomic_store(&log_file->ready, 1);
	for (long i = 1; i <= children; i++)
		if (fork() == 0)
			return run((unsigned)i);
	return run(0);
}
