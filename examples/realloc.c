/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * realloc.c - loses what realloc returned: made from NULL, grown, shrunk, moved, after a failure.
 *
 * A block belongs to the call that gave it its present size; a realloc that fails changes nothing.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	1	50	from_null (realloc.c:28)
 *	1	300	grown (realloc.c:35)
 *	1	10	shrunk (realloc.c:42)
 *	1	900000	moved (realloc.c:51)
 *	1	70	failed (realloc.c:58)
 *	1	1200	array (realloc.c:69)
 *	1	40	array_overflow (realloc.c:74)
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

static void *volatile kept;
/* Read at run time, so that no compiler warns of what is done on purpose. */
static volatile size_t huge = PTRDIFF_MAX;
static volatile size_t zero;

static void from_null(void)
{
	kept = realloc(NULL, 50); /* LEAK: 1 block, 50 bytes */
}

static void grown(void)
{
	void *block = malloc(200);

	kept = realloc(block, 300); /* LEAK: 1 block, 300 bytes */
}

static void shrunk(void)
{
	void *block = malloc(1000);

	kept = realloc(block, 10); /* LEAK: 1 block, 10 bytes */
}

static void moved(void)
{
	void *block = malloc(100);
	void *wall = malloc(100); /* behind it, so that it cannot grow in place */
	void *old = block;

	block = realloc(block, 900000); /* LEAK: 1 block, 900000 bytes */
	kept = block == old ? NULL : block;
	free(wall);
}

static int failed(void)
{
	void *block = malloc(70); /* LEAK: 1 block, 70 bytes */

	errno = 0;
	kept = realloc(block, huge);
	return kept == NULL && errno == ENOMEM;
}

static void array(void)
{
	void *block = reallocarray(NULL, 10, 12);

	kept = reallocarray(block, 100, 12); /* LEAK: 1 block, 1200 bytes */
}

static int array_overflow(void)
{
	void *block = malloc(40); /* LEAK: 1 block, 40 bytes */

	errno = 0;
	kept = reallocarray(block, huge, 16);
	return kept == NULL && errno == ENOMEM;
}

/* glibc frees a block that is reallocated to nothing. */
static int to_nothing(void)
{
	void *block = malloc(20);

	kept = realloc(block, zero);
	return kept == NULL;
}

int main(void)
{
	from_null();
	grown();
	shrunk();
	moved();
	array();
	return failed() && array_overflow() && to_nothing() ? 0 : 1;
}
