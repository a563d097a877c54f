/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * large.c - large blocks, each touched: bound by the kernel, a tracer should not show.
 *
 *	large [STEPS]      default 2000
 *
 * Allocates, fills, grows by realloc and frees blocks of 64 KiB to 4 MiB, 16 of them live at a time.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE 16

int main(int argc, char **argv)
{
	long steps = argc > 1 ? atol(argv[1]) : 2000;
	char *blocks[LIVE] = {NULL};
	uint32_t state = 1;

	for (long i = 0; i < steps; i++) {
		size_t size;

		state = state * 1664525u + 1013904223u;
		size = (size_t)(64 << 10) << (state >> 24) % 6;
		free(blocks[i % LIVE]);
		blocks[i % LIVE] = malloc(size);
		memset(blocks[i % LIVE], 1, size);
		blocks[i % LIVE] = realloc(blocks[i % LIVE], size * 2);
		blocks[i % LIVE][size * 2 - 1] = 1;
	}
	for (int i = 0; i < LIVE; i++)
		free(blocks[i]);
	printf("%ld steps\n", steps);
	return 0;
}
