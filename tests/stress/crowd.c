/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crowd.c - more threads alive at once than the library has rings for.
 *
 *	crowd [THREADS [ROUNDS]]          default 2600 30
 *
 * All are alive before the first hands a block over and until the last has. Each round allocates, reallocates (some
 * fail), and swaps a block into a shared place; whoever takes one out gives it back. One thread in eight is
 * interrupted all the time by a signal whose handler allocates and frees. What memtrace must find is printed, by
 * the program's own count: "allocations N frees N bytes N threads N".
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PLACES 256

struct count {
	unsigned long allocations, frees, bytes;
};

static _Atomic(char *) places[PLACES];
static pthread_barrier_t everybody;
static long rounds = 30;
static struct count *counts, *handler_counts;
static __thread struct count *count_of_handler;

static char *make(struct count *count, size_t bytes)
{
	char *block = malloc(bytes);

	count->allocations++;
	count->bytes += bytes;
	return block;
}

static void give_back(struct count *count, char *block)
{
	count->frees += block != NULL;
	free(block);
}

static char *resize(struct count *count, char *block, size_t bytes)
{
	char *moved = realloc(block, bytes);

	if (!moved)
		return block;
	count->frees++;
	count->allocations++;
	count->bytes += bytes;
	return moved;
}

/* Never where the thread is inside the allocator itself: it is sent by the thread's own pthread_kill(). */
static void on_signal(int number)
{
	(void)number;
	give_back(count_of_handler, make(count_of_handler, 24));
}

static void *work(void *argument)
{
	uintptr_t which = (uintptr_t)argument;
	struct count *count = &counts[which];
	uint32_t state = (uint32_t)which * 2654435761u + 1;
	volatile size_t too_much = PTRDIFF_MAX;

	count_of_handler = &handler_counts[which];
	give_back(count, make(count, 10));
	pthread_barrier_wait(&everybody);
	for (long i = 0; i < rounds; i++) {
		char *block;

		state = state * 1664525u + 1013904223u;
		block = make(count, (state >> 24) + 1);
		if (state & 0x40000)
			block = resize(count, block, (state >> 22 & 255) + 1);
		if (state & 0x80000)
			block = resize(count, block, too_much);
		if (which % 8 == 0)
			pthread_kill(pthread_self(), SIGUSR1);
		give_back(count, atomic_exchange(&places[state >> 12 & (PLACES - 1)], block));
	}
	pthread_barrier_wait(&everybody);
	return NULL;
}

/* Not from malloc, so that it is in no count. */
static void *zeros(size_t bytes)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(int argc, char **argv)
{
	size_t threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 2600;
	struct sigaction action = {.sa_handler = on_signal};
	struct count sum = {0, 0, 0};
	pthread_attr_t small;
	pthread_t *others;
	char line[200];
	int length;

	if (argc > 2)
		rounds = atol(argv[2]);
	others = zeros(threads * sizeof(*others));
	counts = zeros((threads + 1) * sizeof(*counts));
	handler_counts = zeros(threads * sizeof(*handler_counts));
	sigaction(SIGUSR1, &action, NULL);
	pthread_barrier_init(&everybody, NULL, (unsigned int)threads);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	for (uintptr_t i = 0; i < threads; i++)
		if (pthread_create(&others[i], &small, work, (void *)i) != 0)
			_exit(77);
	for (size_t i = 0; i < threads; i++)
		pthread_join(others[i], NULL);
	for (int i = 0; i < PLACES; i++)
		give_back(&counts[threads], places[i]);
	for (size_t i = 0; i <= threads; i++) {
		const struct count *parts[] = {&counts[i], i < threads ? &handler_counts[i] : NULL};

		for (int part = 0; part < 2; part++) {
			sum.allocations += parts[part] ? parts[part]->allocations : 0;
			sum.frees += parts[part] ? parts[part]->frees : 0;
			sum.bytes += parts[part] ? parts[part]->bytes : 0;
		}
	}
	/* Not by stdio, which allocates. */
	length = snprintf(line, sizeof(line), "allocations %lu frees %lu bytes %lu threads %zu\n",
	                  sum.allocations, sum.frees, sum.bytes, threads + 1);
	return write(1, line, (size_t)length) != length;
}
