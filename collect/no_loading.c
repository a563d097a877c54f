/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * no_loading.c - a collector that is linked statically loads no code.
 *
 * SQLite's library has a way to load extensions, which nobody here asks for. With libc's functions for it a static
 * program would need the libc that it was linked with wherever it runs.
 */
#include <dlfcn.h>
#include <stddef.h>

void *dlopen(const char *path, int flags)
{
	(void)path;
	(void)flags;
	return NULL;
}

void *dlsym(void *restrict handle, const char *restrict name)
{
	(void)handle;
	(void)name;
	return NULL;
}

int dlclose(void *handle)
{
	(void)handle;
	return -1;
}

char *dlerror(void)
{
	static char text[] = "a collector loads no code";

	return text;
}
