/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clean.c - allocates in every way that C has and gives all of it back.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	(nothing)
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	void *blocks[11];
	char *text = NULL;

	blocks[0] = malloc(1);
	blocks[1] = calloc(3, 5);
	blocks[2] = realloc(NULL, 100);
	blocks[3] = reallocarray(NULL, 7, 9);
	if (posix_memalign(&blocks[4], 4096, 5000) != 0)
		return 1;
	blocks[5] = aligned_alloc(64, 640);
	blocks[6] = memalign(128, 3);
	blocks[7] = valloc(17);
	blocks[8] = strdup("a string");
	blocks[9] = malloc(1 << 20); /* by mmap, inside the allocator */
	if (asprintf(&text, "%d of them", 10) < 0)
		return 1;
	blocks[10] = text;
	for (int i = 0; i < 11; i++) {
		if (!blocks[i])
			return 1;
	}
	/* Moves it, and so frees one and allocates one. */
	blocks[2] = realloc(blocks[2], 200000);
	for (int i = 0; i < 11; i++)
		free(blocks[i]);
	free(NULL);
	return 0;
}
