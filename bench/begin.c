/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * begin.c - says when its main() began, for bench/spawn: "begun NS", on the clock CLOCK_MONOTONIC. Does nothing else.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	struct timespec now;
	char line[64];
	int bytes;

	clock_gettime(CLOCK_MONOTONIC, &now);
	bytes = snprintf(line, sizeof(line), "begun %lld\n",
	                 (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	return write(STDOUT_FILENO, line, (size_t)bytes) != bytes;
}
