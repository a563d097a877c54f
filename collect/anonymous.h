/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * anonymous.h - whose call took the anonymous memory of a process: what RssAnon and swap are made of.
 *
 * Pure: mappings, pages, known ranges in; bytes by kind and call stack out. Runs in the thread that takes a snapshot.
 * Every page that is anonymous (no file's, no shared memory's) and resident or swapped counts once, so the sum over
 * all rows is what the process has of it, and two snapshots subtract.
 *
 * Not the same as who owns a page (owners.h): a page of the heap belongs to the blocks on it, and is charged here to the
 * call for which the heap grew by it, which may have been another.
 */
#ifndef MT_COLLECT_ANONYMOUS_H
#define MT_COLLECT_ANONYMOUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/pagemap.h"
#include "base/smaps.h"
#include "collect/growth.h"
#include "collect/owners.h"

/*	KIND(ENUM, word in the file and in reports) */
#define MT_ANONYMOUS_KINDS(KIND)   \
	KIND(BREAK, "break")       \
	KIND(HEAP, "heap")         \
	KIND(CHUNK, "chunk")       \
	KIND(MAPPING, "mapping")   \
	KIND(STACK, "stack")       \
	KIND(FILE, "file")         \
	KIND(MEMTRACE, "memtrace") \
	KIND(OTHER, "other")

enum mt_anonymous_kind {
#define MT_ANONYMOUS_ENUM(name, text) MT_ANONYMOUS_##name,
	MT_ANONYMOUS_KINDS(MT_ANONYMOUS_ENUM)
#undef MT_ANONYMOUS_ENUM
	        MT_ANONYMOUS_KIND_COUNT
};

extern const char *const mt_anonymous_kinds[MT_ANONYMOUS_KIND_COUNT];

struct mt_anonymous_row {
	enum mt_anonymous_kind kind;
	uint32_t node; /* 0: nobody's, or it is not known whose */
	uint64_t resident_bytes;
	uint64_t swapped_bytes;
};

struct mt_anonymous {
	struct mt_anonymous_row *rows; /* by kind, then node; none is empty */
	size_t count;
};

/*
 * What is known of who took a range: the growth, and where that says nothing the program's own mappings, whose key is an
 * index of `nodes`. *ret_growers is given (free()). 0 or -ENOMEM.
 */
int mt_anonymous_growers(const struct mt_growth_range *growth, size_t growth_count,
                         const struct mt_region *regions, size_t region_count,
                         const uint32_t *nodes, struct mt_growth_range **ret_growers,
                         size_t *ret_count);

/* Uses smaps, pages, regions and growers of the input. Gives *ret_anonymous. 0 or -ENOMEM. */
int mt_anonymous_find(const struct mt_owner_input *input, struct mt_anonymous *ret_anonymous);

void mt_anonymous_free(struct mt_anonymous *anonymous);

#endif
