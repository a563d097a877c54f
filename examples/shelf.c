/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shelf.c - libshelf.so, the shared library of library.c and plugin.c: shelf_free forgets the books.
 *
 * What memtrace must print is said there.
 */
#include <stdlib.h>

#include "examples/shelf.h"

struct shelf {
	int count;
	void **books;
};

struct shelf *shelf_new(int count)
{
	struct shelf *shelf = malloc(sizeof(*shelf));

	if (!shelf)
		abort();
	shelf->count = count;
	shelf->books = calloc((size_t)count, sizeof(void *));
	for (int i = 0; i < count; i++)
		shelf->books[i] = malloc(30); /* LEAK: 5 blocks, 150 bytes */
	return shelf;
}

void shelf_free(struct shelf *shelf)
{
	free(shelf->books);
	free(shelf);
}
