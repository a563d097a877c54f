/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * map.h - two 64-bit numbers -> one 32-bit number.
 *
 * Open addressing, linear probing, at most half full. Entries are never removed: what the collector
 * looks up with it (frames, stack nodes, totals) lives as long as the map. Not thread-safe.
 */
#ifndef MT_BASE_MAP_H
#define MT_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_map_entry {
	uint64_t a;
	uint64_t b;
	uint32_t value;
	uint32_t used;
};

/* All zero is an empty map. */
struct mt_map {
	struct mt_map_entry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
	uint64_t secret; /* of the hash: whoever chooses keys cannot choose which of them meet */
};

/* A number that is another one in each process, and that nobody outside can know. */
uint64_t mt_map_secret(void);

void mt_map_free(struct mt_map *map);

/* True and the value when (a, b) is there. */
bool mt_map_find(const struct mt_map *map, uint64_t a, uint64_t b, uint32_t *ret_value);

/* Adds or replaces. 0 or -ENOMEM. */
int mt_map_set(struct mt_map *map, uint64_t a, uint64_t b, uint32_t value);

/* A 64-bit hash of bytes, for keys that are not numbers. The caller compares the bytes themselves. */
uint64_t mt_map_hash(uint64_t seed, const void *bytes, size_t length);

#endif
