/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * merge.c - see merge.h.
 *
 * The entries are a heap, smallest stamp first. A ring is read in a run, up to the stamp where the next
 * one takes over: one thread that is busy alone costs one comparison an event.
 */
#include "collect/merge.h"

#include "collect/apply.h"

/* A run is cut here, so that a writer gets space back while the rest of a large ring is read. */
#define RUN_RECORDS 2048u
/* A long round is a sign of life, too. */
#define HEARTBEAT_RECORDS 65536u

/*
 * Of so many equal stamps the right one is looked for. Threads of one program have two or three at most; only who
 * means harm has more.
 */
#define EQUALS_MAX 64u

static void sift_down(struct mt_merge_entry *heap, size_t count, size_t at)
{
	struct mt_merge_entry moved = heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= count)
			break;
		/* No branch: it would be mispredicted every other time. */
		child += (child + 1 < count) & (heap[child + 1].stamp < heap[child].stamp);
		if (heap[child].stamp >= moved.stamp)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
}

/* The stamp at which the first ring's run has to stop. */
static uint64_t second_stamp(const struct mt_merge_entry *heap, size_t count, uint64_t cut)
{
	uint64_t second = cut;

	for (size_t i = 1; i <= 2 && i < count; i++)
		if (heap[i].stamp < second)
			second = heap[i].stamp;
	return second;
}

/* Of the records with the smallest stamp, the one that must go first. */
static size_t first_of_equals(const struct mt_merge_entry *heap, size_t count)
{
	unsigned int best_rank = UINT32_MAX;
	size_t best = 0, equal[EQUALS_MAX] = {0}, equals = 1;

	for (size_t i = 0; i < equals; i++) {
		unsigned int rank = mt_apply_rank(heap[equal[i]].drain);

		if (rank < best_rank) {
			best_rank = rank;
			best = equal[i];
		}
		/* What is equal to the root hangs together. */
		for (size_t child = 2 * equal[i] + 1; child <= 2 * equal[i] + 2; child++)
			if (child < count && heap[child].stamp == heap[0].stamp &&
			    equals < EQUALS_MAX)
				equal[equals++] = child;
	}
	return best;
}

uint64_t mt_merge_run(struct mt_ledger *ledger, struct mt_merge_entry *entries, size_t count,
                      uint64_t cut)
{
	uint64_t done = 0, beat = HEARTBEAT_RECORDS;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct mt_drain *drain = entries[i].drain;
		if (drain->stamp < cut)
			entries[kept++] = (struct mt_merge_entry){drain->stamp, drain};
	}
	count = kept;
	for (size_t i = count / 2; i-- > 0;)
		sift_down(entries, count, i);
	while (count) {
		uint64_t bound = second_stamp(entries, count, cut);
		struct mt_drain *drain = entries[0].drain;
		uint64_t applied;
		size_t at = 0;

		if (bound > entries[0].stamp) {
			applied = mt_apply_run(ledger, drain, bound, RUN_RECORDS);
			if (applied == RUN_RECORDS)
				mt_drain_release(drain);
		} else {
			at = first_of_equals(entries, count);
			drain = entries[at].drain;
			applied = mt_apply_run(ledger, drain, bound + 1, 1);
		}
		if (!applied)
			mt_drain_break(drain, "a record changed after it was published");
		done += applied;
		if (done >= beat) {
			beat = done + HEARTBEAT_RECORDS;
			mt_ledger_beat(ledger->segment);
		}
		if (drain->at < drain->limit && drain->stamp < cut)
			entries[at].stamp = drain->stamp;
		else
			entries[at] = entries[--count];
		if (at < count)
			sift_down(entries, count, at);
	}
	return done;
}
