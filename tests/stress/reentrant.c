/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reentrant.c - an allocator that may be called from a signal handler that interrupted it, loaded behind the library.
 *
 * Blocks of one size, a bit each; the lowest free one is taken, so an address that was given back is the next one
 * to be had. calloc() and realloc() call malloc(), as some allocators' do. With it a test may call malloc() wherever it likes, also where libc's would wait for itself.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_BYTES 4096u
#define BLOCKS      4096u

static _Alignas(4096) unsigned char memory[BLOCKS][BLOCK_BYTES];
static _Atomic uint64_t taken[BLOCKS / 64];

static void *take(size_t bytes)
{
	if (bytes > BLOCK_BYTES) {
		errno = ENOMEM;
		return NULL;
	}
	for (uint32_t word = 0; word < BLOCKS / 64; word++) {
		uint64_t bits = atomic_load(&taken[word]);

		while (~bits) {
			uint32_t bit = (uint32_t)__builtin_ctzll(~bits);

			if (atomic_compare_exchange_strong(&taken[word], &bits,
			                                   bits | (uint64_t)1 << bit))
				return memory[word * 64 + bit];
		}
	}
	errno = ENOMEM;
	return NULL;
}

void *malloc(size_t bytes)
{
	return take(bytes);
}

void free(void *block)
{
	size_t index = ((uintptr_t)block - (uintptr_t)memory) / BLOCK_BYTES;

	/* What the loader had from its own allocator stays. */
	if (block && index < BLOCKS)
		atomic_fetch_and(&taken[index / 64], ~((uint64_t)1 << index % 64));
}

void *calloc(size_t count, size_t bytes)
{
	void *block;

	if (__builtin_mul_overflow(count, bytes, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	block = malloc(bytes);
	return block ? memset(block, 0, bytes) : NULL;
}

/* Always moves. */
void *realloc(void *old, size_t bytes)
{
	void *block = malloc(bytes);

	if (block && old) {
		memcpy(block, old, bytes);
		free(old);
	}
	return block;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return alignment <= BLOCK_BYTES ? take(bytes) : NULL;
}

void *memalign(size_t alignment, size_t bytes)
{
	return aligned_alloc(alignment, bytes);
}

int posix_memalign(void **ret_block, size_t alignment, size_t bytes)
{
	void *block = aligned_alloc(alignment, bytes);

	if (!block)
		return ENOMEM;
	*ret_block = block;
	return 0;
}
