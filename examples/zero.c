/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zero.c - a block of no bytes is a block: it has an address and must be given back.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	2	0	some (zero.c:22)
 *	1	0	main (zero.c:33)
 *	1	0	main (zero.c:34)
 *	1	0	main (zero.c:35)
 */
#include <stdlib.h>

static void *volatile kept;
static volatile size_t zero;

static void *some(int count)
{
	void *block = NULL;

	for (int i = 0; i < count; i++) {
		block = malloc(zero); /* LEAK: 2 blocks, 0 bytes: the third is freed */
		if (!block)
			abort();
	}
	return block;
}

int main(void)
{
	void *block = some(3);

	kept = calloc(zero, 8);         /* LEAK: 1 block, 0 bytes */
	kept = realloc(NULL, zero);     /* LEAK: 1 block, 0 bytes */
	kept = aligned_alloc(16, zero); /* LEAK: 1 block, 0 bytes */
	free(block);
	return kept ? 0 : 1;
}
