/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.h - memory of the tool: arenas, and growing arrays.
 *
 * Used all over report/, in the process of the `memtrace` command alone. What a report reads lives
 * as long as the report, so most of it is taken from an arena and given back at once.
 *
 * Running out of memory ends the tool with one line and exit status 125: a report has nothing
 * better to do.
 */
#ifndef MT_REPORT_MEMORY_H
#define MT_REPORT_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

/* Zeroed; give back with free(). */
void *mt_memory_new(size_t count, size_t size_bytes);

/*
 * Makes room for one more item in an array that holds `count`: returns the array, perhaps moved,
 * its capacity doubled when it was full. Give back with free().
 */
void *mt_memory_grow(void *array, size_t count, size_t *capacity, size_t size_bytes);

/* An arena starts as {0} and is given back whole. */
struct mt_arena {
	struct mt_arena_chunk *chunks;
};

void mt_arena_free(struct mt_arena *arena);

/* Zeroed, aligned for everything. */
void *mt_arena_take(struct mt_arena *arena, size_t count, size_t size_bytes);
char *mt_arena_text(struct mt_arena *arena, const char *text);
char *mt_arena_bytes(struct mt_arena *arena, const char *text, size_t bytes);
char *mt_arena_print(struct mt_arena *arena, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

#endif
