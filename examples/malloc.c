/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * malloc.c - loses blocks of malloc and calloc: at two lines of one function, and below two callers.
 *
 * A site is a whole stack: what make loses is listed for each of its callers.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	2	200	make (malloc.c:24)
 *	2	80	make (malloc.c:25)
 *	1	100	make (malloc.c:24)
 *	1	40	make (malloc.c:25)
 *	1	1000000	main (malloc.c:39)
 *	1	1	main (malloc.c:40)
 */
#include <stdlib.h>

static void *volatile kept; /* so that no compiler leaves an allocation out */

static void make(size_t bytes)
{
	void *freed = malloc(bytes);

	kept = malloc(bytes); /* LEAK: 3 blocks, 300 bytes */
	kept = calloc(2, 20); /* LEAK: 3 blocks, 120 bytes */
	free(freed);
}

static void caller(void)
{
	for (int i = 0; i < 2; i++)
		make(100);
}

int main(void)
{
	caller();
	make(100);
	kept = malloc(1000000); /* LEAK: 1 block, 1000000 bytes */
	kept = calloc(1, 1);    /* LEAK: 1 block, 1 byte */
	return 0;
}
