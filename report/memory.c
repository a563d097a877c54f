/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.c - see memory.h.
 */
#include "report/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/command.h"
#include "report/say.h"

#define CHUNK_BYTES 32768u
#define ALIGNMENT   16u

struct mt_arena_chunk {
	struct mt_arena_chunk *next;
	size_t used;
	size_t size;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

static void *checked(void *memory)
{
	if (!memory) {
		mt_say("out of memory");
		exit(MT_EXIT_CANNOT);
	}
	return memory;
}

void *mt_memory_new(size_t count, size_t size_bytes)
{
	return checked(calloc(count ? count : 1, size_bytes));
}

void *mt_memory_grow(void *array, size_t count, size_t *capacity, size_t size_bytes)
{
	if (count < *capacity)
		return array;
	*capacity = *capacity ? *capacity * 2 : 16;
	return checked(reallocarray(array, *capacity, size_bytes));
}

void mt_arena_free(struct mt_arena *arena)
{
	while (arena->chunks) {
		struct mt_arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
}

void *mt_arena_take(struct mt_arena *arena, size_t count, size_t size_bytes)
{
	struct mt_arena_chunk *chunk = arena->chunks;
	size_t bytes;

	if (__builtin_mul_overflow(count, size_bytes, &bytes) || bytes > SIZE_MAX / 2)
		checked(NULL);
	bytes = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!chunk || chunk->size - chunk->used < bytes) {
		size_t size = bytes > CHUNK_BYTES / 4 ? bytes : CHUNK_BYTES;

		chunk = checked(calloc(1, sizeof(*chunk) + size));
		chunk->size = size;
		/* A large one goes behind the current chunk, whose rest is still of use. */
		if (arena->chunks && size == bytes) {
			chunk->next = arena->chunks->next;
			arena->chunks->next = chunk;
		} else {
			chunk->next = arena->chunks;
			arena->chunks = chunk;
		}
	}
	chunk->used += bytes;
	return chunk->bytes + chunk->used - bytes;
}

char *mt_arena_bytes(struct mt_arena *arena, const char *text, size_t bytes)
{
	char *copy = mt_arena_take(arena, bytes + 1, 1);

	memcpy(copy, text, bytes);
	return copy;
}

char *mt_arena_text(struct mt_arena *arena, const char *text)
{
	return mt_arena_bytes(arena, text, strlen(text));
}

char *mt_arena_print(struct mt_arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	char *copy;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	copy = mt_arena_text(arena, checked(text));
	free(text);
	return copy;
}
