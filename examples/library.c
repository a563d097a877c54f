/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * library.c - a leak in a shared library that the program is linked with.
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	5	150	shelf_new (shelf.c:25)
 *	1	77	main (library.c:19)
 */
#include <stdlib.h>

#include "examples/shelf.h"

static void *volatile kept;

int main(void)
{
	struct shelf *shelf = shelf_new(5);
	kept = malloc(77); /* LEAK: 1 block, 77 bytes */
	shelf_free(shelf);
	return 0;
}
