/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handoff.c - threads that hand blocks to each other as fast as they can.
 *
 *	handoff [THREADS [ROUNDS]]          default 32 20000
 *
 * A block is allocated by one thread, swapped into a shared place, and freed or reallocated by whichever thread
 * swaps it out; its address is at once another thread's. At the end the blocks still in their places are leaked
 * on purpose, all allocated in make() or resize(). Prints what memtrace must find: "live BLOCKS BYTES".
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PLACES 64

static _Atomic(size_t *) places[PLACES];
static long rounds = 20000;

/* A block starts with its own size. */
static __attribute__((noinline)) size_t *make(size_t size)
{
	size_t *block = malloc(size);

	*block = size;
	return block;
}

static __attribute__((noinline)) size_t *resize(size_t *block, size_t size)
{
	block = realloc(block, size);
	*block = size;
	return block;
}

static void *work(void *seed)
{
	uint64_t state = (uintptr_t)seed * 0x9e3779b97f4a7c15u + 1;

	for (long i = 0; i < rounds; i++) {
		size_t *block;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		block = atomic_exchange(&places[state % PLACES], NULL);
		if (block && state >> 60 < 4)
			block = resize(block, 16 + (state >> 20) % 100);
		else if (block) {
			free(block);
			block = NULL;
		}
		if (!block)
			block = make(16 + (state >> 30) % 100);
		block = atomic_exchange(&places[state >> 10 & (PLACES - 1)], block);
		free(block);
		if ((state >> 40) % 64 == 0)
			sched_yield();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 32;
	size_t blocks = 0, bytes = 0;
	pthread_t others[1024];

	if (argc > 2)
		rounds = atol(argv[2]);
	if (threads < 1 || threads > 1024 || rounds < 0)
		return 2;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&others[i], NULL, work, (void *)(uintptr_t)(i + 1)) != 0)
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(others[i], NULL);
	for (int i = 0; i < PLACES; i++) {
		if (!places[i])
			continue;
		blocks++;
		bytes += *places[i];
		places[i] = NULL;
	}
	printf("live %zu %zu\n", blocks, bytes);
	return 0;
}
