/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * churn.c - bound by malloc: each step frees one block and allocates one under a random call path.
 *
 *	churn [STEPS [THREADS [DEPTH]]]     default 5000000 1 17
 *
 * A path is DEPTH frames deep from main to the caller of malloc; its innermost frames, 10 of them where there
 * are that many, choose one of two call sites each, so from 14 frames on there are 1024 distinct stacks. Each
 * thread keeps 10 000 blocks of 16 to 271 bytes. Prints the steps done.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCKS 10000
#define CHOICES 10
/* main, churn, one enter at least, and the innermost descend */
#define FRAMES_AROUND 4

static long steps = 5000000;
static int depth = 17;
static int choices = CHOICES;

static __attribute__((noinline)) void *descend(unsigned int path, int left, size_t size)
{
	void *block;

	if (left <= 0)
		return malloc(size);
	if (path & 1) {
		block = descend(path >> 1, left - 1, size);
		__asm__ volatile("" : "+r"(block));
	} else {
		block = descend(path >> 1, left - 1, size);
		__asm__ volatile("nop" : "+r"(block));
	}
	return block;
}

/* The outer frames, all the same. */
static __attribute__((noinline)) void *enter(unsigned int path, int left, size_t size)
{
	void *block = left > 0 ? enter(path, left - 1, size) : descend(path, choices, size);

	__asm__ volatile("" : "+r"(block));
	return block;
}

static void *churn(void *seed)
{
	uint64_t state = (uintptr_t)seed * 0x9e3779b97f4a7c15u + 1;
	void **blocks = calloc(BLOCKS, sizeof(*blocks));

	for (long i = 0; i < steps; i++) {
		unsigned int at;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		at = (uint32_t)state % BLOCKS;
		free(blocks[at]);
		blocks[at] = enter((unsigned int)(state >> 32), depth - choices - FRAMES_AROUND,
				   16 + (state >> 44) % 256);
	}
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	free(blocks);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t others[256];

	if (argc > 1)
		steps = atol(argv[1]);
	if (argc > 3)
		depth = atoi(argv[3]);
	if (threads < 1 || threads > 256 || depth < FRAMES_AROUND || steps < 0)
		return 2;
	if (depth < choices + FRAMES_AROUND)
		choices = depth - FRAMES_AROUND;
	for (int i = 1; i < threads; i++)
		if (pthread_create(&others[i], NULL, churn, (void *)(uintptr_t)(i + 1)) != 0)
			return 1;
	churn((void *)1);
	for (int i = 1; i < threads; i++)
		pthread_join(others[i], NULL);
	printf("%ld steps in each of %d threads\n", steps, threads);
	return 0;
}
