/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inlined.c - the leak is in a function that was inlined, twice over, into main; built with -O2.
 *
 * The stack must show buffer_new, inlined into page_new, inlined into main (inlined.c:39).
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	1	4000	buffer_new (inlined.c:23)
 */
#include <stdlib.h>

struct page {
	char *buffer;
	size_t bytes;
};

static void *volatile kept;

static inline __attribute__((always_inline)) char *buffer_new(size_t bytes)
{
	/* The result is looked at, so that the call is no tail call. */
	char *buffer = malloc(bytes); /* LEAK: 1 block, 4000 bytes */

	if (!buffer)
		abort();
	return buffer;
}

static inline __attribute__((always_inline)) void page_new(struct page *page, size_t lines)
{
	page->bytes = lines * 80;
	page->buffer = buffer_new(page->bytes);
}

int main(void)
{
	struct page page;
	page_new(&page, 50);
	kept = page.buffer;
	return 0;
}
