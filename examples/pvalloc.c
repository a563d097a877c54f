/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pvalloc.c - pvalloc rounds up to whole pages: what counts is what the program asked for.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	2	5001	main (pvalloc.c:20)
 */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

static void *volatile kept;

int main(void)
{
	static const size_t sizes[] = {1, 5000};

	for (int i = 0; i < 2; i++) {
		kept = pvalloc(sizes[i]); /* LEAK: 2 blocks, 5001 bytes */
		if (!kept || (uintptr_t)kept % 4096 != 0)
			return 1;
	}
	free(pvalloc(3));
	return 0;
}
