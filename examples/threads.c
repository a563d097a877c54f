/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * threads.c - leaks of threads; blocks that one thread allocates and another frees are none.
 *
 * Four threads each lose two blocks, and hand ten blocks over to main, which frees them.
 * glibc keeps a table for each thread that has run (LIBC below); its size is glibc's affair.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	8	96	worker (threads.c:30)
 *	1	500	main (threads.c:55)
 */
#include <pthread.h>
#include <stdlib.h>

#define THREADS 4
#define BLOCKS  10

static void *volatile kept;

/* Returns an array of blocks that the joining thread frees. */
static void *worker(void *argument)
{
	void **given = malloc(BLOCKS * sizeof(void *));

	(void)argument;
	if (!given)
		abort();
	for (int i = 0; i < 2; i++)
		kept = malloc(12); /* LEAK: 8 blocks, 96 bytes */
	for (size_t i = 0; i < BLOCKS; i++)
		given[i] = malloc(100 + i);
	return given;
}

int main(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, worker, NULL) != 0) /* LIBC */
			return 1;
	}
	for (int i = 0; i < THREADS; i++) {
		void *result = NULL;
		void **given;

		if (pthread_join(threads[i], &result) != 0)
			return 1;
		given = result;
		for (int k = 0; k < BLOCKS; k++)
			free(given[k]);
		free(given);
	}
	kept = malloc(500); /* LEAK: 1 block, 500 bytes */
	return 0;
}
