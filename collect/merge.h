/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * merge.h - the events of all rings in their true order.
 *
 * Runs in the drain thread. Why the order is true: a free is published before the real free and an
 * allocation before malloc returns, so whatever is published after `cut` was stamped belongs to an address
 * that nobody else can hold yet. So the caller takes the stamp `cut` first, then reads all heads, and what
 * is stamped before the cut can be applied, while nobody waits for a thread that was preempted between
 * its stamp and its publishing.
 */
#ifndef MT_COLLECT_MERGE_H
#define MT_COLLECT_MERGE_H

#include "collect/ledger.h"

struct mt_merge_entry {
	uint64_t stamp;
	struct mt_drain *drain;
};

/*
 * Applies what the rings hold before `cut`. entries[0..count) name the rings that have something to read
 * (their stamps are filled in here; the array is used up). entries[count] exists, too: it is looked at, but
 * what it says does not count. Returns how many events it was.
 */
uint64_t mt_merge_run(struct mt_ledger *ledger, struct mt_merge_entry *entries, size_t count,
                      uint64_t cut);

#endif
