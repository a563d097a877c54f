/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * aligned.c - loses one block of each call that aligns, and shows that refused calls count as nothing.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	1	100	main (aligned.c:31)
 *	1	256	main (aligned.c:33)
 *	1	33	main (aligned.c:34)
 *	1	5000	main (aligned.c:35)
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

static void *volatile kept;
static volatile size_t huge = PTRDIFF_MAX;
static volatile size_t odd = 24;

static int aligned_to(const void *block, uintptr_t alignment)
{
	return block && (uintptr_t)block % alignment == 0;
}

int main(void)
{
	void *blocks[4] = {NULL};
	void *untouched = &blocks;

	if (posix_memalign(&blocks[0], 1024, 100) != 0) /* LEAK: 1 block, 100 bytes */
		return 1;
	blocks[1] = aligned_alloc(256, 256); /* LEAK: 1 block, 256 bytes */
	blocks[2] = memalign(64, 33);        /* LEAK: 1 block, 33 bytes */
	blocks[3] = valloc(5000);            /* LEAK: 1 block, 5000 bytes */
	if (!aligned_to(blocks[0], 1024) || !aligned_to(blocks[1], 256) ||
	    !aligned_to(blocks[2], 64) || !aligned_to(blocks[3], 4096))
		return 1;
	kept = blocks[0];
	if (posix_memalign(&untouched, odd, 100) != EINVAL || untouched != &blocks)
		return 1;
	if (posix_memalign(&untouched, 64, huge) != ENOMEM || untouched != &blocks)
		return 1;
	errno = 0;
	kept = aligned_alloc(64, huge);
	if (kept || errno != ENOMEM)
		return 1;
	if (posix_memalign(&untouched, 64, 128) != 0)
		return 1;
	free(untouched);
	return 0;
}
