/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * totals.h - exact counters per stack and kind of one process, and its exact peak.
 *
 * Owned by the drain thread. Two indexes lead to a row: the process's own stack ids, by an array with a
 * one-entry memory for the kind (the quick path), and (node, kind) by a map.
 *
 * The peak costs O(1) an event: `version` goes up whenever the live bytes reach a new maximum. A row that
 * changes for the first time since the last maximum first saves its live values as its values at the
 * peak. So at any moment a row's peak values are the saved ones if row.version == totals.version, and
 * else its live values, which have not changed since.
 *
 *	live blocks = allocations - frees        live bytes = bytes_allocated - bytes_freed
 */
#ifndef MT_COLLECT_TOTALS_H
#define MT_COLLECT_TOTALS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "wire/event.h"

/*
 * Ids are given in order, and one beyond this is not remembered: once the process's own table is full, it
 * gives each stack that is not in it a new id every time.
 */
#define MT_TOTALS_IDS_MAX (1u << 22)

/* One cache line, and aligned to it: an event waits for one at most. */
struct mt_total {
	_Alignas(64) uint64_t allocations;
	uint64_t frees;
	uint64_t bytes_allocated;
	uint64_t bytes_freed;
	uint64_t peak_blocks; /* as saved at `version` */
	uint64_t peak_bytes;
	uint32_t version;
	uint32_t node;
	uint64_t temporary : 48;
	uint64_t kind : 8;
	uint64_t is_dirty : 1; /* in the list of what the file does not have yet */
};
static_assert(sizeof(struct mt_total) == 64, "one line");

/* What a stack id of the process stands for. */
struct mt_total_id {
	uint32_t node;  /* 0: not defined yet */
	uint32_t total; /* the row used last with it; 0: none */
};

/* All zero is empty. rows[0] is not used. */
struct mt_totals {
	struct mt_total *rows;
	size_t count;
	size_t capacity;
	struct mt_total_id *ids;
	size_t id_count;
	uint64_t stack_count; /* distinct nodes among the rows */
	struct mt_map index;  /* (node, kind) -> row */
	uint32_t *dirty;
	size_t dirty_count;
	size_t dirty_capacity;
	uint32_t version;
	uint32_t version_taken; /* when the list of changed rows was last taken */
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t peak_blocks;
	uint64_t peak_bytes;
	uint64_t peak_ns;
	/* sums over the heap kinds */
	uint64_t allocations;
	uint64_t frees;
	uint64_t bytes_allocated;
	uint64_t bytes_freed;
	uint64_t temporary;
};

void mt_totals_free(struct mt_totals *totals);

/* Says which node of the stack tree a stack id stands for. 0, -ENOMEM, or -EINVAL for an id beyond the limit. */
int mt_totals_define(struct mt_totals *totals, uint32_t id, uint32_t node);

/* The node of an id, or 0. */
uint32_t mt_totals_node(const struct mt_totals *totals, uint32_t id);

/* The row for a node and kind, made if need be; 0: out of memory. */
uint32_t mt_totals_find_node(struct mt_totals *totals, uint32_t node, unsigned int kind);

/* The slow half of mt_totals_find(). */
uint32_t mt_totals_find_slow(struct mt_totals *totals, uint32_t id, unsigned int kind);

/*
 * Adds to the list of changed rows those which did not change but whose values at the peak did: they were
 * last written with what they had at an older peak. To be called before the list is copied.
 */
void mt_totals_follow_peak(struct mt_totals *totals);

/* Takes the list of changed rows: the caller has copied them. */
void mt_totals_clean(struct mt_totals *totals);

/* The row for a stack id and kind, made if need be; 0 when the id is not defined or memory is out. */
static inline uint32_t mt_totals_find(struct mt_totals *totals, uint32_t id, unsigned int kind)
{
	if (__builtin_expect(id < totals->id_count, 1)) {
		uint32_t at = totals->ids[id].total;

		if (__builtin_expect(at && totals->rows[at].kind == kind, 1))
			return at;
	}
	return mt_totals_find_slow(totals, id, kind);
}

/* The versions have come round: the rows begin again at 0. */
void mt_totals_renumber(struct mt_totals *totals);

static inline void mt_totals_touch(struct mt_totals *totals, uint32_t at)
{
	struct mt_total *row = &totals->rows[at];

	if (row->version != totals->version) {
		row->peak_blocks = row->allocations - row->frees;
		row->peak_bytes = row->bytes_allocated - row->bytes_freed;
		row->version = totals->version;
	}
	if (!row->is_dirty) {
		row->is_dirty = true;
		totals->dirty[totals->dirty_count++] = at;
	}
}

static inline void mt_totals_rise(struct mt_totals *totals, uint64_t size_bytes, uint64_t ns)
{
	totals->live_blocks++;
	totals->live_bytes += size_bytes;
	if (totals->live_bytes > totals->peak_bytes) {
		totals->peak_bytes = totals->live_bytes;
		totals->peak_blocks = totals->live_blocks;
		totals->peak_ns = ns;
		if (__builtin_expect(!++totals->version, 0))
			mt_totals_renumber(totals);
	}
}

static inline void mt_totals_alloc(struct mt_totals *totals, uint32_t at, uint64_t size_bytes,
                                   uint64_t ns)
{
	struct mt_total *row = &totals->rows[at];

	mt_totals_touch(totals, at);
	row->allocations++;
	row->bytes_allocated += size_bytes;
	totals->allocations++;
	totals->bytes_allocated += size_bytes;
	mt_totals_rise(totals, size_bytes, ns);
}

static inline void mt_totals_release(struct mt_totals *totals, uint32_t at, uint64_t size_bytes,
                                     bool is_temporary)
{
	struct mt_total *row = &totals->rows[at];

	mt_totals_touch(totals, at);
	row->frees++;
	row->bytes_freed += size_bytes;
	row->temporary += is_temporary;
	totals->frees++;
	totals->bytes_freed += size_bytes;
	totals->temporary += is_temporary;
	totals->live_blocks--;
	totals->live_bytes -= size_bytes;
}

/* Takes back a release: the block was live all the time. */
static inline void mt_totals_undo(struct mt_totals *totals, uint32_t at, uint64_t size_bytes,
                                  bool was_temporary, uint64_t ns)
{
	struct mt_total *row = &totals->rows[at];

	mt_totals_touch(totals, at);
	row->frees--;
	row->bytes_freed -= size_bytes;
	row->temporary -= was_temporary;
	totals->frees--;
	totals->bytes_freed -= size_bytes;
	totals->temporary -= was_temporary;
	mt_totals_rise(totals, size_bytes, ns);
}

/* A mapping or the break: counted, not part of the heap's figures or its peak. */
static inline void mt_totals_map(struct mt_totals *totals, uint32_t at, uint64_t size_bytes)
{
	struct mt_total *row = &totals->rows[at];

	if (!row->is_dirty) {
		row->is_dirty = true;
		totals->dirty[totals->dirty_count++] = at;
	}
	row->allocations++;
	row->bytes_allocated += size_bytes;
}

/* A row's values at the process's peak. */
static inline void mt_totals_at_peak(const struct mt_totals *totals, const struct mt_total *row,
                                     uint64_t *ret_blocks, uint64_t *ret_bytes)
{
	bool is_saved = row->version == totals->version;

	*ret_blocks = is_saved ? row->peak_blocks : row->allocations - row->frees;
	*ret_bytes = is_saved ? row->peak_bytes : row->bytes_allocated - row->bytes_freed;
}

#endif
