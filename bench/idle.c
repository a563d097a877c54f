/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * idle.c - threads that have allocated and now do nothing, to be looked at from outside.
 *
 *	idle [THREADS]          default 1
 *
 * Each thread, main is one of them, allocates and frees blocks on some different stacks; when all have, it
 * prints "ready" and waits for the end of its standard input.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAIRS 1000

static pthread_barrier_t ready, never;

static __attribute__((noinline)) void *descend(unsigned int path)
{
	void *block;

	if (path == 0)
		return malloc(100);
	block = path & 1 ? descend(path >> 1) : descend(path >> 1);
	__asm__ volatile("" : "+r"(block));
	return block;
}

static void *work(void *unused)
{
	for (unsigned int i = 0; i < PAIRS; i++)
		free(descend(i & 63));
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&never);
	return unused;
}

int main(int argc, char **argv)
{
	unsigned int threads = argc > 1 ? (unsigned int)atoi(argv[1]) : 1;
	pthread_t thread;
	char byte;

	pthread_barrier_init(&ready, NULL, threads);
	pthread_barrier_init(&never, NULL, threads);
	for (unsigned int i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, work, NULL) != 0)
			return 1;
	for (unsigned int i = 0; i < PAIRS; i++)
		free(descend(i & 63));
	pthread_barrier_wait(&ready);
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
