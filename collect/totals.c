/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * totals.c - see totals.h.
 */
#include "collect/totals.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mt_totals_free(struct mt_totals *totals)
{
	free(totals->rows);
	free(totals->ids);
	free(totals->dirty);
	mt_map_free(&totals->index);
	memset(totals, 0, sizeof(*totals));
}

/* Makes ids[id] exist. Fresh memory comes from calloc: a mad id below the limit costs no pages. */
static int reach(struct mt_totals *totals, uint32_t id)
{
	size_t count = totals->id_count ? totals->id_count : 256;
	struct mt_total_id *ids;

	if (id < totals->id_count)
		return 0;
	if (id >= MT_TOTALS_IDS_MAX)
		return -EINVAL;
	while (count <= id)
		count *= 2;
	ids = calloc(count, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	if (totals->ids)
		memcpy(ids, totals->ids, totals->id_count * sizeof(*ids));
	free(totals->ids);
	totals->ids = ids;
	totals->id_count = count;
	return 0;
}

int mt_totals_define(struct mt_totals *totals, uint32_t id, uint32_t node)
{
	int r = reach(totals, id);

	if (r < 0)
		return r;
	totals->ids[id] = (struct mt_total_id){node, 0};
	return 0;
}

uint32_t mt_totals_node(const struct mt_totals *totals, uint32_t id)
{
	return id < totals->id_count ? totals->ids[id].node : 0;
}

static int reserve_rows(struct mt_totals *totals, size_t wanted)
{
	size_t capacity = totals->capacity ? totals->capacity * 2 : 16;
	struct mt_total *rows;

	if (wanted <= totals->capacity)
		return 0;
	rows = aligned_alloc(sizeof(*rows), capacity * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	if (totals->rows)
		memcpy(rows, totals->rows, totals->count * sizeof(*rows));
	free(totals->rows);
	totals->rows = rows;
	totals->capacity = capacity;
	return 0;
}

/* In the index, "kind" of a node that has a row of any kind. */
#define ANY_KIND 0x100u

static uint32_t add(struct mt_totals *totals, uint32_t node, unsigned int kind)
{
	size_t at = totals->count ? totals->count : 1;
	uint32_t known;

	/* Every row may be in the list of changed ones, so that list never has to grow on the way. */
	if (at >= UINT32_MAX >> 2 || reserve_rows(totals, at + 1) < 0 ||
	    MT_ARRAY_RESERVE(totals->dirty, totals->dirty_capacity, totals->capacity) < 0 ||
	    mt_map_set(&totals->index, node, kind, (uint32_t)at) < 0)
		return 0;
	if (!mt_map_find(&totals->index, node, ANY_KIND, &known) &&
	    mt_map_set(&totals->index, node, ANY_KIND, 0) == 0)
		totals->stack_count++;
	totals->rows[at] = (struct mt_total){.node = node, .kind = (uint8_t)kind};
	totals->count = at + 1;
	return (uint32_t)at;
}

uint32_t mt_totals_find_node(struct mt_totals *totals, uint32_t node, unsigned int kind)
{
	uint32_t at;

	return mt_map_find(&totals->index, node, kind, &at) ? at : add(totals, node, kind);
}

uint32_t mt_totals_find_slow(struct mt_totals *totals, uint32_t id, unsigned int kind)
{
	uint32_t node = mt_totals_node(totals, id);

	if (!node)
		return 0;
	totals->ids[id].total = mt_totals_find_node(totals, node, kind);
	return totals->ids[id].total;
}

void mt_totals_follow_peak(struct mt_totals *totals)
{
	if (totals->version == totals->version_taken)
		return;
	/* One that was saved at an older peak still was written, then or later, with its live values. */
	for (size_t i = 1; i < totals->count; i++) {
		struct mt_total *row = &totals->rows[i];

		if (row->is_dirty || row->version != totals->version_taken)
			continue;
		row->is_dirty = true;
		totals->dirty[totals->dirty_count++] = (uint32_t)i;
	}
}

void mt_totals_renumber(struct mt_totals *totals)
{
	/* What was written with the values of an older peak goes into the list now, while it can be told. */
	mt_totals_follow_peak(totals);
	for (size_t i = 1; i < totals->count; i++)
		totals->rows[i].version = 0;
	totals->version = totals->version_taken = 1;
}

void mt_totals_clean(struct mt_totals *totals)
{
	totals->version_taken = totals->version;
	for (size_t i = 0; i < totals->dirty_count; i++)
		totals->rows[totals->dirty[i]].is_dirty = false;
	totals->dirty_count = 0;
}
