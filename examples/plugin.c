/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plugin.c - a leak in a library that is opened at run time and closed again before the program ends.
 *
 * The library is libshelf.so beside the program. What dlopen and dlsym allocate is the loader's (LIBC below).
 *
 * memtrace must print:
 *	blocks	bytes	site
 *	5	150	shelf_new (shelf.c:25)
 *	1	66	main (plugin.c:43)
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "examples/shelf.h"

static void *volatile kept;

int main(void)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);
	struct shelf *(*make)(int);
	void (*give_back)(struct shelf *);
	void *library;

	if (length < 0)
		return 1;
	path[length] = '\0';
	strcpy(strrchr(path, '/'), "/libshelf.so");
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* LIBC */
	if (!library)
		return 1;
	*(void **)&make = dlsym(library, "shelf_new");
	*(void **)&give_back = dlsym(library, "shelf_free");
	if (!make || !give_back)
		return 1;
	give_back(make(5));
	if (dlclose(library) != 0)
		return 1;
	kept = malloc(66); /* LEAK: 1 block, 66 bytes */
	return 0;
}
