/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * map.c - see map.h.
 */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define CAPACITY_MIN 64u

uint64_t mt_map_secret(void)
{
	/* 16 random bytes, which the kernel gives to every program that it starts. */
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t secret = 0;

	if (random)
		memcpy(&secret, random, sizeof(secret));
	return secret;
}

static size_t home(const struct mt_map *map, uint64_t a, uint64_t b)
{
	uint64_t hash = (a ^ map->secret ^ (b * 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull;

	hash ^= hash >> 32;
	hash *= 0xc4ceb9fe1a85ec53ull;
	return (hash >> 29) & (map->capacity - 1);
}

static struct mt_map_entry *probe(const struct mt_map *map, uint64_t a, uint64_t b)
{
	size_t at = home(map, a, b);

	while (map->entries[at].used && (map->entries[at].a != a || map->entries[at].b != b))
		at = (at + 1) & (map->capacity - 1);
	return &map->entries[at];
}

static int grow(struct mt_map *map)
{
	struct mt_map larger = {NULL, map->capacity ? map->capacity * 2 : CAPACITY_MIN, map->count,
	                        map->capacity ? map->secret : mt_map_secret()};

	larger.entries = calloc(larger.capacity, sizeof(*larger.entries));
	if (!larger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++) {
		const struct mt_map_entry *entry = &map->entries[i];

		if (entry->used)
			*probe(&larger, entry->a, entry->b) = *entry;
	}
	free(map->entries);
	*map = larger;
	return 0;
}

void mt_map_free(struct mt_map *map)
{
	free(map->entries);
	memset(map, 0, sizeof(*map));
}

bool mt_map_find(const struct mt_map *map, uint64_t a, uint64_t b, uint32_t *ret_value)
{
	const struct mt_map_entry *entry;

	if (!map->count)
		return false;
	entry = probe(map, a, b);
	if (!entry->used)
		return false;
	*ret_value = entry->value;
	return true;
}

int mt_map_set(struct mt_map *map, uint64_t a, uint64_t b, uint32_t value)
{
	struct mt_map_entry *entry;

	if (map->count + 1 > map->capacity / 2) {
		int r = grow(map);

		if (r < 0)
			return r;
	}
	entry = probe(map, a, b);
	if (!entry->used)
		map->count++;
	*entry = (struct mt_map_entry){a, b, value, 1};
	return 0;
}

uint64_t mt_map_hash(uint64_t seed, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t hash = 0xcbf29ce484222325ull ^ seed;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * 0x100000001b3ull;
	return hash ^ hash >> 32;
}
