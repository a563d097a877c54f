/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * passthrough.c - passthrough.so: hooks that do nothing but call the real function.
 *
 * What every tool pays that stands between a program and its allocator; loaded by bench/run. dlsym may itself
 * allocate while the functions are looked up: that comes from a small arena and is never freed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HOOK __attribute__((visibility("default")))

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
} real;

static _Alignas(16) unsigned char arena[4096];
static size_t arena_used;

static void *arena_take(size_t size)
{
	unsigned char *block = arena + arena_used;

	arena_used += (size + 15) / 16 * 16;
	return arena_used <= sizeof(arena) ? block : NULL;
}

static __attribute__((cold, noinline)) void look_up(void)
{
	static int is_looking;

	if (is_looking)
		return;
	is_looking = 1;
	real.calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	real.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	real.free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	real.posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
	real.aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
	real.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
}

static inline int ready(void)
{
	if (__builtin_expect(!real.malloc, 0))
		look_up();
	return __builtin_expect(real.malloc != NULL, 1);
}

HOOK void *malloc(size_t size)
{
	return ready() ? real.malloc(size) : arena_take(size);
}

HOOK void *calloc(size_t count, size_t size)
{
	return ready() ? real.calloc(count, size) : arena_take(count * size);
}

HOOK void *realloc(void *block, size_t size)
{
	return ready() ? real.realloc(block, size) : NULL;
}

HOOK void free(void *block)
{
	if ((uintptr_t)block - (uintptr_t)arena < sizeof(arena))
		return;
	if (ready())
		real.free(block);
}

HOOK int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	return ready() ? real.posix_memalign(ret_block, alignment, size) : ENOMEM;
}

HOOK void *aligned_alloc(size_t alignment, size_t size)
{
	return ready() ? real.aligned_alloc(alignment, size) : NULL;
}
