/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owners.h - who owns each resident byte of a process.
 *
 * Pure: mappings, resident pages, live blocks and known regions in; owners out. Runs in the thread that takes a
 * snapshot. For every mapping the owners' bytes add up to what the pages say, to the byte: what nothing explains is an
 * owner of its own.
 *
 * A page with live blocks on it: each block owns the bytes that it covers; the rest is slack and is shared out among the
 * sites on the page by their live bytes. If all blocks on a page are of one site, that site alone pins the page: freed,
 * the page could go back.
 *
 *	page   |####......##############|        # live block   . slack
 *	        site a    site b                 a: 4 live, 6 * 4/18 slack;  b: 14 live, 6 * 14/18 slack
 *
 * A range that the program has mapped and in which blocks live is an allocator's, too. A page of an allocator without a
 * live block is top (behind the last live block of its mapping, so it could simply be cut off) or free.
 * Where it is part of a huge page in which blocks live, it is bloat and shared out among their sites: the kernel made all
 * of the huge page resident for them.
 */
#ifndef MT_COLLECT_OWNERS_H
#define MT_COLLECT_OWNERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/pagemap.h"
#include "base/smaps.h"
#include "collect/growth.h"

/*	KIND(ENUM, word in the file and in reports, what the owner's key is) */
#define MT_OWNER_KINDS(KIND)                \
	KIND(LIVE, "live", SITE)            \
	KIND(SLACK, "slack", SITE)          \
	KIND(FREE, "free", MAPPING)         \
	KIND(TOP, "top", MAPPING)           \
	KIND(BLOAT, "bloat", SITE)          \
	KIND(MMAP, "mmap", SITE)            \
	KIND(STACK, "stack", THREAD)        \
	KIND(TEXT, "text", MAPPING)         \
	KIND(RODATA, "rodata", MAPPING)     \
	KIND(DATA, "data", MAPPING)         \
	KIND(BSS, "bss", MAPPING)           \
	KIND(FILE, "file", MAPPING)         \
	KIND(SHARED, "shared", MAPPING)     \
	KIND(OTHER, "other", MAPPING)       \
	KIND(MEMTRACE, "memtrace", MAPPING) \
	KIND(UNEXPLAINED, "unexplained", MAPPING)

enum mt_owner_kind {
#define MT_OWNER_ENUM(name, text, key) MT_OWNER_##name,
	MT_OWNER_KINDS(MT_OWNER_ENUM)
#undef MT_OWNER_ENUM
	        MT_OWNER_KIND_COUNT
};

enum mt_owner_key { MT_OWNER_KEY_SITE, MT_OWNER_KEY_THREAD, MT_OWNER_KEY_MAPPING };

extern const char *const mt_owner_kinds[MT_OWNER_KIND_COUNT];
extern const enum mt_owner_key mt_owner_keys[MT_OWNER_KIND_COUNT];

/* A live block; they come by address. */
struct mt_owner_block {
	uint64_t addr;
	uint64_t size_bytes;
	uint32_t site;
};

enum mt_region_kind {
	MT_REGION_MMAP, /* key: the site that mapped it */
	MT_REGION_BREAK, /* the same, by sbrk() or brk(): an allocator's, if blocks live in any of them */
	MT_REGION_STACK,     /* key: the thread */
	MT_REGION_ALLOCATOR, /* an allocator's own, also where no block is live now */
	MT_REGION_POOL, /* the same, of one that maps its memory like a program: it has no top */
	MT_REGION_MEMTRACE,
	MT_REGION_LOADER, /* the loader's, for the first thread */
};

/* What is known of a range beyond /proc; they come by address and do not overlap. */
struct mt_region {
	uint64_t start;
	uint64_t end;
	enum mt_region_kind kind;
	uint32_t key;
};

struct mt_owner_input {
	const struct mt_smaps *smaps;
	const struct mt_pages *pages;
	const struct mt_owner_block *blocks;
	size_t block_count;
	const struct mt_region *regions;
	size_t region_count;
	const struct mt_growth_range
	        *growers; /* the same: for whom a range was taken from the kernel */
	size_t grower_count;
	uint32_t sites; /* one past the highest */
	uint64_t page_bytes;
};

/*
 * An allocator that hands out a run of pages in blocks of one size keeps all of it as long as one of them lives. The
 * longest such run of jemalloc's is 7 pages; what is further away from live blocks can go back to the kernel.
 */
#define MT_OWNER_SLAB_BYTES 28672u

/* The key of a stack whose thread is not known. */
#define MT_OWNER_NO_THREAD UINT32_MAX

struct mt_owner {
	enum mt_owner_kind kind;
	uint32_t key;     /* a site, a thread, or the index of the mapping */
	uint32_t mapping; /* the index of the mapping that the bytes are in */
	uint32_t
	        node; /* of MT_OWNER_FREE and _TOP: the stack for which the heap grew by it; 0: not known */
	uint64_t bytes;
	uint64_t pinned_bytes; /* of MT_OWNER_LIVE: whole pages that hold no other site's blocks */
	uint64_t
	        returned_bytes; /* of the same: what would come back if the site freed all that it has */
};

/* Of a site, in bytes. */
struct mt_owner_site {
	uint64_t live_bytes;   /* resident part of its blocks */
	uint64_t slack_bytes;  /* its share of the rest of their pages */
	uint64_t pinned_bytes; /* pages that hold its blocks and no other's */
	uint64_t
	        bloat_bytes; /* its share of huge pages' bloat; of those where it is alone, pinned, too */
	uint64_t
	        above_bytes; /* free pages of heaps that its blocks alone hold up: above all others' */
	uint64_t mapped_bytes; /* resident part of what it mapped itself */
};

struct mt_owners {
	struct mt_owner *rows; /* by mapping, then kind and key; none is empty */
	size_t count;
	struct mt_owner_site *sites; /* over all mappings */
	uint64_t *
	        mappings; /* resident bytes of each mapping, by its index: what its owners add up to */
	uint64_t resident_bytes;
	uint64_t swapped_bytes;
	uint64_t unexplained_bytes;
	/* Of free, top and bloat: what goes back at least when the allocator is asked to purge, or libc's to trim. */
	uint64_t purgeable_bytes;
	uint64_t
	        trim_step_bytes; /* libc's cuts so much at a time off the break (heapend.h); 0: there is none */
	uint64_t kinds[MT_OWNER_KIND_COUNT];
};

/* Gives *ret_owners (free with mt_owners_free()). 0 or -ENOMEM. */
int mt_owners_find(const struct mt_owner_input *input, struct mt_owners *ret_owners);

void mt_owners_free(struct mt_owners *owners);

#endif
