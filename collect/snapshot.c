/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.c - see snapshot.h.
 */
#include "collect/snapshot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int mt_snapshot_take(struct mt_process *process, uint32_t id, struct mt_snapshot *ret_snapshot)
{
	struct mt_snapshot snapshot = {
	        .id = id,
	        .process = process->id,
	        .reason = process->snapshot_reason,
	        .time_ns = process->snapshot_ns,
	        .sample_bytes = process->estimate ? process->estimate->mean_bytes : 0};

	snapshot.total_count = (uint32_t)process->totals.count;
	snapshot.thread_count = (uint32_t)process->thread_count;
	snapshot.nodes = malloc((snapshot.total_count + 1u) * sizeof(*snapshot.nodes));
	snapshot.kinds = malloc((snapshot.total_count + 1u) * sizeof(*snapshot.kinds));
	snapshot.threads = malloc((snapshot.thread_count + 1u) * sizeof(*snapshot.threads));
	if (!snapshot.nodes || !snapshot.kinds || !snapshot.threads) {
		mt_snapshot_free(&snapshot);
		return -ENOMEM;
	}
	if (mt_past_end(process, false) < 0)
		process->out_of_memory++;
	for (uint32_t i = 1; i < snapshot.total_count; i++) {
		snapshot.nodes[i] = process->totals.rows[i].node;
		snapshot.kinds[i] = process->totals.rows[i].kind;
	}
	for (uint32_t i = 0; i < snapshot.thread_count; i++)
		snapshot.threads[i] = process->threads[i].id;
	snapshot.live = process->live;
	memset(&process->live, 0, sizeof(process->live));
	process->snapshot_reason = NULL;
	*ret_snapshot = snapshot;
	return 0;
}

static int by_address(const void *left, const void *right)
{
	const struct mt_live_entry *a = left, *b = right;

	return (a->addr > b->addr) - (a->addr < b->addr);
}

struct mt_weight mt_snapshot_weight(const struct mt_snapshot *snapshot, uint64_t size_bytes)
{
	return mt_weight_of(snapshot->sample_bytes, size_bytes);
}

/* Whole blocks of each stack and kind, as in totals. */
static void weight_blocks(struct mt_snapshot *snapshot)
{
	double *sums = calloc(snapshot->total_count + 1u, sizeof(*sums));

	snapshot->live_blocks = snapshot->live_bytes = 0;
	for (uint64_t i = 0; i < snapshot->blocks; i++) {
		const struct mt_live_entry *entry = &snapshot->live.entries[i];
		struct mt_weight weight = mt_snapshot_weight(snapshot, entry->size_bytes);

		snapshot->live_bytes += weight.bytes;
		if (sums)
			sums[entry->total] += weight.blocks;
	}
	for (uint32_t i = 0; sums && i < snapshot->total_count; i++)
		snapshot->live_blocks += (uint64_t)llround(sums[i]);
	free(sums);
}

void mt_snapshot_sort(struct mt_snapshot *snapshot)
{
	struct mt_live *live = &snapshot->live;
	uint64_t kept = 0, bytes = 0;

	for (uint64_t i = 0; live->entries && i <= live->mask; i++) {
		const struct mt_live_entry *entry = &live->entries[i];

		if (!entry->addr || entry->total & MT_LIVE_FLAGS)
			continue;
		bytes += entry->size_bytes;
		live->entries[kept++] = *entry;
	}
	if (kept)
		qsort(live->entries, kept, sizeof(*live->entries), by_address);
	snapshot->blocks = kept;
	snapshot->live_blocks = kept;
	snapshot->live_bytes = bytes;
	if (snapshot->sample_bytes)
		weight_blocks(snapshot);
}

void mt_snapshot_free(struct mt_snapshot *snapshot)
{
	mt_live_free(&snapshot->live);
	free(snapshot->nodes);
	free(snapshot->kinds);
	free(snapshot->threads);
	memset(snapshot, 0, sizeof(*snapshot));
}
