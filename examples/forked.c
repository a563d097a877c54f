/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * forked.c - a leak of a parent and another one of its child; the child frees what it inherited.
 *
 * What the parent allocated before the fork is the parent's, in the child too: the child's row shows
 * only its own. The two are listed under their own processes.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	1	21	child (forked.c:23)
 *	1	42	main (forked.c:30)
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile kept;

static void child(void *inherited)
{
	/* The child's copy; the parent frees its own. */
	free(inherited);
	kept = malloc(21); /* LEAK: 1 block, 21 bytes */
	exit(0);
}

int main(void)
{
	void *inherited = malloc(10);
	kept = malloc(42); /* LEAK: 1 block, 42 bytes */
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		child(inherited);
	free(inherited);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return status == 0 ? 0 : 1;
}
