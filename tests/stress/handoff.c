/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handoff.c - threads that hand blocks to each other as fast as they can.
 *
 *	handoff [THREADS [ROUNDS]]          default 32 20000
 *
 * A block is allocated by one thread, swapped into a shared place, and freed or reallocated by whichever thread
 * swaps it out; its address is at once another thread's. Now and then a realloc fails. At the end the blocks still
 * in their places are leaked on purpose, all allocated in make() or resize(). Prints what memtrace must find, by the
 * program's own count, and how many blocks were swapped out:
 *
 *	live BLOCKS BYTES
 *	allocations N frees N bytes N
 *	hand-offs N
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PLACES 64

static _Atomic(size_t *) places[PLACES];
static long rounds = 20000;

struct count {
	unsigned long allocations, frees, bytes, handoffs;
};

static struct count sum;

/* A block starts with its own size. */
static __attribute__((noinline)) size_t *make(struct count *count, size_t size)
{
	size_t *block = malloc(size);

	*block = size;
	count->allocations++;
	count->bytes += size;
	return block;
}

static __attribute__((noinline)) size_t *resize(struct count *count, size_t *block, size_t size)
{
	size_t *moved = realloc(block, size);

	if (!moved)
		return block;
	*moved = size;
	count->allocations++;
	count->frees++;
	count->bytes += size;
	return moved;
}

static size_t *swap(struct count *count, _Atomic(size_t *) *place, size_t *block)
{
	block = atomic_exchange(place, block);
	count->handoffs += block != NULL;
	return block;
}

static void *work(void *seed)
{
	uint64_t state = (uintptr_t)seed * 0x9e3779b97f4a7c15u + 1;
	struct count count = {0, 0, 0, 0};
	volatile size_t too_much = PTRDIFF_MAX;

	for (long i = 0; i < rounds; i++) {
		size_t *block;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		block = swap(&count, &places[state % PLACES], NULL);
		if (block && state >> 60 < 4) {
			block = resize(&count, block, 16 + (state >> 20) % 100);
			if ((state >> 50) % 64 == 0)
				block = resize(&count, block, too_much);
		} else if (block) {
			free(block);
			count.frees++;
			block = NULL;
		}
		if (!block)
			block = make(&count, 16 + (state >> 30) % 100);
		block = swap(&count, &places[state >> 10 & (PLACES - 1)], block);
		count.frees += block != NULL;
		free(block);
		if ((state >> 40) % 64 == 0)
			sched_yield();
	}
	__atomic_fetch_add(&sum.allocations, count.allocations, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sum.frees, count.frees, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sum.bytes, count.bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sum.handoffs, count.handoffs, __ATOMIC_RELAXED);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 32;
	size_t blocks = 0, bytes = 0;
	pthread_t others[1024];
	char text[300];
	int length;

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
	/* Not by stdio, which allocates. */
	length = snprintf(text, sizeof(text),
	                  "live %zu %zu\nallocations %lu frees %lu bytes %lu\nhand-offs %lu\n",
	                  blocks, bytes, sum.allocations, sum.frees, sum.bytes, sum.handoffs);
	return write(1, text, (size_t)length) != length;
}
