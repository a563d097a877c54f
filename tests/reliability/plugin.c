/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plugin.c - each of the two libraries that soak loads and unloads: PLUGIN bytes in front of its function, so that
 * where one takes the other's addresses, another function lies at them.
 */
#include <stdlib.h>

__attribute__((noinline, used)) static void in_front(void)
{
	__asm__ volatile(".skip " PLUGIN ", 0x90");
}

__attribute__((noinline)) void *plugin_make(size_t size)
{
	void *block = malloc(size);

	/* No tail call: the library's frame must be there. */
	__asm__ volatile("" : "+r"(block));
	return block;
}
