/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * blocks.c - a process that ends with many live blocks: how long does it wait for them to be in the file?
 *
 *	blocks [BLOCKS]          default 5000000
 *
 * Prints the time at which it calls _exit() itself, in seconds of CLOCK_REALTIME: what `date +%s.%N` behind it says
 * more, is what it has waited.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void *volatile kept;

int main(int count, char **arguments)
{
	long blocks = count > 1 ? atol(arguments[1]) : 5000000;
	struct timespec time;

	for (long i = 0; i < blocks; i++)
		kept = malloc(16);
	clock_gettime(CLOCK_REALTIME, &time);
	printf("%ld.%09ld\n", (long)time.tv_sec, time.tv_nsec);
	fflush(stdout);
	_exit(0);
}
