/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * live.c - see live.h.
 */
#include "collect/live.h"

#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CAPACITY_MIN 1024u
/* Below these (8 and 32 MiB), memory is cheaper than the branches that longer probes mispredict. */
#define SPARSE_CAPACITY (1u << 18)
#define ROOMY_CAPACITY  (1u << 20)
/* Larger tables are mapped, in huge pages where the kernel has them: half the cost of a miss is the TLB. */
#define MAP_BYTES_MIN (2u << 20)

/*
 * How many entries there may be. Measured by bench/collect_rate: with 10 000 live blocks an event takes 14 ns when a
 * quarter may be used, 19 when a half and 31 when five eighths.
 */
static uint64_t limit_of(uint64_t capacity)
{
	if (capacity < SPARSE_CAPACITY)
		return capacity / 4;
	return capacity < ROOMY_CAPACITY ? capacity / 2 : capacity / 8 * 5;
}

static int allocate(struct mt_live *live, uint64_t capacity)
{
	size_t bytes = capacity * sizeof(*live->entries);

	if (capacity > SIZE_MAX / sizeof(*live->entries) / 2)
		return -ENOMEM;
	memset(live, 0, sizeof(*live));
	if (bytes >= MAP_BYTES_MIN) {
		void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (mapped == MAP_FAILED)
			return -ENOMEM;
		madvise(mapped, bytes, MADV_HUGEPAGE);
		live->entries = mapped;
		live->map_bytes = bytes;
	} else {
		live->entries = calloc(capacity, sizeof(*live->entries));
		if (!live->entries)
			return -ENOMEM;
	}
	live->secret = mt_map_secret();
	live->mask = capacity - 1;
	live->shift = (unsigned)__builtin_clzll(capacity) + 1;
	live->limit = limit_of(capacity);
	return 0;
}

int mt_live_grow(struct mt_live *live)
{
	struct mt_live larger;
	int r = allocate(&larger, live->entries ? (live->mask + 1) * 2 : CAPACITY_MIN);

	if (r < 0)
		return r;
	for (uint64_t i = 0; live->entries && i <= live->mask; i++) {
		const struct mt_live_entry *entry = &live->entries[i];
		uint64_t at;

		if (!entry->addr)
			continue;
		at = mt_live_home(&larger, entry->addr);
		while (larger.entries[at].addr)
			at = (at + 1) & larger.mask;
		larger.entries[at] = *entry;
	}
	larger.count = live->count;
	mt_live_free(live);
	*live = larger;
	return 0;
}

int mt_live_copy(const struct mt_live *live, struct mt_live *ret_copy)
{
	struct mt_live copy = {0};
	int r;

	if (live->entries) {
		r = allocate(&copy, live->mask + 1);
		if (r < 0)
			return r;
		memcpy(copy.entries, live->entries, (live->mask + 1) * sizeof(*copy.entries));
		copy.count = live->count;
	}
	*ret_copy = copy;
	return 0;
}

void mt_live_free(struct mt_live *live)
{
	if (live->map_bytes)
		munmap(live->entries, live->map_bytes);
	else
		free(live->entries);
	memset(live, 0, sizeof(*live));
}

void mt_live_remove(struct mt_live *live, struct mt_live_entry *entry)
{
	struct mt_live_entry *entries = live->entries;
	uint64_t hole = (uint64_t)(entry - entries);
	uint64_t at = hole;

	for (;;) {
		uint64_t home;

		at = (at + 1) & live->mask;
		if (!entries[at].addr)
			break;
		home = mt_live_home(live, entries[at].addr);
		/* An entry may move back to the hole when its home does not lie behind the hole. */
		if (((at - home) & live->mask) >= ((at - hole) & live->mask)) {
			entries[hole] = entries[at];
			hole = at;
		}
	}
	entries[hole].addr = 0;
	live->count--;
}
