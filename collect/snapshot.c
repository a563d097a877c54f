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

/* Below this many, and where all the bits of the addresses are used up, entries are put in one by one. */
#define FEW         32u
#define DIGIT_BITS  8u
#define DIGITS      (1u << DIGIT_BITS)
#define FIRST_SHIFT 40u

static void insert_sort(struct mt_live_entry *entries, uint64_t count)
{
	for (uint64_t i = 1; i < count; i++) {
		struct mt_live_entry entry = entries[i];
		uint64_t at = i;

		for (; at > 0 && entries[at - 1].addr > entry.addr; at--)
			entries[at] = entries[at - 1];
		entries[at] = entry;
	}
}

static unsigned int digit_of(const struct mt_live_entry *entry, unsigned int shift)
{
	return (unsigned int)(entry->addr >> shift) & (DIGITS - 1);
}

/*
 * By address, a byte of it at a time from the highest one; in place, for the table may be a good part of the
 * machine's memory, and a process waits for this at its end: qsort() takes 5 times as long for millions.
 */
static void sort(struct mt_live_entry *entries, uint64_t count, unsigned int shift)
{
	uint64_t starts[DIGITS + 1] = {0}, next[DIGITS];

	if (count <= FEW) {
		insert_sort(entries, count);
		return;
	}
	for (uint64_t i = 0; i < count; i++)
		starts[digit_of(&entries[i], shift) + 1]++;
	for (unsigned int digit = 0; digit < DIGITS; digit++) {
		starts[digit + 1] += starts[digit];
		next[digit] = starts[digit];
	}
	for (unsigned int digit = 0; digit < DIGITS; digit++) {
		while (next[digit] < starts[digit + 1]) {
			struct mt_live_entry *here = &entries[next[digit]];
			unsigned int wanted = digit_of(here, shift);
			struct mt_live_entry other;

			if (wanted == digit) {
				next[digit]++;
				continue;
			}
			other = entries[next[wanted]];
			entries[next[wanted]++] = *here;
			*here = other;
		}
	}
	for (unsigned int digit = 0; shift && digit < DIGITS; digit++)
		sort(entries + starts[digit], starts[digit + 1] - starts[digit],
		     shift - DIGIT_BITS);
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

uint64_t mt_snapshot_sort_all(struct mt_snapshot *snapshot)
{
	struct mt_live *live = &snapshot->live;
	uint64_t count = 0;

	if (snapshot->sorted)
		return snapshot->sorted;
	for (uint64_t i = 0; live->entries && i <= live->mask; i++)
		if (live->entries[i].addr)
			live->entries[count++] = live->entries[i];
	/* An address has 48 bits (wire/event.h). */
	sort(live->entries, count, FIRST_SHIFT);
	snapshot->sorted = count;
	return count;
}

void mt_snapshot_sort(struct mt_snapshot *snapshot)
{
	struct mt_live *live = &snapshot->live;
	uint64_t count = mt_snapshot_sort_all(snapshot), kept = 0, bytes = 0;

	for (uint64_t i = 0; i < count; i++) {
		const struct mt_live_entry *entry = &live->entries[i];

		if (entry->total & MT_LIVE_FLAGS)
			continue;
		bytes += entry->size_bytes;
		live->entries[kept++] = *entry;
	}
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
