/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * idmap.c - see idmap.h.
 */
#include "report/idmap.h"

#include <stdlib.h>

#include "report/memory.h"

struct mt_idmap_slot {
	int64_t id;
	void *value;
};

static size_t home(const struct mt_idmap *map, int64_t id)
{
	uint64_t hash = (uint64_t)id * 0x9e3779b97f4a7c15ull;

	return (hash ^ hash >> 32) & (map->size - 1);
}

/* The slot of an id, or the empty one where it would stand. The map is never full. */
static struct mt_idmap_slot *find(const struct mt_idmap *map, int64_t id)
{
	size_t at = home(map, id);

	while (map->slots[at].value && map->slots[at].id != id)
		at = (at + 1) & (map->size - 1);
	return &map->slots[at];
}

void *mt_idmap_get(const struct mt_idmap *map, int64_t id)
{
	return map->size ? find(map, id)->value : NULL;
}

static void grow(struct mt_idmap *map)
{
	struct mt_idmap bigger = {.size = map->size ? map->size * 2 : 64, .count = map->count};

	bigger.slots = mt_memory_new(bigger.size, sizeof(*bigger.slots));
	for (size_t i = 0; i < map->size; i++)
		if (map->slots[i].value)
			*find(&bigger, map->slots[i].id) = map->slots[i];
	free(map->slots);
	*map = bigger;
}

void mt_idmap_put(struct mt_idmap *map, int64_t id, void *value)
{
	struct mt_idmap_slot *slot;

	if ((map->count + 1) * 4 > map->size * 3)
		grow(map);
	slot = find(map, id);
	if (!slot->value)
		map->count++;
	*slot = (struct mt_idmap_slot){id, value};
}

void mt_idmap_free(struct mt_idmap *map)
{
	free(map->slots);
	*map = (struct mt_idmap){0};
}
